"""The file formats: what stands in each JSON file that the workflow writes.

Times are seconds from the start of the video. The JSON Schemas in schemas/ are
made from these classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, description="seconds from the start of the video")]
Probability = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Team = Literal["home", "away"]


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
Status = Literal["events", "none", "unparsed", "weighed", "skipped_oom", "not_finite", "no_frames"]

# Of a window about which the model gave no answer: not looked at, and tried again when its slice
# is made again.
UNANSWERED: frozenset[Status] = frozenset({"skipped_oom", "not_finite", "no_frames"})
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
    attempts: int = Field(ge=0, description="more than one where memory ran out")


class WindowOutcome(WindowRecord):
    """A window as a worker hands it on: its line of the ledger, and its line of the evidence."""

    evidence: dict[str, float] = Field(
        default={}, description="log-likelihood of each candidate, by name; empty if not weighed"
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


# What an event's score is of: its context (`touchline.events.context`), the probability that it is
# right as learnt from other games, the mean of several models, what a trained spotter's file says,
# or how far its evidence is above the mean of its class (`touchline.events.peaks`).
ScoreKind = Literal["context", "calibrated", "weighted", "given", "evidence"]


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


class Agreement(Record):
    """How far two models agree, beside what the same lists give when shifted in time."""

    events_a: int = Field(ge=0)
    events_b: int = Field(ge=0)
    matched: int = Field(ge=0, description="pairs of the same class within the tolerance")
    matched_by_chance: float = Field(ge=0)
    f1: Probability | None = Field(description="2 matched / (events_a + events_b)")
    f1_by_chance: Probability | None
    jaccard: Probability | None = Field(description="matched / (events_a + events_b - matched)")
    jaccard_by_chance: Probability | None


class ClassAgreement(Agreement):
    label: str


class Confusion(Record):
    """How often model A predicts one label where, at the same moment, B predicts the other."""

    label_a: str
    label_b: str
    count: int = Field(ge=0)
    by_chance: float = Field(ge=0)


class PairComparison(Record):
    """Two models side by side.

    The counts of the groups are of all events; the agreement is of the known classes.
    """

    model_a: Model
    model_b: Model
    compared: list[Interval] = Field(description="where both models looked")
    both: int = Field(ge=0, description="pairs with the same label")
    other_label: int = Field(ge=0, description="pairs at the same moment with another label")
    only_a: int = Field(ge=0)
    only_b: int = Field(ge=0)
    not_compared_a: int = Field(ge=0, description="events where the other model did not look")
    not_compared_b: int = Field(ge=0)
    overall: Agreement
    classes: list[ClassAgreement]
    confusion: list[Confusion] = Field(description="most frequent first")


class Moments(Record):
    """How many moments of a class exactly these models found."""

    label: str
    models: list[Model]
    count: int = Field(ge=1)


class ComparedModel(Record):
    name: Model
    events: int = Field(ge=0)
    unknown: int = Field(ge=0, description="events whose label is no class")
    looked_at: list[Interval]


class ComparisonReport(Record):
    """comparison/comparison_video_{v}.json: any number of models, pairwise and together."""

    video: int | None = Field(default=None, ge=0)
    tolerance: float = Field(ge=0, description="most seconds between two that match")
    shifts: int = Field(ge=1, description="circular shifts in time that the chance level is of")
    seed: int
    models: list[ComparedModel]
    pairs: list[PairComparison]
    together: list[Moments]


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


class Estimate(Record):
    """A figure with what it takes to judge it; null is what cannot be computed, never 0."""

    value: Probability | None
    by_chance: Probability | None = Field(description="of the same events, shifted in time")
    low: Probability | None = Field(description="2.5 % of samples of the matches are below")
    high: Probability | None = Field(description="2.5 % of samples of the matches are above")


class Ranking(Record):
    """What average precision would be if events were ranked by something else, and as they are.

    Each order for itself, with as many thresholds as there are events, and not SoccerNet's 200.
    """

    plain: Probability | None = Field(
        None,
        description="by what the model states of the event alone: the probability of its "
        "label, else its confidence",
    )
    n_hits: Probability | None = Field(None, description="by the number of windows")
    score: Probability | None = Field(None, description="by the score")
    calibrated: Probability | None = Field(
        None, description="by the probability learnt from other games; null: nothing to learn from"
    )


class ClassFigures(Record):
    """What a model's events of one class are worth, at one tolerance."""

    label: str = Field(description="a class, or all: every class that is annotated, together")
    tolerance: float = Field(ge=0, description="most seconds between two that match")
    true: int = Field(ge=0, description="true events where the model looked")
    not_shown: int = Field(ge=0, description="those of them that the broadcast does not show")
    predicted: int = Field(ge=0)
    true_positives: int = Field(ge=0)
    not_shown_found: int = Field(ge=0, description="true positives that are not shown")
    false_positives: int = Field(ge=0)
    misses: int = Field(ge=0)
    precision: Estimate
    recall: Estimate
    f1: Estimate
    average_precision: Estimate = Field(description="of all: the mean over classes that occur")
    ranked_by: Ranking = Field(description="what helps to rank; of all: means, as above")


class AverageMap(Record):
    """SoccerNet's average-mAP, from SoccerNet's own evaluator, at one or several deltas.

    A delta is the whole window: an event is found if it is at most half of it away. The mean
    is over all 17 classes, and one that does not occur counts 0.
    """

    deltas: list[float] = Field(description="seconds")
    mean: Estimate
    visible: Probability | None
    not_shown: float | None = Field(
        ge=0, description="times 17/13, for the classes that SoccerNet's test games lack"
    )
    classes: dict[str, Probability | None] = Field(description="null: does not occur")


class EvaluationReport(Record):
    """evaluation/evaluation_{model}.json: a model, or the ensemble, against the truth."""

    model: Model
    videos: list[int]
    matches: int = Field(ge=1)
    seconds: float = Field(ge=0, description="where the model looked; nothing else counts")
    shifts: int = Field(ge=1, description="shifts in time that the chance level is of")
    resamples: int = Field(ge=1, description="samples of the matches that intervals are of")
    seed: int
    unknown: int = Field(ge=0, description="events left out: their label is no class")
    not_annotated: int = Field(ge=0, description="events left out: of a class nobody annotates")
    not_looked_at: int = Field(ge=0, description="true events where the model did not look")
    problems: list[str] = Field([], description="annotations that could not be used")
    overall: list[ClassFigures] = Field(description="one a tolerance")
    classes: list[ClassFigures] = Field(description="one a class and tolerance")
    any_free_kick: list[ClassFigures] = Field(
        description="direct, indirect and unspecified free kicks as one class"
    )
    soccernet: dict[str, AverageMap] = Field({}, description="loose, tight, at1 to at5")


class Bin(Record):
    """Events with a similar score, or another signal, and how many of them are right."""

    low: float = Field(description="of the signal, included")
    high: float | None = Field(description="included in the last bin only; null: no end")
    events: int = Field(ge=1)
    mean: float = Field(description="of the signal")
    right: Probability = Field(description="share of the events that are true")


class Reliability(Record):
    """How well one signal separates right from false events."""

    signal: Literal["confidence", "label_probability", "score", "n_hits"]
    events: int = Field(ge=0, description="events that it is known of")
    bins: list[Bin]
    error: Probability | None = Field(
        description="mean distance of the signal from the share that is right (expected "
        "calibration error); null for n_hits, which is no probability"
    )
    area: Probability | None = Field(
        description="chance that it is higher for a right event than for a false one (area under "
        "the ROC curve); 0.5 is no better than chance"
    )


# With fewer games than this no difference between them can be told from chance.
LEAST_GAMES = 3


class ClassTerms(Record):
    """The part of a logistic regression that is a class's own."""

    intercept: float
    slope: float = Field(gt=0, description="of the logit of the score, so the order stays")
    uses_features: bool = Field(
        default=False,
        description="whether the features count too, and events of the class rank by probability: "
        "only where cross-validation by match found that order better, within halves and across "
        "them, with confidence",
    )


class Recalibration(Record):
    """A logistic regression that gives the probability that an event is right."""

    classes: dict[str, ClassTerms]
    other_classes: ClassTerms = Field(description="of classes that no event was learnt from")
    features: dict[str, float] = Field(
        description="weights of what else is known of an event, for the classes that use them; "
        "empty where none does"
    )
    list_gains: dict[str, float] = Field(
        default={},
        description="by game: how much higher the average precision of its halves' lists is by "
        "probability, in cross-validation; empty with too few games. The probabilities are used "
        "only where this is above 0 with confidence",
    )


class ProbabilityQuality(Record):
    """How good probabilities are that events are right; lower is better."""

    brier: float = Field(ge=0, description="mean squared distance from right (1) or false (0)")
    log_loss: float = Field(ge=0)
    error: Probability = Field(description="expected calibration error, 10 bins")


class LearntQuality(Record):
    """What recalibration makes of the scores, of all events or of those of one class."""

    label: str | None = Field(description="a class; null: all events")
    events: int = Field(ge=0, description="that can be recalibrated")
    right: int = Field(ge=0)
    as_scored: ProbabilityQuality | None = Field(description="of the scores as they are")
    recalibrated: ProbabilityQuality | None = Field(
        description="of the same events, each by what was learnt from other matches"
    )


class CalibrationReport(Record):
    """calibration/calibration_{model}.json: which of a model's events can be trusted."""

    model: Model
    tolerance: float = Field(ge=0, description="a right event is at most so far from a true one")
    events: int = Field(ge=0)
    right: int = Field(ge=0)
    reliability: list[Reliability]
    from_all: Recalibration | None = Field(description="null: nothing right, or nothing false")
    without: dict[str, Recalibration | None] = Field(
        description="by game: learnt from the other games with labels, to be used on it"
    )
    quality: list[LearntQuality] = Field(description="of all events first, then by class")


class AdapterOrigin(Record):
    """The adapter that was merged into a checkpoint."""

    adapter: str = Field(description="name on the hub, or a folder on disk")
    revision: str | None = Field(default=None, description="as the configuration has it")
    commit: str | None = Field(description="on the hub; null of a folder on disk")

    def __str__(self) -> str:
        return f"{self.adapter} at commit {self.commit}" if self.commit else self.adapter


class Origin(Record):
    """models/model_{model}.json: the checkpoint that a model's results were made with."""

    checkpoint: str = Field(description="name on the hub, or a folder on disk")
    revision: str | None = Field(default=None, description="as the configuration has it")
    commit: str | None = Field(description="on the hub; null of a folder on disk")
    adapter: AdapterOrigin | None = Field(
        default=None, description="what was merged into it; null: nothing"
    )

    def __str__(self) -> str:
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


class RecordedModel(Record):
    """A model that ran; of one that was deleted before there was a record, little is known."""

    model: Model
    origin: Origin | None
    packages: dict[str, str]
    files: list[HashedFile]


# What a file is that a run was given.
Role = Literal["prompt", "classes", "annotations", "predictions"]


class RecordedInput(Record):
    """A file that a run was given."""

    role: Role
    video: int | None = Field(default=None, ge=0, description="whose annotations or predictions")
    model: Model | None = Field(default=None, description="whose predictions")
    name: str = Field(description="of the file, without its folder")
    bytes: int = Field(ge=0)
    sha256: Sha256


class RecordedVideo(Record):
    """A video by its content; where it lies is nobody's business."""

    video: int = Field(ge=0)
    game: str | None
    half: int | None
    bytes: int | None = Field(gt=0, description="null without footage, as what follows")
    duration: float | None = Field(gt=0, description="seconds that were processed")
    fingerprint: str | None = Field(description="SHA-256 of samples of the content")


class Software(Record):
    touchline: str = Field(description="version of the project")
    commit: str | None = Field(description="of the checkout; null: it is no checkout of git")
    is_changed: bool | None = Field(
        description="whether the checkout differs from that commit, by more than config.yaml, "
        "labels.yaml and prompts/, which are recorded apart"
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
