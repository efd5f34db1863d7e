"""Learning in the workflow:

features and learnt events. No model is used on a game that it has learnt from.
"""

import csv
import json
import shutil

import av
import numpy as np
import pytest

from touchline.events.predictions import read_events_csv
from touchline.evidence.features import read_features
from touchline.evidence.tables import read_probabilities
from touchline.learning.model import LearntModel

pytestmark = pytest.mark.slow

SECONDS = 100
GAMES = (0, 1, 2)
# When the picture turns red, and blue.
GOALS, BREAKS = (13.0, 45.0, 77.0), (29.0, 61.0, 91.0)
RED, BLUE = (200, 30, 30), (30, 30, 200)


def write_match(path, seed):
    """Write a video of grey noise.

    It is red for two seconds from each of `GOALS` on, and blue from each of `BREAKS` on.
    """
    noise = np.random.default_rng(seed)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for number in range(5 * SECONDS):
            picture = noise.integers(60, 160, (9, 16, 3)).repeat(10, 0).repeat(10, 1)
            for moments, colour in ((GOALS, RED), (BREAKS, BLUE)):
                if any(moment <= number / 5 < moment + 2 for moment in moments):
                    picture = picture // 4 + np.array(colour) * 3 // 4
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def labels(goals=GOALS):
    """Write labels with three classes: one of labels.yaml, one that no file has, and a rare one."""
    rows = [f"{time},Goal" for time in goals]
    rows += [f"{time},Drinks break" for time in BREAKS]
    rows += [f"{goals[0]},Penalty"]
    return "time_s,label\n" + "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def done(clone):
    """Return a clone after a run on three games with labels and one without."""
    rows = ["video\tpath\tgame\thalf\tlabels"]
    for video in (*GAMES, 3):
        write_match(clone.folder / f"{video}.mkv", video)
        named = f"labels_{video}.csv" if video in GAMES else ""
        if named:
            (clone.folder / named).write_text(labels())
        rows.append(f"{video}\t{video}.mkv\tmatch {video}\t1\t{named}")
    (clone.folder / "videos.tsv").write_text("\n".join(rows) + "\n")
    clone.config |= {"learn": True, "evaluation": {"resamples": 20}}
    clone.run()
    return clone


def learned(clone, video, results="results"):
    name = f"{results}/learned/probabilities_llava_video_{video}.csv"
    return (clone.folder / name).read_bytes()


def test_features_have_one_row_per_window(done):
    for number in (0, 1):
        ledger = done.read(f"windows/windows_llava_vid0_gpu{number}.jsonl")
        file = done.folder / f"results/features/features_llava_vid0_gpu{number}.safetensors"
        features = read_features(file)
        assert features.windows.tolist() == [line["window"] for line in ledger]
        assert features.states.shape == (len(ledger), 192)
        assert features.origin.window["step"] == 2.0
        assert all("features" not in line for line in ledger)


def test_learnt_events_count_as_another_model(done):
    model = "llava_learned"
    for name in (
        *(f"predictions/final_predictions_{model}_video_3.json", f"exports/{model}"),
        *(f"events/shortlist_{model}_video_3.csv", f"evaluation/evaluation_{model}.json"),
        f"calibration/calibration_{model}.json",
    ):
        assert (done.folder / "results" / name).exists(), name
    (pair,) = done.read("comparison/comparison_video_3.json")["pairs"]
    assert (pair["model_a"], pair["model_b"]) == ("llava", model)
    events = read_events_csv(done.folder / f"results/events/events_{model}_video_3.csv")
    assert {event.score_kind for event in events} == {"learned"}
    for label, moments in (("Goal", GOALS), ("Drinks break", BREAKS)):
        best = sorted((e for e in events if e.label == label), key=lambda e: -e.score)[:3]
        assert sorted(e.time_s for e in best) == pytest.approx(moments, abs=3)
    assert '"model":"llava_learned"' in (done.folder / "results/report/video_3.html").read_text()
    assert "Learning from labels" in (done.folder / "results/report/index.html").read_text()
    paths = {file["path"] for file in done.read("run.json")["results"]}
    assert {"learned/learned_llava.safetensors", "learned/learning_llava.json"} <= paths


def test_ensemble_with_the_answers_of_a_model_leaves_out_its_learnt_events(done):
    assert not (done.folder / "results/events/events_ensemble_video_3.csv").exists()


def test_new_class_is_learnt_and_evaluated_and_rare_class_is_reported(done):
    table = read_probabilities(done.folder / "results/learned/probabilities_llava_video_3.csv")
    assert table.classes == ("Goal", "Drinks break")
    report = done.read("learned/learning_llava.json")
    assert [(c["label"], c["events"], c["is_learnt"]) for c in report["classes"]] == [
        ("Penalty", 3, False), ("Goal", 9, True), ("Drinks break", 9, True),
    ]  # fmt: skip
    assert "Penalty (3)" in (done.folder / "results/logs/learn/llava.log").read_text()
    evaluation = done.read("evaluation/evaluation_llava_learned.json")
    assert not evaluation["problems"]
    true = {one["label"]: one["true"] for one in evaluation["classes"] if one["tolerance"] == 5}
    assert true["Drinks break"] == 9
    with (done.folder / "results/summary/summary.csv").open() as file:
        assert "Drinks break" in next(csv.reader(file))


def test_learning_curve_has_a_point_for_each_number_of_games(done):
    curve = done.read("learned/learning_llava.json")["curve"]
    assert [point["games"] for point in curve] == [1, 2]
    assert all(point["low"] <= point["high"] for point in curve)


def test_second_run_with_learning_has_nothing_to_do(done):
    assert done.jobs() == {}
    assert done.jobs("learn") == {}


def test_labels_of_a_game_do_not_change_its_learnt_events(done):
    """The labels of another game do change them."""
    before = {video: learned(done, video) for video in GAMES}
    file = done.folder / "labels_1.csv"
    kept = file.read_text()
    file.write_text(labels((5.0, 37.0, 69.0)))
    try:
        wanted = done.jobs("learn")
        assert wanted == {"learn_model": 1, "spot_learned": 4, "learn": 1}
        done.run("learn")
        after = {video: learned(done, video) for video in GAMES}
    finally:
        file.write_text(kept)
        done.run("learn")
    assert after[1] == before[1]
    assert after[0] != before[0]
    assert after[2] != before[2]


def test_single_labelled_game_teaches_only_other_games(done):
    done.run("learn", select="0,3", results="two")
    assert (done.folder / "two/learned/probabilities_llava_video_3.csv").exists()
    assert not (done.folder / "two/learned/probabilities_llava_video_0.csv").exists()
    refused = done.snakemake("learn", "-n", select="0")
    assert "only one game has labels" in refused.stdout + refused.stderr
    refused = done.snakemake("learn", "-n", select="3")
    assert "no selected video has labels" in refused.stdout + refused.stderr


def test_kept_model_is_used_in_another_run_but_not_on_its_training_games(done):
    kept = shutil.copy(
        done.folder / "results/learned/learned_llava.safetensors", done.folder / "kept.safetensors"
    )
    models = {"llava": done.config["models"]["llava"] | {"learned": "kept.safetensors"}}
    again = {"models": models, "learn": False, "results": "again"}
    # Games with other names are recognized by their footage.
    table = (done.folder / "videos.tsv").read_text()
    (done.folder / "renamed.tsv").write_text(
        "\n".join(
            "\t".join([*row.split("\t")[:2], f"g{n}", "1", ""]) if n else row
            for n, row in enumerate(table.splitlines())
        )
    )
    done.run("learn", videos="renamed.tsv", **again)
    for video in (*GAMES, 3):
        assert learned(done, video, "again") == learned(done, video)
    assert [part.without for part in LearntModel.read(kept).note.parts] == [
        [], ["match 0"], ["match 1"], ["match 2"],
    ]  # fmt: skip
    for change, words in (
        ({"window": {"seconds": 3}}, "window.seconds (4 before, 3 now)"),
        ({"image": {"max_size": 200}}, "image.max_size (384 before, 200 now)"),
        ({"prompt": "other.txt"}, "the text of the prompt"),
    ):
        (done.folder / "other.txt").write_text("What?")
        refused = done.snakemake("learn", "-n", **again, **change)
        assert words in refused.stdout + refused.stderr
    refused = done.snakemake("learn", "-n", **(again | {"models": {
        "llava": models["llava"] | {"learned": "videos.tsv"}}}))  # fmt: skip
    assert "is not a learnt model" in refused.stdout + refused.stderr


def test_keep_partials_false_deletes_features_and_keeps_the_model(done):
    done.run("learn", keep_partials=False, results="few")
    assert not [*(done.folder / "few").glob("features/*")]
    assert (done.folder / "few/learned/learned_llava.safetensors").exists()
    assert learned(done, 3, "few") == learned(done, 3)


def test_features_do_not_change_answers(done):
    done.run("predictions", learn=False, results="plain", select="0")
    name = "partials/partial_results_llava_vid0_gpu0.json"
    assert done.read(f"../plain/{name}") == done.read(name)
    assert json.dumps(done.read(name))
