"""Merge an adapter into a model's weights."""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from touchline.core.files import read_record, write_json
from touchline.core.records import AdapterOrigin
from touchline.errors import InputError, plain
from touchline.models.families import family
from touchline.weights import adapters, checkpoints
from touchline.weights.saving import save

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)


def merge(source: Path, adapter: Path, folder: Path) -> None:
    """Save a checkpoint with an adapter merged in. The weights keep their precision.

    Raises:
        InputError: the adapter belongs to another model, or one of the two is incomplete.
    """
    import torch

    checkpoints.check(source)
    config = adapters.check(adapter)
    if checkpoints.quantization_method(source) is not None:
        raise InputError(
            f"{source} is already quantized, but an adapter is merged into 16-bit weights. Choose "
            "its original checkpoint and set quantization: nf4."
        )
    kind = family(checkpoints.read_family(source))
    model = kind.load(source, dtype="auto", device_map="cpu")
    with torch.no_grad():
        merged = _merged(model, adapter, f"{adapter} does not fit {source}; {_advice(config)}")
    save(merged, source, folder)
    origin, note = checkpoints.read_origin(source), adapter / checkpoints.ORIGIN
    if origin is not None and note.exists():
        made_with = read_record(note, AdapterOrigin)
        _tell_base(origin.checkpoint, config, made_with.adapter)
        origin = origin.model_copy(update={"adapter": made_with})
        write_json(folder / checkpoints.ORIGIN, origin.model_dump())


def _merged(model: PreTrainedModel, adapter: Path, refusal: str) -> PreTrainedModel:
    """Merge an adapter into a loaded model.

    Raises:
        InputError: the adapter does not fit the model.
    """
    import torch
    from peft import LoraConfig, PeftModel
    from safetensors import SafetensorError

    # PEFT needs this module, which lean imports leave out (`touchline.models.lean_imports`).
    if torch.distributed.is_available():
        import_module("torch.distributed.tensor")
    try:
        adapted = PeftModel(model, LoraConfig.from_pretrained(adapter))
        found = adapted.load_adapter(adapter, "default", key_mapping=_old_names(model))
    # PEFT raises these errors for missing modules, wrong shapes and wrong settings.
    except (ValueError, RuntimeError, TypeError, KeyError, OSError, SafetensorError) as error:
        raise InputError(f"{refusal} ({plain(error)}).") from error
    for keys, what in (
        (found.unexpected_keys, "weights for layers that the model does not have"),
        (found.missing_keys, "weights that the adapter lacks"),
    ):
        if keys:
            raise InputError(f"{refusal} ({what}: {len(keys)}, for example {plain(min(keys))}).")
    names = adapted.base_model.targeted_module_names
    tied = model.get_output_embeddings().weight is model.get_input_embeddings().weight
    if tied and any(name.endswith(("lm_head", "embed_tokens")) for name in names):
        raise InputError(
            f"{adapter} changes the embeddings or the output layer. This model shares their "
            "weights, so a change of one would change the other. Train the adapter without them."
        )
    # The "safe" merge of PEFT would round twice and thus give another model than elsewhere.
    merged: PreTrainedModel = adapted.merge_and_unload()
    for name in names:
        if not merged.get_submodule(name).weight.isfinite().all():
            raise InputError(
                f"{adapter} cannot be merged: {plain(name)} would have numbers that are not "
                "finite. Use the adapter from an earlier step of its training."
            )
    return merged


def _old_names(model: PreTrainedModel) -> dict[str, str]:
    """Map the weight names of adapters from older transformers to today's names, as regular
    expressions.

    PEFT itself maps the names that the library renames by model_type (LLaVA's
    `language_model.model.layers`). It ignores names that the library maps by class, such as
    Qwen2.5-VL's `model.layers` and `visual` (https://github.com/illuin-tech/colpali/issues/424).
    """
    from transformers.conversion_mapping import WeightRenaming, get_checkpoint_conversion_mapping

    renamings = get_checkpoint_conversion_mapping(type(model).__name__) or []
    return {
        old: new
        for each in renamings
        if isinstance(each, WeightRenaming)
        for old, new in zip(each.source_patterns, each.target_patterns, strict=True)
    }


def _advice(config: dict[str, Any]) -> str:
    """Return advice that names the model that an adapter was trained on."""
    base = config.get("base_model_name_or_path") or "an unknown model"
    return (
        f"it was trained on {plain(base)}. Set models.*.checkpoint to that, or change the adapter"
    )


def _tell_base(checkpoint: str, config: dict[str, Any], adapter: str) -> None:
    """Warn if the adapter was trained on a model with another name.

    The model with the other name may still be a copy of this model.
    """
    base = config.get("base_model_name_or_path")
    if base and Path(str(base)).name != Path(checkpoint).name:
        log.warning(
            "%s was trained on %s and is merged into %s. It fits, but make sure that the two are "
            "the same model.",
            adapter,
            plain(base),
            checkpoint,
        )
