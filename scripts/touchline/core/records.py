"""File formats: the contents of each JSON file that the workflow writes.

Times are seconds from the start of the video. The JSON Schemas in schemas/ are generated from these
classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, description="seconds from the start of the video")]
Probability = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Team = Literal["home", "away"]


def _is_none(value: object) -> bool:
    """Return whether a field has no value and is therefore left out of the file.

    So a new field without a value does not change existing files.
    """
    return value is None


class Record(BaseModel):
    """Base class of every record. Records are immutable and reject unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Interval(Record):
    """A part of a video, from start to end."""

    start: Seconds
    end: Seconds


class Restart(Record):
    """A place where the clock of a video file starts again."""

    packet: int = Field(ge=0, description="index of the first video packet after the restart")
    shift: float = Field(description="seconds to add to the times from this packet on")


class Section(Record):
    """A part of an MPEG-TS file in which one PID carries the video."""

    begin: int = Field(ge=0, description="start of the part, in bytes from the start of the file")
    end: int = Field(gt=0, description="end of the part, in bytes from the start of the file")
    pid: int = Field(ge=0, description="PID of the video")


PacketTimes = Literal["stated", "in_decoding_order", "sparse"]


class Manifest(Record):
    """videos/video_{v}.json: the properties of one video file, as the probe found them."""

    video: int = Field(ge=0, description="number of the video in the table")
    path: str = Field(description="path of the video when it was probed")
    bytes: int = Field(gt=0, description="size of the file")
    fingerprint: str = Field(description="SHA-256 hash of samples of the file's content")
    duration: float = Field(gt=0, description="length of the video to process, in seconds")
    start_time: float = Field(description="presentation time of the first frame, in seconds")
    clock_offset: float = Field(
        default=0.0, description="time that a video player shows at the first frame, in seconds"
    )
    frame_rate: float = Field(gt=0, description="mean frames per second")
    width: int = Field(gt=0, description="in pixels, before rotation")
    height: int = Field(gt=0, description="in pixels, before rotation")
    pixel_aspect: float = Field(
        default=1.0, gt=0, description="width of a pixel divided by its height, before rotation"
    )
    rotation: int = Field(
        description="degrees by which a video player rotates the picture anticlockwise"
    )
    codec: str
    stream: int | None = Field(
        default=None, description="number of the video stream in the file; null: the first one"
    )
    no_pictures: list[Interval] = Field(default=[], description="intervals without a picture")
    restarts: list[Restart] = Field(
        default=[], description="places where the file's clock starts again"
    )
    sections: list[Section] = Field(
        default=[], description="parts of an MPEG-TS file whose video changes its PID; else empty"
    )
    has_dependent_keyframes: bool = Field(
        default=False,
        description="whether a keyframe needs decoder parameters of an earlier packet",
    )
    packet_times: PacketTimes = Field(
        default="stated",
        description="kind of the packets' times: display times, times in decoding order, or "
        "times on few packets",
    )
    game: str | None = Field(default=None, description="game that the video belongs to")
    half: int | None = Field(default=None, ge=1, description="number of the half in the game")
    home: str | None = None
    away: str | None = None


class ParsedEvent(Record):
    """One event that was read from a model's answer. The label is the model's own word."""

    label: str = Field(min_length=1)
    team: Team | None = None
    confidence: Probability | None = Field(
        default=None, description="confidence that the model states"
    )
    details: str = ""
    score: Probability | None = Field(default=None, description="probability of the label's tokens")


# "weighed": with generation.answers: false, a window has evidence or features but no answer.
Status = Literal[
    "events", "none", "unparsed", "weighed", "skipped_oom", "not_finite", "no_frames", "refused"
]

# Status of a window without an answer from the model. It counts as not looked at.
UNANSWERED: frozenset[Status] = frozenset({"skipped_oom", "not_finite", "no_frames", "refused"})
# Windows that the next attempt at a slice tries again. Repeating a request that a server refuses
# would cost money and change nothing.
TRIED_AGAIN: frozenset[Status] = UNANSWERED - {"refused"}
# Status of a window whose answer is in the partial predictions.
WITH_ANSWER: frozenset[Status] = frozenset({"events", "unparsed"})


class WindowRecord(Record):
    """One line of windows/windows_{model}_vid{v}_gpu{s}.jsonl: the result of one window."""

    window: int = Field(ge=0, description="number of the window in its slice")
    start: Seconds
    end: Seconds
    frame_times: list[float] = Field(description="true times of the shown frames")
    status: Status
    text: str = Field(default="", description="the model's unchanged answer")
    events: list[ParsedEvent] = Field(default=[], description="events in the answer")
    score: Probability | None = Field(
        default=None, description="mean probability of the answer's tokens"
    )
    tokens: int = Field(default=0, ge=0, description="number of generated tokens")
    prompt_tokens: int | None = Field(
        default=None,
        ge=0,
        description="number of tokens in the prompt, as the server counts them",
        exclude_if=_is_none,
    )
    attempts: int = Field(
        ge=0,
        description="number of attempts; more than 1 if memory ran out or a request was repeated",
    )


class WindowOutcome(WindowRecord):
    """All results of one window: its ledger line, its evidence and its features."""

    evidence: dict[str, float] = Field(
        default={}, description="log-likelihood per candidate; empty without evidence"
    )
    features: bytes = Field(
        default=b"",
        exclude=True,
        repr=False,
        description="hidden state after the prompt, float16 of shape [width]; never in JSON",
    )

    @property
    def ledger_line(self) -> WindowRecord:
        return WindowRecord(**self.model_dump(exclude={"evidence"}))


class RawAnswer(Record):
    """One item of a file of partial or final predictions."""

    time: Seconds
    raw: str = Field(description="a model's answer, or one event as a Python literal")


Model = Annotated[str, Field(min_length=1, description="name of a model")]


class Counts(Record):
    """Number of answers and events at each step from answers to merged events."""

    answers: int = Field(
        ge=0, description="number of windows in the ledgers, or of items in the given file"
    )
    none: int = Field(ge=0, description="answers that deny any event")
    unparsed: int = Field(ge=0, description="answers without a readable event")
    skipped: int = Field(default=0, ge=0, description="windows without an answer")
    invalid: int = Field(
        default=0, ge=0, description="number of items without time or text, and of repeated items"
    )
    cut_off: int = Field(default=0, ge=0, description="incomplete answers with readable events")
    events_in: int = Field(ge=0, description="events in the answers")
    duplicates: int = Field(default=0, ge=0, description="events merged into another event")
    events_out: int = Field(ge=0, description="events in the result")
    prompt_tokens: int | None = Field(
        default=None, ge=0, description="tokens of all prompts, as the server counts them"
    )
    answer_tokens: int | None = Field(
        default=None, ge=0, description="tokens of all answers, as the server counts them"
    )


# Origin of an event's score.
# "context": the model's other predictions around the event (`touchline.events.context`).
# "calibrated": the probability that the event is right, learnt from other games.
# "weighted": the mean score of several models.
# "given": the file of a trained spotter.
# "evidence" and "learned": the height of the evidence, or of a learnt model's output, above the
# mean of the class (`touchline.evidence.peaks`).
ScoreKind = Literal["context", "calibrated", "weighted", "given", "evidence", "learned"]


@dataclass(frozen=True, slots=True)
class Vote:
    """The prediction of one model that supports a fused event.

    Attributes:
        model: name of the model.
        time_s: time of the model's event, in seconds.
        window_s: start of the window with the model's event, in seconds.
    """

    model: str
    time_s: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Context:
    """Other predictions of the same model around an event.

    `touchline.events.context` explains them.

    Attributes:
        after: weighted number of hits of the class from the event on.
        before: weighted number of hits of the class before the event.
        words: weighted number of later hits whose details confirm the event, minus the same number
            for earlier hits.
        run_s: seconds for which hits of the class continue after the event without a pause.
        quiet_s: seconds since the last hit of the class, or since the start of the video.
    """

    after: float
    before: float
    words: float
    run_s: float
    quiet_s: float


@dataclass(frozen=True, slots=True)
class Event:
    """One row of events/events_{model}_video_{v}.csv.

    A hit is an event in the answer about one window. For a hit, `time_s`, `window_s`, `first_s` and
    `last_s` are all the start of the window. This is a dataclass because there can be millions of
    events.

    Attributes:
        time_s: time of the event, in seconds from the start of the video.
        label: name of the class if `known`, else the model's own word.
        known: whether the label is a class of labels.yaml.
        team: the team that the answer names.
        confidence: the confidence that the model states.
        label_probability: probability of the label's tokens, if the model ran here.
        n_hits: number of windows that predicted the event.
        window_s: start of the window of the best hit, in seconds.
        first_s: start of the first window that predicted the event, in seconds.
        last_s: start of the last window that predicted the event, in seconds.
        details: further text about the event in the answer.
        score: number between 0 and 1 by which every stage ranks events; None for a hit or if
            unknown.
        score_kind: origin of the score.
        context: the model's other predictions around the event.
        said_by: the votes behind a fused event; empty for an event of one model.
    """

    time_s: float
    label: str
    known: bool
    team: Team | None
    confidence: float | None
    label_probability: float | None
    n_hits: int
    window_s: float
    first_s: float
    last_s: float
    details: str = ""
    score: float | None = None
    score_kind: ScoreKind | None = None
    context: Context | None = None
    said_by: tuple[Vote, ...] = ()

    @property
    def strength(self) -> float | None:
        """Return the score, or else the label probability, or else the stated confidence."""
        known = (self.score, self.label_probability, self.confidence)
        return next((value for value in known if value is not None), None)

    @property
    def ranking_score(self) -> float:
        """Return the score by which every stage ranks events: `strength`, or 1 if it is None.

        A prediction without a score is a plain "yes", for example from a model that never gives
        scores. It must not count less than a prediction with a stated score of 0.1.
        """
        return 1.0 if self.strength is None else self.strength


class Coverage(Record):
    """coverage/coverage_{model}_video_{v}.json: the parts of a video that a model looked at."""

    duration: float | None = Field(
        ge=0, description="duration of the video, in seconds; null if unknown"
    )
    clock_offset: float = Field(
        default=0.0,
        description="time that a video player shows at the start of the video, in seconds",
    )
    looked_at: list[Interval]
    has_open_end: bool = Field(
        default=False,
        description="true if the model looked at the whole video and its duration is unknown. The "
        "model then also looked at the time after the last interval",
    )
    no_pictures: list[Interval] = Field(
        default=[], description="intervals in which the video has no picture"
    )
    likely_lost: list[Interval] = Field(
        description="intervals without any item, too long to be chance (given predictions only)"
    )
    counts: Counts


class Thumbnail(Record):
    """One item of thumbnails/thumbnails_video_{v}.json: a small picture of one moment."""

    moment_s: Seconds
    picture_s: Seconds = Field(description="time of the picture")
    webp: str = Field(description="the picture as WebP, in base64")


class AdapterOrigin(Record):
    """The adapter that was merged into a checkpoint."""

    adapter: str = Field(description="name on the hub, or a folder on disk")
    revision: str | None = Field(default=None, description="revision in the configuration")
    commit: str | None = Field(description="commit on the hub; null for a folder on disk")

    def __str__(self) -> str:
        return f"{self.adapter} at commit {self.commit}" if self.commit else self.adapter


class ServerOrigin(Record):
    """The server that ran a model."""

    host: str = Field(description="host name and port in the configuration")
    reported: str = Field(description="name of the model in the server's answers")


class Origin(Record):
    """models/model_{model}.json: the checkpoint that produced a model's results."""

    checkpoint: str = Field(
        description="name on the hub, folder on disk, or model name in requests to a server"
    )
    revision: str | None = Field(default=None, description="revision in the configuration")
    commit: str | None = Field(
        description="commit on the hub; null for a folder on disk or a server"
    )
    adapter: AdapterOrigin | None = Field(
        default=None, description="adapter that was merged into the checkpoint; null: none"
    )
    server: ServerOrigin | None = Field(
        default=None,
        description="server that ran the model; left out if the model ran here, from files",
        exclude_if=_is_none,
    )

    @property
    def model_names(self) -> tuple[object, ...]:
        """Return the values that identify the model. The server's host is not among them."""
        reported = self.server.reported if self.server else None
        return self.checkpoint, self.revision, self.commit, self.adapter, reported

    def __str__(self) -> str:
        if self.server:
            return f"{self.server.reported} on {self.server.host} (asked for: {self.checkpoint})"
        model = f"{self.checkpoint} at commit {self.commit}" if self.commit else self.checkpoint
        return f"{model} with the adapter {self.adapter}" if self.adapter else model


class HashedFile(Record):
    """The path, size and SHA-256 hash of a file."""

    path: str = Field(description="path relative to the folder whose files are listed")
    bytes: int = Field(ge=0)
    sha256: Sha256


class JobResults(Record):
    """hashes/….json: the files that a job had written when it ended.

    The file has the same name as the job's log.
    """

    results: list[HashedFile] = Field(description="files in the folder of results")


class ModelFiles(Record):
    """models/files_{model}.json: the files of a model, and the packages that load them."""

    origin: Origin | None = Field(description="origin of the model; null if unknown")
    packages: dict[str, str] = Field(description="package versions where the model runs, by name")
    files: list[HashedFile] = Field(
        description="files in the model folder that slices load, ordered by path"
    )
