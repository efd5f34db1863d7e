"""Where a slice's files lie under the folder of results: what rules and the status share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "videos/video_{video}.json"
MODEL = "models/model_{model}.json"
PARTIAL = "partials/partial_results_{model}_vid{video}_gpu{slice}.json"
LEDGER = "windows/windows_{model}_vid{video}_gpu{slice}.jsonl"
JOURNAL = "journal/{model}_vid{video}_gpu{slice}"
DETECT_LOG = "logs/detect/{model}_vid{video}_gpu{slice}.log"
PREDICTIONS = "predictions/final_predictions_{model}_video_{video}.json"
EVENTS = "events/events_{model}_video_{video}.csv"


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
        if not keep_partials and self.file(results, PREDICTIONS).exists():
            return True
        return all(self.file(results, pattern).exists() for pattern in (PARTIAL, LEDGER))


def slices_of(models: Sequence[str], videos: Iterable[int], slices: int) -> Iterator[Slice]:
    """Every slice, model by model within a video."""
    for video in videos:
        for model in models:
            for index in range(slices):
                yield Slice(model, video, index)
