"""Test the checks of a run's inputs."""

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest

from clones import ROOT, given
from touchline.errors import InputError
from touchline.inputs.clock import HalfStart
from touchline.inputs.project import settings_files
from touchline.runs.inputs import find_inputs
from touchline.runs.preflight import read_inputs
from touchline.weights.checkpoints import ORIGIN

LABELS = (ROOT / "labels.yaml").read_text()
TRUTH = {"annotations": [{"gameTime": "1 - 00:02", "label": "Goal", "position": "2000"}]}


@pytest.fixture
def project(tmp_path, monkeypatch, checkpoint):
    """Make a folder with two videos, labels, given predictions and a model. Return its settings."""
    monkeypatch.chdir(tmp_path)
    for video in (0, 1):
        (tmp_path / f"{video}.mkv").write_bytes(b"not decoded here")
        (tmp_path / f"truth_{video}.json").write_text(json.dumps(TRUTH))
        (tmp_path / f"given_{video}.json").write_text(given([(2, "Goal")]))
    (tmp_path / "labels.yaml").write_text(LABELS)
    (tmp_path / "prompt.txt").write_text("What happens?")
    (tmp_path / "videos.tsv").write_text(
        "video\tpath\tgame\thalf\tlabels\n0\t0.mkv\tm\t1\ttruth_0.json\n1\t1.mkv\tn\t1\ttruth_1.json\n"
    )
    return {
        "prompt": "prompt.txt",
        "models": {
            "llava": {"checkpoint": str(checkpoint)},
            "other": {"predictions": "given_{video}.json"},
        },
        "compare_with": ["other"],
    }


def mistakes(config, **how):
    with pytest.raises(InputError) as error:
        read_inputs(config, **how)
    return str(error.value).splitlines()


def test_verdicts_of_a_video_with_other_labels_are_ignored_with_a_warning(project, tmp_path):
    saved = tmp_path / "results/verdicts/verdicts_video_1.csv"
    saved.parent.mkdir(parents=True)
    saved.write_text("time_s,label,verdict\n3,Goal,confirmed\n")
    inputs = read_inputs(project)
    assert inputs.annotations[1] == "truth_1.json"
    (warning,) = [line for line in inputs.warnings if "verdicts" in line]
    assert "verdicts_video_1.csv is not used" in warning
    table = tmp_path / "videos.tsv"
    table.write_text(table.read_text().replace("truth_1.json", ""))
    inputs = read_inputs(project)
    assert inputs.annotations[1] == "results/verdicts/verdicts_video_1.csv"
    assert not [line for line in inputs.warnings if "verdicts" in line]
    saved.write_text("time_s;label\n3;Goal\n")
    assert "verdicts_video_1.csv is not a table of events" in "".join(mistakes(project))


def test_frequent_unknown_label_becomes_a_class_to_learn(project, tmp_path):
    """The most frequent spelling names the class."""
    truth = {
        "annotations": [
            {"gameTime": "1 - 00:02", "label": label, "position": f"{n}000"}
            for n, label in enumerate(
                ["Goal"] + ["Drinks break"] * 3 + ["drinks-breaks"] * 2 + ["Gaol"] * 4 + ["Card"]
            )
        ]
    }
    (tmp_path / "truth_1.json").write_text(json.dumps(truth))
    assert not read_inputs(project | {"evaluation": {"classes": ["Goal"]}}).taught
    learning = project | {"learn": True, "evaluation": {"classes": ["Goal", "Drinks break"]}}
    inputs = read_inputs(learning)
    assert inputs.taught == ["Drinks break"]
    assert inputs.settings.evaluation.classes == ["Goal", "Drinks break"]
    wrong = project | {"learn": True, "evaluation": {"classes": ["Gaol"]}}
    assert "'Gaol' is not a class in labels.yaml" in "".join(mistakes(wrong))


def test_learning_without_labels_gives_a_warning(project, tmp_path):
    table = tmp_path / "videos.tsv"
    table.write_text(re.sub(r"truth_\d.json", "", table.read_text()))
    (warning,) = [w for w in read_inputs(project | {"learn": True}).warnings if "learn" in w]
    assert "nothing is learnt yet" in warning
    assert not [w for w in read_inputs(project).warnings if "learn" in w]


def test_valid_inputs_are_read(project):
    inputs = read_inputs(project)
    assert list(inputs.selected) == list(inputs.shown) == [0, 1]
    assert inputs.given[1] == {"other": "given_1.json"}
    assert set(inputs.annotations) == {0, 1}
    assert inputs.games == {0: "m", 1: "n"}


def test_all_mistakes_are_reported_at_once(project, tmp_path):
    (tmp_path / "0.mkv").unlink()
    (tmp_path / "1.mkv").write_bytes(b"")
    (tmp_path / "labels.yaml").write_text("classes:\n  Goal: []\n  Goal: [Strike]\n")
    (tmp_path / "prompt.txt").write_text(" \n")
    (tmp_path / "truth_0.json").unlink()
    (tmp_path / "given_1.json").unlink()
    project["models"]["llava"] = {"checkpoint": "./no/such/folder"}
    found = mistakes(project)
    for part in (
        "given_1.json: no such file, so there are no predictions of other for video 1",
        "truth_0.json: no such file, but the table of videos names it as the labels of video 0",
        "0.mkv: there is no such video. Correct the path of video 0",
        "1.mkv (video 1) is empty (0 bytes)",
        "labels.yaml: 'Goal' occurs twice",
        "prompt.txt is empty. Write the question for the model into it.",
        "./no/such/folder: there is no such folder. Correct models.*.checkpoint",
    ):
        assert len([line for line in found if part in line]) == 1, (part, found)
    assert len(found) == 7


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("prompt.txt", None, "prompt.txt cannot be read"),
        ("labels.yaml", None, "labels.yaml cannot be read"),
        ("labels.yaml", "classes: [Goal]", "labels.yaml is not a valid labels file"),
        ("labels.yaml", "classes:\n\tGoal: []", "labels.yaml is not a YAML file"),
        ("truth_0.json", "{}", "truth_0.json has no list of annotations"),
        ("truth_0.json", json.dumps({"annotations": [{"label": "Goal"}]}), "gameTime is None"),
    ],
)
def test_missing_or_invalid_file_is_reported(project, tmp_path, name, content, words):
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(content)
    (line,) = mistakes(project)
    assert words in line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("time,label\n2,Goal\n", "needs the columns time_s and label"),
        ("time_s;label\n2;Goal\n", "has 'time_s;label'"),
        ("time_s,label\n0:12,Goal\n", "not a number of seconds"),
        ("time_s,label\n245000,Goal\n", "must be in seconds"),
    ],
)
def test_table_of_labels_in_wrong_format_is_reported(project, tmp_path, content, words):
    (tmp_path / "truth.csv").write_text(content)
    table = tmp_path / "videos.tsv"
    table.write_text(table.read_text().replace("truth_0.json", "truth.csv"))
    (line,) = mistakes(project)
    assert words in line


def test_folder_without_a_checkpoint_is_reported(project, tmp_path):
    (tmp_path / "model").mkdir()
    project["models"]["llava"] = {"checkpoint": "model"}
    (line,) = mistakes(project)
    assert "model has no file of a checkpoint" in line


def test_only_the_first_mistakes_of_a_kind_are_listed(project, tmp_path):
    rows = "".join(f"{n}\tgone_{n}.mkv\n" for n in range(40))
    (tmp_path / "videos.tsv").write_text(f"video\tpath\n{rows}")
    found = mistakes(project | {"compare_with": []})
    assert len(found) == 11
    assert found[-1] == "… and 30 more like these."


def test_fetching_models_needs_no_videos_or_labels(project, tmp_path):
    (tmp_path / "videos.tsv").unlink()
    inputs = read_inputs(project | {"labels": "nowhere.yaml"}, only_models=True)
    assert not inputs.selected


def test_find_inputs_accepts_a_video_that_disappeared(project, tmp_path):
    (tmp_path / "0.mkv").unlink()
    find_inputs(project, Path())


def test_given_predictions_of_a_missing_video_give_a_warning(project, tmp_path):
    (tmp_path / "0.mkv").unlink()
    inputs = read_inputs(project | {"detect_with": []})
    assert list(inputs.shown) == [1]
    (warning,) = inputs.warnings
    assert warning.startswith("0.mkv (video 0) does not exist, so the given predictions of video 0")
    assert "pages have no pictures" in warning


def test_video_without_a_path_allows_only_given_predictions(project, tmp_path):
    (tmp_path / "videos.tsv").write_text("video\tpath\tgame\thalf\n0\t\tm\t1\n1\t1.mkv\tn\t1\n")
    inputs = read_inputs(project | {"detect_with": []})
    assert (list(inputs.selected), list(inputs.shown)) == ([0, 1], [1])
    (line,) = mistakes(project)
    assert line.startswith("Video 0 has no path in videos.tsv, so no model can watch the")


def test_impossible_video_path_gives_one_sentence(project, tmp_path):
    (tmp_path / "videos.tsv").write_text(f"video\tpath\n0\t{'x' * 300}.mkv\n1\t0.mkv/2.mkv\n")
    (tmp_path / "loop.mkv").symlink_to("loop.mkv")
    with (tmp_path / "videos.tsv").open("a") as table:
        table.write("2\tloop.mkv\n")
    long, below_a_file, loop = mistakes(project | {"compare_with": []})
    assert "loop.mkv (video 2) cannot be found: Too many levels of symbolic links" in loop
    assert "(video 0) cannot be found: File name too long. Correct its path" in long
    assert "0.mkv/2.mkv: there is no such video" in below_a_file


GAME = "2015-02-21 - 18-00 Chelsea 1 - 1 Burnley"


@pytest.fixture
def soccernet(project, tmp_path):
    """Return a function that makes the folder of a game with the given videos, named as on
    SoccerNet.
    """
    folder = tmp_path / "soccernet" / "england_epl" / "2014-2015" / GAME

    def make(*names):
        folder.mkdir(parents=True)
        (folder / "Labels-v2.json").write_text(json.dumps(TRUTH))
        for name in names:
            (folder / name).write_bytes(b"not decoded here")
        return folder

    return make


def test_labels_of_an_hq_file_without_video_ini_are_refused(project, soccernet):
    soccernet("1_224p.mkv", "2_HQ.mkv")
    (line,) = mistakes(project | {"videos": "soccernet"})
    assert "Labels-v2.json: its times do not fit video 1" in line
    assert "2_HQ.mkv" in line
    assert "use the 1_224p or 1_720p file, or leave the video's labels empty." in line


@pytest.mark.parametrize("is_link", [True, False])
def test_hq_file_is_recognized_by_link_and_by_video_ini(project, soccernet, tmp_path, is_link):
    folder = soccernet("1_HQ.mkv" if is_link else "first.mkv")
    if is_link:
        (tmp_path / "first.mkv").symlink_to(folder / "1_HQ.mkv")
    else:
        (folder / "video.ini").write_text("[first.mkv]\nduration_second = 12\n")
    place = "first.mkv" if is_link else folder / "first.mkv"
    row = f"0\t{place}\tm\t1\t{folder / 'Labels-v2.json'}\n"
    (tmp_path / "videos.tsv").write_text(f"video\tpath\tgame\thalf\tlabels\n{row}")
    (line,) = mistakes(project)
    assert "its times do not fit video 0" in line


def test_label_times_of_an_hq_file_count_from_the_start_in_video_ini(project, soccernet):
    folder = soccernet("1_HQ.mkv", "2_HQ.mkv")
    starts = "[1_HQ.mkv]\nstart_time_second = 12.5\nduration_second = 2700\n"
    (folder / "video.ini").write_text(f"{starts}[2_HQ.mkv]\nstart_time_second = 7\n")
    inputs = read_inputs(project | {"videos": "soccernet", "compare_with": []})
    assert [row.halves for row in inputs.videos.values()] == [
        (HalfStart(1, 12.5, 2712.5),),
        (HalfStart(2, 7.0),),
    ]
    assert not inputs.warnings


def test_hq_file_is_accepted_without_labels_or_with_labels_in_a_csv_file(
    project, soccernet, tmp_path
):
    folder = soccernet("1_HQ.mkv", "video.ini")
    (tmp_path / "mine.csv").write_text("time_s,label\n2,Goal\n")
    for labels in ("", "mine.csv"):
        row = f"0\t{folder / '1_HQ.mkv'}\tm\t1\t{labels}\n"
        (tmp_path / "videos.tsv").write_text(f"video\tpath\tgame\thalf\tlabels\n{row}")
        (warning,) = read_inputs(project).warnings
        assert warning.startswith("Video 0: the clock of SoccerNet's HQ files differs from")


def test_half_in_two_resolutions_is_refused_with_both_paths(project, soccernet):
    folder = soccernet("1_224p.mkv", "1_720p.mkv", "2_224p.mkv")
    found = mistakes(project | {"videos": "soccernet", "compare_with": []})
    (line,) = found
    assert line.startswith(f"Videos 0, 1 all show half 1 of 'england_epl/2014-2015/{GAME}'")
    assert f"{folder.relative_to(Path.cwd())}/1_224p.mkv" in line
    assert f"{folder.relative_to(Path.cwd())}/1_720p.mkv" in line
    assert "name one in config.select" in line
    chosen = {"videos": "soccernet", "compare_with": [], "select": "0,2"}
    assert list(read_inputs(project | chosen).selected) == [0, 2]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["0\t0.mkv\tm\t1", "1\t1.mkv\tm\t1"], "Videos 0, 1 all show half 1 of 'm' (0.mkv, 1.mkv)"),
        (["0\t0.mkv\tm\t2", "1\t0.mkv\tm\t2"], "Videos 0, 1 all show half 2 of 'm' (0.mkv, 0.mkv)"),
        (["0\t0.mkv\ta/m\t1", "1\t1.mkv\tm\t1"], "Videos 0, 1 all show half 1 of 'a/m'"),
        (["0\t0.mkv\tm\t", "1\t1.mkv\tm\t"], "Write the half of each video into the column half"),
        (["0\t0.mkv\tm\t1", "1\t1.mkv\tm\t"], "Write the half of each video into the column half"),
    ],
)
def test_two_rows_with_the_same_half_are_refused(project, tmp_path, rows, words):
    table = "\n".join(["video\tpath\tgame\thalf", *rows])
    (tmp_path / "videos.tsv").write_text(table)
    (line,) = mistakes(project)
    assert words in line


@pytest.mark.parametrize("is_hard", [False, True])
def test_file_used_as_two_videos_gives_a_warning(project, tmp_path, is_hard):
    if is_hard:
        (tmp_path / "link.mkv").hardlink_to(tmp_path / "0.mkv")
    else:
        (tmp_path / "link.mkv").symlink_to("0.mkv")
    (tmp_path / "videos.tsv").write_text("video\tpath\n0\t0.mkv\n1\tlink.mkv\n")
    (warning,) = read_inputs(project).warnings
    assert warning == "Videos 0-1 are the same file, 0.mkv. Check the table of videos."


OTHER_GAME = "2015-02-22 - 19-15 Southampton 0 - 2 Liverpool"


@pytest.mark.parametrize(
    ("path", "game", "half", "labels", "words"),
    [
        (
            f"{GAME}/2_224p.mkv",
            GAME,
            1,
            "",
            "2_224p.mkv is half 2 by its name, but video 0 is half 1",
        ),
        (f"{GAME}/1_224p.mkv", f"a/{OTHER_GAME}", 1, "", f"column game has '{OTHER_GAME}'"),
        (f"{GAME}/1_224p.mkv", GAME, 1, f"{OTHER_GAME}/Labels-v2.json", "column labels has"),
        (
            "0.mkv",
            f"a/{GAME}",
            1,
            f"{OTHER_GAME}/Labels-v2.json",
            f"0 shows the game '{GAME}'",
        ),
        (f"{GAME}/1_224p.mkv", f"a/{GAME}", 1, f"{GAME}/Labels-v2.json", None),
        (f"{GAME}/1_224p.mkv", "Chelsea", 1, "truth_0.json", None),
        (f"{GAME}/1_224p.mkv", "", "", f"{GAME}/Labels-v2.json", None),
    ],
)
def test_row_that_contradicts_its_soccernet_file_name_is_refused(
    project, tmp_path, path, game, half, labels, words
):
    for folder in (GAME, OTHER_GAME):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "Labels-v2.json").write_text(json.dumps(TRUTH))
        for half_of_it in (1, 2):
            (tmp_path / folder / f"{half_of_it}_224p.mkv").write_bytes(b"not decoded here")
    table = f"video\tpath\tgame\thalf\tlabels\n0\t{path}\t{game}\t{half}\t{labels}\n"
    (tmp_path / "videos.tsv").write_text(table)
    if words is None:
        read_inputs(project)
    else:
        (line,) = mistakes(project)
        assert words in line


def test_pattern_of_given_predictions_without_any_file_is_refused(project):
    project["models"]["other"] = {"predictions": "gvien_{video}.json"}
    (line,) = mistakes(project | {"videos": None, "detect_with": []})
    assert "No file fits gvien_{video}.json" in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("slices: 2\n  bad: [", "config.yaml is not a YAML file"),
        ("", "config.yaml has no settings"),
    ],
)
def test_invalid_yaml_settings_are_refused_with_their_path(tmp_path, monkeypatch, text, words):
    monkeypatch.chdir(tmp_path)
    assert settings_files(ROOT) == [ROOT / "config.yaml"]
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        settings_files(ROOT)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    (tmp_path / "config.yaml").write_text("slices: 2")
    assert settings_files(ROOT) == [ROOT / "config.yaml", Path("config.yaml")]


def test_unknown_class_to_evaluate_is_refused(project):
    (mistake,) = mistakes(project | {"evaluation": {"classes": ["Goal", "Corners"]}})
    assert mistake.startswith("config.evaluation.classes: 'Corners' is not a class in labels.yaml")
    assert "Corner" in mistake.partition("labels.yaml")[2]


@pytest.mark.parametrize(("select", "games"), [("0", 1), ("all", 2)])
def test_learning_scores_from_few_games_gives_a_warning(project, select, games):
    learning = project | {"ensemble": {"calibrated": True}, "select": select}
    (warning,) = read_inputs(learning).warnings
    assert f"{games} of the selected games have labels" in warning
    assert "Name labels of 4 games or more" in warning


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (["lava"], "ensemble.members names 'lava', which has no events in this run; did you mean"),
        (["llava_evidence"], "names 'llava_evidence', which has no events in this run"),
    ],
)
def test_ensemble_member_without_events_is_refused(project, members, words):
    (line,) = mistakes(project | {"ensemble": {"members": members}})
    assert words in line


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (
            {"lava": 2},
            "config: ensemble.weights names 'lava', which is not a model; did you mean llava?",
        ),
        ({"llava_evidnce": 2}, "did you mean llava_evidence?"),
        ({"other_evidence": 2}, "'other_evidence', which is not a model"),
        ({"ensemble": 2}, "names 'ensemble', which is not a model"),
        (
            {"llava": {"Gaol": 2}},
            "config.ensemble.weights.llava: 'Gaol' is not a class in labels.yaml",
        ),
        ({"llava": {"Gaol": 2}}, "did you mean Goal?"),
        ({"llava": {"Corner": 2, "corner kicks": 1}}, "names the class Corner twice"),
    ],
)
def test_weight_of_unknown_model_or_class_is_refused_with_the_nearest_name(project, weights, words):
    (line,) = mistakes(project | {"ensemble": {"weights": weights}})
    assert words in line


def test_class_weight_accepts_any_spelling_of_the_class(project):
    weights = {"llava": {"Corner kick": 2, "Set Pieces": 0}, "llava_evidence": 3, "other": 1}
    settings = read_inputs(project | {"ensemble": {"weights": weights}}).settings
    assert settings.ensemble.weights["llava"] == {"Corner": 2, "Set Pieces": 0}


def test_weight_of_an_unfused_model_gives_a_warning(project):
    config = project | {"ensemble": {"weights": {"llava_evidence": 2}}}
    (warning,) = read_inputs(config).warnings
    assert "the weight of llava_evidence has no effect" in warning
    evidence = {"generation": {"evidence": True}, "prompt": str(ROOT / "prompts/soccer_events.txt")}
    # Beside answers of the same model, evidence is fused only if it is named.
    (warning,) = read_inputs(config | evidence).warnings
    assert "this run fuses llava, other" in warning
    config["ensemble"]["members"] = ["llava", "llava_evidence", "other"]
    assert read_inputs(config | evidence).warnings == []


@pytest.mark.parametrize(
    ("ensemble", "most"),
    [
        ({"threshold": 99}, "llava, other sum up to 2 at most"),
        ({"threshold": 5.5, "weights": {"llava": {"Goal": 4, "Foul": 1}}}, "sum up to 5 at most"),
        ({"threshold": 1, "weights": {"llava": 0, "other": 0}}, "sum up to 0 at most"),
    ],
)
def test_unreachable_ensemble_threshold_is_refused(project, ensemble, most):
    (line,) = mistakes(project | {"ensemble": {"method": "weighted"} | ensemble})
    assert line.startswith("config.ensemble.threshold is")
    assert most in line


@pytest.mark.parametrize(
    "ensemble",
    [
        {"method": "weighted", "threshold": 2},
        {"method": "weighted", "threshold": 5, "weights": {"llava": {"Goal": 4}}},
        {"method": "weighted", "threshold": 0.3, "weights": {"llava": 0.1, "other": 0.2}},
        {"method": "union", "threshold": 99},
    ],
)
def test_reachable_ensemble_threshold_is_accepted(project, ensemble):
    assert read_inputs(project | {"ensemble": ensemble}).warnings == []


def test_classes_of_soccernet_and_labels_yaml_can_be_evaluated(project, tmp_path):
    (tmp_path / "labels.yaml").write_text("classes:\n  Goal: []\n  Back heel: []\n")
    classes = ["Back heel", "Throw-in"]
    inputs = read_inputs(project | {"evaluation": {"classes": classes}})
    assert inputs.settings.evaluation.classes == classes


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"labels": "lables.yaml"},
            "lables.yaml cannot be read: No such file or directory (did you",
        ),
        ({"prompt": "promt.txt"}, "did you mean prompt.txt?"),
        (
            {"videos": "vidoes.tsv"},
            "/vidoes.tsv does not exist (did you mean videos.tsv?). Set videos to a video, a "
            "folder",
        ),
        ({"detect_with": ["llava", "llava"]}, "detect_with names the model llava twice"),
    ],
)
def test_misspelt_path_is_reported_with_the_nearest_name(project, changed, words):
    assert words in mistakes(project | changed)[0]


@pytest.mark.parametrize("missing", ["error", "skip"])
def test_misspelt_placeholder_of_the_video_is_refused(project, missing):
    project["models"]["other"] = {"predictions": "given_{vidoe}.json"}
    (line,) = mistakes(project | {"missing_predictions": missing})
    assert "{vidoe} in" in line
    assert "Write {video}" in line


def test_given_model_without_any_predictions_gives_a_warning(project):
    project["models"]["other"] = {"predictions": "gvien_{video}.json"}
    (warning,) = read_inputs(project | {"missing_predictions": "skip"}).warnings
    assert "other has no predictions of any selected video (there is no gvien_0.json)" in warning


@pytest.mark.parametrize("name", ["given_0.json", "truth_1.json", "labels.yaml", "prompt.txt"])
def test_file_dated_in_the_future_is_refused(project, tmp_path, name):
    os.utime(tmp_path / name, (time.time() + 86_400,) * 2)
    (line,) = mistakes(project)
    assert line.startswith(f"{name} is dated ")
    assert f"Snakemake would repeat every job that reads it. Type touch {name}" in line
    os.utime(tmp_path / name, (time.time() + 1,) * 2)
    read_inputs(project)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
@pytest.mark.parametrize("name", ["config.yaml", "prompt.txt", "truth_0.json"])
def test_file_not_in_utf_8_is_reported(project, tmp_path, name, encoding):
    text = "# è\nslices: 4\n"
    (tmp_path / name).write_bytes(text.encode(encoding))
    place = "it is in UTF-16" if encoding == "utf-16" else "line 1 has an invalid byte"
    sentence = f"{name} is not UTF-8 text ({place}). Save it as UTF-8."
    if name == "config.yaml":
        with pytest.raises(InputError) as error:
            settings_files(ROOT)
        assert str(error.value) == sentence
    else:
        assert mistakes(project) == [sentence]


def test_file_beside_the_settings_is_reported_with_the_correct_path(project, tmp_path, monkeypatch):
    (tmp_path / "conf").mkdir()
    (tmp_path / "videos.tsv").rename(tmp_path / "conf" / "videos.tsv")
    found = mistakes(project, files=[Path("conf/my.yaml")])
    assert f"config.videos: {tmp_path}/videos.tsv does not exist" in found[0]
    (hint,) = [line for line in found if "is in the folder of conf/my.yaml" in line]
    assert f"({tmp_path}). Write conf/videos.tsv." in hint


TOO_LONG = {"seconds": 30, "frames": 90, "fps": 3, "step": 8}


def test_windows_beyond_a_local_model_s_context_are_refused(project):
    # Tiny LLaVA reads 1,024 tokens, and a frame has 16.
    config = project | {"window": TOO_LONG}
    (line,) = mistakes(config)
    assert line.startswith("A window of 90 frames makes a prompt of 1,4")
    assert "Set window.frames to" in line
    most = int(re.search(r"window\.frames to (\d+)", line)[1])
    fitting = project | {"window": TOO_LONG | {"frames": most, "fps": 1}, "merge": {"window": 8}}
    assert read_inputs(fitting).warnings == []
    (line,) = mistakes(project | {"window": TOO_LONG | {"frames": most + 1}})
    assert f"window.frames to {most} " in line


def test_windows_beyond_a_fetched_model_s_context_are_refused(project, checkpoint, tmp_path):
    project["models"]["llava"] = {"checkpoint": "someone/model"}
    config = project | {"window": TOO_LONG, "merge": {"window": 8}}
    folder = tmp_path / "resources" / "models" / "llava" / "checkpoint"
    shutil.copytree(checkpoint, folder)
    # Without its note, the folder may be incomplete or of another model.
    assert read_inputs(config).warnings == []
    origin = {"checkpoint": "someone/model", "revision": None, "commit": "0" * 40}
    (folder / ORIGIN).write_text(json.dumps(origin))
    (line,) = mistakes(config)
    assert "models/llava/checkpoint can read" in line


def test_answer_length_that_leaves_no_room_for_a_prompt_is_refused(project):
    (line,) = mistakes(project | {"generation": {"max_new_tokens": 1024}})
    assert "Shorten the prompt or lower generation.max_new_tokens" in line


@pytest.mark.parametrize(
    ("window", "radius", "is_warned"),
    [
        ({"seconds": 16, "frames": 16, "step": 8}, 3, True),
        ({"seconds": 16, "frames": 16, "step": 8}, 8, False),
        ({"seconds": 16, "frames": 16, "step": 16}, 3, False),
        ({}, 3, False),
    ],
)
def test_window_step_beyond_the_merge_radius_gives_a_warning(project, window, radius, is_warned):
    warnings = read_inputs(project | {"window": window, "merge": {"window": radius}}).warnings
    assert len(warnings) == is_warned
    assert all(each.startswith("config.merge.window is 3 s") for each in warnings)


@pytest.mark.parametrize(
    ("window", "words"),
    [
        ({"seconds": 16}, "Set window.frames to 16, window.fps to 0.25, or window.seconds to 4."),
        ({"seconds": 30, "frames": 24, "step": 3}, "show the first 24 s of each window of 30 s"),
        ({"seconds": 30, "frames": 24, "fps": 0.8, "step": 3}, None),
        ({"seconds": 4.5, "frames": 5}, None),
    ],
)
def test_frames_that_do_not_reach_the_window_s_end_give_a_warning(project, window, words):
    warnings = read_inputs(project | {"window": window}).warnings
    assert len(warnings) == (words is not None)
    assert words is None or words in warnings[0]


@pytest.mark.parametrize("name", ["labels", "prompt", "truth", "given", "checkpoint"])
def test_braces_in_an_input_path_are_refused(project, tmp_path, name):
    table = tmp_path / "videos.tsv"
    (tmp_path / "a{b}").mkdir()
    match name:
        case "labels":
            project["labels"] = shutil.move("labels.yaml", "a{b}/labels.yaml")
        case "prompt":
            project["prompt"] = shutil.move("prompt.txt", "a{b}/prompt.txt")
        case "truth":
            shutil.move("truth_0.json", "a{b}")
            table.write_text(table.read_text().replace("truth_0", "a{b}/truth_0"))
        case "given":
            for video in (0, 1):
                shutil.move(f"given_{video}.json", "a{b}")
            project["models"]["other"]["predictions"] = "a{b}/given_{video}.json"
        case "checkpoint":
            checkpoint = project["models"]["llava"]["checkpoint"]
            shutil.copytree(checkpoint, "a{b}/model")
            project["models"]["llava"]["checkpoint"] = "a{b}/model"
    found = mistakes(project)
    assert all("has braces in its path" in line for line in found)
    assert len(found) == (2 if name == "given" else 1)


def test_braces_in_a_video_path_are_allowed(project, tmp_path):
    shutil.move("0.mkv", "a{b}.mkv")
    table = tmp_path / "videos.tsv"
    table.write_text(table.read_text().replace("0.mkv", "a{b}.mkv", 1))
    assert read_inputs(project).videos[0].path.name == "a{b}.mkv"
