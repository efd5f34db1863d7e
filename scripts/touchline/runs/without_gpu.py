"""Estimate a run on a machine without a GPU, before gigabytes are fetched."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.filesize import decimal

from touchline.core.gpus import Gpu
from touchline.errors import InputError
from touchline.runs.plan import Plan
from touchline.weights import hub
from touchline.weights.checkpoints import weight_bytes

# Arithmetic of a window and a parameter: two operations for each of about a thousand tokens.
_OPERATIONS = 2 * 1000
# What a core of a processor does in a second with weights in 4 bits, roughly.
_PER_CORE = 2e10
# Bytes of a parameter: in a checkpoint, and in 4 bits with a vision tower in 16.
_BYTES, _BYTES_NF4 = 2, 0.6
_MOST_HOURS = 1.0


def check_machine(plan: Plan, to_do: Mapping[str, int], gpus: Sequence[Gpu]) -> None:
    """Refuse to watch videos on a processor for days, unless that is wanted.

    A user who sets CUDA_VISIBLE_DEVICES to nothing wants it.

    Args:
        to_do: by rule, the number of jobs that are to run on this machine.
        gpus: those of this machine.

    Raises:
        InputError: Says how many hours each hour of footage would take, and what to do.
    """
    if not to_do.get("detect_slice") or gpus or "CUDA_VISIBLE_DEVICES" in os.environ:
        return
    settings = plan.inputs.settings
    windows = 3600 / settings.window.step
    cores = os.cpu_count() or 1
    estimates = []
    for name in plan.loaded:
        size, parameters = _size(plan, name)
        hours = windows * parameters * _OPERATIONS / (_PER_CORE * cores) / 3600
        if hours > _MOST_HOURS:
            fetched = f" (after {decimal(size)} are fetched)" if size else ""
            estimates.append(f"{name} about {hours:,.0f} hours{fetched}")
    if estimates:
        raise InputError(
            f"This machine has no GPU. On its {cores} processor cores, each hour of footage would "
            f"take {' and '.join(estimates)}. Use a machine with an NVIDIA GPU (docs/gpus.md), or "
            "a cluster: --profile slurm. To use the processor all the same, type "
            "CUDA_VISIBLE_DEVICES= in front of the command."
        )


def _size(plan: Plan, model: str) -> tuple[int, float]:
    """Return the bytes that are to be fetched for a model, and its number of parameters."""
    folder = Path(plan.model_folder(model))
    if folder.is_dir():
        each = _BYTES_NF4 if folder.name == "nf4" else _BYTES
        return 0, weight_bytes(folder) / each
    settings = plan.inputs.settings.models[model]
    checkpoint = settings.checkpoint or ""
    if Path(checkpoint).is_dir():
        return 0, weight_bytes(Path(checkpoint)) / _BYTES
    size = hub.weight_bytes(checkpoint, settings.revision)
    return size, size / _BYTES
