"""Tests of jobs that end on disk errors, on defects and on Ctrl-C."""

import errno
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from touchline.core.disk import disk_message

# A limit of 4000 bytes per file acts like a full disk and needs no special rights.
JOB = """
import os, resource, signal
from pathlib import Path
from touchline.core.logs import job_log
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
with job_log({log!r}):
{body}
"""


def job(folder, body, log="job.log") -> subprocess.CompletedProcess:
    body = "\n".join(f"    {line}" for line in body.splitlines())
    text = JOB.format(log=log, body=body)
    # -B keeps Python from writing byte code, which the size limit would cut off.
    command = [sys.executable, "-B", "-c", text]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


JOURNAL = """
from touchline.detection.journal import Journal
from touchline.core.records import WindowRecord
with Journal(Path("journal"), "key").writing() as writer:
    for n in range(100):
        writer.add(WindowRecord(
            window=n, start=n, end=n + 4, frame_times=[], status="none", attempts=1))
"""
QUANTIZE = """
from touchline.models.quantize import quantize
quantize(Path({checkpoint!r}), Path("nf4"))
"""


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (
            'from touchline.core.files import write_text\nwrite_text("a/b.csv", "x" * 9999)',
            "a/b.csv",
        ),
        (JOURNAL, "journal/key/"),
        (QUANTIZE, "nf4"),
    ],
    ids=["result", "journal", "model"],
)
def test_failed_write_is_reported_with_the_file_and_a_remedy(tmp_path, checkpoint, body, place):
    done = job(tmp_path, body.replace("{checkpoint!r}", repr(str(checkpoint))))
    assert done.returncode == 1
    for text in (done.stderr, (tmp_path / "job.log").read_text()):
        (line,) = [line for line in text.splitlines() if " ERROR " in line]
        assert f" ERROR {place}" in line
        assert "File too large; raise the limit of the file size (ulimit -f), then run" in line
        assert "Traceback" not in text
        assert "report it" not in text


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("ENOSPC", "No space left on device; free some space"),
        ("EDQUOT", "Disk quota exceeded; free some space"),
        ("EROFS", "Read-only file system; ask for write permission"),
        ("EACCES", "Permission denied; ask for write permission"),
        ("EIO", "Input/output error; the disk or its network connection"),
    ],
)
def test_each_disk_error_is_reported_with_its_remedy(tmp_path, number, words):
    done = job(tmp_path, f"import errno\nraise OSError(errno.{number}, 'x', 'results/a\\nb')")
    assert done.returncode == 1
    assert f" ERROR results/a b: {words}" in done.stderr
    assert "Traceback" not in done.stderr


def test_defect_is_logged_with_its_traceback(tmp_path):
    done = job(tmp_path, "raise FileNotFoundError(2, 'x', 'y')")
    assert done.returncode == 1
    assert "This is a defect of Touchline. Please report it." in done.stderr
    assert "Traceback" in done.stderr
    assert disk_message(ValueError("x")) is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's full device")
@pytest.mark.parametrize("log", ["/dev/full", "/dev/null/job.log"])
def test_error_is_printed_even_if_the_log_cannot_be_written(tmp_path, log):
    body = (
        "from touchline.errors import InputError\nfrom touchline.core.logs import log\n"
        "for n in range(3): log.info('at work')\nraise InputError('x.mkv is no video.')"
    )
    done = job(tmp_path, body, log)
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert lines[-1].endswith(" ERROR x.mkv is no video.")
    assert sum("cannot be written" in line for line in lines) == 1
    assert sum("at work" in line for line in lines) == 3
    assert "Traceback" not in done.stderr


def test_interruption_exits_without_a_traceback(tmp_path):
    done = job(tmp_path, "signal.raise_signal(signal.SIGINT)")
    assert done.returncode == 130
    assert done.stderr.endswith(" INFO Interrupted. Run the same command to continue.\n")
    assert "Traceback" not in done.stderr


def test_disk_error_inside_a_library_error_is_reported():
    error = RuntimeError("a library's own words")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device", "a.csv")
    assert "a.csv: No space left on device; free some space" in disk_message(error)


def test_missing_temporary_folder_names_tmpdir_as_the_remedy(monkeypatch):
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nowhere"])
    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(FileNotFoundError) as caught:
        tempfile.mkdtemp()
    assert "TMPDIR" in disk_message(caught.value)
