"""Describe the origin of features: the settings and weights that determine a window's features."""

from __future__ import annotations

import hashlib

from pydantic import Field

from touchline.core.records import Record


class FeatureOrigin(Record):
    """The settings and weights that determine a window's features.

    A learnt model is valid only for features with the same origin.
    """

    checkpoint: str = Field(description="name on the hub or folder, and the merged adapter")
    weights: str = Field(description="commits on the hub, or else a hash of the loaded files")
    family: str
    quantization: str
    prompt: str = Field(description="text of the prompt")
    window: dict[str, float] = Field(description="settings of windows")
    image: dict[str, int | str] = Field(description="settings of images")

    @property
    def key(self) -> str:
        """Return a hash of the origin, without the checkpoint's name.

        The folder of the checkpoint may be renamed.
        """
        text = self.model_dump_json(exclude={"checkpoint"})
        return hashlib.sha256(text.encode()).hexdigest()

    def differences(self, here: FeatureOrigin) -> list[str]:
        """Return each setting that differs from another origin, with both values if
        they are short.
        """
        found = []
        if self.weights != here.weights:
            names = f" ({self.checkpoint} before, {here.checkpoint} now)"
            found.append(f"the checkpoint{names if self.checkpoint != here.checkpoint else ''}")
        for name in ("family", "quantization"):
            there, now = getattr(self, name), getattr(here, name)
            if there != now:
                found.append(f"{name} ({there} before, {now} now)")
        if self.prompt != here.prompt:
            found.append("the text of the prompt")
        for group in ("window", "image"):
            there, now = getattr(self, group), getattr(here, group)
            found += [
                f"{group}.{name} ({_plain(there.get(name))} before, {_plain(now.get(name))} now)"
                for name in sorted({*there, *now})
                if there.get(name) != now.get(name)
            ]
        return found


def _plain(value: float | str | None) -> str:
    """Format a setting's value."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)
