"""The parameters of each rule, as a record that the rule makes and its script reads.

Snakemake keeps the parameters of a finished job as text, and runs the job again when one of them
changes. It overlooks every parameter that is not plain data. So a rule passes each field of its
record as plain data, and its script makes the record again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, Self, TypeVar

from pydantic import (
    ConfigDict,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    model_serializer,
)

from touchline.core import paths
from touchline.core.params import MissingPredictions, PredictedVideo
from touchline.inputs.clock import HalfStart
from touchline.inputs.fingerprint import content_of
from touchline.inputs.served import ServedModel
from touchline.inputs.settings import (
    ClipsSettings,
    ContextSettings,
    EnsembleSettings,
    GenerationSettings,
    ImageSettings,
    MergeSettings,
    ModelSettings,
    Settings,
    WindowSettings,
)
from touchline.inputs.videos import AnnotatedVideo, GameHalf, Name, Video

if TYPE_CHECKING:
    from touchline.runs.plan import Plan

T = TypeVar("T")


class Wildcards(Protocol):
    """The wildcards of a job; a rule has those that its outputs name."""

    model: str
    video: str
    slice: str


@dataclass(frozen=True)
class PlannedJob:
    """A job of a run, as its wildcards name it."""

    plan: Plan
    wildcards: Wildcards

    @property
    def settings(self) -> Settings:
        return self.plan.inputs.settings

    @property
    def video(self) -> int:
        return int(self.wildcards.video)

    @property
    def model(self) -> ModelSettings:
        return self.settings.models[self.wildcards.model]

    @property
    def half(self) -> GameHalf:
        return self.plan.half_of(self.video)

    @property
    def journal(self) -> str:
        place = {name: getattr(self.wildcards, name) for name in ("model", "video", "slice")}
        return f"{self.settings.results}/{paths.JOURNAL.format(**place)}"

    @property
    def videos_of_model(self) -> list[Video]:
        videos = self.plan.inputs.videos
        return [videos[video] for video in self.plan.videos_of(self.wildcards.model)]

    @property
    def game(self) -> str:
        return self.plan.inputs.games[self.video]


class WatchedWindows(WindowSettings):
    """The windows of a slice, and the halves that they are in, where these are given."""

    halves: tuple[HalfStart, ...] = ()

    @classmethod
    def of(cls, window: WindowSettings, half: GameHalf) -> Self:
        halves = () if window.outside_halves else half.halves
        return cls(**window.model_dump(exclude={"outside_halves"}), halves=halves)

    @model_serializer(mode="wrap")
    def _without_the_usual(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what is new and not used, so that nothing is detected again for it."""
        fields = dump(self)
        del fields["outside_halves"]
        return fields if self.halves else {k: v for k, v in fields.items() if k != "halves"}


def _plain_half(of: GameHalf) -> dict[str, Any]:
    """A half as plain data, without starts that are not given: no result of before is redone."""
    plain = asdict(of)
    return plain if of.halves else {k: v for k, v in plain.items() if k != "halves"}


OneHalf = Annotated[GameHalf, PlainSerializer(_plain_half)]
OneName = Annotated[Name, PlainSerializer(_plain_half)]


def taken(value: Callable[[PlannedJob], T], **options: Any) -> T:
    """Declare a field of a record by the value that it has for a job."""
    declared: T = field(metadata={"value": value}, **options)
    return declared


def _with_lists(value: Any) -> Any:
    """Plain data with lists in place of tuples, whose changes Snakemake overlooks."""
    if isinstance(value, dict):
        return {key: _with_lists(each) for key, each in value.items()}
    return list(map(_with_lists, value)) if isinstance(value, list | tuple) else value


@dataclass(frozen=True, kw_only=True)
class RuleParams:
    """Base of every record; each field is a parameter of the rule."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    @classmethod
    def plain(cls, job: PlannedJob) -> dict[str, Any]:
        """Make the parameters of a job, as plain data."""
        made = cls(**{each.name: each.metadata["value"](job) for each in fields(cls)})
        plain: dict[str, Any] = _with_lists(TypeAdapter(cls).dump_python(made))
        return plain

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:  # noqa: ARG003
        """Name the parameters that the rule has in this run."""
        return [each.name for each in fields(cls)]

    @classmethod
    def read(cls, job: Any) -> Self:
        """Make the record again from the parameters of Snakemake's object of the job."""
        return TypeAdapter(cls).validate_python(dict(job.params.items()))


@dataclass(frozen=True, kw_only=True)
class ClassParams(RuleParams):
    """Parameters of a rule that reads labels.yaml.

    Attributes:
        taught: classes beside those of labels.yaml; no parameter of runs without any, whose results
            would otherwise be made again.
    """

    taught: list[str] = taken(lambda job: list(job.plan.inputs.taught), default_factory=list)

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:
        names = super().param_names(plan)
        return names if plan.inputs.taught else [name for name in names if name != "taught"]


@dataclass(frozen=True, kw_only=True)
class ProbeVideoParams(RuleParams):
    """Parameters of probe_video.

    Attributes:
        content: fingerprint of the video, so that the job runs again if the video is replaced.
    """

    content: str | None = taken(lambda job: content_of(job.plan.inputs.videos[job.video].footage))
    max_duration: float | None = taken(lambda job: job.settings.max_duration)


@dataclass(frozen=True, kw_only=True)
class FetchModelParams(RuleParams):
    """Parameters of fetch_model.

    Attributes:
        trust_code: not a parameter of runs that trust no code, whose models would otherwise be
            fetched again.
    """

    checkpoint: str = taken(lambda job: job.model.checkpoint or "")
    revision: str | None = taken(lambda job: job.model.revision)
    family: str = taken(lambda job: job.model.family)
    trust_code: bool = taken(lambda job: job.model.trust_code, default=False)

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:
        names = super().param_names(plan)
        trusts_code = any(model.trust_code for model in plan.inputs.settings.models.values())
        return names if trusts_code else [name for name in names if name != "trust_code"]


@dataclass(frozen=True, kw_only=True)
class FetchAdapterParams(RuleParams):
    """Parameters of fetch_adapter."""

    adapter: str = taken(lambda job: job.model.adapter or "")
    revision: str | None = taken(lambda job: job.model.adapter_revision)


@dataclass(frozen=True, kw_only=True)
class DetectSliceParams(RuleParams):
    """Parameters of detect_slice.

    Attributes:
        model: the arithmetic of a model that runs here, or the model of a server.
        classes: the classes that are weighed; not a parameter of runs without evidence, whose
            slices would otherwise be detected again.
        journal: folder of the answers so far.
    """

    classes: list[str] = taken(lambda job: job.plan.weighed_classes, default_factory=list)
    slices: int = taken(lambda job: job.settings.slices)
    window: WatchedWindows = taken(lambda job: WatchedWindows.of(job.settings.window, job.half))
    image: ImageSettings = taken(lambda job: job.settings.image)
    generation: Annotated[GenerationSettings, PlainSerializer(lambda given: given.shaping)] = taken(
        lambda job: job.settings.generation
    )
    model: Literal["auto", "bfloat16", "float16", "float32"] | ServedModel = taken(
        lambda job: job.model.served or job.model.dtype
    )
    version: int = taken(lambda job: job.settings.detector_version)
    journal: str = taken(lambda job: job.journal)

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:
        names = super().param_names(plan)
        return names if plan.weighing else [name for name in names if name != "classes"]


@dataclass(frozen=True, kw_only=True)
class MergeSlicesParams(RuleParams):
    """Parameters of merge_slices.

    Attributes:
        half: from the table of videos. The manifest has none, as a name that is corrected there
            would detect the video again.
    """

    half: OneHalf = taken(lambda job: job.half)
    merge: MergeSettings = taken(lambda job: job.settings.merge)
    context: ContextSettings = taken(lambda job: job.settings.context)


@dataclass(frozen=True, kw_only=True)
class SpotEvidenceParams(RuleParams):
    """Parameters of spot_evidence.

    Attributes:
        window: most seconds between an event and its repeats.
    """

    classes: list[str] = taken(lambda job: job.plan.weighed_classes)
    half: OneHalf = taken(lambda job: job.half)
    window: float = taken(lambda job: job.settings.merge.window)


@dataclass(frozen=True, kw_only=True)
class LearnModelParams(ClassParams):
    """Parameters of learn_model.

    Attributes:
        videos: in the order of the inputs.
        slices: that each of them has.
        radius: most seconds between an event and its repeats.
        tolerance: most seconds between an event and the true one.
        classes: that the labels are complete for, if not all.
    """

    videos: list[AnnotatedVideo] = taken(lambda job: job.plan.labelled_videos)
    slices: int = taken(lambda job: job.settings.slices)
    radius: float = taken(lambda job: job.settings.merge.window)
    tolerance: float = taken(lambda job: job.settings.matching_tolerance)
    resamples: int = taken(lambda job: job.settings.evaluation.resamples)
    seed: int = taken(lambda job: job.settings.random_seed)
    classes: list[str] | None = taken(lambda job: job.settings.evaluation.classes)


@dataclass(frozen=True, kw_only=True)
class SpotLearnedParams(RuleParams):
    """Parameters of spot_learned.

    Attributes:
        window: most seconds between an event and its repeats.
        game: what is learnt from a game is not used on it.
    """

    half: OneHalf = taken(lambda job: job.half)
    window: float = taken(lambda job: job.settings.merge.window)
    game: str = taken(lambda job: job.game)


@dataclass(frozen=True, kw_only=True)
class ReadGivenParams(RuleParams):
    """Parameters of read_given."""

    half: OneHalf = taken(lambda job: job.half)
    window: Annotated[
        WindowSettings, PlainSerializer(lambda given: given.model_dump(exclude={"outside_halves"}))
    ] = taken(lambda job: job.settings.window)
    merge: MergeSettings = taken(lambda job: job.settings.merge)
    context: ContextSettings = taken(lambda job: job.settings.context)


@dataclass(frozen=True, kw_only=True)
class CompareModelsParams(RuleParams):
    """Parameters of compare_models.

    Attributes:
        models: in the order of their files.
    """

    models: list[str] = taken(lambda job: job.plan.models_of(job.video))
    tolerance: float = taken(lambda job: job.settings.matching_tolerance)
    shifts: int = taken(lambda job: job.settings.chance_shifts)
    seed: int = taken(lambda job: job.settings.random_seed)


@dataclass(frozen=True, kw_only=True)
class FuseModelsParams(RuleParams):
    """Parameters of fuse_models.

    Attributes:
        models: in the order of their files.
        ensemble: without its members, as `models` has those that are fused.
        others: by model, those whose agreement says something about its events.
        game: what is learnt from a game is not used on it.
    """

    models: list[str] = taken(lambda job: job.plan.fused_models(job.video))
    tolerance: float = taken(lambda job: job.settings.matching_tolerance)
    ensemble: Annotated[
        EnsembleSettings, PlainSerializer(lambda given: given.model_dump(exclude={"members"}))
    ] = taken(lambda job: job.settings.ensemble)
    others: dict[str, list[str]] = taken(lambda job: job.plan.opinions(job.video))
    half: OneHalf = taken(lambda job: job.half)
    game: str = taken(lambda job: job.game)


@dataclass(frozen=True, kw_only=True)
class EvaluateModelParams(ClassParams):
    """Parameters of evaluate_model.

    Attributes:
        videos: in the order of the inputs.
    """

    videos: list[AnnotatedVideo] = taken(lambda job: job.plan.annotated_videos(job.wildcards.model))
    tolerance: float = taken(lambda job: job.settings.matching_tolerance)
    tolerances: list[float] = taken(lambda job: job.settings.evaluation.tolerances)
    shifts: int = taken(lambda job: job.settings.chance_shifts)
    resamples: int = taken(lambda job: job.settings.evaluation.resamples)
    seed: int = taken(lambda job: job.settings.random_seed)
    classes: list[str] | None = taken(lambda job: job.settings.evaluation.classes)


@dataclass(frozen=True, kw_only=True)
class CalibrateModelParams(ClassParams):
    """Parameters of calibrate_model.

    Attributes:
        videos: in the order of the inputs.
    """

    videos: list[AnnotatedVideo] = taken(lambda job: job.plan.annotated_videos(job.wildcards.model))
    tolerance: float = taken(lambda job: job.settings.matching_tolerance)
    classes: list[str] | None = taken(lambda job: job.settings.evaluation.classes)


@dataclass(frozen=True, kw_only=True)
class ShortlistEventsParams(ClassParams):
    """Parameters of shortlist_events.

    Attributes:
        game: what is learnt from a game is not used on it.
    """

    per_class: int = taken(lambda job: job.settings.shortlist.per_class)
    game: str = taken(lambda job: job.game)


@dataclass(frozen=True, kw_only=True)
class ExportModelParams(ClassParams):
    """Parameters of export_model.

    Attributes:
        videos: in the order of the inputs. Their paths are left out, as a move changes no export.
    """

    videos: list[
        Annotated[
            Video, PlainSerializer(lambda video: video.model_dump(exclude={"path", "labels"}))
        ]
    ] = taken(lambda job: job.videos_of_model)


@dataclass(frozen=True, kw_only=True)
class SummarizeParams(ClassParams):
    """Parameters of summarize.

    Attributes:
        rows: in the order of the inputs.
    """

    rows: list[PredictedVideo] = taken(lambda job: job.plan.predicted)
    missing: list[MissingPredictions] = taken(lambda job: job.plan.missing)


@dataclass(frozen=True, kw_only=True)
class DrawThumbnailsParams(ClassParams):
    """Parameters of draw_thumbnails.

    Attributes:
        models: in the order of their files.
        window: length of a window, seconds.
    """

    half: OneHalf = taken(lambda job: job.half)
    models: list[str] = taken(lambda job: job.plan.models_of(job.video))
    tolerance: float = taken(lambda job: job.settings.matching_tolerance)
    classes: list[str] | None = taken(lambda job: job.settings.evaluation.classes)
    per_class: int = taken(lambda job: job.settings.shortlist.per_class)
    window: float = taken(lambda job: job.settings.window.seconds)


@dataclass(frozen=True, kw_only=True)
class CutClipsParams(ClassParams):
    """Parameters of cut_clips.

    Attributes:
        model: whose shortlist is cut; None where the video has labels.
    """

    name: OneName = taken(lambda job: job.plan.name_of(job.video))
    model: str | None = taken(lambda job: job.plan.model_to_cut(job.video))
    clips: ClipsSettings = taken(lambda job: job.settings.clips)


@dataclass(frozen=True, kw_only=True)
class ReportMatchParams(ClassParams):
    """Parameters of report_match.

    Attributes:
        models: in the order of their files.
        weighing: the models with evidence, in the order of its files.
        learned: the models that events are learnt from, in the order of their probabilities; no
            parameter of runs that learn nothing, whose pages would otherwise be made again.
    """

    models: list[str] = taken(lambda job: job.plan.models_of(job.video))
    tolerance: float = taken(lambda job: job.settings.matching_tolerance)
    classes: list[str] | None = taken(lambda job: job.settings.evaluation.classes)
    name: OneName = taken(lambda job: job.plan.name_of(job.video))
    weighing: list[str] = taken(lambda job: job.plan.weighing)
    learned: list[str] = taken(
        lambda job: [each.model for each in job.plan.learned_of(job.video)], default_factory=list
    )

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:
        names = super().param_names(plan)
        return names if plan.learned else [name for name in names if name != "learned"]


@dataclass(frozen=True, kw_only=True)
class ReportRunParams(RuleParams):
    """Parameters of report_run.

    Attributes:
        run: the models that run.
        fused: the videos with an ensemble.
        benchmarks: pattern of the measurements. They are no inputs, as what was measured makes
            nothing run again.
    """

    rows: list[PredictedVideo] = taken(lambda job: job.plan.predicted)
    missing: list[MissingPredictions] = taken(lambda job: job.plan.missing)
    names: dict[int, OneName] = taken(
        lambda job: {v: job.plan.name_of(v) for v in job.plan.inputs.selected}
    )
    run: list[str] = taken(lambda job: job.settings.detect_with)
    slices: int = taken(lambda job: job.settings.slices)
    window: WindowSettings = taken(lambda job: job.settings.window)
    fused: list[int] = taken(lambda job: [each.video for each in job.plan.fused])
    tolerance: float = taken(lambda job: job.settings.matching_tolerance)
    benchmarks: str = taken(lambda job: f"{job.settings.results}/{paths.DETECT_BENCHMARK}")


@dataclass(frozen=True, kw_only=True)
class RecordRunParams(RuleParams):
    """Parameters of record_run."""

    results: list[str]
