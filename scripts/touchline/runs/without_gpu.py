"""Estimate the time of a run on a machine without a GPU, before gigabytes are fetched."""

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

# Operations per window and parameter: two for each of about a thousand tokens.
_OPERATIONS = 2 * 1000
# Rough number of operations per second and CPU core, with weights in 4 bits.
_PER_CORE = 2e10
# Bytes per parameter: in a checkpoint, and in 4 bits with a vision tower in 16 bits.
_BYTES, _BYTES_NF4 = 2, 0.6
_MOST_HOURS = 1.0


def check_machine(plan: Plan, to_do: Mapping[str, int], gpus: Sequence[Gpu]) -> None:
    """Refuse a run that would take days on a CPU, unless the user allows it.

    Setting CUDA_VISIBLE_DEVICES to an empty value allows it.

    Args:
        plan: the plan of the run.
        to_do: number of jobs to run on this machine, by rule.
        gpus: GPUs of this machine.

    Raises:
        InputError: the run would take too long. The message has the hours that the run needs per
            hour of footage.
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
            "a cluster: --profile slurm. To use the processor anyway, type "
            "CUDA_VISIBLE_DEVICES= in front of the command."
        )


def _size(plan: Plan, model: str) -> tuple[int, float]:
    """Return the number of bytes to fetch for a model, and its number of parameters."""
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
