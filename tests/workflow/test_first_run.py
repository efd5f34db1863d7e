"""The first commands of the README, typed by a new user in a fresh clone, and first mistakes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clones import ROOT, new_clone
from facsimiles import REPOS, facsimile
from fakehub import FakeHub

INSTALLED = ["Makefile", "pyproject.toml", "requirements.lock", "requirements.no-deps.txt"]


def first_commands():
    """Return the three commands of the README's section "Your own match"."""
    chapter = (ROOT / "README.md").read_text().partition("## Your own match")[2]
    block = re.search(r"\n\n((?:    .+\n)+)", chapter)[1]
    return [line.strip() for line in block.splitlines()]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """Return a clone whose environment is that of the tests and counts as installed."""
    clone = new_clone(tmp_path_factory.mktemp("first") / "clone", {})
    for name in INSTALLED:
        shutil.copy(ROOT / name, clone.folder)
    (clone.folder / ".venv").mkdir()
    for name in os.listdir(sys.prefix):
        (clone.folder / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    (clone.folder / ".venv" / "installed").unlink(missing_ok=True)
    (clone.folder / ".venv" / "installed").touch()
    return clone


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Return the environment of a user with internet access, whose hub serves a tiny model."""
    model = facsimile("llava", tmp_path_factory.mktemp("models") / "llava")
    with FakeHub({REPOS["llava"]: model}) as hub:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SNAKEMAKE", "PYTHON"))}
        kept.pop("CUDA_VISIBLE_DEVICES", None)
        kept.pop("HF_HUB_OFFLINE", None)
        home = {"HF_HOME": str(tmp_path_factory.mktemp("home")), "HF_ENDPOINT": hub.url}
        yield kept | home | {"no_proxy": "127.0.0.1"}


def type_in(clone, environment, *commands):
    return subprocess.run(
        ["bash", "-ec", "\n".join(commands)],
        cwd=clone.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_three_commands_of_readme_lead_from_a_video_to_its_page(clone, environment, clip):
    shutil.copy(clip, clone.folder / "match.mp4")
    commands = first_commands()
    assert len(commands) == 3
    done = type_in(clone, environment, *commands)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert "To see the results, open results/report/index.html in a browser." in printed
    assert "at commit" in printed
    assert (clone.folder / "results/report/index.html").exists()
    assert (clone.folder / "results/report/video_0.html").exists()
    again = type_in(clone, environment, *commands)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.slow
def test_models_target_fetches_models_and_prints_their_sizes(clone, environment):
    done = type_in(
        clone,
        environment,
        "source .venv/bin/activate",
        "snakemake models --cores 1 --config videos=nowhere.tsv resources=alone results=none",
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    ready = r"These models are ready to run:\n  alone/models/llava/nf4 \([\d.]+ MB\)"
    assert re.search(ready, printed)
    assert "Read these first" not in printed


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            "videos=match.mp5",
            "/match.mp5 does not exist. Set videos to a video, a folder of videos, or a table",
        ),
        ("videos=http://a.b/c.m3u8", "ffmpeg -i http://a.b/c.m3u8 -c copy match.mp4"),
        ("videos=match.mp4 models={llava: {checkpoint: modle}}", "modle: there is no such folder"),
        ("videos=match.mp4 compare_with=[qwen7b]", "or compare no models: compare_with: []"),
        (
            "videos=match.mp4 half_starts=4:10",
            "config.half_starts: '4:10' is not the start of a half",
        ),
    ],
)
def test_common_mistakes_of_new_users_give_one_sentence(clone, environment, clip, words, sentence):
    shutil.copy(clip, clone.folder / "match.mp4")
    arguments = re.split(r" (?=\w+=)", words)
    done = subprocess.run(
        [Path(sys.prefix) / "bin" / "snakemake", "-n", "--config", *arguments],
        cwd=clone.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert done.returncode != 0
    assert sentence in printed, printed
    assert "Traceback" not in printed
