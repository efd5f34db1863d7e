"""Define the parameters of each rule as a record that the rule fills and its script reads.

Snakemake stores the parameters of a finished job as text, and repeats the job when one of them
changes. It overlooks parameters that are not plain data. Therefore a rule passes each field of its
record as plain data, and its script builds the record from them.
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
from touchline.inputs.fingerprint import content_id
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
    """The wildcards of a job. A job has only the wildcards that its rule's outputs name."""

    model: str
    video: str
    slice: str


@dataclass(frozen=True)
class PlannedJob:
    """A job of a run, identified by its wildcards."""

    plan: Plan
    wildcards: Wildcards

    @property
    def settings(self) -> Settings:
        """Return the settings of the run."""
        return self.plan.inputs.settings

    @property
    def video(self) -> int:
        """Return the number of the job's video."""
        return int(self.wildcards.video)

    @property
    def model(self) -> ModelSettings:
        """Return the settings of the job's model."""
        return self.settings.models[self.wildcards.model]

    @property
    def half(self) -> GameHalf:
        """Return the game and half of the job's video."""
        return self.plan.half_for_video(self.video)

    @property
    def journal(self) -> str:
        """Return the folder of the slice's journal."""
        place = {name: getattr(self.wildcards, name) for name in ("model", "video", "slice")}
        return f"{self.settings.results}/{paths.JOURNAL.format(**place)}"

    @property
    def model_videos(self) -> list[Video]:
        """Return the videos in which the job's model has events."""
        videos = self.plan.inputs.videos
        return [videos[video] for video in self.plan.videos_for_model(self.wildcards.model)]

    @property
    def game(self) -> str:
        """Return the game of the job's video."""
        return self.plan.inputs.games[self.video]


class WatchedWindows(WindowSettings):
    """The windows of a slice. If the starts of halves are known, windows lie within the halves."""

    halves: tuple[HalfStart, ...] = ()

    @classmethod
    def of(cls, window: WindowSettings, half: GameHalf) -> Self:
        """Combine the settings of windows with the halves of a video."""
        halves = () if window.outside_halves else half.halves
        return cls(**window.model_dump(exclude={"outside_halves"}), halves=halves)

    @model_serializer(mode="wrap")
    def _without_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out newer fields that have their default.

        Otherwise, each new field would cause all slices to be detected again.
        """
        fields = dump(self)
        del fields["outside_halves"]
        return fields if self.halves else {k: v for k, v in fields.items() if k != "halves"}


def _plain_half(of: GameHalf) -> dict[str, Any]:
    """Convert to plain data.

    Leave out empty `halves`, so that results of earlier versions stay valid.
    """
    plain = asdict(of)
    return plain if of.halves else {k: v for k, v in plain.items() if k != "halves"}


OneHalf = Annotated[GameHalf, PlainSerializer(_plain_half)]
OneName = Annotated[Name, PlainSerializer(_plain_half)]


def job_field(value: Callable[[PlannedJob], T], **options: Any) -> T:
    """Declare a field of a record, with a function that returns its value for a job."""
    declared: T = field(metadata={"value": value}, **options)
    return declared


def _with_lists(value: Any) -> Any:
    """Convert tuples in plain data to lists. Snakemake misses changes in tuples."""
    if isinstance(value, dict):
        return {key: _with_lists(each) for key, each in value.items()}
    return list(map(_with_lists, value)) if isinstance(value, list | tuple) else value


@dataclass(frozen=True, kw_only=True)
class RuleParams:
    """Base class of the records. Each field is a parameter of the rule."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    @classmethod
    def plain(cls, job: PlannedJob) -> dict[str, Any]:
        """Return the parameters of a job as plain data."""
        made = cls(**{each.name: each.metadata["value"](job) for each in fields(cls)})
        plain: dict[str, Any] = _with_lists(TypeAdapter(cls).dump_python(made))
        return plain

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:  # noqa: ARG003
        """Return the names of the parameters that the rule has in this run."""
        return [each.name for each in fields(cls)]

    @classmethod
    def read(cls, job: Any) -> Self:
        """Build the record from the parameters in Snakemake's job object."""
        return TypeAdapter(cls).validate_python(dict(job.params.items()))


@dataclass(frozen=True, kw_only=True)
class ClassParams(RuleParams):
    """Parameters of a rule that reads labels.yaml.

    Attributes:
        taught: classes beyond labels.yaml. If a run has none, the parameter is left out, so that
            results of earlier versions stay valid.
    """

    taught: list[str] = job_field(lambda job: list(job.plan.inputs.taught), default_factory=list)

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:
        """Return the names of the parameters. `taught` is left out if it is empty."""
        names = super().param_names(plan)
        return names if plan.inputs.taught else [name for name in names if name != "taught"]


@dataclass(frozen=True, kw_only=True)
class ProbeVideoParams(RuleParams):
    """Parameters of probe_video.

    Attributes:
        content: fingerprint of the video. If the video is replaced, the fingerprint changes, and
            Snakemake repeats the job.
        max_duration: most seconds of a video to process; None for all.
    """

    content: str | None = job_field(
        lambda job: content_id(job.plan.inputs.videos[job.video].footage)
    )
    max_duration: float | None = job_field(lambda job: job.settings.max_duration)


@dataclass(frozen=True, kw_only=True)
class FetchModelParams(RuleParams):
    """Parameters of fetch_model.

    Attributes:
        checkpoint: name or path of the checkpoint.
        revision: revision of the checkpoint; None for the latest.
        family: kind of model.
        trust_code: whether the checkpoint's own code may run. If a run trusts no code, the
            parameter is left out, so that models fetched by earlier versions stay valid.
    """

    checkpoint: str = job_field(lambda job: job.model.checkpoint or "")
    revision: str | None = job_field(lambda job: job.model.revision)
    family: str = job_field(lambda job: job.model.family)
    trust_code: bool = job_field(lambda job: job.model.trust_code, default=False)

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:
        """Return the names of the parameters. `trust_code` is left out if no model has it."""
        names = super().param_names(plan)
        trusts_code = any(model.trust_code for model in plan.inputs.settings.models.values())
        return names if trusts_code else [name for name in names if name != "trust_code"]


@dataclass(frozen=True, kw_only=True)
class FetchAdapterParams(RuleParams):
    """Parameters of fetch_adapter."""

    adapter: str = job_field(lambda job: job.model.adapter or "")
    revision: str | None = job_field(lambda job: job.model.adapter_revision)


@dataclass(frozen=True, kw_only=True)
class DetectSliceParams(RuleParams):
    """Parameters of detect_slice.

    Attributes:
        classes: the classes that evidence is computed for. If a run keeps no evidence, the
            parameter is left out, so that slices of earlier versions stay valid.
        slices: number of slices per video.
        window: the windows of the video.
        image: size of the frames.
        generation: settings of the answers.
        model: data type of a local model, or the identity of a server's model.
        version: version of the detector.
        journal: folder of the slice's journal.
    """

    classes: list[str] = job_field(lambda job: job.plan.weighed_classes, default_factory=list)
    slices: int = job_field(lambda job: job.settings.slices)
    window: WatchedWindows = job_field(lambda job: WatchedWindows.of(job.settings.window, job.half))
    image: ImageSettings = job_field(lambda job: job.settings.image)
    generation: Annotated[GenerationSettings, PlainSerializer(lambda given: given.shaping)] = (
        job_field(lambda job: job.settings.generation)
    )
    model: Literal["auto", "bfloat16", "float16", "float32"] | ServedModel = job_field(
        lambda job: job.model.served or job.model.dtype
    )
    version: int = job_field(lambda job: job.settings.detector_version)
    journal: str = job_field(lambda job: job.journal)

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:
        """Return the names of the parameters, without `classes` if no model keeps evidence."""
        names = super().param_names(plan)
        return names if plan.models_with_evidence else [name for name in names if name != "classes"]


@dataclass(frozen=True, kw_only=True)
class MergeSlicesParams(RuleParams):
    """Parameters of merge_slices.

    Attributes:
        half: game and half from the table of videos. The manifest does not contain them, so
            correcting a name does not repeat the detection.
        merge: settings of merging.
        context: settings of the context score.
    """

    half: OneHalf = job_field(lambda job: job.half)
    merge: MergeSettings = job_field(lambda job: job.settings.merge)
    context: ContextSettings = job_field(lambda job: job.settings.context)


@dataclass(frozen=True, kw_only=True)
class SpotEvidenceParams(RuleParams):
    """Parameters of spot_evidence.

    Attributes:
        classes: the classes that evidence is computed for.
        half: game and half of the video.
        window: largest distance between an event and its duplicates, in seconds.
    """

    classes: list[str] = job_field(lambda job: job.plan.weighed_classes)
    half: OneHalf = job_field(lambda job: job.half)
    window: float = job_field(lambda job: job.settings.merge.window)


@dataclass(frozen=True, kw_only=True)
class LearnModelParams(ClassParams):
    """Parameters of learn_model.

    Attributes:
        videos: annotated videos, in the order of the inputs.
        slices: number of slices per video.
        radius: largest distance between an event and its duplicates, in seconds.
        tolerance: largest distance between an event and the annotation that it is paired with, in
            seconds.
        resamples: number of resamples for intervals.
        seed: seed of the random numbers.
        classes: classes whose annotations are complete; None for all.
    """

    videos: list[AnnotatedVideo] = job_field(lambda job: job.plan.labelled_videos)
    slices: int = job_field(lambda job: job.settings.slices)
    radius: float = job_field(lambda job: job.settings.merge.window)
    tolerance: float = job_field(lambda job: job.settings.matching_tolerance)
    resamples: int = job_field(lambda job: job.settings.evaluation.resamples)
    seed: int = job_field(lambda job: job.settings.random_seed)
    classes: list[str] | None = job_field(lambda job: job.settings.evaluation.classes)


@dataclass(frozen=True, kw_only=True)
class SpotLearnedParams(RuleParams):
    """Parameters of spot_learned.

    Attributes:
        half: game and half of the video.
        window: largest distance between an event and its duplicates, in seconds.
        game: game of the video. The learnt model that is used was not trained on this game.
    """

    half: OneHalf = job_field(lambda job: job.half)
    window: float = job_field(lambda job: job.settings.merge.window)
    game: str = job_field(lambda job: job.game)


@dataclass(frozen=True, kw_only=True)
class ReadGivenParams(RuleParams):
    """Parameters of read_given."""

    half: OneHalf = job_field(lambda job: job.half)
    window: Annotated[
        WindowSettings, PlainSerializer(lambda given: given.model_dump(exclude={"outside_halves"}))
    ] = job_field(lambda job: job.settings.window)
    merge: MergeSettings = job_field(lambda job: job.settings.merge)
    context: ContextSettings = job_field(lambda job: job.settings.context)


@dataclass(frozen=True, kw_only=True)
class CompareModelsParams(RuleParams):
    """Parameters of compare_models.

    Attributes:
        models: models in the order of their files.
        tolerance: largest distance between two paired events, in seconds.
        shifts: number of shifts for the estimate of chance.
        seed: seed of the random numbers.
    """

    models: list[str] = job_field(lambda job: job.plan.models_for_video(job.video))
    tolerance: float = job_field(lambda job: job.settings.matching_tolerance)
    shifts: int = job_field(lambda job: job.settings.chance_shifts)
    seed: int = job_field(lambda job: job.settings.random_seed)


@dataclass(frozen=True, kw_only=True)
class FuseModelsParams(RuleParams):
    """Parameters of fuse_models.

    Attributes:
        models: models in the order of their files.
        tolerance: largest distance between two paired events, in seconds.
        ensemble: settings of the ensemble, without its members, which `models` replaces.
        others: for each model, the other models that its calibration compares it with.
        half: game and half of the video.
        game: game of the video. Scores are not learnt from this game.
    """

    models: list[str] = job_field(lambda job: job.plan.fused_models(job.video))
    tolerance: float = job_field(lambda job: job.settings.matching_tolerance)
    ensemble: Annotated[
        EnsembleSettings, PlainSerializer(lambda given: given.model_dump(exclude={"members"}))
    ] = job_field(lambda job: job.settings.ensemble)
    others: dict[str, list[str]] = job_field(
        lambda job: job.plan.compared_models_by_member(job.video)
    )
    half: OneHalf = job_field(lambda job: job.half)
    game: str = job_field(lambda job: job.game)


@dataclass(frozen=True, kw_only=True)
class EvaluateModelParams(ClassParams):
    """Parameters of evaluate_model.

    Attributes:
        videos: annotated videos, in the order of the inputs.
        tolerance: largest distance between an event and the annotation that it is paired with, in
            seconds.
        tolerances: further tolerances in seconds.
        shifts: number of shifts for the estimate of chance.
        resamples: number of resamples for intervals.
        seed: seed of the random numbers.
        classes: classes to evaluate; None for all.
    """

    videos: list[AnnotatedVideo] = job_field(
        lambda job: job.plan.annotated_videos(job.wildcards.model)
    )
    tolerance: float = job_field(lambda job: job.settings.matching_tolerance)
    tolerances: list[float] = job_field(lambda job: job.settings.evaluation.tolerances)
    shifts: int = job_field(lambda job: job.settings.chance_shifts)
    resamples: int = job_field(lambda job: job.settings.evaluation.resamples)
    seed: int = job_field(lambda job: job.settings.random_seed)
    classes: list[str] | None = job_field(lambda job: job.settings.evaluation.classes)


@dataclass(frozen=True, kw_only=True)
class CalibrateModelParams(ClassParams):
    """Parameters of calibrate_model.

    Attributes:
        videos: annotated videos, in the order of the inputs.
        tolerance: largest distance between an event and the annotation that it is paired with, in
            seconds.
        classes: classes to evaluate; None for all.
    """

    videos: list[AnnotatedVideo] = job_field(
        lambda job: job.plan.annotated_videos(job.wildcards.model)
    )
    tolerance: float = job_field(lambda job: job.settings.matching_tolerance)
    classes: list[str] | None = job_field(lambda job: job.settings.evaluation.classes)


@dataclass(frozen=True, kw_only=True)
class ShortlistEventsParams(ClassParams):
    """Parameters of shortlist_events.

    Attributes:
        per_class: number of events to list per class.
        game: game of the video. The calibration that is used was not learnt from this game.
    """

    per_class: int = job_field(lambda job: job.settings.shortlist.per_class)
    game: str = job_field(lambda job: job.game)


@dataclass(frozen=True, kw_only=True)
class ExportModelParams(ClassParams):
    """Parameters of export_model.

    Attributes:
        videos: videos in the order of the inputs, without their paths, because moving a video
            changes no export.
    """

    videos: list[
        Annotated[
            Video, PlainSerializer(lambda video: video.model_dump(exclude={"path", "labels"}))
        ]
    ] = job_field(lambda job: job.model_videos)


@dataclass(frozen=True, kw_only=True)
class SummarizeParams(ClassParams):
    """Parameters of summarize.

    Attributes:
        rows: pairs of video and model, in the order of the inputs.
        missing: given predictions whose files do not exist.
    """

    rows: list[PredictedVideo] = job_field(lambda job: job.plan.predicted)
    missing: list[MissingPredictions] = job_field(lambda job: job.plan.missing)


@dataclass(frozen=True, kw_only=True)
class DrawThumbnailsParams(ClassParams):
    """Parameters of draw_thumbnails.

    Attributes:
        half: game and half of the video.
        models: models in the order of their files.
        tolerance: largest distance between two paired events, in seconds.
        classes: classes to evaluate; None for all.
        per_class: number of events to list per class.
        window: length of a window in seconds.
    """

    half: OneHalf = job_field(lambda job: job.half)
    models: list[str] = job_field(lambda job: job.plan.models_for_video(job.video))
    tolerance: float = job_field(lambda job: job.settings.matching_tolerance)
    classes: list[str] | None = job_field(lambda job: job.settings.evaluation.classes)
    per_class: int = job_field(lambda job: job.settings.shortlist.per_class)
    window: float = job_field(lambda job: job.settings.window.seconds)


@dataclass(frozen=True, kw_only=True)
class CutClipsParams(ClassParams):
    """Parameters of cut_clips.

    Attributes:
        name: game, half and teams of the video.
        model: model whose shortlist is cut; None if the annotations are cut.
        clips: settings of the clips.
    """

    name: OneName = job_field(lambda job: job.plan.name_for_video(job.video))
    model: str | None = job_field(lambda job: job.plan.model_to_cut(job.video))
    clips: ClipsSettings = job_field(lambda job: job.settings.clips)


@dataclass(frozen=True, kw_only=True)
class ReportMatchParams(ClassParams):
    """Parameters of report_match.

    Attributes:
        models: models in the order of their files.
        tolerance: largest distance between two paired events, in seconds.
        classes: classes to evaluate; None for all.
        name: game, half and teams of the video.
        weighing: models with evidence, in the order of their evidence files.
        learned: models with learnt events, in the order of their files of probabilities. If a run
            learns nothing, the parameter is left out, so that pages of earlier versions stay valid.
    """

    models: list[str] = job_field(lambda job: job.plan.models_for_video(job.video))
    tolerance: float = job_field(lambda job: job.settings.matching_tolerance)
    classes: list[str] | None = job_field(lambda job: job.settings.evaluation.classes)
    name: OneName = job_field(lambda job: job.plan.name_for_video(job.video))
    weighing: list[str] = job_field(lambda job: job.plan.models_with_evidence)
    learned: list[str] = job_field(
        lambda job: [each.model for each in job.plan.learned_for_video(job.video)],
        default_factory=list,
    )

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:
        """Return the names of the parameters, without `learned` if nothing is learnt."""
        names = super().param_names(plan)
        return names if plan.learned else [name for name in names if name != "learned"]


@dataclass(frozen=True, kw_only=True)
class ReportRunParams(RuleParams):
    """Parameters of report_run.

    Attributes:
        rows: pairs of video and model with events.
        missing: given predictions whose files do not exist.
        names: game, half and teams of each video, by number.
        run: models that run.
        slices: number of slices per video.
        window: settings of the windows.
        fused: videos with an ensemble.
        tolerance: largest distance between two paired events, in seconds.
        benchmarks: pattern of the files with measurements. They are not inputs, because new
            measurements must not repeat the job.
    """

    rows: list[PredictedVideo] = job_field(lambda job: job.plan.predicted)
    missing: list[MissingPredictions] = job_field(lambda job: job.plan.missing)
    names: dict[int, OneName] = job_field(
        lambda job: {v: job.plan.name_for_video(v) for v in job.plan.inputs.selected}
    )
    run: list[str] = job_field(lambda job: job.settings.detect_with)
    slices: int = job_field(lambda job: job.settings.slices)
    window: WindowSettings = job_field(lambda job: job.settings.window)
    fused: list[int] = job_field(lambda job: [each.video for each in job.plan.fused])
    tolerance: float = job_field(lambda job: job.settings.matching_tolerance)
    benchmarks: str = job_field(lambda job: f"{job.settings.results}/{paths.DETECT_BENCHMARK}")


@dataclass(frozen=True, kw_only=True)
class RecordRunParams(RuleParams):
    """Parameters of record_run."""

    results: list[str]
