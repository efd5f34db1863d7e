"""Test imports without the parts for training and compiling."""

import logging
import subprocess
import sys

import pytest

from touchline.models import lean_imports

ANSWERS = """
import sys
from pathlib import Path
import torch
from touchline.weights.checkpoints import read_model_type
from touchline.models.families import family

folder = Path(sys.argv[1])
kind = family(read_model_type(folder))
from touchline.models.families.base import Footage
model = kind(folder, "What happens?", Footage(384, 216, 1.0))
cache = model.new_cache(1, 1, 2)
frames = model.pixels(torch.zeros((3, 216, 384), dtype=torch.uint8), "pad")
picture = frames.repeat(1, model.frames_per_picture, 1, 1, 1)
logits = model.prefill(model.encode(picture)[None], cache, [0]).logits
model.step(logits.argmax(-1).repeat(1, 1 + cache.drafts), cache)
spared = ("torch._dynamo", "torch._inductor", "torch.distributed.tensor", "sympy", "scipy", "peft")
print([name for name in spared if name in sys.modules])

import scipy.optimize
assert torch.distributed.is_available()
assert torch.compile(lambda number: number + 1, backend="eager")(torch.ones(1)) == 2
"""


def test_model_answers_without_importing_the_compiler(quantized):
    command = [sys.executable, "-c", ANSWERS, str(quantized)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "line", ["raise AttributeError('no collectives')", "1 / 0", "import no_such_module"]
)
def test_failed_lean_import_falls_back_to_the_full_import(tmp_path, monkeypatch, caplog, line):
    (tmp_path / "needs_scipy.py").write_text(
        f"import sys\nif sys.lean:\n    sys.lean = False\n    {line}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "lean", True, raising=False)
    monkeypatch.delitem(sys.modules, "needs_scipy", raising=False)
    with caplog.at_level(logging.INFO, "touchline"):
        assert lean_imports.lean_import("needs_scipy").__name__ == "needs_scipy"
    (record,) = caplog.records
    assert "needs_scipy is imported with all its modules" in record.getMessage()


def test_failed_setup_of_lean_imports_falls_back_to_full_imports(monkeypatch, caplog):
    def broken():
        raise TypeError("another version")

    monkeypatch.setattr(lean_imports, "_without_compiler", broken)
    with caplog.at_level(logging.INFO, "touchline"):
        assert lean_imports.lean_import("json").__name__ == "json"
    assert "another version" in caplog.text


def test_module_that_fails_to_import_raises_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "never_works.py").write_text("raise ZeroDivisionError")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ZeroDivisionError):
        lean_imports.lean_import("never_works")
