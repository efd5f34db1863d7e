"""Where every file of a run lies: the patterns that rules, scripts and the status command share.

A pattern holds {model}, {video} or {slice}, as Snakemake's wildcards do, and begins in one of two
folders: that of the results, or that of the models (settings `results` and `resources`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

# Under the folder of results: a slice of a video for one model.
PARTIAL = "partials/partial_results_{model}_vid{video}_gpu{slice}.json"
LEDGER = "windows/windows_{model}_vid{video}_gpu{slice}.jsonl"
SLICE_EVIDENCE = "evidence/evidence_{model}_vid{video}_gpu{slice}.csv"
SLICE_FEATURES = "features/features_{model}_vid{video}_gpu{slice}.safetensors"
# Never an output: Snakemake deletes those when a job fails.
JOURNAL = "journal/{model}_vid{video}_gpu{slice}"
DETECT_BENCHMARK = "benchmarks/detect_{model}_vid{video}_gpu{slice}.tsv"

# A video, and a video for one model or for the ensemble.
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
# A folder: clips, reels, and a list of them.
CLIPS = "clips/video_{video}"
CLIP_LIST = f"{CLIPS}/clips.json"
# Not an output: scripts/review.py writes it when a person saves verdicts.
VERDICTS = "verdicts/verdicts_video_{video}.csv"

# A model, or the ensemble, over all videos.
MODEL = "models/model_{model}.json"
MODEL_FILES = "models/files_{model}.json"
LEARNED_MODEL = "learned/learned_{model}.safetensors"
LEARNING = "learned/learning_{model}.json"
EVALUATION = "evaluation/evaluation_{model}.json"
OUTCOMES = "evaluation/outcomes_{model}.csv"
CURVES = "evaluation/curves_{model}.csv"
CALIBRATION = "calibration/calibration_{model}.json"
EXPORTS = "exports/{model}"

# The run.
EVALUATION_TABLE = "evaluation/evaluation.csv"
EVALUATION_TEXT = "evaluation/evaluation.txt"
SUMMARY = "summary/summary.csv"
SUMMARY_TEXT = "summary/summary.txt"
INDEX = "report/index.html"
CHART = "report/charts/{name}.svg"
RECORD = "run.json"
# The logs, and beside each log the hashes of its job's results (touchline.core.jobs).
LOGS = "logs"
HASHES = "hashes"
# What is no part of a run's record. It differs from attempt to attempt, is cut on demand, or a
# person wrote it.
NO_RESULTS = ("benchmarks", "clips", HASHES, "journal", LOGS, "verdicts")

# The log of each rule's jobs, and of what is summed up after some videos failed.
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

# Under the folder of models.
CHECKPOINT = "models/{model}/checkpoint"
ADAPTER = "models/{model}/adapter"
MERGED = "models/{model}/merged"
QUANTIZED = "models/{model}/nf4"


# What is spotted from a model's evidence is a model of its own, and so is what is learnt from its
# features. No other can have such a name, as "_" separates the parts of a file's.
_BY_EVIDENCE = "_evidence"
_BY_LEARNING = "_learned"


def by_evidence(model: str) -> str:
    """The name of the model that is a model's evidence."""
    return model + _BY_EVIDENCE


def by_learning(model: str) -> str:
    """The name of the model that is learnt from a model's features."""
    return model + _BY_LEARNING


def of_evidence(pattern: str) -> str:
    """A pattern as it is of the evidence of {model}."""
    return pattern.replace("{model}", by_evidence("{model}"))


def of_learning(pattern: str) -> str:
    """A pattern as it is of what is learnt from the features of {model}."""
    return pattern.replace("{model}", by_learning("{model}"))


@dataclass(frozen=True)
class Slice:
    """A slice of a video for one model; `slice` is its number."""

    model: str
    video: int
    slice: int

    def file(self, results: str | Path, pattern: str) -> Path:
        """One of the files above."""
        return Path(results) / pattern.format(**asdict(self))

    def is_done(self, results: str | Path, keep_partials: bool) -> bool:
        """Whether its files are there, or were thrown away once merged."""
        merged = (PREDICTIONS, of_evidence(PREDICTIONS), of_learning(PREDICTIONS))
        if not keep_partials and any(self.file(results, pattern).exists() for pattern in merged):
            return True
        return all(self.file(results, pattern).exists() for pattern in (PARTIAL, LEDGER))


def slices_of(models: Sequence[str], videos: Iterable[int], slices: int) -> Iterator[Slice]:
    """Every slice, model by model within a video."""
    triples = product(videos, models, range(slices))
    return (Slice(model, video, index) for video, model, index in triples)


def one_of(names: Iterable[str]) -> str:
    """A regular expression for one of some names, and for nothing if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"
