"""Which model has events of which video, and the files that a run makes of them.

What rules ask for in more than one place. A job's wildcards are passed as plain values: the number
of a video, the name of a model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from touchline.core import paths
from touchline.core.params import MissingPredictions, PredictedVideo
from touchline.core.paths import Slice, evidence_model_name, learned_model_name, list_slices
from touchline.inputs.given import place_of
from touchline.inputs.videos import AnnotatedVideo, GameHalf, Name
from touchline.runs.inputs import Inputs

_ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Plan:
    """What is made of a run's inputs."""

    inputs: Inputs

    # --- Videos and models --------------------------------------------------------------------

    @property
    def models(self) -> list[str]:
        """The models: those that run, those given, then the ensemble."""
        return [*self.run, *self.inputs.settings.compare_with, _ENSEMBLE]

    @property
    def answering(self) -> list[str]:
        """The models that run and write answers."""
        settings = self.inputs.settings
        return settings.detect_with if settings.generation.answers else []

    @property
    def loaded(self) -> list[str]:
        """The models that run and are loaded here, from files; the others run on a server."""
        settings = self.inputs.settings
        return [name for name in settings.detect_with if not settings.models[name].is_served]

    @property
    def served(self) -> list[str]:
        """The models that a server runs."""
        return [name for name in self.inputs.settings.detect_with if name not in self.loaded]

    @property
    def weighing(self) -> list[str]:
        """The models that run and whose evidence is kept."""
        settings = self.inputs.settings
        return settings.detect_with if settings.generation.evidence else []

    @cached_property
    def labelled_games(self) -> set[str]:
        """The games of the selected videos with labels."""
        return {self.inputs.games[video] for video in self.inputs.annotations}

    @property
    def trained(self) -> list[str]:
        """The models that run and that something is learnt from here, if there are labels."""
        settings = self.inputs.settings
        names = [name for name in settings.learned if settings.models[name].learned is None]
        return names if self.labelled_games else []

    @property
    def learned(self) -> list[str]:
        """The models that run and that events are learnt from, here or elsewhere."""
        return list(dict.fromkeys(each.model for each in self.learned_videos))

    def learned_of(self, video: int) -> list[PredictedVideo]:
        """A video with each model that other games than its own teach to spot events in it."""
        settings = self.inputs.settings
        has_others = bool(self.labelled_games - {self.inputs.games[video]})
        return [
            PredictedVideo(video, name)
            for name in settings.learned
            if has_others or settings.models[name].learned is not None
        ]

    @cached_property
    def learned_videos(self) -> list[PredictedVideo]:
        """Every video and model with learnt events."""
        return [each for video in self.inputs.selected for each in self.learned_of(video)]

    @cached_property
    def run(self) -> list[str]:
        """The models that have events because they run: by answers, evidence, what is learnt."""
        spotting = [
            *map(evidence_model_name, self.weighing),
            *map(learned_model_name, self.learned),
        ]
        return [*self.answering, *spotting]

    def models_of(self, video: int) -> list[str]:
        """The models that have events of a video: those that run, then those given."""
        learned = [learned_model_name(each.model) for each in self.learned_of(video)]
        return [
            *self.answering,
            *map(evidence_model_name, self.weighing),
            *learned,
            *self.inputs.given[video],
        ]

    def fused_models(self, video: int) -> list[str]:
        """The models whose events of a video make the ensemble."""
        fused = self.inputs.settings.fused
        return [model for model in self.models_of(video) if model in fused]

    def second_opinions(self, video: int, model: str) -> list[str]:
        """The fused models of a video that another model's windows or files are behind."""
        origin_of = self.inputs.settings.origin_of
        return [other for other in self.fused_models(video) if origin_of(other) != origin_of(model)]

    def opinions(self, video: int) -> dict[str, list[str]]:
        """By fused model, the second opinions on its events; needed where scores are learnt."""
        if not self.calibrated:
            return {}
        return {model: self.second_opinions(video, model) for model in self.fused_models(video)}

    def videos_of(self, model: str) -> list[int]:
        """The selected videos that a model, or the ensemble, has events of."""
        if model == _ENSEMBLE:
            return [video for video in self.inputs.selected if self._is_fused(video)]
        return [video for video in self.inputs.selected if model in self.models_of(video)]

    def _is_fused(self, video: int) -> bool:
        """Two models make an ensemble; one alone does if its events get other scores in it."""
        models = len(self.fused_models(video))
        return models > 1 or (models == 1 and self.calibrated)

    @property
    def calibrated(self) -> bool:
        """Whether the ensemble's scores are learnt: if that is wanted, and there are labels."""
        return self.inputs.settings.ensemble.calibrated and bool(self.inputs.annotations)

    @cached_property
    def evaluated(self) -> list[str]:
        """The models, and the ensemble, that have events of a video with labels."""
        return [model for model in self.models if self.annotated_by(model)]

    @cached_property
    def exported(self) -> list[str]:
        """The models, and the ensemble, whose events other tools can be given.

        Their formats name the game and the half, so there must be a table of videos.
        """
        return [model for model in self.models if self.inputs.videos and self.videos_of(model)]

    @property
    def clipped(self) -> list[int]:
        """The videos with footage and with events, annotated or predicted, to cut clips of."""
        annotated = self.inputs.annotations
        return [v for v in self.inputs.shown if v in annotated or self.models_of(v)]

    def model_to_cut(self, video: int) -> str | None:
        """The model whose events become clips of a video: the first one; none where it has labels.

        Those that run come first.
        """
        if video in self.inputs.annotations:
            return None
        return next(iter(self.models_of(video)), None)

    @property
    def slices(self) -> list[Slice]:
        """Every slice of every model that runs."""
        settings = self.inputs.settings
        return list(list_slices(settings.detect_with, self.inputs.selected, settings.slices))

    # --- Which file is of which video and model, in the order of files ------------------------

    @cached_property
    def predicted(self) -> list[PredictedVideo]:
        """Every video and model that there are events of, by video."""
        return [each for video in self.inputs.selected for each in self.predicted_of(video)]

    def predicted_of(self, video: int) -> list[PredictedVideo]:
        """A video with each model that has events of it."""
        return [PredictedVideo(video, model) for model in self.models_of(video)]

    @property
    def detected(self) -> list[PredictedVideo]:
        """Every video with each model that has events because it runs."""
        return [each for each in self.predicted if each.model in self.run]

    @property
    def weighed(self) -> list[PredictedVideo]:
        """Every video and model with evidence."""
        return [each for video in self.inputs.selected for each in self.weighed_of(video)]

    def weighed_of(self, video: int) -> list[PredictedVideo]:
        """A video with each model whose evidence there is of it."""
        return [PredictedVideo(video, model) for model in self.weighing]

    @cached_property
    def fused(self) -> list[PredictedVideo]:
        """Every video with an ensemble."""
        return self.predicted_by(_ENSEMBLE)

    @cached_property
    def compared(self) -> list[PredictedVideo]:
        """Every video that several models have events of."""
        videos = [video for video in self.inputs.selected if len(self.models_of(video)) > 1]
        return [PredictedVideo(video, _ENSEMBLE) for video in videos]

    @property
    def shortlisted(self) -> list[PredictedVideo]:
        """Every video with each model, and the ensemble, that there are events of."""
        return [*self.predicted, *self.fused]

    def calibrations_of(self, video: int) -> list[str]:
        """The calibration of each fused model, if the ensemble is to have learnt scores."""
        models = self.fused_models(video)
        if not self.calibrated or any(not self.annotated_by(model) for model in models):
            return []
        return self.files(paths.CALIBRATION, self._fused_from(video))

    def _fused_from(self, video: int) -> list[PredictedVideo]:
        """A video with each model that is fused."""
        return [PredictedVideo(video, model) for model in self.fused_models(video)]

    def events_to_fuse(self, video: int) -> list[str]:
        """Events of the models of a video that are fused."""
        return self.files(paths.EVENTS, self._fused_from(video))

    def predicted_by(self, model: str) -> list[PredictedVideo]:
        """Each video that a model, or the ensemble, has events of."""
        return [PredictedVideo(video, model) for video in self.videos_of(model)]

    def annotated_by(self, model: str) -> list[PredictedVideo]:
        """Of these the videos with annotations."""
        return [each for each in self.predicted_by(model) if each.video in self.inputs.annotations]

    def behind(self, predicted: PredictedVideo) -> list[PredictedVideo]:
        """Whose coverage counts: an ensemble looked where all of its models did."""
        is_fused = predicted.model == _ENSEMBLE
        return self._fused_from(predicted.video) if is_fused else [predicted]

    def besides(self, predicted: PredictedVideo) -> list[PredictedVideo]:
        """The models whose agreement says something about a model's events; none of an ensemble."""
        if predicted.model == _ENSEMBLE:
            return []
        others = self.second_opinions(predicted.video, predicted.model)
        return [PredictedVideo(predicted.video, model) for model in others]

    @cached_property
    def missing(self) -> list[MissingPredictions]:
        """The given predictions that are not there, by video."""
        models = self.inputs.settings.models
        return [
            MissingPredictions(video, model, place_of(source, video, self.inputs.videos))
            for video in self.inputs.selected
            for model in self.inputs.settings.compare_with
            if model not in self.inputs.given[video] and (source := models[model].predictions)
        ]

    @property
    def weighed_classes(self) -> list[str]:
        """The classes that are weighed; none without evidence."""
        return list(self.inputs.classes) if self.weighing else []

    # --- Files --------------------------------------------------------------------------------

    def files(self, pattern: str, places: Iterable[PredictedVideo | Slice]) -> list[str]:
        """The result of a pattern (core/paths.py) of each video and model, or slice."""
        results = self.inputs.settings.results
        return [f"{results}/{pattern.format(**asdict(place))}" for place in places]

    def coverage_behind(self, model: str) -> list[str]:
        """Coverage of each annotated video: a file for each model that is behind the events."""
        behind = [each for one in self.annotated_by(model) for each in self.behind(one)]
        return self.files(paths.COVERAGE, behind)

    def others_besides(self, model: str) -> list[str]:
        """Events of the other models, of each annotated video."""
        besides = [each for one in self.annotated_by(model) for each in self.besides(one)]
        return self.files(paths.EVENTS, besides)

    def calibration_of(self, model: str) -> list[str]:
        """The calibration of a model, or of the ensemble, if it is evaluated."""
        pattern = paths.CALIBRATION.format(model=model)
        return [f"{self.inputs.settings.results}/{pattern}"] if model in self.evaluated else []

    def others_to_calibrate(self, video: int, model: str) -> list[str]:
        """Events of the other models of a video, if there is a calibration to be used on it."""
        besides = self.besides(PredictedVideo(video, model)) if model in self.evaluated else []
        return self.files(paths.EVENTS, besides)

    def of_ensemble(self, video: int) -> list[str]:
        """The ensemble's events of a video, if it has an ensemble."""
        return self.files(paths.ENSEMBLE_EVENTS, [v for v in self.fused if v.video == video])

    def comparison_of(self, video: int) -> list[str]:
        """The comparison of a video's models, if there are several."""
        return self.files(paths.COMPARISON, [v for v in self.compared if v.video == video])

    def of_footage(self, pattern: str, video: int) -> list[str]:
        """The result of a pattern of a video, if there is footage of it."""
        if video not in self.inputs.shown:
            return []
        return [f"{self.inputs.settings.results}/{pattern.format(video=video)}"]

    def annotations_of(self, model: str) -> list[str]:
        """The annotations of each video that has some."""
        return [self.inputs.annotations[each.video] for each in self.annotated_by(model)]

    def annotations_of_video(self, video: int) -> list[str]:
        """The annotations of a video, if there are any."""
        path = self.inputs.annotations.get(video)
        return [path] if path else []

    def shortlist_to_cut(self, video: int) -> list[str]:
        """The shortlist whose events become clips of a video; none where it has labels."""
        model = self.model_to_cut(video)
        return self.files(paths.SHORTLIST, [PredictedVideo(video, model)] if model else [])

    def learned_file(self, model: str) -> str:
        """The file of what is learnt from a model's features: the user's own, or a result."""
        settings = self.inputs.settings
        made = f"{settings.results}/{paths.LEARNED_MODEL.format(model=model)}"
        return settings.models[model].learned or made

    def learned_results(self, model: str) -> list[str]:
        """The files of what is learnt here from a model's features."""
        patterns = (paths.LEARNED_MODEL, paths.LEARNING)
        return [f"{self.inputs.settings.results}/{each.format(model=model)}" for each in patterns]

    @property
    def labelled(self) -> list[int]:
        """The selected videos with labels."""
        return sorted(self.inputs.annotations)

    def labelled_slices(self, model: str) -> list[Slice]:
        """Every slice of each video with labels, for one model."""
        return list(list_slices([model], self.labelled, self.inputs.settings.slices))

    def model_folder(self, model: str) -> str:
        """The folder that a model is loaded from; see `loaded`."""
        settings = self.inputs.settings
        if settings.models[model].quantization == "none":
            return self.unquantized_folder(model)
        return f"{settings.resources}/{paths.QUANTIZED.format(model=model)}"

    def unquantized_folder(self, model: str) -> str:
        """The folder of a model's 16-bit weights: as fetched, or with an adapter merged."""
        settings = self.inputs.settings
        pattern = paths.MERGED if settings.models[model].adapter else paths.CHECKPOINT
        return f"{settings.resources}/{pattern.format(model=model)}"

    @cached_property
    def hashed(self) -> list[str]:
        """The models whose files the record of the run has.

        One that is gone, as models may be deleted once a run has ended, is not fetched for that.
        """
        settings = self.inputs.settings
        return [
            model
            for model in self.loaded
            if Path(self.model_folder(model)).exists()
            or Path(settings.results, paths.MODEL_FILES.format(model=model)).exists()
            or not all(
                part.is_done(settings.results, settings.keep_partials)
                for part in self.slices
                if part.model == model
            )
        ]

    @property
    def runs_merged(self) -> bool:
        """Whether any model runs as an adapter was merged into it, in 16 bits."""
        models = self.inputs.settings.models.values()
        return any(model.adapter and model.quantization == "none" for model in models)

    # --- What the table of videos says of a video ----------------------------------------------

    def name_of(self, video: int) -> Name:
        row = self.inputs.videos.get(video)
        return row.name if row else Name()

    def half_of(self, video: int) -> GameHalf:
        """Not from the manifest of the video: a name that is corrected would detect it again."""
        row = self.inputs.videos.get(video)
        return row.game_half if row else GameHalf()

    @property
    def labelled_videos(self) -> list[AnnotatedVideo]:
        """The videos that are learnt from."""
        return [
            AnnotatedVideo(video, self.inputs.games[video], self.half_of(video), models=1, others=0)
            for video in self.labelled
        ]

    def annotated_videos(self, model: str) -> list[AnnotatedVideo]:
        """The videos that a model, or the ensemble, is evaluated on."""
        return [
            AnnotatedVideo(
                video=one.video,
                game=self.inputs.games[one.video],
                of=self.half_of(one.video),
                models=len(self.behind(one)),
                others=len(self.besides(one)),
            )
            for one in self.annotated_by(model)
        ]
