"""Define the file format of run.json, the record of a run."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from touchline.core.records import HashedFile, Model, Origin, Record, Sha256
from touchline.inputs.clock import HalfStart


class RecordedModel(Record):
    """A model that ran. If it was deleted before the first record, `files` is empty."""

    model: Model
    origin: Origin | None
    packages: dict[str, str]
    files: list[HashedFile]


# The kinds of input files.
Role = Literal["prompt", "classes", "annotations", "predictions", "learned model"]


class RecordedInput(Record):
    """An input file of the run."""

    role: Role
    video: int | None = Field(
        default=None, ge=0, description="video that the file belongs to; null for none"
    )
    model: Model | None = Field(
        default=None, description="model that the file belongs to; null for none"
    )
    name: str = Field(description="name of the file, without its folder")
    bytes: int = Field(ge=0)
    sha256: Sha256


class RecordedVideo(Record):
    """A video, identified by its content. Its path is private and not recorded."""

    video: int = Field(ge=0)
    game: str | None
    half: int | None
    halves: tuple[HalfStart, ...] = Field(
        (), description="where halves begin in the video, from half_starts, offset or video.ini"
    )
    bytes: int | None = Field(gt=0, description="size of the file; null without footage")
    duration: float | None = Field(gt=0, description="processed seconds; null without footage")
    fingerprint: str | None = Field(
        description="SHA-256 of samples of the content; null without footage"
    )


class Software(Record):
    """The software that a run used."""

    touchline: str = Field(description="version of the project")
    commit: str | None = Field(
        description="git commit of the project; null if it is not a git checkout or is unreadable"
    )
    is_changed: bool | None = Field(
        description="whether the checkout differs from the commit. config.yaml, labels.yaml and "
        "prompts/ do not count, because they are recorded separately; null if git cannot tell"
    )
    python: str
    system: str = Field(description="operating system and processor")
    packages: dict[str, str] = Field(description="versions of installed packages, by name")


class RunRecord(Record):
    """run.json: the software, settings, models and inputs of a run, and its results."""

    software: Software
    settings: dict[str, Any] = Field(description="settings from config.yaml and the user's files")
    models: list[RecordedModel] = Field(description="models that ran")
    videos: list[RecordedVideo] = Field(description="selected videos")
    inputs: list[RecordedInput]
    results: list[HashedFile] = Field(
        description="files in the folder of results, by path, as each was when its job ended"
    )
    changed: list[str] = Field(
        default=[], description="paths of results that were changed after their job had ended"
    )
