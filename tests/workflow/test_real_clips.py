"""Real broadcast clips of five seconds through all rules."""

import os
from pathlib import Path

import pytest

from clones import ROOT, new_clone

DATA = os.environ.get("TOUCHLINE_REAL_DATA")


@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="TOUCHLINE_REAL_DATA names no folder of real data")
def test_real_footage_of_five_seconds_has_windows_in_four_slices(tmp_path):
    config = {
        "videos": str(Path(DATA) / "clips"),
        "models": {"llava": {"checkpoint": str(ROOT / "demo" / "model-llava"), "revision": None}},
        "compare_with": [],
    }
    clone = new_clone(tmp_path / "clone", config)
    clone.run()
    for video in range(3):
        duration = clone.read(f"videos/video_{video}.json")["duration"]
        reached = 0.0
        for index in range(4):
            ledger = clone.read(f"windows/windows_llava_vid{video}_gpu{index}.jsonl")
            assert ledger[0]["start"] == reached
            assert all(len(window["frame_times"]) >= 1 for window in ledger)
            reached = ledger[-1]["end"]
        assert reached == duration
    summary = (clone.folder / "results/summary/summary.txt").read_text()
    assert summary.count("100%") == 3, summary
