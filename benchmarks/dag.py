"""Seconds of `snakemake -n` for 1 to 1,000 videos, beside an empty workflow of as many jobs.

    python benchmarks/dag.py [--videos 1 40 400 1000] [--rounds 3]

Ours: a table of videos (sparse files, so that their fingerprints are read), one model that runs in
four slices, one that is given, no labels, nothing done yet. The empty workflow: one rule without
params, resources, input functions or imports, asked for as many files as ours has jobs. Both are
asked in turn, so that a busy spell of the machine meets both alike. Times are of the processor:
Snakemake plans in one thread, so on a machine that does nothing else the clock shows the same.
Parsing alone is what `snakemake --list-rules` takes.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from sides import in_turn, median_ratio

ROOT = Path(__file__).parents[1]
EXPECTED = """\
Expected, before measuring: `snakemake -n` of ours at most twice the empty workflow's for every
number of videos, since both build one job object a job, and ours has edges and messages beside;
parsing alone under 2 s for 40 videos, of which 1.3 s are Snakemake's own imports."""
EMPTY = """\
rule all:
    input: expand("done/{number}", number=range(JOBS))
rule job:
    output: "done/{number}"
    shell: "touch {output}"
"""
VIDEO_BYTES = 500_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--videos", type=int, nargs="+", default=[1, 40, 400, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(EXPECTED + "\n\n| videos | jobs | ours | empty | ratio | parsing, ours | empty |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for count in options.videos:
            print(measure(Path(folder) / str(count), count, options.rounds), flush=True)


def measure(folder: Path, count: int, rounds: int) -> str:
    """A row of the table; times are medians in seconds, the ratio has its spread."""
    ours, empty = project(folder / "ours", count), folder / "empty"
    jobs = int(re.findall(r"^total +(\d+)$", run(ours, "-n", "--quiet", "reason"), re.M)[0])
    empty.mkdir()
    (empty / "Snakefile").write_text(EMPTY.replace("JOBS", str(jobs - 1)))
    times = in_turn(
        {
            "ours": lambda: seconds_of(ours, "-n"),
            "empty": lambda: seconds_of(empty, "-n"),
            "parse": lambda: seconds_of(ours, "--list-rules"),
            "parse empty": lambda: seconds_of(empty, "--list-rules"),
        },
        rounds,
    )
    middle = {name: statistics.median(each) for name, each in times.items()}
    return (
        f"| {count:,} | {jobs:,} | {middle['ours']:.1f} | {middle['empty']:.1f} | "
        f"{median_ratio(times['ours'], times['empty'])} | "
        f"{middle['parse']:.1f} | {middle['parse empty']:.1f} |"
    )


def seconds_of(folder: Path, *arguments: str) -> float:
    """What a call of snakemake takes of the processor."""
    started = processor_seconds()
    run(folder, *arguments)
    return processor_seconds() - started


def processor_seconds() -> float:
    """What the processes that have ended have taken of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def project(folder: Path, count: int) -> Path:
    """A copy of the workflow with a table of so many videos."""
    folder.mkdir(parents=True)
    for name in ("Snakefile", "rules", "scripts", "envs", "prompts", "config.yaml", "labels.yaml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    rows = ["video\tpath"]
    for number in range(count):
        with (folder / f"{number}.mkv").open("wb") as video:
            video.truncate(VIDEO_BYTES)
        (folder / f"given_{number}.json").write_text("[]")
        rows.append(f"{number}\t{number}.mkv")
    (folder / "videos.tsv").write_text("\n".join(rows) + "\n")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["models"]["qwen7b"]["predictions"] = "given_{video}.json"
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def run(folder: Path, *arguments: str) -> str:
    """What snakemake says."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE")}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    main()
