"""Test that answers survive the end of a worker."""

import numpy as np
import pytest

from touchline.core.records import WindowOutcome
from touchline.detection.journal import Journal, journal_key


def record(number, status="none"):
    return WindowOutcome(
        window=number, start=2 * number, end=2 * number + 4, frame_times=[], status=status,
        attempts=1, text=f"answer {number} é",
    )  # fmt: skip


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "slice", "key")


def write(journal, *records):
    with journal.writing() as writer:
        for each in records:
            writer.add(each)


def test_next_attempt_reads_earlier_answers(journal):
    assert journal.read() == {}
    write(journal, record(0), record(2))
    write(journal, record(1))
    assert journal.read() == {n: record(n) for n in range(3)}


def test_line_is_readable_before_the_file_is_closed(journal):
    with journal.writing() as writer:
        writer.add(record(0))
        assert journal.read() == {0: record(0)}


@pytest.mark.parametrize("kept", [1, 10, -1])
def test_incomplete_last_line_is_ignored(journal, tmp_path, kept):
    write(journal, record(0), record(1))
    (file,) = tmp_path.rglob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    torn = lines[1].rstrip(b"\n")
    file.write_bytes(lines[0] + torn[:kept])
    assert journal.read() == {0: record(0)}


def with_features(number):
    features = np.full(5, number, np.float16).tobytes()
    return record(number).model_copy(update={"features": features})


def test_features_are_read_with_their_windows(journal):
    write(journal, with_features(0), with_features(1))
    found = journal.read(with_features=True)
    assert found == {n: with_features(n) for n in range(2)}
    assert journal.read() == {n: record(n) for n in range(2)}


def test_features_are_readable_before_the_file_is_closed(journal):
    with journal.writing() as writer:
        writer.add(with_features(0))
        assert journal.read(with_features=True) == {0: with_features(0)}


def test_windows_without_wanted_features_are_repeated(journal):
    write(journal, record(0), with_features(1), record(2, "refused"))
    assert sorted(journal.read(with_features=True)) == [1, 2]
    assert sorted(journal.read()) == [0, 1, 2]


@pytest.mark.parametrize("cut", [1, 9, 10, 11, 21])
def test_window_with_incomplete_features_is_repeated(journal, tmp_path, cut):
    write(journal, with_features(0), with_features(1))
    (file,) = tmp_path.rglob("*.features")
    file.write_bytes(file.read_bytes()[:-cut])
    assert journal.read(with_features=True) == {0: with_features(0)}


def test_window_with_damaged_features_is_repeated(journal, tmp_path):
    write(journal, with_features(0), with_features(1))
    (file,) = tmp_path.rglob("*.features")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert sorted(journal.read(with_features=True)) == [0]


def test_lines_and_features_of_two_processes_are_not_mixed(journal):
    """The first process writes the line without features."""
    write(journal, record(0))
    write(journal, with_features(0))
    assert journal.read(with_features=True) == {0: with_features(0)}


def test_lines_of_two_writers_are_not_mixed(journal):
    with journal.writing() as one, journal.writing() as other:
        for number in range(20):
            (one if number % 3 else other).add(record(number))
        one.add(record(3))
    assert journal.read() == {n: record(n) for n in range(20)}


def test_skipped_windows_are_repeated(journal):
    write(journal, record(0, "skipped_oom"), record(1, "unparsed"), record(2, "no_frames"))
    assert list(journal.read()) == [1]


def test_refused_windows_are_not_repeated(journal):
    write(journal, record(0, "refused"), record(1, "skipped_oom"))
    assert list(journal.read()) == [0]


def test_journal_with_another_key_starts_empty(journal, tmp_path):
    write(journal, record(0))
    assert Journal(tmp_path / "slice", "other").read() == {}
    assert journal_key(a=1, b={"c": 2}) == journal_key(b={"c": 2}, a=1)
    assert journal_key(a=1) != journal_key(a=2)
