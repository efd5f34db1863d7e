"""The newest libraries that pip finds, in a separate virtual environment."""

import os
import subprocess
import sys

import pytest

from clones import ROOT

# The packages that a worker imports, without the pinned versions of requirements.txt.
LIBRARIES = ("torch", "transformers", "bitsandbytes", "accelerate", "huggingface_hub", "httpx2")
LIBRARIES += ("safetensors", "av", "numpy", "pillow", "pydantic", "PyYAML")

IMPORTS = """
import logging
import sys

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
from touchline.inputs.families import FAMILIES
from touchline.models.families import family
from touchline.models.lean_imports import lean_import

for name in FAMILIES:
    print(family(name).__name__)
lean_import("bitsandbytes")
print("The compiler is", "imported." if "torch._dynamo" in sys.modules else "left out.")
"""


@pytest.mark.release
def test_newest_torch_and_transformers_can_be_imported(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *LIBRARIES], check=True)
    done = subprocess.run(
        [python, "-c", IMPORTS],
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    is_lean = "The compiler is left out." in done.stdout
    assert is_lean or "is imported in full" in done.stdout, done.stdout
