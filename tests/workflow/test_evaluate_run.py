"""Evaluation, calibration and exports of two matches with labels, without a video or a GPU."""

import csv
import json

import pytest
from SoccerNet.Evaluation.ActionSpotting import evaluate

from clones import new_clone
from touchline.core.soccernet import SOCCERNET_CLASSES

LEAGUE = "italy_serie-a/2016-2017"
GAMES = [f"{LEAGUE}/2016-10-02 - 21-45 Roma 2 - 1 Inter", f"{LEAGUE}/2016-10-09 - 18-00 A 0 - 0 B"]
NASTY = '=HYPERLINK("x") <b>&amp; --> ]]>'


def labels(half_times):
    annotations = [
        {
            "gameTime": f"{half} - {time // 60:02d}:{time % 60:02d}",
            "label": label,
            "position": str(1000 * time),
            "team": "home",
            "visibility": "visible",
        }
        for half, times in half_times.items()
        for time, label in times
    ]
    return json.dumps({"annotations": [*annotations, {"gameTime": "1 - 00:05", "label": "Gaol"}]})


def answers(events, confidence):
    return json.dumps(
        [
            {
                "time": time,
                "raw": json.dumps(
                    {"label": label, "team": "home", "confidence": confidence, "details": NASTY}
                ),
            }
            for time, label in events
        ]
    )


TRUE = [(60 * k, name) for k, name in enumerate(["Goal", "Foul", "Corner"] * 9, start=1)]


CONFIG = {
    "videos": "games.tsv",
    "detect_with": [],
    "compare_with": ["good", "poor"],
    "models": {
        "good": {"predictions": "good_{video}.json"},
        "poor": {"predictions": "poor_{video}.json"},
    },
    "comparison": {"chance_shifts": 20},
    "evaluation": {"resamples": 50},
}


def with_halves(clone, halves):
    """Write labels, predictions and the table of videos for halves, given as (game, half)."""
    rows = ["video\tpath\tgame\thalf\tlabels"]
    for video, (game, half) in enumerate(halves):
        folder = clone.folder / "soccernet" / game
        folder.mkdir(parents=True, exist_ok=True)
        both = (game, 2) in halves
        (folder / "Labels-v2.json").write_text(labels({1: TRUE} | ({2: TRUE[:9]} if both else {})))
        rows.append(f"{video}\t\t{game}\t{half}\tsoccernet/{game}/Labels-v2.json")
        true = TRUE if half == 1 else TRUE[:9]
        good = [(time + 2, name) for time, name in true[1:]]
        good += [(1650, "Goal")] if half == 1 else []
        poor = [(time + (3 if time % 180 else 40), name) for time, name in true]
        (clone.folder / f"good_{video}.json").write_text(answers(good, 0.9))
        (clone.folder / f"poor_{video}.json").write_text(answers(poor, 0.9))
    (clone.folder / "games.tsv").write_text("\n".join(rows) + "\n")
    return clone


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    clone = new_clone(tmp_path_factory.mktemp("evaluation") / "clone", CONFIG)
    with_halves(clone, [(GAMES[0], 1), (GAMES[0], 2), (GAMES[1], 1)])
    clone.run()
    return clone


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    """Return a clone with four labelled games. Each is judged by the labels of the other three."""
    clone = new_clone(tmp_path_factory.mktemp("season") / "clone", CONFIG)
    return with_halves(clone, [(f"2016-2017/game {number}", 1) for number in range(4)])


def test_evaluation_writes_all_files_and_a_second_run_has_no_jobs(done):
    for model in ("good", "poor", "ensemble"):
        for name in (f"evaluation_{model}.json", f"outcomes_{model}.csv", f"curves_{model}.csv"):
            assert (done.folder / "results/evaluation" / name).is_file()
        assert done.read(f"calibration/calibration_{model}.json")["model"] == model
        assert len(done.results(f"exports/{model}/*/video_[0-2].*")) == 6
        assert len(done.results(f"exports/{model}/soccernet/**/results_spotting.json")) == 2
        assert done.read(f"exports/{model}/osl.json")["version"] == "2.0"
    assert done.jobs() == {}


def test_metrics_equal_the_metrics_computed_from_the_lists_of_events(done):
    report = done.read("evaluation/evaluation_good.json")
    assert (report["videos"], report["matches"]) == ([0, 1, 2], 2)
    at_5 = next(one for one in report["overall"] if one["tolerance"] == 5)
    # The first event of each half is missed, and the goal at 1650 s is false.
    assert (at_5["true"], at_5["predicted"], at_5["true_positives"]) == (63, 62, 60)
    assert at_5["precision"]["low"] <= at_5["precision"]["value"] <= at_5["precision"]["high"]
    assert at_5["precision"]["by_chance"] < 0.2
    assert len(report["problems"]) == 2
    assert "label is 'Gaol', which is not a class" in report["problems"][0]
    text = (done.folder / "results/evaluation/evaluation.txt").read_text()
    assert "average-mAP" in text
    assert "17 classes" in text
    with (done.folder / "results/evaluation/evaluation.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "good"]
    assert {row["label"] for row in rows} >= {"all", "Goal", "average-mAP loose"}


def test_soccernet_evaluator_gives_the_same_average_map_for_our_export(done):
    report = done.read("evaluation/evaluation_good.json")
    results = evaluate(
        SoccerNet_path=str(done.folder / "soccernet"),
        Predictions_path=str(done.folder / "results/exports/good/soccernet"),
        metric="loose",
        dataset=None,
        EVENT_DICTIONARY={name: number for number, name in enumerate(SOCCERNET_CLASSES)},
    )
    assert report["soccernet"]["loose"]["mean"]["value"] == pytest.approx(
        results["a_mAP"], abs=1e-6
    )


def shortlist_of(clone, name):
    with (clone.folder / "results/events" / f"shortlist_{name}.csv").open() as file:
        return list(csv.DictReader(file))


def test_shortlist_ranks_by_probabilities_from_other_games(season):
    names = {model: f"events/shortlist_{model}_video_2.csv" for model in ("poor", "ensemble")}
    season.run(*(f"results/{name}" for name in names.values()))
    for model in names:
        rows = shortlist_of(season, f"{model}_video_2")
        probable = [float(row["probability"]) for row in rows]
        assert probable == sorted(probable, reverse=True)
        for label in {row["label"] for row in rows}:
            mine = [row for row in rows if row["label"] == label]
            assert [int(row["rank"]) for row in mine] == list(range(1, len(mine) + 1))
        assert {row["video"] for row in rows} == {"2"}
        assert all(row["details"] == f"'{NASTY}" for row in rows)
        assert bool(rows[0]["said_by"]) == (model == "ensemble")
    # The poor model's corners are 40 s late in every game.
    poor = shortlist_of(season, "poor_video_2")
    assert {row["label"] for row in poor[-9:]} == {"Corner"}
    assert all(float(row["probability"]) < 0.5 for row in poor[-9:])


def test_shortlist_ignores_labels_of_too_few_games(done):
    rows = shortlist_of(done, "good_video_2")
    assert {row["probability"] for row in rows} == {""}
    assert [row["rank"] for row in rows] == sorted(row["rank"] for row in rows)


EVALUATE_ALL = {"evaluate_model": 3, "tabulate_evaluation": 1, "report_run": 1, "record_run": 1}


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ({"evaluation": {"resamples": 60}}, EVALUATE_ALL),
        ({"evaluation": {"tolerances": [3], "resamples": 50}}, EVALUATE_ALL),
        (
            {"ensemble": {"method": "intersection"}},
            {"fuse_models": 3, "evaluate_model": 1, "calibrate_model": 1}
            | {"tabulate_evaluation": 1, "export_model": 1, "shortlist_events": 3}
            | {"report_match": 3, "report_run": 1, "record_run": 1},
        ),
    ],
)
def test_changed_setting_re_runs_the_affected_rules(done, change, jobs):
    assert done.jobs(**change) == jobs


def scores_of(clone, path):
    with (clone.folder / path).open() as file:
        return [
            (row["label"], row["score_kind"], float(row["score"])) for row in csv.DictReader(file)
        ]


def test_calibrated_scores_are_learnt_from_other_games(season):
    ensemble = {"calibrated": True, "method": "nms"}
    target = "calibrated/events/events_ensemble_video_0.csv"
    season.run(target, ensemble=ensemble, results="calibrated")
    scores = scores_of(season, target)
    assert {kind for _, kind, _ in scores} == {"calibrated"}
    # Both models always state 0.9. Only their precision in other games differs.
    assert min(score for label, _, score in scores if label == "Foul") > 0.6
    assert min(score for label, _, score in scores if label == "Corner") < 0.5


def test_single_model_can_have_calibrated_scores(season):
    alone = {"compare_with": ["poor"], "results": "alone", "ensemble": {"calibrated": True}}
    events, page = "alone/events/events_ensemble_video_0.csv", "alone/report/video_0.html"
    season.run(events, page, **alone)
    scores = scores_of(season, events)
    assert {kind for _, kind, _ in scores} == {"calibrated"}
    assert "ensemble" in (season.folder / page).read_text()
    assert not (season.folder / "alone/comparison").exists()


def test_calibration_with_too_few_games_keeps_the_scores_and_reports_it(done):
    one = {"ensemble": {"calibrated": True}, "select": "0-1", "results": "single"}
    run = done.snakemake("comparison", **one)
    assert run.returncode == 0
    assert "1 of the selected games have labels" in run.stdout + run.stderr
    scores = scores_of(done, "single/events/events_ensemble_video_0.csv")
    assert {kind for _, kind, _ in scores} == {"context"}
    log = (done.folder / "single/logs/ensemble/video_0.log").read_text()
    assert "so events keep their scores" in log


def test_tables_compare_rankings_by_average_precision(done):
    with (done.folder / "results/evaluation/evaluation.csv").open() as file:
        (row,) = (
            row for row in csv.DictReader(file)
            if (row["model"], row["label"], row["tolerance_s"]) == ("good", "Goal", "30.0")
        )  # fmt: skip
    for order in ("plain", "n_hits", "score", "calibrated"):
        assert 0 < float(row[f"ranked_by_{order}"]) <= 1
    text = (done.folder / "results/evaluation/evaluation.txt").read_text()
    assert "average precision ±30 s by" in text


def test_only_classes_that_the_settings_name_are_evaluated(done):
    target = "few/evaluation/evaluation_good.json"
    done.run(target, evaluation={"classes": ["Goal", "Foul"]}, results="few")
    report = json.loads((done.folder / target).read_text())
    assert {one["label"] for one in report["classes"]} == {"Goal", "Foul"}
    assert report["not_annotated"] > 0


def test_missing_file_of_labels_is_refused(done):
    table = done.folder / "games.tsv"
    (done.folder / "lost.tsv").write_text(table.read_text().replace("Labels-v2", "Lost"))
    lost = done.snakemake("-n", videos="lost.tsv")
    assert lost.returncode != 0
    assert "Lost.json: no such file" in lost.stdout + lost.stderr
    assert "Traceback" not in lost.stdout + lost.stderr
