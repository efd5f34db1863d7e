"""Describe the origin of features: the settings and files that determine a window's features."""

from __future__ import annotations

import hashlib
from pathlib import Path

from touchline.evidence.origin import FeatureOrigin
from touchline.inputs.fingerprint import fingerprint
from touchline.inputs.settings import ImageSettings, ModelSettings, WindowSettings
from touchline.weights.checkpoints import ORIGIN, checkpoint_files, read_origin

# The settings that determine the frames of a window.
_SHOWN = ("fps", "frames", "seconds", "step")


def feature_origin(
    folder: Path, model: ModelSettings, prompt: str, window: WindowSettings, image: ImageSettings
) -> FeatureOrigin:
    """Return the settings and weights that determine the features of a window.

    Args:
        folder: folder that the model is loaded from.
        model: settings of the model.
        prompt: text of the prompt.
        window: settings of the windows.
        image: settings of the images.
    """
    origin = read_origin(folder)
    return origin_by_settings(model, prompt, window, image).model_copy(
        update={
            "checkpoint": str(origin) if origin else model.checkpoint or "",
            "weights": _weights(folder),
        }
    )


def origin_by_settings(
    model: ModelSettings, prompt: str, window: WindowSettings, image: ImageSettings
) -> FeatureOrigin:
    """Return the feature origin that the settings determine, without the weights."""
    return FeatureOrigin(
        checkpoint=model.checkpoint or "",
        weights="",
        family=model.family,
        quantization=model.quantization,
        prompt=prompt.strip(),
        window={name: float(getattr(window, name)) for name in _SHOWN},
        image=image.model_dump(),
    )


def _weights(folder: Path) -> str:
    """Return text that identifies the weights: their commits on the hub, or else a hash of their
    content.
    """
    origin = read_origin(folder)
    if origin and origin.commit and (origin.adapter is None or origin.adapter.commit):
        adapter = f" with the adapter {origin.adapter.commit}" if origin.adapter else ""
        return f"commit {origin.commit}{adapter}"
    files = (file for file in checkpoint_files(folder) if file.name != ORIGIN)
    content = "".join(map(fingerprint, files))
    return hashlib.sha256(content.encode()).hexdigest()
