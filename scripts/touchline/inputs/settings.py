"""Every setting of the workflow, with its name, default, range, unit and meaning.

`config.yaml` contains the values that a run starts from. `read_settings` checks the settings that
Snakemake read, or raises an error with one line per mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from touchline.core.paths import evidence_model_name, learned_model_name
from touchline.errors import InputError, nearest
from touchline.inputs.clock import HalfStarts
from touchline.inputs.families import FAMILIES, GENERIC, SERVER
from touchline.inputs.places import check_braces, check_name, expand_path
from touchline.inputs.served import REQUESTS, Access, FramesAs, ServedModel
from touchline.inputs.videos import Video, ranges, read_videos, select

# Every number has a finite range that includes all sensible values.
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Tolerance = Annotated[float, Field(ge=0, le=3_600)]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Keep = Literal["first", "best", "run"]
Method = Literal["union", "intersection", "weighted", "nms"]


def _plain(name: str) -> str:
    """Check that a model's name suits file names, in which "_" separates the parts."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", name):
        raise ValueError(f"{name!r} cannot name a model; use letters, digits, '-' and '.'")
    if name == "ensemble":
        raise ValueError("the name ensemble is taken by the fused predictions; choose another")
    return name


ModelName = Annotated[str, AfterValidator(_plain)]


def _one_or_many(value: Any) -> Any:
    """Put a single name into a list."""
    return [value] if isinstance(value, str) else value


ModelNames = Annotated[list[ModelName], BeforeValidator(_one_or_many)]


_FAMILIES = (*FAMILIES, GENERIC, SERVER)


def _known(name: str) -> str:
    """Check the name of a model family."""
    if name not in _FAMILIES:
        raise ValueError(f"{name!r} is not a known family{nearest(name, _FAMILIES)}")
    return name


Family = Annotated[
    str, AfterValidator(_known), WithJsonSchema({"enum": list(_FAMILIES), "type": "string"})
]


def _without_credentials(endpoint: str) -> str:
    """Check the address of a server.

    No message repeats the address, because it may contain a password or a key.
    """
    try:
        parts = urlsplit(endpoint)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # Raises ValueError if the port is not a number.
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError("this is not the address of a server; write it like http://host:8000/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            "the address has a user, password or parameters, which would be written to the "
            "run's record; leave them out, and name the variable of the key in key_variable"
        )
    return endpoint.rstrip("/")


def _variable(name: str) -> str:
    # The message does not repeat the name, because it may be the key itself.
    """Check the name of an environment variable."""
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise ValueError(
            "this is not the name of an environment variable; write a name like "
            "OPENAI_API_KEY, and keep the key itself out of every file"
        )
    return name


def _checked(path: str, check: Callable[[str], None]) -> str:
    """Check a path and return it. Raise ValueError, which pydantic reports as a mistake."""
    try:
        check(path)
    except InputError as error:
        raise ValueError(str(error)) from None
    return path


def _expanded(value: Any) -> Any:
    """Expand ~ and variables in a path, and check its name."""
    return _checked(expand_path(value), check_name) if isinstance(value, str) else value


# A path, or a name that can be a path, with ~ and $HOME expanded as in a shell.
Place = Annotated[str, BeforeValidator(_expanded)]

# The folder of all results, or of all models.
Folder = Annotated[Place, AfterValidator(partial(_checked, check=check_braces))]


class Section(BaseModel):
    """Base class of every group of settings. Unknown keys are mistakes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )


class WindowSettings(Section):
    """Division of a slice into windows, and of a window into frames."""

    fps: Annotated[float, Field(gt=0, le=60)] = Field(1.0, description="sampled frames per second")
    frames: Annotated[int, Field(ge=1, le=256)] = Field(
        4, description="maximum number of frames per window; the model's context is the limit"
    )
    seconds: Seconds = Field(4.0, description="length of a window, in seconds")
    step: Seconds = Field(2.0, description="seconds between the starts of two windows")
    cross_slices: bool = Field(
        False,
        description="let windows extend past the end of their slice, so that answers do not depend "
        "on `slices`",
    )
    outside_halves: bool = Field(
        False, description="also look at the time outside the halves, if their starts are given"
    )

    @model_validator(mode="after")
    def _no_gaps(self) -> WindowSettings:
        """Check that windows and their frames leave no part of the video unseen."""
        if self.step > self.seconds:
            raise ValueError(
                f"step ({self.step:g} s) is longer than seconds ({self.seconds:g} s), so the time "
                "between windows would never be looked at; make step at most seconds"
            )
        if self.frames / self.fps < self.step:
            raise ValueError(
                f"frames: {self.frames} at fps: {self.fps:g} show {self.frames / self.fps:g} s per "
                f"window, but windows start {self.step:g} s apart, so some time would be skipped. "
                "Set more frames, fewer fps, or a shorter step"
            )
        return self


class ImageSettings(Section):
    """Scaling of frames for the model."""

    max_size: Annotated[int, Field(ge=28, le=8_192)] = Field(
        384,
        description="length to which the longer side of a frame is first scaled down, in pixels",
    )
    fit: Literal["pad", "crop", "stretch"] = Field(
        "pad",
        description="how the picture fills the model's square: pad shows all of it, crop cuts off "
        "the sides as the stock processor does, stretch changes the aspect ratio",
    )


class GenerationSettings(Section):
    """Generation of the model's answers."""

    max_new_tokens: Annotated[int, Field(ge=1, le=8_192)] = Field(
        256, description="maximum number of tokens in an answer"
    )
    do_sample: bool = Field(
        False, description="true: sample tokens; false: take the most likely token"
    )
    temperature: Annotated[float, Field(gt=0, le=100)] = Field(
        0.7, description="used with do_sample"
    )
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(0.9, description="used with do_sample")
    seed: Seed = Field(0, description="used with do_sample")
    evidence: bool = Field(
        False,
        description="compute the likelihood of every class, and of none, in every window. The "
        "events spotted from it count as another model, with the suffix _evidence",
    )
    answers: bool = Field(
        True, description="generate answers; false: only evidence, which is faster"
    )

    @model_validator(mode="after")
    def _asks_something(self) -> GenerationSettings:
        """Check that answers or evidence are requested."""
        if not (self.answers or self.evidence):
            raise ValueError(
                "answers and evidence are both false, so models would have nothing to do; set "
                "evidence: true for evidence alone"
            )
        return self

    @property
    def shaping(self) -> dict[str, Any]:
        """Return the settings that determine results, as plain data.

        If `evidence` is off, `evidence` and `answers` are left out. So results and unfinished
        slices from older versions, which lack these settings, stay valid.
        """
        return self.model_dump(exclude=set() if self.evidence else {"evidence", "answers"})


class BatchSettings(Section):
    """Number of windows that a model answers at a time. It changes the speed, not the answers."""

    windows: Literal["auto"] | Annotated[int, Field(ge=1, le=1_024)] = Field(
        "auto",
        description="windows per batch; auto: as the GPU's memory allows, at most 8 on a CPU, 16 "
        "requests to a server",
    )


class MergeSettings(Section):
    """Merging of duplicate events from overlapping windows."""

    window: Tolerance = Field(
        3.0,
        description="distance, in seconds, within which an event with the same label is a "
        "duplicate",
    )
    keep: Keep = Field(
        "first",
        description="event to keep; first: the earliest; best: the strongest; run: one per run of "
        "hits",
    )


class ContextSettings(Section):
    """Ranking of events by the model's other predictions around them."""

    span: Tolerance = Field(
        60.0, description="seconds before and after an event in which hits count"
    )
    decay: Seconds = Field(
        30.0,
        description="distance, in seconds, at which a hit counts 1/e as much as a hit at the event",
    )
    suppression: Tolerance = Field(
        20.0,
        description="an event within this number of seconds of a better event of its class goes to "
        "the end of the ranking",
    )


class ShortlistSettings(Section):
    """Selection of the events that a person should review first."""

    per_class: Annotated[int, Field(ge=1, le=1_000)] = Field(
        10,
        description="number of events to list per class. With annotations of other games, a class "
        "can have more, as long as half of its listed events are expected to be right",
    )


class ClipsSettings(Section):
    """Cutting of clips from the video with `snakemake clips`."""

    before: Tolerance = Field(8.0, description="seconds of video before an event")
    after: Tolerance = Field(5.0, description="seconds of video after an event")
    exact: bool = Field(
        False,
        description="false: copy the video, from the keyframe before the start; true: start and "
        "end at the exact frame, and encode the video again",
    )

    @model_validator(mode="after")
    def _check_clip_length(self) -> ClipsSettings:
        """Check that clips are not empty."""
        if self.before + self.after == 0:
            raise ValueError("before and after are both 0, so clips would be empty; raise one")
        return self


class ComparisonSettings(Section):
    """Settings for pairing two lists of events: of two models, or of a model and the annotations.

    Other stages use these settings, too, through properties of `Settings`.
    """

    tolerance: Tolerance = Field(
        5.0, description="largest distance, in seconds, of two events that can be paired"
    )
    chance_shifts: Annotated[int, Field(ge=20, le=10_000)] = Field(
        20, description="number of time shifts that estimate the number of chance pairs"
    )
    seed: Seed = Field(0, description="seed of the time shifts")


class EvaluationSettings(Section):
    """Evaluation of events against the truth, for videos with annotations."""

    tolerances: Annotated[list[Tolerance], Field(min_length=1)] = Field(
        [2.0, 5.0, 15.0, 30.0],
        description="distances, in seconds, within which a true event can be found",
    )
    resamples: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1000, description="number of resamples of games for the confidence intervals"
    )
    classes: Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="classes for which the annotations are complete; other classes do not count; "
        "null: all",
    )


# Weights by model: one number, or one number per class. The default is 1.
Weights = Mapping[str, float | Mapping[str, float]]


def weight_for(weights: Weights, model: str, label: str) -> float:
    """Return the weight of a model's events with a label."""
    weight = weights.get(model, 1.0)
    return weight.get(label, 1.0) if isinstance(weight, Mapping) else weight


class EnsembleSettings(Section):
    """Fusion of the models' events."""

    method: Method = Field(
        "union",
        description="union: events of any model; intersection: events of all models; weighted: "
        "events of models with enough weight; nms: the strongest event within the tolerance",
    )
    members: Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="models to fuse; null: all. Only one of a model's answers, evidence and "
        "learnt events is then fused, because these come from the same windows",
    )
    weights: dict[str, Weight | dict[str, Weight]] = Field(
        default_factory=dict,
        description="weight of a model, or weights of its classes by name; the default is 1",
    )
    threshold: Weight = Field(
        1.0,
        description="for weighted: minimum total weight of the models that predict an event",
    )
    calibrated: bool = Field(
        False,
        description="rank an event by the probability that it is right, learnt from the other "
        "games with annotations, instead of its score; weighted multiplies the probability by the "
        "weight",
    )


class ModelSettings(Section):
    """A model that runs (checkpoint), or whose predictions are given (predictions)."""

    checkpoint: Place | None = Field(
        None,
        description="name on the Hugging Face hub, or folder on disk; for family: server, the "
        "server's name of the model",
    )
    revision: str | None = Field(None, description="commit, branch or tag on the hub; null: main")
    adapter: Place | None = Field(
        None,
        description="LoRA to merge into the checkpoint: name on the hub, or folder on disk",
    )
    adapter_revision: str | None = Field(
        None, description="commit, branch or tag of the adapter on the hub; null: main"
    )
    family: Family = Field(
        "llava_next_video",
        description="architecture; generic: any model that transformers loads, but slower; "
        "server: a model behind an OpenAI-compatible endpoint",
    )
    trust_code: bool = Field(
        False,
        description="allow the Python code of a checkpoint (family: generic) to run on this "
        "machine",
    )
    endpoint: Annotated[str, AfterValidator(_without_credentials)] | None = Field(
        None, description="for family: server, its address, such as http://host:8000/v1"
    )
    key_variable: Annotated[str, AfterValidator(_variable)] | None = Field(
        None, description="environment variable with the server's key; null: no key is needed"
    )
    frames_as: FramesAs = Field(
        "jpeg",
        description="format in which a server gets a window's frames: JPEG or PNG images, or "
        "one video of JPEG images, for vLLM",
    )
    quantization: Literal["nf4", "none"] = Field(
        "nf4", description="nf4: 4-bit weights; none: unchanged weights"
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        "auto",
        description="type of the arithmetic; auto: bfloat16 if the GPU supports it, else float16; "
        "on a CPU float32",
    )
    predictions: Place | None = Field(
        None,
        description="path of given predictions; {video} stands for the video's number; without "
        "{video}: a folder or zip of SoccerNet's results_spotting.json files, one such file, or an "
        "OSL JSON file",
    )

    learned: Place | None = Field(
        None,
        description="file learned_….safetensors of another run, learnt from this model's features. "
        "If null, and with learn: true, a model is learnt from this run's annotations",
    )

    @model_validator(mode="after")
    def _runs_or_given(self) -> ModelSettings:
        """Check that a model either runs or has given predictions."""
        if (self.checkpoint is None) == (self.predictions is None):
            raise ValueError(
                "a model needs either checkpoint (it runs) or predictions (they are given)"
            )
        if self.adapter is not None and self.checkpoint is None:
            raise ValueError("adapter needs a model that runs; set checkpoint, too")
        if self.learned is not None and self.checkpoint is None:
            raise ValueError("the setting learned needs a model that runs; set checkpoint, too")
        if self.trust_code and self.family != GENERIC:
            raise ValueError(
                "trust_code applies only to the family generic, because other families run no code "
                "of a checkpoint; remove trust_code, or set family: generic"
            )
        return self

    @property
    def is_served(self) -> bool:
        """Return whether a server runs the model, so that nothing is fetched or loaded here."""
        return self.family == SERVER

    @property
    def served(self) -> ServedModel | None:
        """Return the settings that determine a server model's answers; None for other models."""
        return ServedModel(self.checkpoint or "", self.frames_as) if self.is_served else None

    def access(self, batch: BatchSettings) -> Access:
        """Return the settings of requests to this model's server."""
        requests = REQUESTS if batch.windows == "auto" else batch.windows
        return Access(self.endpoint or "", self.key_variable, requests)

    @model_validator(mode="after")
    def _check_server_settings(self) -> ModelSettings:
        """Check that the settings of a server's model and of other models are not mixed."""
        if not self.is_served:
            for name in ("endpoint", "key_variable"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} needs a model of a server; set family: server, too")
            return self
        if self.endpoint is None or self.checkpoint is None:
            raise ValueError(
                "family: server needs endpoint (http://host:8000/v1) and checkpoint (the server's "
                "name of the model)"
            )
        # The server also chooses quantization and dtype. These two have defaults, so only set
        # values count.
        for name in ("revision", "adapter", "adapter_revision", "quantization", "dtype"):
            if name in self.model_fields_set and getattr(self, name) not in (None, "none", "auto"):
                raise ValueError(
                    f"{name} cannot be set with family: server, because the server decides it when "
                    "it starts; remove it. If config.yaml sets it, use another name for the model"
                )
        return self


def _selection(value: Any) -> Any:
    """Convert numbers from YAML, such as 3 or [0, 1], to a text."""
    values = value if isinstance(value, list) else [value]
    if values and all(type(each) in (int, str) for each in values):
        return ",".join(map(str, values))
    return value


class Settings(Section):
    """The whole configuration."""

    videos: Place | None = Field(
        "videos.tsv",
        description="a video, a folder of videos, or a table of videos (TSV); null: compare given "
        "predictions without any video",
    )
    select: Annotated[str, BeforeValidator(_selection)] = Field(
        "all", description="numbers of the videos to process: all, 3, 0-9 or 0-4,20"
    )
    half_starts: HalfStarts = Field(
        (),
        description="starts (and ends) of halves in a single video, as in "
        "1=00:04:10,2=01:06:32; for several videos, use the table of videos",
    )
    results: Folder = Field("results", description="folder of all results")
    resources: Folder = Field("resources", description="folder of the models")
    labels: Place = Field("labels.yaml", description="file of the classes and their spellings")
    prompt: Place = Field("prompts/soccer_events.txt", description="file of the prompt")
    slices: Annotated[int, Field(ge=1, le=64)] = Field(
        4, description="number of GPU jobs per video; each takes an equal share of its duration"
    )
    max_duration: Seconds | None = Field(
        None, description="process only this number of seconds of each video"
    )
    detector_version: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1, description="increase this number to detect everything again"
    )
    detect_with: ModelNames = Field(["llava"], description="models that run")
    compare_with: ModelNames = Field([], description="models whose predictions are given")
    missing_predictions: Literal["error", "skip"] = Field(
        "error", description="treatment of videos that lack given predictions"
    )
    keep_partials: bool = Field(
        True, description="false: delete partial predictions and ledgers after merging"
    )
    learn: bool = Field(
        False,
        description="write the hidden state after each prompt, and learn a model from it and from "
        "annotations. The learnt model has the suffix _learned and is used only on games that it "
        "was not learnt from",
    )
    models: dict[ModelName, ModelSettings]
    window: WindowSettings = WindowSettings()
    image: ImageSettings = ImageSettings()
    generation: GenerationSettings = GenerationSettings()
    batch: BatchSettings = BatchSettings()
    merge: MergeSettings = MergeSettings()
    context: ContextSettings = ContextSettings()
    shortlist: ShortlistSettings = ShortlistSettings()
    comparison: ComparisonSettings = ComparisonSettings()
    ensemble: EnsembleSettings = EnsembleSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    clips: ClipsSettings = ClipsSettings()

    @property
    def matching_tolerance(self) -> float:
        """Return the largest distance, in seconds, of two events that can be paired.

        It applies to events of two models (comparison, ensemble), and to events of a model and of
        the truth (calibration, outcomes, pages). Precision and recall use `evaluation.tolerances`.
        """
        return self.comparison.tolerance

    @property
    def chance_shifts(self) -> int:
        """Return the number of time shifts that estimate the number of chance pairs."""
        return self.comparison.chance_shifts

    @property
    def random_seed(self) -> int:
        """Return the seed of the time shifts and of the resamples of games."""
        return self.comparison.seed

    @model_validator(mode="after")
    def _models_exist(self) -> Settings:
        """Check that all names of models exist and fit the place where they are used."""
        for key in ("detect_with", "compare_with"):
            names = getattr(self, key)
            for name in names:
                if name not in self.models:
                    hint = nearest(name, self.models)
                    raise ValueError(f"{key} names the model {name}, which is not in models{hint}")
                # The model would agree with itself.
                if names.count(name) > 1:
                    raise ValueError(f"{key} names the model {name} twice; name it once")
        for name in self.detect_with:
            if self.models[name].checkpoint is None:
                raise ValueError(
                    f"detect_with names {name}, but models.{name} has no checkpoint; a model whose "
                    "predictions are given belongs in compare_with"
                )
            if self.generation.evidence and self.models[name].family == GENERIC:
                raise ValueError(
                    f"generation.evidence needs one of our own families, but {name} is generic; "
                    f"set evidence: false, or leave {name} out of detect_with"
                )
            if self.generation.evidence and self.models[name].is_served:
                raise ValueError(
                    f"generation.evidence needs probabilities that the server of {name} does not "
                    f"send; set evidence: false, or leave {name} out of detect_with"
                )
            if self.has_features and self.models[name].is_served:
                raise ValueError(
                    f"learn needs a model's hidden states, which the server of {name} does not "
                    f"send; set learn: false (and models.*.learned: null), or leave {name} out of "
                    "detect_with"
                )
        for name in self.compare_with:
            if self.models[name].predictions is None:
                raise ValueError(
                    f"compare_with names {name}, but models.{name} has no predictions; a model "
                    "that runs belongs in detect_with"
                )
        for name in self.ensemble.members or []:
            if name not in self.voting:
                raise ValueError(
                    f"ensemble.members names {name!a}, which has no events in this run"
                    f"{nearest(name, self.voting)}"
                )
        for name in self.ensemble.weights:
            if name not in self.voters:
                raise ValueError(
                    f"ensemble.weights names {name!a}, which is not a model"
                    f"{nearest(name, self.voters)}"
                )
        return self

    @property
    def voters(self) -> list[str]:
        """Return every model that could be fused, in this run or with other settings."""
        running = [name for name, model in self.models.items() if model.checkpoint]
        return [*self.models, *map(evidence_model_name, running), *map(learned_model_name, running)]

    @property
    def has_features(self) -> bool:
        """Return whether the models that run write the features of windows."""
        return self.learn or any(self.models[name].learned for name in self.detect_with)

    @property
    def learned(self) -> list[str]:
        """Return the running models whose hidden states a learnt model uses."""
        return [name for name in self.detect_with if self.learn or self.models[name].learned]

    @property
    def voting(self) -> list[str]:
        """Return the models that are compared and fused: running models, then given ones."""
        answering = self.detect_with if self.generation.answers else []
        weighing = self.detect_with if self.generation.evidence else []
        spotting = [*map(evidence_model_name, weighing), *map(learned_model_name, self.learned)]
        return [*answering, *spotting, *self.compare_with]

    @property
    def fused(self) -> list[str]:
        """Return the models whose events form the ensemble, in the order of `voting`.

        A model's answers, its evidence and its learnt model come from the same windows, so they do
        not confirm each other. Only the first of them is fused, unless `ensemble.members` names
        others.
        """
        if self.ensemble.members is not None:
            return [name for name in self.voting if name in self.ensemble.members]
        first: dict[str, str] = {}
        for name in self.voting:
            first.setdefault(self.source_model(name), name)
        return list(first.values())

    def source_model(self, name: str) -> str:
        """Return the model that a name's events come from.

        For `llava_evidence`, this is `llava`.
        """
        for model in self.detect_with:
            if name in (evidence_model_name(model), learned_model_name(model)):
                return model
        return name

    @model_validator(mode="after")
    def _videos_are_known(self) -> Settings:
        """Check that a run without videos needs none."""
        if self.videos is None and self.detect_with:
            raise ValueError("videos is null, so no model can run; set detect_with: []")
        for name in self.compare_with:
            path = self.models[name].predictions or ""
            if self.videos is None and "{video}" not in path:
                raise ValueError(
                    f"videos is null, so the videos of the predictions in {path} are unknown. Name "
                    f"a table of videos with games and halves, or write {{video}} into "
                    f"models.{name}.predictions in place of a video's number"
                )
        return self


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Check a configuration that Snakemake read.

    Raises:
        InputError: the configuration has mistakes. There is one line per mistake, with the key, the
            value and, for an unknown key, the most similar valid name.
    """
    try:
        return Settings.model_validate(dict(config))
    except ValidationError as error:
        lines = [_sentence(dict(mistake)) for mistake in error.errors()]
        raise InputError("\n".join(lines)) from None


def read_table(config: Mapping[str, Any]) -> dict[int, Video]:
    """Return the videos that a configuration names, by number.

    Raises:
        InputError: the settings or the videos are invalid, as in `read_settings` and `read_videos`.
    """
    return videos_in_settings(read_settings(config))


def videos_in_settings(settings: Settings) -> dict[int, Video]:
    """Return the videos that the settings name, by number, with the starts of halves.

    Raises:
        InputError: the videos cannot be read, or the starts of halves in the settings could belong
            to several videos.
    """
    videos = read_videos(settings.videos) if settings.videos else {}
    if not settings.half_starts:
        return videos
    without = [n for n in select(videos, settings.select) if not videos[n].halves]
    if len(without) > 1:
        raise InputError(
            f"config.half_starts is for one video, but {settings.videos} has {len(without)} videos "
            f"without starts ({ranges(without)}). Write them into the column half_starts of a "
            "table of videos."
        )
    starts = {"half_starts": settings.half_starts}
    return videos | {n: videos[n].model_copy(update=starts) for n in without}


def _sentence(mistake: dict[str, Any]) -> str:
    """Convert one of pydantic's error records to one line."""
    place = [part for part in mistake["loc"] if isinstance(part, str) and part != "[key]"]
    key = ".".join(["config", *place])
    match mistake["type"]:
        case "extra_forbidden":
            names = _section_at(place[:-1]).model_fields
            prefix = "".join(f"{part}." for part in place[:-1])
            return f"{key} is not a setting{nearest(place[-1], names, prefix)}"
        case "missing":
            return f"{key} is missing"
        case "value_error":
            return f"{key}: {mistake['ctx']['error']}"
        case "model_type":
            reason = "a group of settings"
        case _:
            reason = re.sub(r"^(Input|Value) should be ", "", mistake["msg"])
    return f"{key} is {mistake['input']!r}, but should be {reason}"


def _section_at(place: list[str]) -> Any:
    """Return the group of settings at a path of keys."""
    if not place:
        return Settings
    return ModelSettings if place[0] == "models" else Settings.model_fields[place[0]].annotation
