"""The file formats: what stands in each JSON file that the workflow writes.

Times are seconds from the start of the video. The JSON Schemas in schemas/ are
made from these classes.
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
    """Whether a field is left out of the file, so that files without it stay as they were."""
    return value is None


class Record(BaseModel):
    """Base of every record: immutable, and no field but those named."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Interval(Record):
    """A part of a video, from start to end."""

    start: Seconds
    end: Seconds


class Restart(Record):
    """Where the clock of a video file starts again."""

    packet: int = Field(ge=0, description="first packet of pictures after it, from 0 on")
    shift: float = Field(description="seconds, added to the times from there on")


class Section(Record):
    """A part of an MPEG-TS in which one PID holds the pictures."""

    begin: int = Field(ge=0, description="where reading starts, bytes from the file's start")
    end: int = Field(gt=0, description="where reading ends, bytes from the file's start")
    pid: int = Field(ge=0, description="PID of the pictures")


PacketTimes = Literal["stated", "in_decoding_order", "sparse"]


class Manifest(Record):
    """videos/video_{v}.json: what the probe found out about one video."""

    video: int = Field(ge=0, description="number of the video in the table")
    path: str = Field(description="where the video was when it was probed")
    bytes: int = Field(gt=0, description="size of the file")
    fingerprint: str = Field(description="SHA-256 of samples of the content")
    duration: float = Field(gt=0, description="seconds of video that are to be processed")
    start_time: float = Field(description="presentation time of the first frame, seconds")
    clock_offset: float = Field(
        default=0.0, description="what a player's clock shows at the first picture, seconds"
    )
    frame_rate: float = Field(gt=0, description="mean frames per second")
    width: int = Field(gt=0, description="pixels, before rotation")
    height: int = Field(gt=0, description="pixels, before rotation")
    pixel_aspect: float = Field(
        default=1.0, gt=0, description="width of a pixel over its height, before rotation"
    )
    rotation: int = Field(description="degrees, anticlockwise, that a player turns the picture by")
    codec: str
    stream: int | None = Field(
        default=None, description="number of the picture stream in the file; null: the first"
    )
    no_pictures: list[Interval] = Field(default=[], description="where the file has no picture")
    restarts: list[Restart] = Field(default=[], description="where the file's clock starts again")
    sections: list[Section] = Field(
        default=[], description="parts of an MPEG-TS whose pictures move to another PID; else empty"
    )
    has_dependent_keyframes: bool = Field(
        default=False, description="a keyframe needs decoder parameters of an earlier packet"
    )
    packet_times: PacketTimes = Field(
        default="stated",
        description="times that the packets state: of display, of the order of decoding, or few",
    )
    game: str | None = Field(default=None, description="the game this video is a part of")
    half: int | None = Field(default=None, ge=1, description="which half of the game")
    home: str | None = None
    away: str | None = None


class ParsedEvent(Record):
    """One event as read from a model's answer; the label is the model's own word."""

    label: str = Field(min_length=1)
    team: Team | None = None
    confidence: Probability | None = Field(default=None, description="as the model states it")
    details: str = ""
    score: Probability | None = Field(default=None, description="probability of the label's tokens")


# Without answers (generation.answers: false) a window that was looked at is weighed.
Status = Literal[
    "events", "none", "unparsed", "weighed", "skipped_oom", "not_finite", "no_frames", "refused"
]

# Of a window about which the model gave no answer: not looked at, and tried again when its slice
# is made again.
UNANSWERED: frozenset[Status] = frozenset({"skipped_oom", "not_finite", "no_frames", "refused"})
# Of these the ones that the next attempt at a slice tries again. Asking a server again for what it
# refuses costs money and changes nothing.
TRIED_AGAIN: frozenset[Status] = UNANSWERED - {"refused"}
# Of a window whose answer is in the partial predictions: it has events, or nobody can read it.
WITH_ANSWER: frozenset[Status] = frozenset({"events", "unparsed"})


class WindowRecord(Record):
    """One line of windows/windows_{model}_vid{v}_gpu{s}.jsonl: what became of a window."""

    window: int = Field(ge=0, description="number of the window in its slice")
    start: Seconds
    end: Seconds
    frame_times: list[float] = Field(description="true presentation times of the frames shown")
    status: Status
    text: str = Field(default="", description="the model's answer, untouched")
    events: list[ParsedEvent] = Field(default=[], description="as read from the answer")
    score: Probability | None = Field(
        default=None, description="mean probability of the answer's tokens"
    )
    tokens: int = Field(default=0, ge=0, description="tokens generated")
    prompt_tokens: int | None = Field(
        default=None,
        ge=0,
        description="tokens of the prompt, as a server counts them",
        exclude_if=_is_none,
    )
    attempts: int = Field(
        ge=0, description="more than one where memory ran out, or a server was asked again"
    )


class WindowOutcome(WindowRecord):
    """A window as a worker hands it on: its lines of the ledger and the evidence, its features."""

    evidence: dict[str, float] = Field(
        default={}, description="log-likelihood of each candidate, by name; empty if not weighed"
    )
    features: bytes = Field(
        default=b"",
        exclude=True,
        repr=False,
        description="what is learnt from, float16 [width]; in no line of JSON",
    )

    @property
    def ledger_line(self) -> WindowRecord:
        return WindowRecord(**self.model_dump(exclude={"evidence"}))


class RawAnswer(Record):
    """One item of a partial or of a predictions file."""

    time: Seconds
    raw: str = Field(description="a model's answer, or one event as a Python literal")


Model = Annotated[str, Field(min_length=1, description="name of a model")]


class Counts(Record):
    """What became of every answer on its way to events."""

    answers: int = Field(ge=0, description="windows of the ledgers, or items of the file")
    none: int = Field(ge=0, description="answers that say there is no event")
    unparsed: int = Field(ge=0, description="answers in which no event can be read")
    skipped: int = Field(default=0, ge=0, description="windows that no answer exists for")
    invalid: int = Field(default=0, ge=0, description="items left out: no time, no text, a repeat")
    cut_off: int = Field(
        default=0, ge=0, description="answers that end in the middle, with events that can be read"
    )
    events_in: int = Field(ge=0, description="events in the answers")
    duplicates: int = Field(default=0, ge=0, description="events merged into another one")
    events_out: int = Field(ge=0, description="events that stand in the result")
    prompt_tokens: int | None = Field(
        default=None, ge=0, description="tokens of all prompts, as a server counts them"
    )
    answer_tokens: int | None = Field(
        default=None, ge=0, description="tokens of all answers, as a server counts them"
    )


# What an event's score is of: its context (`touchline.events.context`), the probability that it is
# right as learnt from other games, the mean of several models, what a trained spotter's file says,
# or how far above the mean of its class is its evidence, or what was learnt to see there
# (`touchline.evidence.peaks`).
ScoreKind = Literal["context", "calibrated", "weighted", "given", "evidence", "learned"]


@dataclass(frozen=True, slots=True)
class Vote:
    """One model's prediction behind a fused event.

    Attributes:
        time_s, window_s: as of `Event`.
    """

    model: str
    time_s: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Context:
    """What else a model predicted around an event: see `touchline.events.context`.

    Attributes:
        after, before: hits of the class, weighted, from the event on and before it.
        words: hits of any class whose details confirm the event, those after less those before.
        run_s: how long hits of the class go on after it without a pause, seconds.
        quiet_s: seconds since the last hit of the class, or since the video's start.
    """

    after: float
    before: float
    words: float
    run_s: float
    quiet_s: float


@dataclass(frozen=True, slots=True)
class Event:
    """One row of events/events_{model}_video_{v}.csv. (A dataclass: there can be millions.)

    A hit, which is an event in the answer about one window, has the start of that window in all
    four of its times.

    Attributes:
        time_s: when it happened, seconds from the start of the video.
        window_s, first_s, last_s: starts of windows that predicted it, seconds: of the one that
            is kept of them, of the first and of the last.
        label: name of the class if `known`, else the model's own word.
        confidence: as the model states it.
        label_probability: of the label's tokens, where the model ran here.
        n_hits: how many windows predicted it.
        score: between 0 and 1, what every stage ranks by; None of a hit, and where none is given.
        score_kind: where the score comes from.
        said_by: the models behind a fused event; empty for one model's own.
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
        """The score; before there is one, how sure the model is: by its tokens, or as it states."""
        known = (self.score, self.label_probability, self.confidence)
        return next((value for value in known if value is not None), None)

    @property
    def worth(self) -> float:
        """What every stage ranks by: the strength, and 1 where there is none.

        A prediction without a score is a plain "yes", as in a file of a model that gives no
        scores at all: it must not count for less than one that states 0.1.
        """
        return 1.0 if self.strength is None else self.strength


class Coverage(Record):
    """coverage/coverage_{model}_video_{v}.json: where the model looked, and its counts."""

    duration: float | None = Field(ge=0, description="of the video, seconds; null if not known")
    clock_offset: float = Field(
        default=0.0, description="what a player's clock shows at the video's start, seconds"
    )
    looked_at: list[Interval]
    has_open_end: bool = Field(
        default=False,
        description="the model watched the whole video, whose duration is not known: it looked "
        "beyond the end of looked_at, too",
    )
    no_pictures: list[Interval] = Field(
        default=[], description="stretches in which the video shows nothing to look at"
    )
    likely_lost: list[Interval] = Field(
        description="stretches without any item, too long to be chance; given predictions only"
    )
    counts: Counts


class Thumbnail(Record):
    """One item of thumbnails/thumbnails_video_{v}.json: a small picture of a moment."""

    moment_s: Seconds
    picture_s: Seconds = Field(description="when the picture is on screen")
    webp: str = Field(description="the picture as WebP, in base64")


class AdapterOrigin(Record):
    """The adapter that was merged into a checkpoint."""

    adapter: str = Field(description="name on the hub, or a folder on disk")
    revision: str | None = Field(default=None, description="as the configuration has it")
    commit: str | None = Field(description="on the hub; null of a folder on disk")

    def __str__(self) -> str:
        return f"{self.adapter} at commit {self.commit}" if self.commit else self.adapter


class ServerOrigin(Record):
    """The server that ran a model."""

    host: str = Field(description="name and port, as the configuration has them")
    reported: str = Field(description="the model's name in the server's answers")


class Origin(Record):
    """models/model_{model}.json: the checkpoint that a model's results were made with."""

    checkpoint: str = Field(
        description="name on the hub, a folder on disk, or the name that a server was asked for"
    )
    revision: str | None = Field(default=None, description="as the configuration has it")
    commit: str | None = Field(description="on the hub; null of a folder on disk or a server")
    adapter: AdapterOrigin | None = Field(
        default=None, description="what was merged into it; null: nothing"
    )
    server: ServerOrigin | None = Field(
        default=None,
        description="what ran it; without: it ran here, from files",
        exclude_if=_is_none,
    )

    @property
    def model_names(self) -> tuple[object, ...]:
        """What tells the model from others; the server that runs it may move."""
        reported = self.server.reported if self.server else None
        return self.checkpoint, self.revision, self.commit, self.adapter, reported

    def __str__(self) -> str:
        if self.server:
            return f"{self.server.reported} on {self.server.host} (asked for: {self.checkpoint})"
        model = f"{self.checkpoint} at commit {self.commit}" if self.commit else self.checkpoint
        return f"{model} with the adapter {self.adapter}" if self.adapter else model


class HashedFile(Record):
    """A file and what it is known by."""

    path: str = Field(description="from the folder that the list is about")
    bytes: int = Field(ge=0)
    sha256: Sha256


class JobResults(Record):
    """hashes/….json: what a job had written when it ended; named as its log."""

    results: list[HashedFile] = Field(description="of the folder of results")


class ModelFiles(Record):
    """models/files_{model}.json: the files that a model is loaded from, and what loads them."""

    origin: Origin | None = Field(description="null: the folder has no note of it")
    packages: dict[str, str] = Field(description="versions, by name, where the model runs")
    files: list[HashedFile] = Field(description="of the folder that slices load, by path")
