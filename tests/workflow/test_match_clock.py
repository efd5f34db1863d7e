"""The place of a match in its file changes no metric.

The tests put footage before the match, and both halves into one file. Pictures are stored without
loss, so the answers are the same in all files.
"""

import csv
import json
import subprocess
import sys

import av
import numpy as np
import pytest

from clones import ROOT, new_clone

pytestmark = pytest.mark.slow

RATE = 25
LEAD, PAUSE = 37, 16
GAME = "2015-02-21 Reds - Blues"


@pytest.fixture(scope="module")
def matches(tmp_path_factory):
    """Return the pictures and annotations of two halves of 80 s, drawn for the demo's model."""
    folder = tmp_path_factory.mktemp("matches")
    script = [sys.executable, ROOT / "demo" / "make_matches.py", "--seeds", "43", "44"]
    subprocess.run([*script, "--duration", "80", "--out", folder], check=True)
    with (folder / "videos.tsv").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    found = []
    for row in rows:
        with av.open(str(folder / row["path"])) as video:
            pictures = [frame.to_ndarray(format="yuv420p") for frame in video.decode(video=0)]
        labels = json.loads((folder / row["labels"]).read_text())["annotations"]
        found.append((pictures, labels))
    return found


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    config = {
        "videos": "videos.tsv",
        "compare_with": [],
        "models": {"llava": {"checkpoint": str(ROOT / "demo/model-llava"), "revision": None}},
        "generation": {"max_new_tokens": 96},
        "merge": {"window": 5.0},
        "evaluation": {"tolerances": [3], "resamples": 20},
    }
    return new_clone(tmp_path_factory.mktemp("clock") / "clone", config)


def studio(pictures, seconds):
    """Return other footage of the same size, without any sign of an event."""
    return [np.full_like(pictures[0], 90)] * (seconds * RATE)


def write(path, pictures):
    """Write pictures into a lossless video."""
    height, width = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = RATE
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        output.mux(stream.encode())


def write_labels(clone, *annotations):
    """Write the annotations of halves 1, 2, … in SoccerNet's format."""
    rows = [
        each | {"gameTime": f"{half} - {each['gameTime'].partition(' - ')[2]}"}
        for half, mine in enumerate(annotations, start=1)
        for each in mine
    ]
    (clone.folder / "labels.json").write_text(json.dumps({"annotations": rows}))


def write_table(clone, columns, *rows):
    lines = ["\t".join(["video", "path", "game", "labels", *columns])]
    lines += [f"{n}\t{p}\t{GAME}\tlabels.json\t{x}" for n, (p, x) in enumerate(rows)]
    (clone.folder / "videos.tsv").write_text("\n".join(lines) + "\n")


def figures(clone, results):
    """Return all metrics and calibrations of a run, without the numbers of videos."""
    found = []
    for name in ("evaluation/evaluation_llava.json", "calibration/calibration_llava.json"):
        report = json.loads((clone.folder / results / name).read_text())
        report.pop("videos", None)
        found.append(report)
    assert found[0]["overall"][0]["true"] > 0
    assert found[0]["overall"][0]["f1"]["value"] > 0
    return found


def near(value):
    """Return an object that equals metrics which differ from `value` only by rounding."""
    if isinstance(value, dict):
        return {key: near(each) for key, each in value.items()}
    if isinstance(value, list):
        return [near(each) for each in value]
    return pytest.approx(value, abs=1e-6) if isinstance(value, float) else value


def events(clone, results, video=0):
    path = clone.folder / results / f"events/events_llava_video_{video}.csv"
    with path.open() as table:
        return list(csv.DictReader(table))


def spotted(clone, results):
    path = clone.folder / results / "exports/llava/soccernet" / GAME / "results_spotting.json"
    return json.loads(path.read_text())["predictions"]


def test_footage_before_the_kick_off_changes_no_metric(clone, matches):
    pictures, annotations = matches[0]
    write_labels(clone, annotations)
    write(clone.folder / "half.mkv", pictures)
    write(clone.folder / "early.mkv", studio(pictures, LEAD) + pictures)
    write_table(clone, ["half"], ("half.mkv", 1))
    clone.run("evaluation", "exports", results="plain", slices=2)
    write_table(clone, ["half", "offset"], ("early.mkv", f"1\t{-LEAD}"))
    clone.run("all", results="early", slices=2)
    assert figures(clone, "early") == near(figures(clone, "plain"))
    plain, early = events(clone, "plain"), events(clone, "early")
    assert [each["game_time"] for each in early] == [each["game_time"] for each in plain]
    times = [float(each["time_s"]) + LEAD for each in plain]
    assert [float(each["time_s"]) for each in early] == pytest.approx(times)
    assert spotted(clone, "early") == spotted(clone, "plain")


def test_match_in_one_file_and_in_two_files_have_equal_metrics(clone, matches):
    (first, of_first), (second, of_second) = matches
    write_labels(clone, of_first, of_second)
    write(clone.folder / "1.mkv", first)
    write(clone.folder / "2.mkv", second)
    lead, pause = studio(first, LEAD), studio(first, PAUSE)
    write(clone.folder / "match.mkv", [*lead, *first, *pause, *second, *pause])
    write_table(clone, ["half"], ("1.mkv", 1), ("2.mkv", 2))
    clone.run("evaluation", "exports", results="two", slices=2)
    ends = LEAD + len(first) / RATE, LEAD + (len(first) + len(second)) / RATE + PAUSE
    starts = f"1={LEAD}-{ends[0]},2={ends[0] + PAUSE}-{ends[1]}"
    write_table(clone, ["half_starts"], ("match.mkv", starts))
    clone.run("all", results="one", slices=4)
    assert figures(clone, "one") == near(figures(clone, "two"))
    one = events(clone, "one")
    two = [*events(clone, "two", 0), *events(clone, "two", 1)]
    assert [(e["half"], e["game_time"], e["label"]) for e in one] == [
        (e["half"], e["game_time"], e["label"]) for e in two
    ]
    assert spotted(clone, "one") == spotted(clone, "two")
    starts_of_windows = [
        window["start"]
        for number in range(4)
        for window in map(
            json.loads,
            (clone.folder / f"one/windows/windows_llava_vid0_gpu{number}.jsonl")
            .read_text()
            .splitlines(),
        )
    ]
    assert min(starts_of_windows) == LEAD
    assert not [start for start in starts_of_windows if ends[0] <= start < ends[0] + PAUSE]
    record = json.loads((clone.folder / "one/run.json").read_text())
    assert [each["half"] for each in record["videos"][0]["halves"]] == [1, 2]
    verify = [sys.executable, clone.folder / "scripts/verify.py", "one/run.json"]
    done = subprocess.run(verify, cwd=clone.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
