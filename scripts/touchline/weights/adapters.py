"""Adapters: what a LoRA (arXiv:2106.09685) changes in a model, merged into the model's weights.

PEFT merges, in 16 bits, as whoever trained the adapter would; it is imported when that is done, so
that no worker imports it. What it would pass over is refused here: weights that are of no part of
the model, or that the adapter lacks, and whatever changes more than products with matrices.
Only safetensors are read.
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

# Of adapter_config.json: what PEFT's merge is exact for, or what only training reads.
_MERGED = {
    *("r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern"),
    *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"),
}
_OF_TRAINING = {
    *("peft_type", "peft_version", "task_type", "auto_mapping", "base_model_name_or_path"),
    *("revision", "inference_mode", "lora_dropout", "eva_config", "loftq_config", "corda_config"),
    *("megatron_core", "qalora_group_size"),
}
# Others change the model that the adapter is for before it is trained.
_BEGINNINGS = (None, True, False, "gaussian", "eva", "orthogonal")


def fetch(adapter: str, revision: str | None, folder: Path) -> None:
    """Bring an adapter into a folder: from the hub, or as links to a folder on disk.

    Raises:
        InputError: it cannot be had, or is none that can be merged; says what to do.
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
            # The hub's sentences name a checkpoint's settings.
            text = str(error).replace("models.*.checkpoint", "models.*.adapter")
            text = text.replace("models.*.revision", "models.*.adapter_revision")
            # Of the adapter by its name, as this folder goes when the job has failed.
            if text.startswith(str(folder)):
                text = adapter + text.removeprefix(str(folder))
            raise InputError(text) from None
    origin = AdapterOrigin(adapter=adapter, revision=revision, commit=commit)
    write_json(folder / checkpoints.ORIGIN, origin.model_dump())


def _from_hub(adapter: str, revision: str | None, folder: Path) -> str:
    """Fill the folder from the hub; gives the commit."""
    record = folder.with_name("adapter_commit.json")
    commit = checkpoints.pin_commit(record, adapter, revision, folder)
    snapshot = hub.open_snapshot(adapter, commit, [_CONFIG])
    for name in _FILES:
        wanted = [name] if name in snapshot.sizes else []
        checkpoints.place(hub.download(snapshot, wanted), folder)
        check(folder, snapshot.sizes)
    return commit


def adapter_files(folder: str | Path) -> list[Path]:
    """The files of a local adapter that a model is made from."""
    return [file for name in _FILES if (file := Path(folder) / name).exists()]


def check_source(adapter: str) -> None:
    """Look over what settings name as an adapter, as far as that can be done without the hub.

    Raises:
        InputError: it is a folder with no adapter that can be merged, or can be no name on the hub.
    """
    if Path(adapter).is_dir():
        check(Path(adapter))
    else:
        checkpoints.check_hub_name(adapter, "models.*.adapter")


def check(folder: Path, names: Collection[str] | None = None) -> dict[str, Any]:
    """Look an adapter's folder over, without loading it; gives its configuration.

    Args:
        names: of the files that the folder will have, where weights are still to come.

    Raises:
        InputError: something is missing or cut short, or it is no LoRA that is merged exactly.
    """
    names = {file.name for file in folder.iterdir()} if names is None else names
    if _CONFIG not in names:
        raise InputError(
            f"{folder} has no {_CONFIG}, so it is no adapter of PEFT's, or not all of one; correct "
            "models.*.adapter."
        )
    if _WEIGHTS not in names:
        reason = "not all of an adapter is there; get its files again"
        if _PICKLE in names:
            reason = f"{_PICKLE} can run code and is not read; save it with safe_serialization=True"
        raise InputError(f"{folder} has no {_WEIGHTS}: {reason}.")
    for file in adapter_files(folder):
        checkpoints.check_no_pointer(file)
    config = read_json(folder / _CONFIG)
    if not isinstance(config, dict):
        raise InputError(f"{folder / _CONFIG} describes no adapter; get its files again.")
    if other := _not_merged(config):
        raise InputError(
            f"{folder / _CONFIG} has {plain(other)}, which is not merged here; only a plain LoRA "
            "is: merge it into its base model with PEFT (merge_and_unload, save_pretrained) and "
            "give that folder as models.*.checkpoint."
        )
    if (folder / _WEIGHTS).exists():
        checkpoints.check_whole(folder / _WEIGHTS)
    return config


def _not_merged(config: dict[str, Any]) -> str | None:
    """What an adapter has that is not merged here, if anything."""
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
