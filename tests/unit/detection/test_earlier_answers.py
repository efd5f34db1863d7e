"""Test the reading of other slices' answers, from which a slice drafts its own."""

import os

import pytest

from touchline.core.files import write_json_lines
from touchline.core.records import WindowRecord
from touchline.detection.earlier_answers import read_earlier_answers


@pytest.fixture
def ledger(tmp_path):
    """Return the ledger of the slice that is about to run."""
    return tmp_path / "windows_llava_vid3_gpu1.jsonl"


def line(text):
    return WindowRecord(
        window=0, start=0, end=4, frame_times=[0.0], status="events", text=text, attempts=1
    )


def write(folder, name, *texts, age=0):
    path = folder / name
    write_json_lines(path, (line(text).model_dump() for text in texts))
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_answers_of_the_newest_slice_are_read(ledger):
    for slice in range(4):
        name = f"windows_llava_vid2_gpu{slice}.jsonl"
        write(ledger.parent, name, f"[{slice}]", "", "none", age=10 * slice)
    assert read_earlier_answers(ledger) == ["[0]", "none"]


def test_answers_of_other_models_are_left_out(ledger):
    for model in ("qwen", "llava_vid3", "llava2", "my_llava"):
        write(ledger.parent, f"windows_{model}_vid2_gpu0.jsonl", model)
    write(ledger.parent, ".windows_llava_vid2_gpu0.jsonl.part", "unfinished")
    assert read_earlier_answers(ledger) == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]\n", b"\xff\n", b"null\n", b'{"text": 3}\n', b"[" * 10**5]
)
def test_unreadable_ledger_is_not_used(ledger, content):
    write(ledger.parent, "windows_llava_vid2_gpu0.jsonl").write_bytes(content)
    assert read_earlier_answers(ledger) == []


def test_first_slice_of_a_run_has_no_earlier_answers(ledger):
    assert read_earlier_answers(ledger.parent / "none" / ledger.name) == []
