"""Write the JSON Schemas in schemas/ from the classes that read and write the files.

Run `make schemas` to update them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from touchline.clips.records import ClipList
from touchline.comparison.records import ComparisonReport
from touchline.core import paths
from touchline.core.records import (
    Coverage,
    JobResults,
    Manifest,
    ModelFiles,
    Origin,
    RawAnswer,
    Thumbnail,
    WindowRecord,
)
from touchline.evaluation.records import CalibrationReport, EvaluationReport
from touchline.inputs.settings import Settings
from touchline.inputs.videos import Video
from touchline.learning.records import LearningReport
from touchline.runs.records import RunRecord

# Type and title of each schema, by name. For tables and JSON Lines, the type describes one row.
_FILES: dict[str, tuple[Any, str]] = {
    "config": (Settings, "config.yaml and files given with --configfile"),
    "video_table_row": (Video, "a row of the video table (videos.tsv)"),
    "manifest": (Manifest, paths.MANIFEST),
    "model": (Origin, paths.MODEL),
    "model_files": (ModelFiles, paths.MODEL_FILES),
    "partial": (list[RawAnswer], paths.PARTIAL),
    "ledger_line": (WindowRecord, f"a line of {paths.LEDGER}"),
    "predictions": (list[RawAnswer], paths.PREDICTIONS),
    "coverage": (Coverage, paths.COVERAGE),
    "evaluation": (EvaluationReport, paths.EVALUATION),
    "calibration": (CalibrationReport, paths.CALIBRATION),
    "learning": (LearningReport, paths.LEARNING),
    "comparison": (ComparisonReport, paths.COMPARISON),
    "thumbnails": (list[Thumbnail], paths.THUMBNAILS),
    "clips": (ClipList, paths.CLIP_LIST),
    "hashes": (JobResults, f"{paths.HASHES}/….json"),
    "run": (RunRecord, paths.RECORD),
}


def schemas() -> dict[str, str]:
    """Return the text of each schema file, by file name."""
    files = {}
    for name, (kind, title) in _FILES.items():
        schema = TypeAdapter(kind).json_schema() | {"title": title}
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
        files[f"{name}.json"] = json.dumps(schema, indent=2) + "\n"
    return files


def main() -> None:
    """Write the schemas into the folder that the command line names."""
    folder = Path(sys.argv[1])
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
