"""A worker answers without what only training and compiling need, and may import it later."""

import subprocess
import sys

ANSWERS = """
import sys
from pathlib import Path
import torch
from touchline.models.checkpoints import read_model_type
from touchline.models.families import family

folder = Path(sys.argv[1])
kind = family(read_model_type(folder))
from touchline.models.families.base import Footage
model = kind(folder, "What happens?", Footage(384, 216, 1.0))
cache = model.new_cache(1, 1, 2)
frames = model.pixels(torch.zeros((3, 216, 384), dtype=torch.uint8), "pad")
picture = frames.repeat(1, model.frames_per_picture, 1, 1, 1)
logits = model.prefill(model.encode(picture)[None], cache, [0])
model.step(logits.argmax(-1), cache)
spared = ("torch._dynamo", "torch._inductor", "torch.distributed.tensor", "sympy", "scipy", "peft")
print([name for name in spared if name in sys.modules])

import scipy.optimize
assert torch.distributed.is_available()
assert torch.compile(lambda number: number + 1, backend="eager")(torch.ones(1)) == 2
"""


def test_a_model_answers_without_the_compiler(quantized):
    command = [sys.executable, "-c", ANSWERS, str(quantized)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
