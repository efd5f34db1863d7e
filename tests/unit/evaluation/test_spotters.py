"""Tests that the evaluation of trained spotters, without footage, equals SoccerNet's evaluator."""

import json
import os
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from SoccerNet.Evaluation.ActionSpotting import evaluate as soccernets_evaluate

import read_given
from clones import ROOT
from touchline.core.files import read_record
from touchline.core.records import Coverage
from touchline.core.soccernet import SOCCERNET_CLASSES, game_time
from touchline.evaluation.average_map import compute_average_maps
from touchline.evaluation.evaluate import evaluate
from touchline.evaluation.outcomes import read_halves
from touchline.events.coverage import close_open_ends, coverage_of_spotter
from touchline.inputs.settings import ContextSettings, MergeSettings, WindowSettings
from touchline.inputs.videos import AnnotatedVideo, GameHalf

CLASSES = ["Goal", "Foul", "Penalty", "Ball out of play"]
SEED = 4
REAL = os.environ.get("TOUCHLINE_REAL_DATA")

# Shapes of a spotter's predictions of a half: everywhere, or in some part only.
SHAPES = {
    "everywhere": lambda time: True,
    "quiet in the middle": lambda time: not 600 < time < 1900,
    "ends early": lambda time: time < 900,
    "begins late": lambda time: time > 2200,
    "first minutes": lambda time: time < 300,
    "nothing": lambda time: False,
}


def annotated(source, last):
    """Return true events of a half in milliseconds. The last event is at a given second."""
    times = sorted(source.uniform(0, last) for _ in range(30))
    return [(round(1000 * time), source.choice(CLASSES)) for time in [*times, last]]


def predicted(source, truth, is_predicted):
    found = {}
    for time, label in truth:
        near = max(0, time + round(source.gauss(0, 4000)))
        if is_predicted(time / 1000):
            found[near // 500, label] = near, source.random()
    for _ in range(20):
        time, label = source.randrange(2_700_000), source.choice(CLASSES)
        if is_predicted(time / 1000):
            found[time // 500, label] = time, source.random()
    return [(time, label, score) for (_, label), (time, score) in sorted(found.items())]


def write_games(folder, source):
    """Write one game per kind of prediction list, and a game with single predictions."""
    shapes = {**SHAPES, "one": None}
    for name, is_predicted in shapes.items():
        labels, predictions = [], []
        for half in (1, 2):
            truth = annotated(source, source.choice([2650, 2950, 3290]))
            listed = predicted(source, truth, is_predicted) if is_predicted else [
                (truth[3][0] + 200, truth[3][1], 0.7)
            ]  # fmt: skip
            labels += [
                {
                    "gameTime": game_time(time / 1000, half),
                    "label": label,
                    "position": str(time),
                    "visibility": "visible",
                }
                for time, label in truth
            ]
            predictions += [
                {
                    "gameTime": game_time(time / 1000, half),
                    "label": label,
                    "position": str(time),
                    "half": str(half),
                    "confidence": score,
                }
                for time, label, score in listed
            ]
        for kind, file, content in (
            ("labels", "Labels-v2.json", {"annotations": labels}),
            ("spotter", "results_spotting.json", {"UrlLocal": name, "predictions": predictions}),
        ):
            path = folder / kind / name / file
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(content))
    return list(shapes)


@pytest.fixture(scope="module")
def games(tmp_path_factory):
    """Return the folder of the games, and the number, game and half of each video."""
    folder = tmp_path_factory.mktemp("games")
    names = write_games(folder, random.Random(SEED))
    videos = [(2 * n + half - 1, name, half) for n, name in enumerate(names) for half in (1, 2)]
    write_table(folder, videos)
    return folder, videos


def write_table(folder, videos):
    rows = [f"{v}\tnowhere/{v}.mkv\t{name}\t{half}" for v, name, half in videos]
    (folder / "videos.tsv").write_text("\n".join(["video\tpath\tgame\thalf", *rows]) + "\n")


def halves_of(games, others=(), name="results", spotter="spotter"):
    """Read the given predictions with the script of the workflow, and return the halves to
    evaluate.
    """
    folder, videos = games
    events, coverage, truth = [], [], []
    for video, game, half in videos:
        given = folder / spotter / game / "results_spotting.json"
        job = SimpleNamespace(
            input=SimpleNamespace(
                predictions=given, manifest=[], others=[given, *others], labels=ROOT / "labels.yaml"
            ),
            output=SimpleNamespace(
                events=folder / f"{name}/events_{video}.csv",
                coverage=folder / f"{name}/coverage_{video}.json",
            ),
            params={
                "half": GameHalf(game, half),
                "window": WindowSettings(),
                "merge": MergeSettings(),
                "context": ContextSettings(),
            },
            wildcards=SimpleNamespace(video=str(video), model="spotter"),
            config={
                "videos": str(folder / "videos.tsv"),
                "models": {"spotter": {"predictions": "spotter"}},
                "detect_with": [],
                "compare_with": ["spotter"],
            },
        )
        read_given.main(job)
        events.append(job.output.events)
        coverage.append(job.output.coverage)
        truth.append(folder / "labels" / game / "Labels-v2.json")
    files = SimpleNamespace(
        truth=truth, events=events, coverage=coverage, others=[], labels=ROOT / "labels.yaml"
    )
    return read_halves([AnnotatedVideo(v, g, GameHalf(g, h), 1, 0) for v, g, h in videos], files)[0]


@pytest.fixture(scope="module")
def halves(games):
    return halves_of(games)


def oracle(folder, metric, spotter="spotter"):
    return soccernets_evaluate(
        str(folder / "labels"),
        str(folder / spotter),
        dataset=None,
        metric=metric,
        EVENT_DICTIONARY={name: number for number, name in enumerate(SOCCERNET_CLASSES)},
    )


def test_average_map_of_spotters_equals_the_soccernet_evaluator(games, halves):
    ours = compute_average_maps(halves, shifts=1, resamples=1)
    for metric in ("loose", "tight"):
        theirs = oracle(games[0], metric)
        assert ours[metric].mean.value == pytest.approx(theirs["a_mAP"], abs=1e-6)
        for name, value in zip(SOCCERNET_CLASSES, theirs["a_mAP_per_class"], strict=True):
            found = ours[metric].classes[name]
            assert found == (pytest.approx(value, abs=1e-6) if name in CLASSES else None)


@pytest.mark.skipif(REAL is None, reason="TOUCHLINE_REAL_DATA is not set")
def test_average_map_of_real_files_equals_the_soccernet_evaluator(tmp_path):
    for kind in ("labels", "netvlad_v2"):
        (tmp_path / kind).symlink_to(Path(REAL) / "soccernet" / kind)
    (labels,) = (tmp_path / "labels").glob("*/*/*/Labels-v2.json")
    game = str(labels.parent.relative_to(tmp_path / "labels"))
    games = tmp_path, [(0, game, 1), (1, game, 2)]
    write_table(*games)
    halves = halves_of(games, spotter="netvlad_v2")
    assert sum(len(half.truth) for half in halves) > 100
    ours = compute_average_maps(halves, shifts=1, resamples=1)
    for metric in ("loose", "tight"):
        theirs = oracle(tmp_path, metric, "netvlad_v2")
        assert ours[metric].mean.value == pytest.approx(theirs["a_mAP"], abs=1e-6)


@pytest.mark.parametrize("shape", [*SHAPES, "one"])
def test_all_annotations_count_for_every_kind_of_prediction_list(games, halves, shape):
    mine = [half for half in halves if half.game == shape]
    report, _ = evaluate(mine, "spotter", [5], shifts=20, resamples=1)
    assert report.not_looked_at == 0
    assert report.overall[0].true == sum(len(half.truth) for half in mine) == 62
    assert report.overall[0].recall.value is not None
    assert 2 * 2650 <= report.seconds <= 2 * 3300
    assert all(half.looked_at[0][0] == 0 and len(half.looked_at) == 1 for half in mine)


def test_empty_predictions_have_zero_recall(halves):
    nothing = [half for half in halves if half.game == "nothing"]
    assert not any(half.events for half in nothing)
    report, _ = evaluate(nothing, "spotter", [5], shifts=1, resamples=1)
    assert report.overall[0].recall.value == 0
    assert compute_average_maps(nothing, shifts=1, resamples=1)["loose"].mean.value == 0


def test_metrics_of_a_model_do_not_depend_on_other_models(games, halves):
    folder, _ = games
    answers = folder / "answers.json"
    answers.write_text(json.dumps([{"time": 3300.0, "raw": "Goal"}, {"time": 2.0, "raw": "Goal"}]))
    assert halves_of(games, [answers], "with another") == halves
    for file in (folder / "results").glob("coverage_*.json"):
        assert file.read_text() == (folder / "with another" / file.name).read_text()


def test_quiet_stretches_are_not_reported_as_lost(games, halves):
    folder, videos = games
    for video, *_ in videos:
        coverage = read_record(folder / f"results/coverage_{video}.json", Coverage)
        assert coverage.likely_lost == []
        assert coverage.has_open_end


def coverage(*times, half=None):
    counts = dict.fromkeys(("answers", "none", "unparsed", "events_in", "events_out"), 0)
    return coverage_of_spotter(times, counts, None, GameHalf(half=half))


@pytest.mark.parametrize(
    ("coverages", "times", "end"),
    [
        ([coverage()], [], None),
        ([coverage(30.0)], [], 30.0),
        ([coverage(30.0)], [31.5], 31.5),
        ([coverage(half=1)], [], 2400.0),
        ([coverage(1300.0)], [], 2400.0),
        ([coverage(30.0)], [2890.0], 2890.0),
        ([coverage(30.0), coverage(2700.0)], [2500.0], 2700.0),
    ],
)
def test_coverage_of_unknown_length_ends_at_the_last_known_time(coverages, times, end):
    expected = () if end is None else ((0.0, end),)
    assert close_open_ends(coverages, times) == [expected] * len(coverages)
