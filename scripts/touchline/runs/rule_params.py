"""The parameters of each rule, as a record that the rule makes and its script reads.

Snakemake keeps the parameters of a finished job as text, and runs the job again when one of them
changes. It overlooks every parameter that is not plain data. So a rule passes each field of its
record as plain data, and its script makes the record again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, PlainSerializer

from touchline.core import paths
from touchline.core.params import AnnotatedVideo, MissingPredictions, Predicted
from touchline.inputs.fingerprint import content_of
from touchline.inputs.settings import (
    ContextSettings,
    EnsembleSettings,
    GenerationSettings,
    ImageSettings,
    MergeSettings,
    WindowSettings,
)
from touchline.inputs.videos import GameHalf, Name, Video

if TYPE_CHECKING:
    from touchline.runs.plan import Plan


class Wildcards(Protocol):
    """The wildcards of a job; a rule has those that its outputs name."""

    model: str
    video: str
    slice: str


class RuleParams(BaseModel):
    """Base of every record; each field is a parameter of the rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        """Make the record of a job."""
        raise NotImplementedError

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:  # noqa: ARG003
        """Name the parameters that the rule has in this run."""
        return list(cls.model_fields)

    @classmethod
    def read(cls, job: Any) -> Self:
        """Make the record again from the parameters of Snakemake's object of the job."""
        return cls.model_validate(dict(job.params.items()))


class ProbeVideoParams(RuleParams):
    """Parameters of probe_video.

    Attributes:
        content: fingerprint of the video, so that the job runs again if the video is replaced.
    """

    content: str | None
    max_duration: float | None

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        inputs = plan.inputs
        return cls(
            content=content_of(inputs.videos[int(wildcards.video)].footage),
            max_duration=inputs.settings.max_duration,
        )


class FetchModelParams(RuleParams):
    """Parameters of fetch_model."""

    checkpoint: str
    revision: str | None
    family: str

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        model = plan.inputs.settings.models[wildcards.model]
        assert model.checkpoint is not None
        return cls(checkpoint=model.checkpoint, revision=model.revision, family=model.family)


class FetchAdapterParams(RuleParams):
    """Parameters of fetch_adapter."""

    adapter: str
    revision: str | None

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        model = plan.inputs.settings.models[wildcards.model]
        assert model.adapter is not None
        return cls(adapter=model.adapter, revision=model.adapter_revision)


class DetectSliceParams(RuleParams):
    """Parameters of detect_slice.

    Attributes:
        classes: the classes that are weighed; not a parameter of runs without evidence, whose
            slices would otherwise be detected again.
        journal: folder of the answers so far.
    """

    classes: list[str] = []
    slices: int
    window: WindowSettings
    image: ImageSettings
    generation: Annotated[
        GenerationSettings, PlainSerializer(lambda generation: generation.shaping)
    ]
    dtype: Literal["auto", "bfloat16", "float16", "float32"]
    version: int
    journal: str

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        settings = plan.inputs.settings
        journal = paths.JOURNAL.format(
            model=wildcards.model, video=wildcards.video, slice=wildcards.slice
        )
        return cls(
            classes=plan.weighed_classes,
            slices=settings.slices,
            window=settings.window,
            image=settings.image,
            generation=settings.generation,
            dtype=settings.models[wildcards.model].dtype,
            version=settings.detector_version,
            journal=f"{settings.results}/{journal}",
        )

    @classmethod
    def param_names(cls, plan: Plan) -> list[str]:
        return [name for name in cls.model_fields if name != "classes" or plan.weighing]


class MergeSlicesParams(RuleParams):
    """Parameters of merge_slices.

    Attributes:
        half: from the table of videos. The manifest has none, as a name that is corrected there
            would detect the video again.
    """

    half: GameHalf
    merge: MergeSettings
    context: ContextSettings

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        settings = plan.inputs.settings
        return cls(
            half=plan.half_of(int(wildcards.video)),
            merge=settings.merge,
            context=settings.context,
        )


class SpotEvidenceParams(RuleParams):
    """Parameters of spot_evidence.

    Attributes:
        window: most seconds between an event and its repeats.
    """

    classes: list[str]
    half: GameHalf
    window: float

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        return cls(
            classes=plan.weighed_classes,
            half=plan.half_of(int(wildcards.video)),
            window=plan.inputs.settings.merge.window,
        )


class ReadGivenParams(RuleParams):
    """Parameters of read_given."""

    half: GameHalf
    window: WindowSettings
    merge: MergeSettings
    context: ContextSettings

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        settings = plan.inputs.settings
        return cls(
            half=plan.half_of(int(wildcards.video)),
            window=settings.window,
            merge=settings.merge,
            context=settings.context,
        )


class CompareModelsParams(RuleParams):
    """Parameters of compare_models.

    Attributes:
        models: in the order of their files.
    """

    models: list[str]
    tolerance: float
    shifts: int
    seed: int

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        settings = plan.inputs.settings
        return cls(
            models=plan.models_of(int(wildcards.video)),
            tolerance=settings.matching_tolerance,
            shifts=settings.chance_shifts,
            seed=settings.random_seed,
        )


class FuseModelsParams(RuleParams):
    """Parameters of fuse_models.

    Attributes:
        models: in the order of their files.
        ensemble: without its members, as `models` has those that are fused.
        others: by model, those whose agreement says something about its events.
        game: what is learnt from a game is not used on it.
    """

    models: list[str]
    tolerance: float
    ensemble: Annotated[
        EnsembleSettings,
        PlainSerializer(lambda ensemble: ensemble.model_dump(exclude={"members"})),
    ]
    others: dict[str, list[str]]
    half: GameHalf
    game: str

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        settings, video = plan.inputs.settings, int(wildcards.video)
        return cls(
            models=plan.fused_models(video),
            tolerance=settings.matching_tolerance,
            ensemble=settings.ensemble,
            others=plan.opinions(video),
            half=plan.half_of(video),
            game=plan.inputs.games[video],
        )


class EvaluateModelParams(RuleParams):
    """Parameters of evaluate_model.

    Attributes:
        videos: in the order of the inputs.
    """

    videos: list[AnnotatedVideo]
    tolerance: float
    tolerances: list[float]
    shifts: int
    resamples: int
    seed: int
    classes: list[str] | None

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        settings = plan.inputs.settings
        return cls(
            videos=plan.annotated_videos(wildcards.model),
            tolerance=settings.matching_tolerance,
            tolerances=settings.evaluation.tolerances,
            shifts=settings.chance_shifts,
            resamples=settings.evaluation.resamples,
            seed=settings.random_seed,
            classes=settings.evaluation.classes,
        )


class CalibrateModelParams(RuleParams):
    """Parameters of calibrate_model.

    Attributes:
        videos: in the order of the inputs.
    """

    videos: list[AnnotatedVideo]
    tolerance: float
    classes: list[str] | None

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        settings = plan.inputs.settings
        return cls(
            videos=plan.annotated_videos(wildcards.model),
            tolerance=settings.matching_tolerance,
            classes=settings.evaluation.classes,
        )


class ShortlistEventsParams(RuleParams):
    """Parameters of shortlist_events.

    Attributes:
        game: what is learnt from a game is not used on it.
    """

    per_class: int
    game: str

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        return cls(
            per_class=plan.inputs.settings.shortlist.per_class,
            game=plan.inputs.games[int(wildcards.video)],
        )


class ExportModelParams(RuleParams):
    """Parameters of export_model.

    Attributes:
        videos: in the order of the inputs. Their paths are left out, as a move changes no export.
    """

    videos: list[
        Annotated[
            Video, PlainSerializer(lambda video: video.model_dump(exclude={"path", "labels"}))
        ]
    ]

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        videos = plan.inputs.videos
        return cls(videos=[videos[video] for video in plan.videos_of(wildcards.model)])


class SummarizeParams(RuleParams):
    """Parameters of summarize.

    Attributes:
        rows: in the order of the inputs.
    """

    rows: list[Predicted]
    missing: list[MissingPredictions]

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:  # noqa: ARG003
        return cls(rows=plan.predicted, missing=plan.missing)


class DrawThumbnailsParams(RuleParams):
    """Parameters of draw_thumbnails.

    Attributes:
        models: in the order of their files.
        window: length of a window, seconds.
    """

    models: list[str]
    tolerance: float
    classes: list[str] | None
    per_class: int
    window: float

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        settings = plan.inputs.settings
        return cls(
            models=plan.models_of(int(wildcards.video)),
            tolerance=settings.matching_tolerance,
            classes=settings.evaluation.classes,
            per_class=settings.shortlist.per_class,
            window=settings.window.seconds,
        )


class ReportMatchParams(RuleParams):
    """Parameters of report_match.

    Attributes:
        models: in the order of their files.
        weighing: the models with evidence, in the order of its files.
    """

    models: list[str]
    tolerance: float
    classes: list[str] | None
    name: Name
    weighing: list[str]

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:
        settings, video = plan.inputs.settings, int(wildcards.video)
        return cls(
            models=plan.models_of(video),
            tolerance=settings.matching_tolerance,
            classes=settings.evaluation.classes,
            name=plan.name_of(video),
            weighing=plan.weighing,
        )


class ReportRunParams(RuleParams):
    """Parameters of report_run.

    Attributes:
        run: the models that run.
        fused: the videos with an ensemble.
        benchmarks: pattern of the measurements. They are no inputs, as what was measured makes
            nothing run again.
    """

    rows: list[Predicted]
    missing: list[MissingPredictions]
    names: dict[int, Name]
    run: list[str]
    slices: int
    window: WindowSettings
    fused: list[int]
    tolerance: float
    benchmarks: str

    @classmethod
    def of(cls, plan: Plan, wildcards: Wildcards) -> Self:  # noqa: ARG003
        settings = plan.inputs.settings
        return cls(
            rows=plan.predicted,
            missing=plan.missing,
            names={video: plan.name_of(video) for video in plan.inputs.selected},
            run=settings.detect_with,
            slices=settings.slices,
            window=settings.window,
            fused=[each.video for each in plan.fused],
            tolerance=settings.matching_tolerance,
            benchmarks=f"{settings.results}/{paths.DETECT_BENCHMARK}",
        )


class RecordRunParams(RuleParams):
    """Parameters of record_run."""

    results: list[str]
