"""Whether the Python of a run has what its jobs import."""

from __future__ import annotations

import os
import site
import sys
from importlib.util import find_spec
from pathlib import Path

from touchline.errors import InputError

# What jobs import beside what Snakemake and the Snakefile do; a test compares.
ALWAYS = (
    *("jinja2", "json_repair", "markupsafe", "numpy", "pandas", "rich"),
    *("safetensors", "scipy", "sklearn", "vl_convert"),
)
WITH_VIDEO = (
    *("PIL", "accelerate", "av", "bitsandbytes", "httpx2"),
    *("huggingface_hub", "openai", "peft", "pynvml", "torch", "tqdm", "transformers"),
)


def check_environment(with_video: bool, project: Path) -> None:
    """Make sure of what jobs import that run in the same Python as Snakemake.

    Args:
        with_video: whether any job decodes a video or runs a model.
        project: the folder of the Snakefile.

    Raises:
        InputError: packages are not there.
    """
    needed = ALWAYS + (WITH_VIDEO if with_video else ())
    if lacking := [name for name in needed if not find_spec(name)]:
        raise InputError(
            f"{sys.executable} lacks {', '.join(lacking)}: activate Touchline's environment, as "
            f"with `source {project}/.venv/bin/activate`, or add --sdm conda."
        )


def leave_user_packages_out(is_main_process: bool) -> None:
    """Have the Python of conda's environments see their own packages alone, not ~/.local.

    Args:
        is_main_process: whether Snakemake will start itself again for each job.
    """
    snakemake = find_spec("snakemake")
    place = Path(snakemake.origin or "") if snakemake else Path()
    # A Snakemake in ~/.local would not find itself again. The processes of its jobs call this, too.
    if not (is_main_process and place.is_relative_to(site.getusersitepackages())):
        os.environ["PYTHONNOUSERSITE"] = "1"


def check_container(image: Path, project: Path) -> None:
    """Make sure of the image that jobs are to run in.

    Args:
        image: its file.
        project: the folder of the Snakefile.

    Raises:
        InputError: it has not been built.
    """
    if not image.exists():
        raise InputError(
            f"--sdm apptainer needs {image} in the folder that Snakemake runs in: build it with "
            f"`cd {project} && apptainer build {image.absolute()} envs/touchline.def`."
        )
