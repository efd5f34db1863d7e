"""Measure `snakemake -n` for 1 to 1,000 videos, beside an empty workflow with equally many jobs.

    python benchmarks/dag.py [--videos 1 40 400 1000] [--rounds 3]

Our workflow has a table of videos, one model in four slices, given predictions of another model, no
labels, and all jobs to do. The videos are sparse files, so that their fingerprints are read. The
empty workflow has one rule without params, resources, input functions or imports. Both are measured
in turn, so that other work on the machine affects both. Times are processor times. Snakemake plans
in one thread, so an idle machine needs the same time by the clock. The time of parsing is that of
`snakemake --list-rules`.
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
Expected before measuring: `snakemake -n` takes at most twice the empty workflow's time for all
numbers of videos. Both build one object per job, and ours also has edges and messages. Parsing 40
videos takes less than 2 s, including 1.3 s for Snakemake's own imports."""
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
    """Return a row of the table, with medians in seconds and the spread of the ratio."""
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
    """Return the processor seconds of one call of snakemake."""
    started = processor_seconds()
    run(folder, *arguments)
    return processor_seconds() - started


def processor_seconds() -> float:
    """Return the processor seconds of all ended child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def project(folder: Path, count: int) -> Path:
    """Return a copy of the workflow with a table of `count` videos."""
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
    """Run snakemake and return its output."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE")}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    main()
