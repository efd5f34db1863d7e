"""Fetch and check adapters: LoRA changes (arXiv:2106.09685) to merge into a model's weights.

PEFT merges in 16 bits, like the author of an adapter would. It is imported only for the merge, so
no worker imports it. This module refuses inputs that PEFT would silently ignore. They are weights
for layers that the model does not have, missing weights, and settings that change more than weights
of linear layers. Only safetensors are read.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from touchline.core.files import read_json, write_json
from touchline.core.records import AdapterOrigin
from touchline.errors import InputError, plain
from touchline.weights import checkpoints, hub

log = logging.getLogger(__name__)

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PICKLE = "adapter_model.bin"
_FILES = (_CONFIG, _WEIGHTS)

# Settings of adapter_config.json for which PEFT's merge is exact, and settings for training only.
_MERGED = {
    *("r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern"),
    *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"),
}
_OF_TRAINING = {
    *("peft_type", "peft_version", "task_type", "auto_mapping", "base_model_name_or_path"),
    *("revision", "inference_mode", "lora_dropout", "eva_config", "loftq_config", "corda_config"),
    *("megatron_core", "qalora_group_size"),
}
# Other initializations change the base model before training.
_BEGINNINGS = (None, True, False, "gaussian", "eva", "orthogonal")


def fetch(adapter: str, revision: str | None, folder: Path) -> None:
    """Bring an adapter into a folder: download it from the hub, or link to a folder on disk.

    Raises:
        InputError: the adapter is not available or cannot be merged.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    commit: str | None = None
    if Path(adapter).is_dir():
        check(Path(adapter))
        for file in adapter_files(adapter):
            checkpoints.refer(file.resolve(), folder)
    else:
        try:
            commit = _from_hub(adapter, revision, folder)
        except InputError as error:
            # The hub's messages name the settings of a checkpoint, so replace them.
            text = str(error).replace("models.*.checkpoint", "models.*.adapter")
            text = text.replace("models.*.revision", "models.*.adapter_revision")
            # Name the adapter, because this folder is deleted when the job fails.
            if text.startswith(str(folder)):
                text = adapter + text.removeprefix(str(folder))
            raise InputError(text) from None
    origin = AdapterOrigin(adapter=adapter, revision=revision, commit=commit)
    write_json(folder / checkpoints.ORIGIN, origin.model_dump())


def _from_hub(adapter: str, revision: str | None, folder: Path) -> str:
    """Download the adapter into the folder, and return its commit."""
    record = folder.with_name("adapter_commit.json")
    commit = checkpoints.pin_commit(record, adapter, revision, folder)
    snapshot = hub.open_snapshot(adapter, commit, [_CONFIG])
    for name in _FILES:
        wanted = [name] if name in snapshot.sizes else []
        checkpoints.place(hub.download(snapshot, wanted), folder)
        check(folder, snapshot.sizes)
    return commit


def adapter_files(folder: str | Path) -> list[Path]:
    """Return the files of a local adapter that affect the merged model."""
    return [file for name in _FILES if (file := Path(folder) / name).exists()]


def check_source(adapter: str) -> None:
    """Check an adapter that settings name, without using the hub.

    Raises:
        InputError: the folder has no adapter that can be merged, or the name cannot be on the hub.
    """
    if Path(adapter).is_dir():
        check(Path(adapter))
    else:
        checkpoints.check_hub_name(adapter, "models.*.adapter")


def check(folder: Path, names: Collection[str] | None = None) -> dict[str, Any]:
    """Check an adapter's folder without loading it, and return its configuration.

    Args:
        folder: folder of the adapter.
        names: names of the files that the folder will have, if weights are still to be downloaded.

    Raises:
        InputError: a file is missing or incomplete, or the adapter is not a LoRA that merges
            exactly.
    """
    names = {file.name for file in folder.iterdir()} if names is None else names
    if _CONFIG not in names:
        raise InputError(
            f"{folder} has no {_CONFIG}, so it is not a complete adapter of PEFT. Correct "
            "models.*.adapter."
        )
    if _WEIGHTS not in names:
        reason = "the adapter is incomplete. Get its files again"
        if _PICKLE in names:
            reason = f"{_PICKLE} can run code and is not read. Save it with safe_serialization=True"
        raise InputError(f"{folder} has no {_WEIGHTS}: {reason}.")
    for file in adapter_files(folder):
        checkpoints.check_no_pointer(file)
    config = read_json(folder / _CONFIG)
    if not isinstance(config, dict):
        raise InputError(f"{folder / _CONFIG} describes no adapter. Get its files again.")
    if other := _not_merged(config):
        raise InputError(
            f"{folder / _CONFIG} has {plain(other)}, which Touchline cannot merge. It merges only "
            "plain LoRAs. Merge the adapter into its base model with PEFT (merge_and_unload, "
            "save_pretrained) and set models.*.checkpoint to that folder."
        )
    if (folder / _WEIGHTS).exists():
        checkpoints.check_whole(folder / _WEIGHTS)
    return config


def _not_merged(config: dict[str, Any]) -> str | None:
    """Return a setting that makes it impossible to merge the adapter, or None."""
    kind, beginning = config.get("peft_type"), config.get("init_lora_weights", True)
    if kind != "LORA":
        return f"peft_type: {kind}"
    if beginning not in _BEGINNINGS:
        return f"init_lora_weights: {beginning}"
    if (bias := config.get("bias") or "none") != "none":
        return f"bias: {bias}"
    known = _MERGED | _OF_TRAINING | {"init_lora_weights", "bias"}
    others = (f"{key}: {value}" for key, value in config.items() if value and key not in known)
    return next(others, None)
