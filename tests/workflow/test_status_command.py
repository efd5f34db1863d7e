"""scripts/status.py as a command: once, with --watch, into a pipe, and with mistakes."""

import os
import pty
import subprocess
import sys

import pytest

from clones import ROOT
from touchline.core.files import write_json, write_json_lines
from touchline.core.records import Manifest, WindowRecord

# It needs none of these, which a login node may lack.
ABSENT = ["torch", "pandas", "snakemake", "transformers", "av"]
COMMAND = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({ABSENT}))
runpy.run_path({str(ROOT / "scripts" / "status.py")!r}, run_name="__main__")
"""


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a run that has finished the first of a video's two slices."""
    manifest = Manifest(
        video=0, path="a", bytes=1, fingerprint="b", duration=40, start_time=0, frame_rate=25,
        width=1, height=1, rotation=0, codec="h264",
    )  # fmt: skip
    write_json(tmp_path / "results" / "videos" / "video_0.json", manifest.model_dump())
    finish(tmp_path, 0)
    (tmp_path / "a.mkv").touch()
    (tmp_path / "videos.tsv").write_text("video\tpath\n0\ta.mkv\n")
    (tmp_path / "my.yaml").write_text("slices: 2\ncompare_with: []\n")
    return tmp_path


def finish(folder, index):
    windows = [
        WindowRecord(
            window=n, start=2 * n, end=2 * n + 4, frame_times=[], status="none", attempts=1
        ).model_dump()
        for n in range(10)
    ]
    name = f"llava_vid0_gpu{index}.json"
    write_json_lines(folder / "results" / "windows" / f"windows_{name}l", windows)
    write_json(folder / "results" / "partials" / f"partial_results_{name}", [])


def status(folder, *arguments, **options) -> subprocess.Popen:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options
    command = [sys.executable, "-c", COMMAND, *arguments]
    return subprocess.Popen(command, cwd=folder, text=True, **options)


def printed(folder, *arguments) -> tuple[int, str]:
    done = status(folder, *arguments)
    return done.wait(timeout=60), done.stdout.read()


def test_status_needs_neither_torch_nor_snakemake(folder):
    code, text = printed(folder, "--configfile", "my.yaml")
    assert code == 0, text
    (row,) = [line.split() for line in text.splitlines() if " llava " in line]
    assert row == ["0", "llava", "1/2", "50%", "-", "-", "0", "0", "0"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--config", "select=7"], "7 names video 7"),
        (["--config", "select=0", "1"], "a list without spaces: select=0,1"),
        (
            ["--configfile", "my.yaml", "models"],
            "models does not exist. Snakemake reads every word",
        ),
    ],
)
def test_mistake_in_the_settings_gives_a_sentence(folder, arguments, sentence):
    code, text = printed(folder, *arguments)
    assert code != 0
    assert sentence in text
    assert "Traceback" not in text


def test_config_in_the_folder_of_the_run_replaces_values_of_the_project(folder):
    (folder / "config.yaml").write_text("slices: 3\ncompare_with: []\n")
    code, text = printed(folder)
    assert code == 0, text
    assert "1/3" in text


def lock(folder):
    """Write the lock that Snakemake keeps while it runs."""
    path = folder / ".snakemake" / "locks" / "0.input.lock"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


WATCH = ["--watch", "0.1", "--configfile", "my.yaml"]


def test_watch_into_a_pipe_writes_lines_until_the_run_ends(folder):
    locked = lock(folder)
    watch = status(folder, *WATCH)
    first = watch.stdout.readline()
    assert "slices 1/2, done 50%" in first
    log = folder / "results" / "logs" / "detect" / "llava_vid0_gpu1.log"
    log.parent.mkdir(parents=True)
    log.write_text("2026-01-01 10:00:00,000 ERROR a.mkv is gone.\n")
    assert "failed 1" in watch.stdout.readline()
    assert "llava, video 0, slice 1: a.mkv is gone. (results/logs" in watch.stdout.readline()
    finish(folder, 1)
    assert "slices 2/2, done 100%" in watch.stdout.readline()
    locked.unlink()
    later, end = watch.stdout.read().splitlines()
    assert later.endswith("The next steps merge, compare and draw pages: 0 of 1 pages are drawn.")
    assert end == "The run has ended: 2 of 2 slices are done."
    assert watch.wait(timeout=60) == 0


def test_watch_on_a_screen_ends_with_the_run(folder):
    locked = lock(folder)
    master, slave = pty.openpty()
    watch = status(folder, *WATCH, stdout=slave, stderr=slave)
    os.close(slave)
    text = b""
    try:
        while piece := os.read(master, 1000):
            text += piece
            if b"1/2" in text:
                locked.unlink(missing_ok=True)
    except OSError:
        pass  # how a terminal tells of its end
    assert watch.wait(timeout=60) == 0
    assert b"1/2" in text
    assert b"The run has ended: 1 of 2 slices are done" in text


def test_watch_without_a_run_says_that_there_is_no_run(folder):
    code, text = printed(folder, *WATCH)
    assert code == 0
    assert text.endswith(
        "No run is under way here: 1 of 2 slices are done. "
        "To resume, type the command that started it.\n"
    )


def test_status_without_the_environment_prints_the_activate_command(folder):
    command = [sys.executable, "-S", ROOT / "scripts" / "status.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "/.venv/bin/activate`, and type the command again." in done.stderr
    assert "Traceback" not in done.stderr
