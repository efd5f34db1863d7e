"""Check that torch can compute on the GPU of a job.

torch itself only reports that it finds no GPU. A model with 7 billion parameters would then run on
the CPU for days without any message.
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

# Oldest driver for each major version of CUDA. Source: NVIDIA's table of "minor version
# compatibility", https://docs.nvidia.com/deploy/cuda-compatibility/
LEAST_DRIVER = {"12": 525, "13": 580}


def check_usable(gpu: str | None) -> None:
    """Check that torch can compute on a GPU. Import torch and start CUDA.

    Args:
        gpu: number or UUID of the GPU, for the message; None if the job has no GPU, and then
            nothing is checked.

    Raises:
        InputError: torch cannot use the GPU. The message has torch's reason, the driver's version
            if nvidia-smi reports it, and advice.
    """
    if gpu is None:
        return
    import torch

    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        # A GPU that is too old for this build fails only when a kernel runs on it.
        torch.ones(1, device="cuda").add(1).item()
    except (RuntimeError, AssertionError) as error:
        reason = plain(error).partition(". ")[0].rstrip(".")
        raise InputError(
            f"This job has GPU {gpu}, but torch {torch.__version__} cannot use it: "
            f"{reason}. {_advice(torch.version.cuda, driver_version())} (docs/gpus.md). "
            "To run on the CPU anyway, set CUDA_VISIBLE_DEVICES= (to nothing)."
        ) from error


def call_once(dtype: torch.dtype) -> None:
    """Call the operations of a model on tiny inputs.

    This loads their libraries, which takes a second. A process calls this function while it waits
    for other things. Do nothing without a GPU.
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
    """Return whether a model's weights fit into the memory of a GPU in use.

    The process that uses the GPU may need more memory later, so twice the size of the weights is
    left free.

    Args:
        checkpoint: folder of the model.
    """
    import torch

    weights = sum(file.stat().st_size for file in checkpoint.glob("*.safetensors"))
    return torch.cuda.mem_get_info()[0] > 3 * weights


def give_memory_back() -> None:
    """Free unused memory, so that the next process or batch sees it as free."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def driver_version() -> str | None:
    """Return the version of NVIDIA's driver, such as 550.54.15.

    Return None if nvidia-smi reports none.
    """
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(done.stdout.split()), None)


def _advice(cuda: str | None, driver: str | None) -> str:
    """Return advice on the build of torch. `cuda` is the CUDA version of this build, or None."""
    here = f"The driver's version is {driver}"
    if driver is None:
        here = "nvidia-smi reports no driver, so the driver may be missing (as in a container)"
    if cuda is None:
        return f"{here}. This torch was built without CUDA. Install a build that your driver runs"
    least = LEAST_DRIVER.get(cuda.split(".")[0], 0)
    if driver is not None and int(re.match(r"\d*", driver)[0] or 0) >= least:  # type: ignore[index]
        return (
            f"{here}, which is new enough for this torch (built with CUDA {cuda}). The GPU may be "
            "too old for it, hidden, in use or broken. Check its state with nvidia-smi"
        )
    return (
        f"{here}. This torch was built with CUDA {cuda}, which needs driver {least} or later. "
        "Update the driver, or install a build of torch for this driver"
    )
