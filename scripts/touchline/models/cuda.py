"""Whether torch can compute on the GPU that a job has.

torch itself only reports that it finds no GPU, and a model of 7 billion parameters would then run
on the CPU for days without a word.
"""

from __future__ import annotations

import gc
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from touchline.errors import InputError, plain

if TYPE_CHECKING:
    import torch

# The least driver for all that CUDA of a major version has built, by NVIDIA's table of "minor
# version compatibility": https://docs.nvidia.com/deploy/cuda-compatibility/
LEAST_DRIVER = {"12": 525, "13": 580}


def check_usable(gpu: str | None) -> None:
    """Make sure that torch computes on a GPU. Imports torch and starts CUDA.

    Args:
        gpu: its number or UUID, for the message; None where the job has none: nothing to check.

    Raises:
        InputError: torch cannot use it; with torch's reason, the driver's version where
            nvidia-smi reports it, and what to do.
    """
    if gpu is None:
        return
    import torch

    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        # A card that is too old for this build is found only when a kernel is to run on it.
        torch.ones(1, device="cuda").add(1).item()
    except (RuntimeError, AssertionError) as error:
        reason = plain(error).partition(". ")[0].rstrip(".")
        raise InputError(
            f"This job has GPU {gpu}, but torch {torch.__version__} cannot use it: "
            f"{reason}. {_advice(torch.version.cuda, driver_version())} (docs/gpus.md). "
            "To run on the CPU all the same, set CUDA_VISIBLE_DEVICES= (to nothing)."
        ) from error


def call_once(dtype: torch.dtype) -> None:
    """Call what a model calls, on next to nothing: its libraries take a second to load.

    Nothing without a GPU.
    """
    import torch
    from torch.nn import functional

    if not torch.cuda.is_available():
        return
    with torch.inference_mode():
        picture = torch.ones((1, 3, 16, 16), device="cuda", dtype=dtype)
        functional.conv2d(picture, picture)
        rows = picture.reshape(1, 1, 12, 64)
        functional.gelu(functional.layer_norm(functional.linear(rows[0, 0], rows[0, 0]), (12,)))
        functional.scaled_dot_product_attention(rows, rows, rows, is_causal=True)
        seen = torch.ones((12, 12), device="cuda", dtype=torch.bool)
        functional.scaled_dot_product_attention(rows, rows, rows, attn_mask=seen)
        torch.cuda.synchronize()


def has_room_beside(checkpoint: Path) -> bool:
    """Whether a model's weights fit on the GPU beside what computes there now, and leave it room.

    Its needs vary; twice the weights are left to it.

    Args:
        checkpoint: folder of the model.
    """
    import torch

    weights = sum(file.stat().st_size for file in checkpoint.glob("*.safetensors"))
    return torch.cuda.mem_get_info()[0] > 3 * weights


def give_memory_back() -> None:
    """Free what no tensor holds any more, before whoever comes next looks how much there is."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def driver_version() -> str | None:
    """The version of NVIDIA's driver here, such as 550.54.15; None if nvidia-smi reports none."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(done.stdout.split()), None)


def _advice(cuda: str | None, driver: str | None) -> str:
    """What to do about a torch that was built with a version of CUDA, or without it."""
    here = f"The driver's version is {driver}"
    if driver is None:
        here = "nvidia-smi reports no driver, so it may be missing here (in a container, for one)"
    if cuda is None:
        return f"{here}; this torch was built without CUDA: install the build that your driver runs"
    least = LEAST_DRIVER.get(cuda.split(".")[0], 0)
    if driver is not None and int(re.match(r"\d*", driver)[0] or 0) >= least:  # type: ignore[index]
        return (
            f"{here}, which is new enough for this torch (built with CUDA {cuda}): the card may be "
            "too old for it, or be hidden, in use or broken; nvidia-smi shows its state"
        )
    return (
        f"{here}; this torch was built with CUDA {cuda}, which needs driver {least} or later: "
        "update the driver, or install the build that it runs"
    )
