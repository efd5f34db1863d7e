"""Every setting of the workflow: its name, default, range, unit and meaning, once.

`config.yaml` holds the values a run starts from. `read_settings` turns what
Snakemake read into checked settings, or says in one line each what is wrong.
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
from touchline.inputs.places import check_braces, check_name, expanded
from touchline.inputs.served import REQUESTS, Access, FramesAs, ServedModel
from touchline.inputs.videos import Video, ranges, read_videos, select

# Every number has a finite range, wide enough for whatever makes sense.
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Tolerance = Annotated[float, Field(ge=0, le=3_600)]
Weight = Annotated[float, Field(ge=0, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Keep = Literal["first", "best", "run"]
Method = Literal["union", "intersection", "weighted", "nms"]


def _plain(name: str) -> str:
    """A model's name is a part of file names, where "_" separates the parts."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", name):
        raise ValueError(f"{name!r} cannot name a model; use letters, digits, '-' and '.'")
    if name == "ensemble":
        raise ValueError("the name ensemble is taken by the fused predictions; choose another")
    return name


ModelName = Annotated[str, AfterValidator(_plain)]


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


ModelNames = Annotated[list[ModelName], BeforeValidator(_one_or_many)]


_FAMILIES = (*FAMILIES, GENERIC, SERVER)


def _known(name: str) -> str:
    if name not in _FAMILIES:
        raise ValueError(f"{name!r} is no family that runs{nearest(name, _FAMILIES)}")
    return name


Family = Annotated[
    str, AfterValidator(_known), WithJsonSchema({"enum": list(_FAMILIES), "type": "string"})
]


def _without_credentials(endpoint: str) -> str:
    """Check the address of a server; no message repeats it, as it may hold a password or key."""
    try:
        parts = urlsplit(endpoint)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port  # Raises for what is no number.
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError("this is no address of a server; write one as in http://host:8000/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            "the address holds a user, password or parameters, which would be written to the "
            "run's record; leave them out, and name the variable of the key in key_variable"
        )
    return endpoint.rstrip("/")


def _variable(name: str) -> str:
    # The name is not repeated: it may be the key itself.
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
        raise ValueError(
            "this is no name of an environment variable; write the variable's name, as in "
            "OPENAI_API_KEY, and keep the key itself out of every file"
        )
    return name


def _checked(path: str, check: Callable[[str], None]) -> str:
    """Return a path, or raise what pydantic reports as a mistake."""
    try:
        check(path)
    except InputError as error:
        raise ValueError(str(error)) from None
    return path


def _expanded(value: Any) -> Any:
    return _checked(expanded(value), check_name) if isinstance(value, str) else value


# A path, or the name of something that may be one, with ~ and $HOME as a shell takes them.
Place = Annotated[str, BeforeValidator(_expanded)]

# A folder that every result, or every model, is in.
Folder = Annotated[Place, AfterValidator(partial(_checked, check=check_braces))]


class Section(BaseModel):
    """Base of every group of settings: unknown keys are mistakes."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )


class WindowSettings(Section):
    """How a slice is cut into windows and a window into frames."""

    fps: Annotated[float, Field(gt=0, le=60)] = Field(
        1.0, description="frames sampled per second of a window"
    )
    frames: Annotated[int, Field(ge=1, le=256)] = Field(
        4, description="most frames a window shows; the model's context limits them"
    )
    seconds: Seconds = Field(4.0, description="length of a window, seconds")
    step: Seconds = Field(2.0, description="seconds from one window's start to the next")
    cross_slices: bool = Field(
        False,
        description="let windows run past their slice's end; answers do not depend on `slices`",
    )
    outside_halves: bool = Field(
        False, description="also look at what is outside the halves, where their starts are given"
    )

    @model_validator(mode="after")
    def _no_gaps(self) -> WindowSettings:
        if self.step > self.seconds:
            raise ValueError(
                f"step ({self.step:g} s) is longer than seconds ({self.seconds:g} s), so stretches "
                "between windows would never be looked at; make step at most seconds"
            )
        if self.frames / self.fps < self.step:
            raise ValueError(
                f"frames: {self.frames} at fps: {self.fps:g} show {self.frames / self.fps:g} s of "
                f"each window, and windows start {self.step:g} s apart, so stretches between would "
                "never be looked at; have more frames, fewer fps, or a shorter step"
            )
        return self


class ImageSettings(Section):
    """What the model sees of a frame."""

    max_size: Annotated[int, Field(ge=28, le=8_192)] = Field(
        384, description="longer side of a frame is scaled down to this first, pixels"
    )
    fit: Literal["pad", "crop", "stretch"] = Field(
        "pad",
        description="how the picture fills the model's square: pad shows it all, crop cuts the "
        "sides off as the stock processor does, stretch squashes",
    )


class GenerationSettings(Section):
    """How the model answers."""

    max_new_tokens: Annotated[int, Field(ge=1, le=8_192)] = Field(
        256, description="an answer is cut off after so many tokens"
    )
    do_sample: bool = Field(False, description="false: the likeliest token, always the same answer")
    temperature: Annotated[float, Field(gt=0, le=100)] = Field(
        0.7, description="used with do_sample"
    )
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(0.9, description="used with do_sample")
    seed: Seed = Field(0, description="used with do_sample")
    evidence: bool = Field(
        False,
        description="weigh every class, and none, in every window, and spot events by that too: a "
        "model of its own, with _evidence behind the name",
    )
    answers: bool = Field(
        True, description="have answers written; false: evidence alone, which is sooner"
    )

    @model_validator(mode="after")
    def _asks_something(self) -> GenerationSettings:
        if not (self.answers or self.evidence):
            raise ValueError(
                "answers and evidence are both false, so models would be asked nothing; set "
                "evidence: true for evidence alone"
            )
        return self

    @property
    def shaping(self) -> dict[str, Any]:
        """What shapes results, as plain data: without the two above where there is no evidence.

        Results, and half-done slices, of runs without evidence stay what they were before there
        was any.
        """
        return self.model_dump(exclude=set() if self.evidence else {"evidence", "answers"})


class BatchSettings(Section):
    """How many windows a model answers at a time; shapes the speed, not the answers."""

    windows: Literal["auto"] | Annotated[int, Field(ge=1, le=1_024)] = Field(
        "auto",
        description="auto: fill the GPU's memory; on the CPU at most 8; with a server 16 requests",
    )


class MergeSettings(Section):
    """How repeats of one event in overlapping windows become one."""

    window: Tolerance = Field(
        3.0, description="a repeat of a label within so many seconds of the one kept is dropped"
    )
    keep: Keep = Field(
        "first",
        description="first: the earliest; best: the surest; run: one an unbroken run",
    )


class ContextSettings(Section):
    """How events are ranked by what else the model predicted around them."""

    span: Tolerance = Field(
        60.0, description="how far before and after an event hits count, seconds"
    )
    decay: Seconds = Field(
        30.0, description="a hit so many seconds away counts 1/e of one at the event"
    )
    suppression: Tolerance = Field(
        20.0, description="an event within so many seconds of a better one ranks below all those"
    )


class ShortlistSettings(Section):
    """Which events are worth a person's look first."""

    per_class: Annotated[int, Field(ge=1, le=1_000)] = Field(
        10,
        description="how many events of each class to list; with labels of other games, a class "
        "has more while half of them are expected to be right",
    )


class ClipsSettings(Section):
    """How clips of events are cut out of the video (`snakemake clips`)."""

    before: Tolerance = Field(8.0, description="seconds of video before an event")
    after: Tolerance = Field(5.0, description="seconds of video after an event")
    exact: bool = Field(
        False,
        description="false: copy the video, from the keyframe before a clip's start; true: start "
        "and end at the exact picture, and encode again",
    )

    @model_validator(mode="after")
    def _lasts(self) -> ClipsSettings:
        if self.before + self.after == 0:
            raise ValueError("before and after are both 0, so clips would be empty; raise one")
        return self


class ComparisonSettings(Section):
    """How two lists of events are set against each other, models' or the truth.

    Other stages use these, too, by the properties of `Settings`.
    """

    tolerance: Tolerance = Field(
        5.0, description="events at most so many seconds apart can be the same"
    )
    chance_shifts: Annotated[int, Field(ge=20, le=10_000)] = Field(
        20, description="time shifts that the chance level is the mean of"
    )
    seed: Seed = Field(0, description="seed of the time shifts")


class EvaluationSettings(Section):
    """How events are set against the truth, where labels are known."""

    tolerances: Annotated[list[Tolerance], Field(min_length=1)] = Field(
        [2.0, 5.0, 15.0, 30.0], description="seconds around a true event in which it can be found"
    )
    resamples: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1000, description="samples of the matches that the intervals are taken from"
    )
    classes: Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="classes that the labels are complete for, if not all; nothing else counts",
    )


# A weight for all of a model's events, or one for each class; 1 where none is named.
Weights = Mapping[str, float | Mapping[str, float]]


def weight_of(weights: Weights, model: str, label: str) -> float:
    """The weight of a model's events with a label."""
    weight = weights.get(model, 1.0)
    return weight.get(label, 1.0) if isinstance(weight, Mapping) else weight


class EnsembleSettings(Section):
    """How the models' events are fused."""

    method: Method = Field(
        "union",
        description="union: predicted by any; intersection: by all; weighted: by enough weight; "
        "nms: the strongest, without what lies within the tolerance of it",
    )
    members: Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="models that are fused; null: all, but of a model that runs its answers alone, "
        "or without answers its evidence alone: what is of the same windows is no second opinion",
    )
    weights: dict[str, Weight | dict[str, Weight]] = Field(
        default_factory=dict,
        description="weight of a model, or of its classes by name; 1 where none is named",
    )
    threshold: Weight = Field(
        1.0,
        description="with weighted: least sum of the weights of the models that predict an event",
    )
    calibrated: bool = Field(
        False,
        description="an event counts with the probability that it is right, learnt from the other "
        "matches with labels, instead of its score; with weighted times its weight",
    )


class ModelSettings(Section):
    """A model that runs (checkpoint) or whose predictions are given (predictions)."""

    checkpoint: Place | None = Field(
        None,
        description="name on the Hugging Face hub, or a folder on disk; with family: server, the "
        "server's name of the model",
    )
    revision: str | None = Field(None, description="commit, branch or tag on the hub; null: main")
    adapter: Place | None = Field(
        None,
        description="a LoRA that is merged into the checkpoint: name on the hub, or a folder on "
        "disk",
    )
    adapter_revision: str | None = Field(None, description="as revision, of the adapter")
    family: Family = Field(
        "llava_next_video",
        description="architecture; generic: any that transformers loads, slower than the others; "
        "server: a model behind an OpenAI-compatible endpoint",
    )
    trust_code: bool = Field(
        False,
        description="let code that a checkpoint of the family generic brings run on this machine",
    )
    endpoint: Annotated[str, AfterValidator(_without_credentials)] | None = Field(
        None, description="with family: server, its address, as in http://host:8000/v1"
    )
    key_variable: Annotated[str, AfterValidator(_variable)] | None = Field(
        None, description="environment variable that holds the server's key; null: it needs none"
    )
    frames_as: FramesAs = Field(
        "jpeg",
        description="how a server gets a window's frames: as pictures in one of two formats, or as "
        "one video of JPEG pictures, which vLLM takes",
    )
    quantization: Literal["nf4", "none"] = Field("nf4", description="4-bit weights, or as they are")
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        "auto",
        description="arithmetic; auto: bfloat16 where the GPU has it, else float16, on the CPU "
        "float32",
    )
    predictions: Place | None = Field(
        None,
        description="path of given predictions: {video} in it stands for the video's number; "
        "without, a folder or zip of SoccerNet's results_spotting.json files, one of these, or an "
        "OSL JSON file",
    )

    learned: Place | None = Field(
        None,
        description="a model that another run learnt from this one's features (its "
        "learned_….safetensors); null: with learn: true, learn it from this run's labels",
    )

    @model_validator(mode="after")
    def _runs_or_given(self) -> ModelSettings:
        if (self.checkpoint is None) == (self.predictions is None):
            raise ValueError(
                "a model has either checkpoint (it runs) or predictions (they are given)"
            )
        if self.adapter is not None and self.checkpoint is None:
            raise ValueError("adapter changes a model that runs; name its checkpoint, too")
        if self.learned is not None and self.checkpoint is None:
            raise ValueError("learned reads a model that runs; name its checkpoint, too")
        if self.trust_code and self.family != GENERIC:
            raise ValueError(
                "trust_code is about checkpoints of the family generic; the others run no code of "
                "a checkpoint: remove it, or set family: generic"
            )
        return self

    @property
    def is_served(self) -> bool:
        """Whether a server runs the model, so that nothing is fetched or loaded here."""
        return self.family == SERVER

    @property
    def served(self) -> ServedModel | None:
        """What answers of a server's model depend on; None of another model."""
        return ServedModel(self.checkpoint or "", self.frames_as) if self.is_served else None

    def access(self, batch: BatchSettings) -> Access:
        """How to reach the server of this model."""
        requests = REQUESTS if batch.windows == "auto" else batch.windows
        return Access(self.endpoint or "", self.key_variable, requests)

    @model_validator(mode="after")
    def _is_served_or_not(self) -> ModelSettings:
        if not self.is_served:
            for name in ("endpoint", "key_variable"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} is of a server's model; set family: server, too")
            return self
        if self.endpoint is None or self.checkpoint is None:
            raise ValueError(
                "family: server needs endpoint (http://host:8000/v1) and checkpoint (the server's "
                "name of the model)"
            )
        # Quantization and dtype are the server's own, too; these two have a default here.
        for name in ("revision", "adapter", "adapter_revision", "quantization", "dtype"):
            if name in self.model_fields_set and getattr(self, name) not in (None, "none", "auto"):
                raise ValueError(
                    f"{name} cannot be set with family: server, because the server decides it when "
                    "it starts; leave it out, under a name that config.yaml's models do not have"
                )
        return self


def _selection(value: Any) -> Any:
    """Numbers as YAML may have them, [0, 1] too, as text."""
    values = value if isinstance(value, list) else [value]
    if values and all(type(each) in (int, str) for each in values):
        return ",".join(map(str, values))
    return value


class Settings(Section):
    """The whole configuration."""

    videos: Place | None = Field(
        "videos.tsv",
        description="a video, a folder of videos, or a table of them (TSV); null to compare given "
        "predictions without any video",
    )
    select: Annotated[str, BeforeValidator(_selection)] = Field(
        "all", description="numbers of videos to process: all, 3, 0-9 or 0-4,20"
    )
    half_starts: HalfStarts = Field(
        (),
        description="where halves begin (and end) in the one video, as in "
        "1=00:04:10,2=01:06:32; of several videos the table has it",
    )
    results: Folder = Field("results", description="folder that every result goes to")
    resources: Folder = Field("resources", description="folder that models are kept in")
    labels: Place = Field("labels.yaml", description="the event classes and their aliases")
    prompt: Place = Field("prompts/soccer_events.txt", description="what the model is asked")
    slices: Annotated[int, Field(ge=1, le=64)] = Field(
        4, description="GPU jobs a video; each takes an equal share of its duration"
    )
    max_duration: Seconds | None = Field(
        None, description="process only so many seconds of each video"
    )
    detector_version: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1, description="raise it to detect everything again"
    )
    detect_with: ModelNames = Field(["llava"], description="models that run")
    compare_with: ModelNames = Field([], description="models whose predictions are given")
    missing_predictions: Literal["error", "skip"] = Field(
        "error", description="what to do with videos that lack given predictions"
    )
    keep_partials: bool = Field(
        True, description="false: partials and ledgers are deleted once merged"
    )
    learn: bool = Field(
        False,
        description="keep the hidden state behind each prompt, and learn from it and from labels: "
        "a model of its own, with _learned behind the name, used on other games than it is "
        "learnt from",
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
        """Events at most so many seconds apart can be matched.

        Those of two models (comparison, ensemble), or of a model and of the truth (calibration,
        outcomes, pages). Precision and recall are computed at `evaluation.tolerances`.
        """
        return self.comparison.tolerance

    @property
    def chance_shifts(self) -> int:
        """Time shifts that the chance level is the mean of, in comparison and evaluation."""
        return self.comparison.chance_shifts

    @property
    def random_seed(self) -> int:
        """Seed of those shifts, and of the samples of matches in the evaluation."""
        return self.comparison.seed

    @model_validator(mode="after")
    def _models_exist(self) -> Settings:
        for key in ("detect_with", "compare_with"):
            names = getattr(self, key)
            for name in names:
                if name not in self.models:
                    hint = nearest(name, self.models)
                    raise ValueError(f"{key} names the model {name}, which is not in models{hint}")
                # It would agree with itself.
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
                    f"generation.evidence needs a family of ours, and {name} is generic; set "
                    f"evidence: false, or leave {name} out of detect_with"
                )
            if self.generation.evidence and self.models[name].is_served:
                raise ValueError(
                    f"generation.evidence weighs classes inside a model, which the server of "
                    f"{name} cannot do; set evidence: false, or leave {name} out of detect_with"
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
                    f"ensemble.weights names {name!a}, which is no model"
                    f"{nearest(name, self.voters)}"
                )
        return self

    @property
    def voters(self) -> list[str]:
        """Every model that could be fused, in this run or with other settings."""
        running = [name for name, model in self.models.items() if model.checkpoint]
        return [*self.models, *map(evidence_model_name, running), *map(learned_model_name, running)]

    @property
    def has_features(self) -> bool:
        """Whether the features of windows are kept, of all models that run."""
        return self.learn or any(self.models[name].learned for name in self.detect_with)

    @property
    def learned(self) -> list[str]:
        """The models that run and that something can be learnt from, or was elsewhere."""
        return [name for name in self.detect_with if self.learn or self.models[name].learned]

    @property
    def voting(self) -> list[str]:
        """The models whose events are compared and fused: those that run, then those given."""
        answering = self.detect_with if self.generation.answers else []
        weighing = self.detect_with if self.generation.evidence else []
        spotting = [*map(evidence_model_name, weighing), *map(learned_model_name, self.learned)]
        return [*answering, *spotting, *self.compare_with]

    @property
    def fused(self) -> list[str]:
        """The models whose events make the ensemble, in the order of `voting`.

        A model's answers, its evidence and what is learnt from it come from the same windows. They
        are no second opinion, so of these the first counts, unless `ensemble.members` says
        otherwise.
        """
        if self.ensemble.members is not None:
            return [name for name in self.voting if name in self.ensemble.members]
        first: dict[str, str] = {}
        for name in self.voting:
            first.setdefault(self.origin_of(name), name)
        return list(first.values())

    def origin_of(self, name: str) -> str:
        """The model that a name's events come from: of `llava_evidence` it is `llava`."""
        for model in self.detect_with:
            if name in (evidence_model_name(model), learned_model_name(model)):
                return model
        return name

    @model_validator(mode="after")
    def _videos_are_known(self) -> Settings:
        if self.videos is None and self.detect_with:
            raise ValueError("videos is null, so no model can run; name none: detect_with: []")
        for name in self.compare_with:
            path = self.models[name].predictions or ""
            if self.videos is None and "{video}" not in path:
                raise ValueError(
                    f"videos is null, so nothing says of which video the parts of {path} are; name "
                    f"a table of videos with games and halves, or write {{video}} into "
                    f"models.{name}.predictions in place of a video's number"
                )
        return self


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Check a configuration as Snakemake read it.

    Raises:
        InputError: one line for each mistake, with the key, the value and, for an
            unknown key, the nearest valid name.
    """
    try:
        return Settings.model_validate(dict(config))
    except ValidationError as error:
        lines = [_sentence(dict(mistake)) for mistake in error.errors()]
        raise InputError("\n".join(lines)) from None


def read_table(config: Mapping[str, Any]) -> dict[int, Video]:
    """The videos that a configuration names, by number; none where it names none.

    Raises:
        InputError: as `read_settings` and `touchline.inputs.videos.read_videos`.
    """
    return table_of(read_settings(config))


def table_of(settings: Settings) -> dict[int, Video]:
    """The videos that settings name, by number, with the starts of halves; none if none are named.

    Raises:
        InputError: as `touchline.inputs.videos.read_videos`, or the starts of halves in the
            settings can be those of several videos.
    """
    videos = read_videos(settings.videos) if settings.videos else {}
    if not settings.half_starts:
        return videos
    without = [n for n in select(videos, settings.select) if not videos[n].halves]
    if len(without) > 1:
        raise InputError(
            f"config.half_starts is about one video, but {settings.videos} has {len(without)} "
            f"without starts ({ranges(without)}); write them into the column half_starts of a "
            "table of videos."
        )
    starts = {"half_starts": settings.half_starts}
    return videos | {n: videos[n].model_copy(update=starts) for n in without}


def _sentence(mistake: dict[str, Any]) -> str:
    """One line for one of pydantic's error records."""
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
    """The group of settings that a path of keys leads to."""
    if not place:
        return Settings
    return ModelSettings if place[0] == "models" else Settings.model_fields[place[0]].annotation
