"""Load weights, and check that they are exactly the weights that the model needs.

transformers itself fills missing weights with random numbers and continues.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from touchline.errors import InputError, plain
from touchline.models.lean_imports import lean_import
from touchline.weights.checkpoints import remedy

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

# A row of the library's report about one key, or about several keys that differ in a number.
_BROKEN = re.compile(r"^(\S.*?) *\| *(?:MISSING|CONVERSION) *\|", re.MULTILINE)


def read_config(folder: Path, *, trust_code: bool = False) -> Any:
    """Read a checkpoint's configuration with transformers.

    Args:
        folder: Folder of the checkpoint.
        trust_code: Whether the checkpoint's own code may run.

    Raises:
        InputError: The configuration contradicts itself, or the library does not know its contents.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=trust_code
        )
    except (OSError, ValueError, TypeError, KeyError, StrictDataclassError) as error:
        raise InputError(
            f"{folder / 'config.json'} cannot be used ({plain(error)}). {remedy(folder)}."
        ) from error


def load_weights(architecture: type[PreTrainedModel], folder: Path, **how: Any) -> PreTrainedModel:
    """Load a model with the weights of a checkpoint folder that `check` has accepted.

    Args:
        architecture: the library's class of the model.
        folder: folder of the checkpoint.
        how: further arguments of `from_pretrained`.

    Raises:
        InputError: the weights differ from the description in config.json. Some are missing, belong
            to no part of the model, or have another shape. (The library itself ignores weights that
            only old versions saved.)
    """
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers.utils.logging import disable_progress_bar

    # Keep progress bars and a hint about an optional package out of the log.
    disable_progress_bar()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    lean_import("bitsandbytes")  # starts CUDA; the library may need it below
    with _loading_report() as report, _Skeleton():
        try:
            model, found = architecture.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # report them together with the others
                **how,
            )
        except RuntimeError as error:
            # Incomplete 4-bit weights raise their own error after the report.
            if not (broken := set(_BROKEN.findall("\n".join(report)))):
                raise
            raise InputError(
                f"{folder} has missing or damaged weights ({_first(broken)}). {remedy(folder)}."
            ) from error
        except (OSError, ValueError, SafetensorError, StrictDataclassError) as error:
            raise InputError(
                f"{folder} cannot be loaded as a model ({plain(error)}). {remedy(folder)}."
            ) from error
    _check_weights(folder, model, found)
    return model


def _check_weights(folder: Path, model: PreTrainedModel, found: dict[str, Any]) -> None:
    """Refuse missing, unexpected and misshapen weights."""
    missing, unexpected = found["missing_keys"], found["unexpected_keys"]
    shapes = {key: (tuple(is_), tuple(due)) for key, is_, due in found["mismatched_keys"]}
    shapes |= _packed_shapes(model)
    complaints = []
    if missing:
        complaints.append(f"missing: {len(missing)} ({_first(missing)})")
    if unexpected:
        complaints.append(f"not in the model: {len(unexpected)} ({_first(unexpected)})")
    if shapes:
        is_, due = shapes[min(shapes)]
        complaints.append(
            f"of another shape: {len(shapes)} ({_first(shapes)}; the first is {list(is_)} and "
            f"should be {list(due)})"
        )
    if complaints:
        raise InputError(
            f"{folder} has weights that do not fit its config.json, probably because "
            f"{_likely_reason(missing, unexpected)} ({'; '.join(complaints)}). {remedy(folder)}."
        )


def _packed_shapes(model: PreTrainedModel) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the actual and the expected shape of each misshapen 4-bit layer.

    The library does not compare these shapes.
    """
    from bitsandbytes.nn import Linear4bit

    found: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    for name, layer in model.named_modules():
        if isinstance(layer, Linear4bit):
            due = (layer.out_features, layer.in_features)
            if (state := getattr(layer.weight, "quant_state", None)) is None:
                continue  # its weight is missing
            stated = tuple(state.shape)
            packed = layer.weight.numel() * layer.weight.element_size() * 2
            if stated != due:
                found[f"{name}.weight"] = (stated, due)
            elif packed != due[0] * due[1]:
                found[f"{name}.weight"] = ((packed,), (due[0] * due[1],))
    return found


def _likely_reason(missing: set[str], unexpected: set[str]) -> str:
    """Return the likely reason why weights do not fit."""
    if any("lora_" in key or ".base_layer." in key for key in unexpected):
        return "an adapter (LoRA) was saved without being merged into its model"
    if any(re.search(r"\.(qweight|qzeros|g_idx|weight_scale\w*)$", key) for key in unexpected):
        return "the weights were quantized by AWQ, GPTQ or FP8, which Touchline does not support"
    if missing and unexpected:
        return "the weights belong to another model, or were saved under other names"
    if missing:
        return "the checkpoint is incomplete, or contains only part of a model"
    return "config.json belongs to another model, or was changed"


def _first(keys: Any, count: int = 3) -> str:
    """Return the first few keys as text."""
    ordered = sorted(keys)
    return plain(", ".join(ordered[:count])) + (", …" if len(ordered) > count else "")


class _Skeleton(TorchFunctionMode):
    """A mode that avoids slow Python implementations in torch, which import the compiler and sympy.

    A model is first made of tensors without memory ("meta"). These tensors get no random numbers,
    because their values come from the files. The few computed tensors are computed on the CPU for
    their shapes.
    """

    _computed = (torch.Tensor.mul, torch.Tensor.div, torch.Tensor.__rdiv__, torch.Tensor.__rpow__)

    def __init__(self) -> None:
        super().__init__()
        self._has_failed = False

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run a torch function, without computing its values if possible."""
        kwargs = kwargs or {}
        try:
            spared = self._spared(func, args, kwargs)
        # Each version of torch can fail in its own way. Then torch does everything itself.
        except Exception as error:
            spared = None
            if not self._has_failed:
                log.info(
                    "Loading takes longer, as the model is first created with random weights: %r.",
                    error,
                )
            self._has_failed = True
        return func(*args, **kwargs) if spared is None else spared

    def _spared(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> torch.Tensor | None:
        """Return a result of the right shape if the call's values are not needed, else None."""
        is_made = str(kwargs.get("device")) == "meta"
        if func is torch.randn and is_made:
            return torch.empty(*args, **kwargs)
        if func is torch.arange and is_made:
            counted: torch.Tensor = torch.arange(*args, **kwargs | {"device": "cpu"})
            return counted.to("meta")
        weights = kwargs.get("tensor", args[0] if args else None)
        if isinstance(weights, torch.Tensor) and weights.is_meta:
            if getattr(func, "__module__", None) == "torch.nn.init":
                return weights
            if func is torch.empty_like and "device" in kwargs:
                return torch.empty(weights.shape, **{"dtype": weights.dtype} | kwargs)
            if func in self._computed:
                instead = torch.ones(weights.shape, dtype=weights.dtype, device="cpu")
                computed: torch.Tensor = func(instead, *args[1:], **kwargs)
                return computed.to("meta")
        return None


@contextmanager
def _loading_report() -> Iterator[list[str]]:
    """Collect the library's loading report, a long table, and keep it out of the log."""
    reports: list[str] = []

    def take(record: logging.LogRecord) -> bool:
        """Collect transformers' report on a checkpoint. Return whether to log the record."""
        text = record.getMessage()
        if "LOAD REPORT" in text:
            reports.append(text)
        return "LOAD REPORT" not in text

    logger = logging.getLogger("transformers.modeling_utils")
    logger.addFilter(take)
    try:
        yield reports
    finally:
        logger.removeFilter(take)
