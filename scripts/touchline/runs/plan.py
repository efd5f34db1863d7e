"""Derive the models, videos and files of a run from its inputs.

Rules use this plan where several of them need the same answer. Methods take a job's wildcards as
plain values: the number of a video, the name of a model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from touchline.core import paths
from touchline.core.params import MissingPredictions, PredictedVideo
from touchline.core.paths import Slice, evidence_model_name, learned_model_name, list_slices
from touchline.inputs.given import expected_path
from touchline.inputs.videos import AnnotatedVideo, GameHalf, Name
from touchline.runs.inputs import Inputs

_ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Plan:
    """The plan of a run: its videos, its models, and the files that it makes."""

    inputs: Inputs

    # --- Videos and models --------------------------------------------------------------------

    @property
    def models(self) -> list[str]:
        """Return all models with events: running models, given models, and the ensemble."""
        return [*self.run, *self.inputs.settings.compare_with, _ENSEMBLE]

    @property
    def answering(self) -> list[str]:
        """Return the models that run and write answers."""
        settings = self.inputs.settings
        return settings.detect_with if settings.generation.answers else []

    @property
    def loaded(self) -> list[str]:
        """Return the models that run on this system from files.

        The other running models use a server.
        """
        settings = self.inputs.settings
        return [name for name in settings.detect_with if not settings.models[name].is_served]

    @property
    def served(self) -> list[str]:
        """Return the models that run on a server."""
        return [name for name in self.inputs.settings.detect_with if name not in self.loaded]

    @property
    def models_with_evidence(self) -> list[str]:
        """Return the running models that keep evidence."""
        settings = self.inputs.settings
        return settings.detect_with if settings.generation.evidence else []

    @cached_property
    def labelled_games(self) -> set[str]:
        """Return the games of the selected videos with annotations."""
        return {self.inputs.games[video] for video in self.inputs.annotations}

    @property
    def trained(self) -> list[str]:
        """Return the models of this run on whose features it trains.

        The result is empty without annotations.
        """
        settings = self.inputs.settings
        names = [name for name in settings.learned if settings.models[name].learned is None]
        return names if self.labelled_games else []

    @property
    def learned(self) -> list[str]:
        """Return the models to run that have learnt events, from this run or from elsewhere."""
        return list(dict.fromkeys(each.model for each in self.learned_videos))

    def learned_for_video(self, video: int) -> list[PredictedVideo]:
        """Pair a video with each model for which learnt events are made.

        Training for a video uses only the annotations of other games.
        """
        settings = self.inputs.settings
        has_others = bool(self.labelled_games - {self.inputs.games[video]})
        return [
            PredictedVideo(video, name)
            for name in settings.learned
            if has_others or settings.models[name].learned is not None
        ]

    @cached_property
    def learned_videos(self) -> list[PredictedVideo]:
        """Return every pair of video and model with learnt events."""
        return [each for video in self.inputs.selected for each in self.learned_for_video(video)]

    @cached_property
    def run(self) -> list[str]:
        """Return the models whose events this run makes: from answers, evidence or learning."""
        spotting = [
            *map(evidence_model_name, self.models_with_evidence),
            *map(learned_model_name, self.learned),
        ]
        return [*self.answering, *spotting]

    def models_for_video(self, video: int) -> list[str]:
        """Return the models with events of a video: running models first, then given models."""
        learned = [learned_model_name(each.model) for each in self.learned_for_video(video)]
        return [
            *self.answering,
            *map(evidence_model_name, self.models_with_evidence),
            *learned,
            *self.inputs.given[video],
        ]

    def fused_models(self, video: int) -> list[str]:
        """Return the models whose events of a video make the ensemble."""
        fused = self.inputs.settings.fused
        return [model for model in self.models_for_video(video) if model in fused]

    def compared_models(self, video: int, model: str) -> list[str]:
        """Return the fused models of a video that do not share an origin with the given model.

        Answers, evidence and learnt events of one checkpoint have the same origin.
        """
        source_model = self.inputs.settings.source_model
        return [
            other
            for other in self.fused_models(video)
            if source_model(other) != source_model(model)
        ]

    def compared_models_by_member(self, video: int) -> dict[str, list[str]]:
        """Return the models that calibration compares with each model in the ensemble.

        The result is empty unless the ensemble's scores are learnt.
        """
        if not self.calibrated:
            return {}
        return {model: self.compared_models(video, model) for model in self.fused_models(video)}

    def videos_for_model(self, model: str) -> list[int]:
        """Return the selected videos in which a model, or the ensemble, has events."""
        if model == _ENSEMBLE:
            return [video for video in self.inputs.selected if self._is_fused(video)]
        return [video for video in self.inputs.selected if model in self.models_for_video(video)]

    def _is_fused(self, video: int) -> bool:
        """Return whether a video has an ensemble.

        An ensemble needs two models, or one model if the ensemble's scores are learnt.
        """
        models = len(self.fused_models(video))
        return models > 1 or (models == 1 and self.calibrated)

    @property
    def calibrated(self) -> bool:
        """Return whether the ensemble's scores are learnt.

        This requires the setting `ensemble.calibrated` and annotations.
        """
        return self.inputs.settings.ensemble.calibrated and bool(self.inputs.annotations)

    @cached_property
    def evaluated(self) -> list[str]:
        """Return the models, and the ensemble, that have events of an annotated video."""
        return [model for model in self.models if self.annotated_by(model)]

    @cached_property
    def exported(self) -> list[str]:
        """Return the models, and the ensemble, whose events are exported for other tools.

        The export formats name the game and the half, so a table of videos is required.
        """
        return [
            model for model in self.models if self.inputs.videos and self.videos_for_model(model)
        ]

    @property
    def clipped(self) -> list[int]:
        """Return the videos to cut clips from.

        They have footage and annotated or predicted events.
        """
        annotated = self.inputs.annotations
        return [v for v in self.inputs.shown if v in annotated or self.models_for_video(v)]

    def model_to_cut(self, video: int) -> str | None:
        """Return the model whose events become the clips of a video: the first model with events.

        Return None if the video has annotations, which then become the clips.
        """
        if video in self.inputs.annotations:
            return None
        return next(iter(self.models_for_video(video)), None)

    @property
    def slices(self) -> list[Slice]:
        """Return every slice of every model that runs."""
        settings = self.inputs.settings
        return list(list_slices(settings.detect_with, self.inputs.selected, settings.slices))

    # --- Pairs of video and model, in the order of their files --------------------------------

    @cached_property
    def predicted(self) -> list[PredictedVideo]:
        """Return every pair of video and model with events, in the order of the videos."""
        return [
            each for video in self.inputs.selected for each in self.predictions_for_video(video)
        ]

    def predictions_for_video(self, video: int) -> list[PredictedVideo]:
        """Pair a video with each model that has events of it."""
        return [PredictedVideo(video, model) for model in self.models_for_video(video)]

    @property
    def detected(self) -> list[PredictedVideo]:
        """Return every pair of video and model whose events this run makes."""
        return [each for each in self.predicted if each.model in self.run]

    @property
    def weighed(self) -> list[PredictedVideo]:
        """Return every pair of video and model with evidence."""
        return [each for video in self.inputs.selected for each in self.weighed_for_video(video)]

    def weighed_for_video(self, video: int) -> list[PredictedVideo]:
        """Pair a video with each model that has evidence of it."""
        return [PredictedVideo(video, model) for model in self.models_with_evidence]

    @cached_property
    def fused(self) -> list[PredictedVideo]:
        """Return a pair of video and ensemble for every video with an ensemble."""
        return self.predicted_by(_ENSEMBLE)

    @cached_property
    def compared(self) -> list[PredictedVideo]:
        """Return a pair of video and ensemble for every video with events of several models."""
        videos = [video for video in self.inputs.selected if len(self.models_for_video(video)) > 1]
        return [PredictedVideo(video, _ENSEMBLE) for video in videos]

    @property
    def shortlisted(self) -> list[PredictedVideo]:
        """Return every pair of video and model, or ensemble, with events."""
        return [*self.predicted, *self.fused]

    def calibration_files_for_video(self, video: int) -> list[str]:
        """Return the calibration file of each fused model of a video.

        The result is empty unless the ensemble's scores are learnt and all fused models have
        annotated videos.
        """
        models = self.fused_models(video)
        if not self.calibrated or any(not self.annotated_by(model) for model in models):
            return []
        return self.files(paths.CALIBRATION, self._fused_from(video))

    def _fused_from(self, video: int) -> list[PredictedVideo]:
        """Pair a video with each model whose events are fused for it."""
        return [PredictedVideo(video, model) for model in self.fused_models(video)]

    def events_to_fuse(self, video: int) -> list[str]:
        """Return the event files of a video's fused models."""
        return self.files(paths.EVENTS, self._fused_from(video))

    def predicted_by(self, model: str) -> list[PredictedVideo]:
        """Pair a model, or the ensemble, with each video in which it has events."""
        return [PredictedVideo(video, model) for video in self.videos_for_model(model)]

    def annotated_by(self, model: str) -> list[PredictedVideo]:
        """Pair a model, or the ensemble, with each annotated video in which it has events."""
        return [each for each in self.predicted_by(model) if each.video in self.inputs.annotations]

    def contributors(self, predicted: PredictedVideo) -> list[PredictedVideo]:
        """Return the models whose coverage counts.

        An ensemble has the coverage of all its models.
        """
        is_fused = predicted.model == _ENSEMBLE
        return self._fused_from(predicted.video) if is_fused else [predicted]

    def compared_predictions(self, predicted: PredictedVideo) -> list[PredictedVideo]:
        """Return the models whose agreement calibration uses for a model's events.

        The result is empty for the ensemble.
        """
        if predicted.model == _ENSEMBLE:
            return []
        others = self.compared_models(predicted.video, predicted.model)
        return [PredictedVideo(predicted.video, model) for model in others]

    @cached_property
    def missing(self) -> list[MissingPredictions]:
        """Return the given predictions whose files do not exist, in the order of the videos."""
        models = self.inputs.settings.models
        return [
            MissingPredictions(video, model, expected_path(source, video, self.inputs.videos))
            for video in self.inputs.selected
            for model in self.inputs.settings.compare_with
            if model not in self.inputs.given[video] and (source := models[model].predictions)
        ]

    @property
    def weighed_classes(self) -> list[str]:
        """Return the classes that evidence is computed for. Empty if no model keeps evidence."""
        return list(self.inputs.classes) if self.models_with_evidence else []

    # --- Files --------------------------------------------------------------------------------

    def files(self, pattern: str, places: Iterable[PredictedVideo | Slice]) -> list[str]:
        """Return the result file of each place.

        Args:
            pattern: the file's pattern (core/paths.py).
            places: pairs of video and model, or slices.
        """
        results = self.inputs.settings.results
        return [f"{results}/{pattern.format(**asdict(place))}" for place in places]

    def coverage_files(self, model: str) -> list[str]:
        """Return the coverage files of a model's annotated videos.

        An ensemble has a file per fused model.
        """
        places = [each for one in self.annotated_by(model) for each in self.contributors(one)]
        return self.files(paths.COVERAGE, places)

    def other_events(self, model: str) -> list[str]:
        """Return the events files that calibration compares with a model, for annotated videos."""
        compared = [
            each for one in self.annotated_by(model) for each in self.compared_predictions(one)
        ]
        return self.files(paths.EVENTS, compared)

    def calibration_file(self, model: str) -> list[str]:
        """Return the calibration file of a model or the ensemble, in a list.

        The list is empty if the model is not evaluated.
        """
        pattern = paths.CALIBRATION.format(model=model)
        return [f"{self.inputs.settings.results}/{pattern}"] if model in self.evaluated else []

    def events_to_calibrate(self, video: int, model: str) -> list[str]:
        """Return the events files in a video that are needed to calibrate a model.

        The result is empty if the model is not evaluated, because it then has no calibration.
        """
        compared = (
            self.compared_predictions(PredictedVideo(video, model))
            if model in self.evaluated
            else []
        )
        return self.files(paths.EVENTS, compared)

    def ensemble_events(self, video: int) -> list[str]:
        """Return the file of the ensemble's events in a video.

        The result is empty if the video has no ensemble.
        """
        return self.files(paths.ENSEMBLE_EVENTS, [v for v in self.fused if v.video == video])

    def comparison_file(self, video: int) -> list[str]:
        """Return the comparison file of a video.

        The result is empty unless several models have events of the video.
        """
        return self.files(paths.COMPARISON, [v for v in self.compared if v.video == video])

    def footage_results(self, pattern: str, video: int) -> list[str]:
        """Return the path of a result if the video has footage, or else nothing."""
        if video not in self.inputs.shown:
            return []
        return [f"{self.inputs.settings.results}/{pattern.format(video=video)}"]

    def annotation_files(self, model: str) -> list[str]:
        """Return the annotation file of each annotated video in which a model has events."""
        return [self.inputs.annotations[each.video] for each in self.annotated_by(model)]

    def annotation_file(self, video: int) -> list[str]:
        """Return the annotation file of a video. The result is empty if there is none."""
        path = self.inputs.annotations.get(video)
        return [path] if path else []

    def shortlist_to_cut(self, video: int) -> list[str]:
        """Return the shortlist whose events become the clips of a video.

        The result is empty if the video has annotations.
        """
        model = self.model_to_cut(video)
        return self.files(paths.SHORTLIST, [PredictedVideo(video, model)] if model else [])

    def learned_file(self, model: str) -> str:
        """Return the file of the learnt model for a model's features: the user's own file, or a
        result.
        """
        settings = self.inputs.settings
        made = f"{settings.results}/{paths.LEARNED_MODEL.format(model=model)}"
        return settings.models[model].learned or made

    def learned_results(self, model: str) -> list[str]:
        """Return the files that learning from a model's features makes."""
        patterns = (paths.LEARNED_MODEL, paths.LEARNING)
        return [f"{self.inputs.settings.results}/{each.format(model=model)}" for each in patterns]

    @property
    def labelled(self) -> list[int]:
        """Return the selected videos with annotations."""
        return sorted(self.inputs.annotations)

    def labelled_slices(self, model: str) -> list[Slice]:
        """Return every slice of each annotated video, for one model."""
        return list(list_slices([model], self.labelled, self.inputs.settings.slices))

    def model_folder(self, model: str) -> str:
        """Return the folder that a model is loaded from."""
        settings = self.inputs.settings
        if settings.models[model].quantization == "none":
            return self.unquantized_folder(model)
        return f"{settings.resources}/{paths.QUANTIZED.format(model=model)}"

    def unquantized_folder(self, model: str) -> str:
        """Return the folder of a model's 16-bit weights: as fetched, or with an adapter merged."""
        settings = self.inputs.settings
        pattern = paths.MERGED if settings.models[model].adapter else paths.CHECKPOINT
        return f"{settings.resources}/{pattern.format(model=model)}"

    @cached_property
    def hashed(self) -> list[str]:
        """Return the models whose files are hashed for the record of the run.

        A model that was deleted after a finished run is left out, so that it is not fetched again.
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
        """Return whether any model runs in 16 bits with an adapter merged into it."""
        models = self.inputs.settings.models.values()
        return any(model.adapter and model.quantization == "none" for model in models)

    # --- Names and halves from the table of videos ---------------------------------------------

    def name_for_video(self, video: int) -> Name:
        """Return the game, half and teams of a video, from the table of videos."""
        row = self.inputs.videos.get(video)
        return row.name if row else Name()

    def half_for_video(self, video: int) -> GameHalf:
        """Return the game and half of a video, from the table of videos.

        The manifest does not contain them, so correcting a name does not repeat the detection.
        """
        row = self.inputs.videos.get(video)
        return row.game_half if row else GameHalf()

    @property
    def labelled_videos(self) -> list[AnnotatedVideo]:
        """Return the videos that models learn from."""
        return [
            AnnotatedVideo(
                video, self.inputs.games[video], self.half_for_video(video), models=1, others=0
            )
            for video in self.labelled
        ]

    def annotated_videos(self, model: str) -> list[AnnotatedVideo]:
        """Return the videos that a model, or the ensemble, is evaluated on."""
        return [
            AnnotatedVideo(
                video=one.video,
                game=self.inputs.games[one.video],
                game_half=self.half_for_video(one.video),
                models=len(self.contributors(one)),
                others=len(self.compared_predictions(one)),
            )
            for one in self.annotated_by(model)
        ]
