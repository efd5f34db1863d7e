"""`--sdm apptainer`, with a fake Apptainer that runs its command on this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clones import given, new_clone

pytestmark = pytest.mark.slow

# The command follows the image.
STAND_IN = """\
#!/bin/sh
case "$1" in --version) echo apptainer version 1.3.4; exit;; esac
echo "$*" | head -1 >> {asked}
while [ "$1" != touchline.sif ]; do shift; done
[ -e "$1" ] || exit 255
shift
exec "$@"
"""


@pytest.fixture
def snakemake(tmp_path):
    """Return a function that runs Snakemake in a clone, with the fake Apptainer first in PATH."""
    commands = tmp_path / "commands"
    commands.mkdir()
    asked = tmp_path / "asked"
    asked.touch()
    (commands / "apptainer").write_text(STAND_IN.format(asked=asked))
    (commands / "apptainer").chmod(0o755)
    clone = new_clone(tmp_path / "clone", {})
    (clone.folder / "given_0.json").write_text(given([(2, "Goal"), (6, "corners")]))
    (clone.folder / "my.yaml").write_text(
        "videos: null\ndetect_with: []\ncompare_with: [other]\n"
        "models: {other: {predictions: 'given_{video}.json'}}\n"
    )
    path = f"{commands}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(*arguments):
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "my.yaml"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE")}
        return subprocess.run(
            [*command, "--sdm", "apptainer", *arguments],
            cwd=clone.folder,
            env=environment | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    run.folder = clone.folder
    run.asked = asked.read_text
    return run


def test_run_without_its_image_prints_the_build_command(snakemake):
    done = snakemake()
    assert done.returncode != 0
    assert "--sdm apptainer needs touchline.sif" in done.stderr
    assert "apptainer build" in done.stderr
    assert snakemake.asked() == ""


def test_all_steps_run_in_the_image(snakemake):
    (snakemake.folder / "touchline.sif").touch()
    done = snakemake("--apptainer-args=--nv --bind /data")
    assert done.returncode == 0, done.stderr
    results = snakemake.folder / "results"
    assert "Corner" in (results / "events/events_other_video_0.csv").read_text()
    assert (results / "report/index.html").exists()
    calls = snakemake.asked().splitlines()
    jobs = int(done.stderr.rpartition(" steps (100%) done")[0].rpartition(" ")[2])
    assert len(calls) == jobs - 1, "all but the target"
    assert all("--nv --bind /data" in call for call in calls)
