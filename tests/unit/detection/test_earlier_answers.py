"""Test the reading of other slices' answers, from which a slice drafts its own."""

import os

import pytest

from touchline.core.files import write_json_lines
from touchline.core.records import WindowRecord
from touchline.detection.earlier_answers import read_earlier_answers


def line(text):
    return WindowRecord(
        window=0, start=0, end=4, frame_times=[0.0], status="events", text=text, attempts=1
    )


def write(results, name, *texts, age=0):
    path = results / "windows" / name
    write_json_lines(path, (line(text).model_dump() for text in texts))
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_answers_of_the_newest_slice_are_read(tmp_path):
    for slice in range(4):
        name = f"windows_llava_vid2_gpu{slice}.jsonl"
        write(tmp_path, name, f"[{slice}]", "", "none", age=10 * slice)
    assert read_earlier_answers(tmp_path, "llava") == ["[0]", "none"]


def test_answers_of_other_models_are_left_out(tmp_path):
    for model in ("qwen", "llava-vid3", "llava2", "my-llava"):
        write(tmp_path, f"windows_{model}_vid2_gpu0.jsonl", model)
    write(tmp_path, ".windows_llava_vid2_gpu0.jsonl.part", "unfinished")
    assert read_earlier_answers(tmp_path, "llava") == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]\n", b"\xff\n", b"null\n", b'{"text": 3}\n', b"[" * 10**5]
)
def test_unreadable_ledger_is_not_used(tmp_path, content):
    write(tmp_path, "windows_llava_vid2_gpu0.jsonl").write_bytes(content)
    assert read_earlier_answers(tmp_path, "llava") == []


def test_first_slice_of_a_run_has_no_earlier_answers(tmp_path):
    assert read_earlier_answers(tmp_path, "llava") == []
