"""Clones of the project, in which Snakemake runs as a user would run it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = ["Snakefile", "rules", "scripts", "envs", "profiles", "prompts", "schemas"]
PROJECT += ["report", "config.yaml", "labels.yaml"]


@dataclass
class Clone:
    """A working copy of the project with its own configuration.

    Attributes:
        folder: the copy. Commands run in this folder.
        config: settings that override config.yaml.
    """

    folder: Path
    config: dict

    def snakemake(self, *arguments, **config) -> subprocess.CompletedProcess:
        """Run snakemake with the configuration and the given changes. Never raise an error."""
        (self.folder / "my.yaml").write_text(yaml.safe_dump(self.config | config))
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        command += ["--configfile", "my.yaml", "--set-threads", "detect_slice=1"]
        # Settings of a cluster or a user must not affect a test.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE")}
        return subprocess.run(
            command,
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def run(self, *arguments, **config) -> subprocess.CompletedProcess:
        """Run snakemake, and fail with its output unless it succeeds."""
        done = self.snakemake(*arguments, **config)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def jobs(self, *arguments, **config) -> dict[str, int]:
        """Return how many jobs of each rule a dry run would start."""
        output = self.run("-n", *arguments, "--quiet", "reason", **config).stdout
        table = output.partition("Job stats:")[2].partition("\n\n")[0].splitlines()[3:]
        counts = dict(line.split() for line in table)
        return {rule: int(n) for rule, n in counts.items() if rule not in ("all", "total")}

    def results(self, pattern) -> list[Path]:
        """Return the results that fit a pattern, sorted by path."""
        return sorted((self.folder / "results").glob(pattern))

    def answered(self, results="results") -> list[int]:
        """Return the windows in the journal, in the order of its lines.

        Windows can occur several times.
        """
        lines = (
            line
            for file in (self.folder / results).glob("journal/*/*/*.jsonl")
            for line in file.read_bytes().splitlines(keepends=True)
        )
        return [json.loads(line)["window"] for line in lines if line.endswith(b"\n")]

    def read(self, name):
        """Read a JSON or JSON Lines file of the results."""
        text = (self.folder / "results" / name).read_text()
        if name.endswith("jsonl"):
            return [json.loads(line) for line in text.splitlines()]
        return json.loads(text)


def signal_slices(run: subprocess.Popen, number: signal.Signals) -> None:
    """Send a signal only to the workers of a run, as a scheduler would. Snakemake keeps running."""
    for process in psutil.Process(run.pid).children(recursive=True):
        if any("detect_slice" in word for word in process.cmdline()):
            process.send_signal(number)


def new_clone(folder: Path, config: dict) -> Clone:
    """Copy the project into a folder."""
    folder.mkdir(exist_ok=True)
    for name in PROJECT:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    (folder / "slurm").symlink_to("profiles/slurm")
    return Clone(folder, config)


def given(events) -> str:
    """Return a predictions file of (time, label) pairs, as another model would write it."""
    return json.dumps(
        [
            {"time": time, "raw": f'```json\n{{"label": "{label}", "team": "home"}}\n```'}
            for time, label in events
        ]
    )
