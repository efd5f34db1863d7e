"""What was answered is kept through any end of a worker, and nothing else is."""

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


def test_the_next_attempt_reads_what_earlier_ones_wrote(journal):
    assert journal.read() == {}
    write(journal, record(0), record(2))
    write(journal, record(1))
    assert journal.read() == {n: record(n) for n in range(3)}


def test_a_line_is_there_before_the_file_is_closed(journal):
    with journal.writing() as writer:
        writer.add(record(0))
        assert journal.read() == {0: record(0)}


@pytest.mark.parametrize("kept", [1, 10, -1])
def test_a_torn_last_line_is_passed_over(journal, tmp_path, kept):
    write(journal, record(0), record(1))
    (file,) = tmp_path.rglob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    torn = lines[1].rstrip(b"\n")
    file.write_bytes(lines[0] + torn[:kept])
    assert journal.read() == {0: record(0)}


def test_two_writers_do_not_mix(journal):
    with journal.writing() as one, journal.writing() as other:
        for number in range(20):
            (one if number % 3 else other).add(record(number))
        one.add(record(3))
    assert journal.read() == {n: record(n) for n in range(20)}


def test_skipped_windows_are_done_again(journal):
    write(journal, record(0, "skipped_oom"), record(1, "unparsed"), record(2, "no_frames"))
    assert list(journal.read()) == [1]


def test_refused_windows_are_not_asked_about_again(journal):
    write(journal, record(0, "refused"), record(1, "skipped_oom"))
    assert list(journal.read()) == [0]


def test_another_key_starts_afresh(journal, tmp_path):
    write(journal, record(0))
    assert Journal(tmp_path / "slice", "other").read() == {}
    assert journal_key(a=1, b={"c": 2}) == journal_key(b={"c": 2}, a=1)
    assert journal_key(a=1) != journal_key(a=2)
