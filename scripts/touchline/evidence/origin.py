"""What decides which features a window has."""

from __future__ import annotations

import hashlib

from pydantic import Field

from touchline.core.records import Record


class FeatureOrigin(Record):
    """All that decides which features a window has: what is learnt holds for equal ones only."""

    checkpoint: str = Field(description="name on the hub, or a folder, and what is merged into it")
    weights: str = Field(description="commits on the hub, else a hash of the loaded files")
    family: str
    quantization: str
    prompt: str = Field(description="what the model was asked")
    window: dict[str, float] = Field(description="settings of windows")
    image: dict[str, int | str] = Field(description="settings of images")

    @property
    def key(self) -> str:
        """A hash; the folder of a checkpoint may have any name."""
        text = self.model_dump_json(exclude={"checkpoint"})
        return hashlib.sha256(text.encode()).hexdigest()

    def differences(self, here: FeatureOrigin) -> list[str]:
        """Name each setting that another origin has otherwise, with both values where short."""
        found = []
        if self.weights != here.weights:
            names = f" ({self.checkpoint} there, {here.checkpoint} here)"
            found.append(f"the checkpoint{names if self.checkpoint != here.checkpoint else ''}")
        for name in ("family", "quantization"):
            there, now = getattr(self, name), getattr(here, name)
            if there != now:
                found.append(f"{name} ({there} there, {now} here)")
        if self.prompt != here.prompt:
            found.append("the text of the prompt")
        for group in ("window", "image"):
            there, now = getattr(self, group), getattr(here, group)
            found += [
                f"{group}.{name} ({_plain(there.get(name))} there, {_plain(now.get(name))} here)"
                for name in sorted({*there, *now})
                if there.get(name) != now.get(name)
            ]
        return found


def _plain(value: float | str | None) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
