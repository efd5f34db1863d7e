# Settings, paths and input functions.

import json
import os
import re

from touchline.core import paths
from touchline.runs.limits import slice_megabytes, slice_minutes
from touchline.models.checkpoints import checkpoint_files
from touchline.inputs.fingerprint import fingerprint
from touchline.runs.preflight import read_inputs

STATUS = (
    f"python {os.path.relpath(Path(workflow.basedir) / 'scripts/status.py')} --watch"
)
if "status" in sys.argv[1:]:
    # It cannot be a rule: Snakemake would want the folder, which a run has.
    raise WorkflowError(
        f"There is no target status; this shows how far a run is: {STATUS}"
    )

try:
    INPUTS = read_inputs(
        config,
        check=workflow.is_main_process,
        # The models can be fetched where the videos are not.
        with_videos="models" not in sys.argv[1:],
        project=Path(workflow.basedir),
    )
except InputError as error:
    raise WorkflowError(str(error)) from None

SETTINGS = INPUTS.settings
GIVEN_PATHS = {
    name: SETTINGS.models[name].predictions for name in SETTINGS.compare_with
}
VIDEOS = INPUTS.videos
SELECTED = INPUTS.selected
# By video and model, the files of given predictions.
GIVEN = INPUTS.given
# By video, the file of its true events, where there is one.
LABELS = INPUTS.labels
# By video, the match it is of: a video without a game is one by itself.
GAMES = INPUTS.games
# The videos that there is footage of.
SHOWN = INPUTS.shown
SLICES = range(SETTINGS.slices)
RUN = SETTINGS.detect_with  # the models that run

RESULTS = SETTINGS.results
MANIFEST = f"{RESULTS}/{paths.MANIFEST}"
PARTIAL = f"{RESULTS}/{paths.PARTIAL}"
LEDGER = f"{RESULTS}/{paths.LEDGER}"
# Never an output: Snakemake deletes those when a job fails.
JOURNAL = f"{RESULTS}/{paths.JOURNAL}"
DETECT_LOG = f"{RESULTS}/{paths.DETECT_LOG}"
BENCHMARK = f"{RESULTS}/benchmarks/detect_{{model}}_vid{{video}}_gpu{{slice}}.tsv"
KEPT = [PARTIAL, LEDGER] if SETTINGS.keep_partials else []
PREDICTIONS = f"{RESULTS}/{paths.PREDICTIONS}"
EVENTS = f"{RESULTS}/{paths.EVENTS}"
COVERAGE = f"{RESULTS}/coverage/coverage_{{model}}_video_{{video}}.json"
COMPARISON = f"{RESULTS}/comparison/comparison_video_{{video}}.json"
COMPARISON_TABLE = f"{RESULTS}/comparison/comparison_video_{{video}}.csv"
ENSEMBLE = f"{RESULTS}/ensemble/final_predictions_ensemble_video_{{video}}.json"
ENSEMBLE_EVENTS = f"{RESULTS}/events/events_ensemble_video_{{video}}.csv"
EVALUATION = f"{RESULTS}/evaluation/evaluation_{{model}}.json"
OUTCOMES = f"{RESULTS}/evaluation/outcomes_{{model}}.csv"
CURVES = f"{RESULTS}/evaluation/curves_{{model}}.csv"
EVALUATION_TABLE = f"{RESULTS}/evaluation/evaluation.csv"
EVALUATION_TEXT = f"{RESULTS}/evaluation/evaluation.txt"
CALIBRATION = f"{RESULTS}/calibration/calibration_{{model}}.json"
EXPORTS = f"{RESULTS}/exports/{{model}}"
SUMMARY = f"{RESULTS}/summary/summary.csv"
SUMMARY_TEXT = f"{RESULTS}/summary/summary.txt"
THUMBNAILS = f"{RESULTS}/thumbnails/thumbnails_video_{{video}}.json"
PAGE = f"{RESULTS}/report/video_{{video}}.html"
INDEX = f"{RESULTS}/report/index.html"
CHART = f"{RESULTS}/report/charts/{{name}}.svg"
CHECKPOINT = f"{SETTINGS.resources}/models/{{model}}/checkpoint"
QUANTIZED = f"{SETTINGS.resources}/models/{{model}}/nf4"


def one_of(names):
    """A regular expression for one of some names, and for nothing if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    model=one_of(SETTINGS.models),
    video=r"\d+",
    slice=r"\d+",


def model_folder(model):
    """The folder that a model is loaded from."""
    quantized = SETTINGS.models[model].quantization == "nf4"
    return (QUANTIZED if quantized else CHECKPOINT).format(model=model)


def models_of(video):
    """The models that have events of a video: those that run, then those given."""
    return [*RUN, *GIVEN[int(video)]]


def of_each_model(pattern):
    """An input function: a pattern's files of a video, in the order of models_of."""
    return lambda wildcards: expand(
        pattern, model=models_of(wildcards.video), video=wildcards.video
    )


def videos_of(model):
    """The selected videos that a model, or the ensemble, has events of."""
    if model == "ensemble":
        return [v for v in SELECTED if len(models_of(v)) > 1]
    return [v for v in SELECTED if model in models_of(v)]


def annotated_by(model):
    """The videos with labels that a model, or the ensemble, has events of."""
    return [v for v in videos_of(model) if v in LABELS]


def models_behind(model, video):
    """The models whose coverage counts: an ensemble looked where all of its models did."""
    return models_of(video) if model == "ensemble" else [model]


def of_annotated(pattern):
    """An input function: a pattern's file of each video that the model can be evaluated on."""
    return lambda wildcards: expand(
        pattern, model=wildcards.model, video=annotated_by(wildcards.model)
    )


def coverage_of_annotated(wildcards):
    """Coverage of each video: one file a model that is behind the events."""
    return [
        COVERAGE.format(model=model, video=video)
        for video in annotated_by(wildcards.model)
        for model in models_behind(wildcards.model, video)
    ]


def half_of(wildcards):
    """Game and half of a video. Not from its manifest, or a corrected name would detect anew."""
    video = VIDEOS.get(int(wildcards.video))
    return [video.game, video.half] if video else [None, None]


def halves_of(wildcards):
    """Number, match, half and number of coverage files of each video, in the order of inputs."""
    return [
        (v, GAMES[v], VIDEOS[v].half, len(models_behind(wildcards.model, v)))
        for v in annotated_by(wildcards.model)
    ]


def compared(pattern):
    """A pattern's files of the selected videos that there are two models to compare for."""
    return expand(pattern, video=[v for v in SELECTED if len(models_of(v)) > 1])


def refuse_if_empty(target, files, reason):
    """End the run where somebody asks for a target of which there is nothing to make."""
    if target in sys.argv[1:] and not files:
        raise WorkflowError(reason)


def manifest_of(wildcards):
    """The manifest of a video that there is footage of."""
    return [MANIFEST.format(video=v) for v in SHOWN if v == int(wildcards.video)]


def minutes_of_slice(wildcards, input, attempt):
    """A slice's time limit, from its video's length; unknown before the video is probed."""
    # Opened here: Snakemake takes a FileNotFoundError for "not yet known".
    manifest = json.loads(Path(input.manifest).read_bytes())
    return slice_minutes(
        manifest["duration"],
        SETTINGS.slices,
        SETTINGS.window.step,
        SETTINGS.generation.max_new_tokens,
        attempt,
    )


def content_of(wildcards):
    """A video's content, whatever its path and date."""
    try:
        return fingerprint(VIDEOS[int(wildcards.video)].path)
    except OSError as error:
        # The job will read the file too, and say what is wrong with it.
        return error.strerror


def said_of_match(wildcards):
    """What models and labels say of a match, as touchline.report.match reads it."""
    video = int(wildcards.video)
    return {
        "events": of_each_model(EVENTS)(wildcards),
        "coverage": of_each_model(COVERAGE)(wildcards),
        "truth": [LABELS[video]] if video in LABELS else [],
        "manifest": manifest_of(wildcards),
        "labels": SETTINGS.labels,
    }


def if_compared(pattern):
    """An input function: a pattern's file of a video that there are two models to compare for."""
    return lambda wildcards: [
        path for path in compared(pattern) if path == pattern.format(**wildcards)
    ]


def name_of(video):
    """Game, half and teams of a video, as the table of videos has them."""
    row = VIDEOS.get(int(video))
    return (row.game, row.half, row.home, row.away) if row else (None,) * 4
