"""Path patterns of every file of a run, shared by rules, scripts and the status command.

A pattern contains the Snakemake wildcards {model}, {video} or {slice}. It is relative either to the
folder of results (setting `results`) or to the folder of models (setting `resources`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

# Below the folder of results, per slice of a video and model:
PARTIAL = "partials/partial_results_{model}_vid{video}_gpu{slice}.json"
LEDGER = "windows/windows_{model}_vid{video}_gpu{slice}.jsonl"
SLICE_EVIDENCE = "evidence/evidence_{model}_vid{video}_gpu{slice}.csv"
SLICE_FEATURES = "features/features_{model}_vid{video}_gpu{slice}.safetensors"
# Not an output, because Snakemake deletes the outputs of a failed job.
JOURNAL = "journal/{model}_vid{video}_gpu{slice}"
DETECT_BENCHMARK = "benchmarks/detect_{model}_vid{video}_gpu{slice}.tsv"

# Per video, or per video and model (or ensemble):
MANIFEST = "videos/video_{video}.json"
PREDICTIONS = "predictions/final_predictions_{model}_video_{video}.json"
EVENTS = "events/events_{model}_video_{video}.csv"
EVIDENCE = "evidence/evidence_{model}_video_{video}.csv"
PROBABILITIES = "learned/probabilities_{model}_video_{video}.csv"
SHORTLIST = "events/shortlist_{model}_video_{video}.csv"
COVERAGE = "coverage/coverage_{model}_video_{video}.json"
COMPARISON = "comparison/comparison_video_{video}.json"
COMPARISON_TABLE = "comparison/comparison_video_{video}.csv"
ENSEMBLE = "ensemble/final_predictions_ensemble_video_{video}.json"
ENSEMBLE_EVENTS = "events/events_ensemble_video_{video}.csv"
THUMBNAILS = "thumbnails/thumbnails_video_{video}.json"
PAGE = "report/video_{video}.html"
# A folder of clips and reels, with a list of them.
CLIPS = "clips/video_{video}"
CLIP_LIST = f"{CLIPS}/clips.json"
# Not an output, because scripts/review.py writes this file when a person saves verdicts.
VERDICTS = "verdicts/verdicts_video_{video}.csv"

# Per model (or ensemble), over all videos:
MODEL = "models/model_{model}.json"
MODEL_FILES = "models/files_{model}.json"
LEARNED_MODEL = "learned/learned_{model}.safetensors"
LEARNING = "learned/learning_{model}.json"
EVALUATION = "evaluation/evaluation_{model}.json"
OUTCOMES = "evaluation/outcomes_{model}.csv"
CURVES = "evaluation/curves_{model}.csv"
CALIBRATION = "calibration/calibration_{model}.json"
EXPORTS = "exports/{model}"

# Per run:
EVALUATION_TABLE = "evaluation/evaluation.csv"
EVALUATION_TEXT = "evaluation/evaluation.txt"
SUMMARY = "summary/summary.csv"
SUMMARY_TEXT = "summary/summary.txt"
INDEX = "report/index.html"
CHART = "report/charts/{name}.svg"
RECORD = "run.json"
# Folders of the logs, and of the hashes of each job's results (touchline.core.jobs).
LOGS = "logs"
HASHES = "hashes"
# Folders that run.json does not list: their files differ between attempts, are made on demand, or
# are written by a person.
NO_RESULTS = ("benchmarks", "clips", HASHES, "journal", LOGS, "verdicts")

# Logs, per rule:
PROBE_LOG = "logs/probe/video_{video}.log"
FETCH_ADAPTER_LOG = "logs/models/fetch_adapter_{model}.log"
MERGE_ADAPTER_LOG = "logs/models/merge_adapter_{model}.log"
FETCH_LOG = "logs/models/fetch_{model}.log"
HASH_LOG = "logs/models/hash_{model}.log"
QUANTIZE_LOG = "logs/models/quantize_{model}.log"
DETECT_LOG = "logs/detect/{model}_vid{video}_gpu{slice}.log"
MERGE_LOG = "logs/merge/{model}_video_{video}.log"
EVIDENCE_LOG = "logs/evidence/{model}_video_{video}.log"
LEARN_LOG = "logs/learn/{model}.log"
LEARNED_LOG = "logs/learn/{model}_video_{video}.log"
GIVEN_LOG = "logs/given/{model}_video_{video}.log"
COMPARE_LOG = "logs/compare/video_{video}.log"
ENSEMBLE_LOG = "logs/ensemble/video_{video}.log"
SHORTLIST_LOG = "logs/shortlist/{model}_video_{video}.log"
EVALUATE_LOG = "logs/evaluation/{model}.log"
CALIBRATE_LOG = "logs/calibration/{model}.log"
EVALUATION_LOG = "logs/evaluation.log"
EXPORTS_LOG = "logs/exports/{model}.log"
SUMMARY_LOG = "logs/summary.log"
THUMBNAILS_LOG = "logs/thumbnails/video_{video}.log"
PAGE_LOG = "logs/report/video_{video}.log"
CLIPS_LOG = "logs/clips/video_{video}.log"
INDEX_LOG = "logs/report/index.log"
RECORD_LOG = "logs/record.log"

# Below the folder of models:
CHECKPOINT = "models/{model}/checkpoint"
ADAPTER = "models/{model}/adapter"
MERGED = "models/{model}/merged"
QUANTIZED = "models/{model}/nf4"


# Events from a model's evidence, and events learnt from its features, are listed as models of their
# own. No other model can have such a name, because "_" separates the parts of file names.
_EVIDENCE_SUFFIX = "_evidence"
_LEARNED_SUFFIX = "_learned"


def evidence_model_name(model: str) -> str:
    """Return the name under which events from a model's evidence are listed."""
    return model + _EVIDENCE_SUFFIX


def learned_model_name(model: str) -> str:
    """Return the name under which events learnt from a model's features are listed."""
    return model + _LEARNED_SUFFIX


def evidence_pattern(pattern: str) -> str:
    """Return a path pattern for events from the evidence of {model}."""
    return pattern.replace("{model}", evidence_model_name("{model}"))


def learned_pattern(pattern: str) -> str:
    """Return a path pattern for events learnt from the features of {model}."""
    return pattern.replace("{model}", learned_model_name("{model}"))


@dataclass(frozen=True)
class Slice:
    """A slice of a video for one model. The field `slice` is the number of the slice."""

    model: str
    video: int
    slice: int

    def file(self, results: str | Path, pattern: str) -> Path:
        """Return the path of the slice's file for one of the patterns of this module."""
        return Path(results) / pattern.format(**asdict(self))

    def is_done(self, results: str | Path, keep_partials: bool) -> bool:
        """Return whether the slice's files exist, or were deleted after merging."""
        merged = (PREDICTIONS, evidence_pattern(PREDICTIONS), learned_pattern(PREDICTIONS))
        if not keep_partials and any(self.file(results, pattern).exists() for pattern in merged):
            return True
        return all(self.file(results, pattern).exists() for pattern in (PARTIAL, LEDGER))


def list_slices(models: Sequence[str], videos: Iterable[int], slices: int) -> Iterator[Slice]:
    """Return the slices of all videos, ordered by video, then by model."""
    triples = product(videos, models, range(slices))
    return (Slice(model, video, index) for video, model, index in triples)


def regex_for(names: Iterable[str]) -> str:
    """Return a regular expression that matches any of the names.

    Without names it matches nothing.
    """
    return "|".join(map(re.escape, names)) or "(?!)"
