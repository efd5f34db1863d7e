"""Check that the Python environment of a run has the packages that its jobs import."""

from __future__ import annotations

import os
import site
import sys
from importlib.util import find_spec
from pathlib import Path

from touchline.errors import InputError

# Packages that jobs import and the Snakefile does not. A test compares the list with the imports.
ALWAYS = (
    *("jinja2", "json_repair", "markupsafe", "numpy", "pandas", "rich"),
    *("safetensors", "scipy", "sklearn", "vl_convert"),
)
WITH_VIDEO = (
    *("PIL", "accelerate", "av", "bitsandbytes", "httpx2"),
    *("huggingface_hub", "openai", "peft", "pynvml", "torch", "tqdm", "transformers"),
)


def check_environment(with_video: bool, project: Path) -> None:
    """Check that the packages for jobs in Snakemake's own Python environment are installed.

    Args:
        with_video: whether any job decodes a video or runs a model.
        project: the folder of the Snakefile.

    Raises:
        InputError: packages are not installed.
    """
    needed = ALWAYS + (WITH_VIDEO if with_video else ())
    if lacking := [name for name in needed if not find_spec(name)]:
        raise InputError(
            f"{sys.executable} lacks {', '.join(lacking)}: activate Touchline's environment, for "
            f"example with `source {project}/.venv/bin/activate`, or add --sdm conda."
        )


def leave_user_packages_out(is_main_process: bool) -> None:
    """Make the Python of conda environments ignore the packages in ~/.local.

    Args:
        is_main_process: whether this Snakemake process starts another one for each job.
    """
    snakemake = find_spec("snakemake")
    place = Path(snakemake.origin or "") if snakemake else Path()
    # A Snakemake in ~/.local could not start its jobs' processes, which find it there. These
    # processes call this function, too.
    if not (is_main_process and place.is_relative_to(site.getusersitepackages())):
        os.environ["PYTHONNOUSERSITE"] = "1"


def check_container(image: Path, project: Path) -> None:
    """Check that the container image of the jobs exists.

    Args:
        image: the image's file.
        project: the folder of the Snakefile.

    Raises:
        InputError: the image has not been built.
    """
    if not image.exists():
        raise InputError(
            f"--sdm apptainer needs {image} in the current folder: build it with "
            f"`cd {project} && apptainer build {image.absolute()} envs/touchline.def`."
        )
