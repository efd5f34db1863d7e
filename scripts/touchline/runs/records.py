"""The file format of run.json: what ran with what, and what it made."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from touchline.core.records import HashedFile, Model, Origin, Record, Sha256
from touchline.inputs.clock import HalfStart


class RecordedModel(Record):
    """A model that ran; of one that was deleted before there was a record, little is known."""

    model: Model
    origin: Origin | None
    packages: dict[str, str]
    files: list[HashedFile]


# What a file is that a run was given.
Role = Literal["prompt", "classes", "annotations", "predictions", "learned model"]


class RecordedInput(Record):
    """A file that a run was given."""

    role: Role
    video: int | None = Field(default=None, ge=0, description="whose annotations or predictions")
    model: Model | None = Field(
        default=None, description="whose predictions, or what was learnt from it"
    )
    name: str = Field(description="of the file, without its folder")
    bytes: int = Field(ge=0)
    sha256: Sha256


class RecordedVideo(Record):
    """A video by its content; where it lies is nobody's business."""

    video: int = Field(ge=0)
    game: str | None
    half: int | None
    halves: tuple[HalfStart, ...] = Field(
        (), description="where halves begin in it, by half_starts, offset or a video.ini"
    )
    bytes: int | None = Field(gt=0, description="null without footage, as what follows")
    duration: float | None = Field(gt=0, description="seconds that were processed")
    fingerprint: str | None = Field(description="SHA-256 of samples of the content")


class Software(Record):
    touchline: str = Field(description="version of the project")
    commit: str | None = Field(
        description="of the checkout; null: it is no checkout of git, or cannot be read"
    )
    is_changed: bool | None = Field(
        description="whether the checkout differs from that commit, by more than config.yaml, "
        "labels.yaml and prompts/, which are recorded apart; null: git does not say"
    )
    python: str
    system: str = Field(description="operating system and processor")
    packages: dict[str, str] = Field(description="versions, by name, of those that are there")


class RunRecord(Record):
    """run.json: what ran with what, and what it made."""

    software: Software
    settings: dict[str, Any] = Field(description="as config.yaml and the user's files have them")
    models: list[RecordedModel] = Field(description="those that ran")
    videos: list[RecordedVideo] = Field(description="those that were selected")
    inputs: list[RecordedInput]
    results: list[HashedFile] = Field(
        description="of the folder of results, by path, as each was when its job ended"
    )
    changed: list[str] = Field(
        default=[], description="results that were changed after their job had ended, by path"
    )
