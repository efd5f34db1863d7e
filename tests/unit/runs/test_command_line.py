"""What a command names is checked before anything runs."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from touchline.errors import InputError
from touchline.runs.command_line import (
    asks_only_for_models,
    check_results,
    check_targets,
    config_files,
    is_job_of_models,
    model_of_slice,
    selecting_command,
)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("evaluation", "no selected video has labels"),
        ("exports", "there is no table of videos"),
        ("clips", "no selected video has both its footage and events"),
    ],
)
def test_a_target_of_nothing_is_refused(plan, bare, target, sentence):
    check_targets([target], plan)
    check_targets(["all"], bare)
    with pytest.raises(InputError, match=sentence):
        check_targets(["--cores", "1", target], bare)


def test_words_that_snakemake_keeps_to_itself(plan):
    assert model_of_slice(["--delete-all"], plan, "runs") == []
    folder = model_of_slice(["--delete-temp-output"], plan, "runs")
    assert folder == "resources/models/runs/nf4"


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("out/predictions/final_predictions_runs_video_7.json", "there is no video 7"),
        ("out/videos/video_7.json", "there is no video 7 in videos.tsv, which has 3-4."),
        ("./out/report/video_7.html", "there is no video 7"),
        ("out/logs/probe/video_7.log", "there is no video 7"),
        ("out/partials/partial_results_runs_vid7_gpu0.json", "there is no video 7"),
        ("out/windows/windows_runs_vid3_gpu2.jsonl", "there is no slice 2, because a video has 2"),
    ],
)
def test_a_result_of_no_video_or_slice_is_refused(plan, target, sentence):
    with pytest.raises(InputError) as error:
        check_targets(["--cores", "1", target], plan)
    assert f"{target}: {sentence}" in str(error.value)


def test_a_result_of_a_video_that_is_not_selected_is_refused(plan, bare):
    one = replace(plan, inputs=replace(plan.inputs, selected=[3]))
    with pytest.raises(InputError, match=r"video 4 is not among the selected ones \(3\)"):
        check_targets(["out/videos/video_4.json"], one)
    with pytest.raises(InputError, match=r"video 9 is not among the selected ones \(0\)"):
        check_targets(["out/events/events_other_video_9.csv"], bare)


def test_targets_of_selected_videos_and_other_words_are_accepted(plan):
    check_targets(
        ["out/videos/video_3.json", "other/video_7.json", "out", "out/summary/summary.txt"], plan
    )


def test_results_that_cannot_be_written_are_refused(plan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_results([], plan)
    (tmp_path / "out" / "logs").mkdir(parents=True)
    check_results([], plan)
    for closed in ("out", "out/logs"):
        with monkeypatch.context() as patch:
            # Who runs the tests may be allowed everything.
            patch.setattr(os, "access", lambda path, _, closed=closed: path != Path(closed))
            with pytest.raises(InputError, match=f"^{closed} may not be written to"):
                check_results(["-n"], plan)
            check_results(["--report", "r.html"], plan)
    (tmp_path / "out" / "logs").rmdir()
    (tmp_path / "out").rmdir()
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="out is a file, so results cannot be a folder there"):
        check_results([], plan)
    (tmp_path / "resources").touch()
    with pytest.raises(InputError, match="resources is a file, so models cannot be kept"):
        check_results([], plan)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--profile slurm", "--profile slurm --config select=0,2-3"),
        ("-C select=0-9 slices=2 -k", "--config select=0,2-3 slices=2 -k"),
        ("--config=slices=2 --cores 4", "--config select=0,2-3 slices=2 --cores 4"),
    ],
)
def test_selecting_command_keeps_the_other_words(words, expected):
    command = selecting_command(["summary.txt"], [3, 0, 2], words.split())
    assert command == f"snakemake summary.txt {expected}"


@pytest.mark.parametrize(
    ("words", "is_only_models"),
    [
        (["models", "-n"], True),
        (["--cores", "4", "models", "--configfile", "conf/my.yaml"], True),
        (["-n"], False),
        (["models", "predictions"], False),
        (["models", "./out/summary/summary.txt"], False),
    ],
)
def test_run_with_other_targets_than_models_needs_videos(words, is_only_models):
    assert asks_only_for_models(words, "out") is is_only_models


def test_files_of_settings_are_found_among_the_words():
    words = ["-n", "--configfile=a.yaml", "--configfiles", "b/c.yaml", "d.yaml", "--config", "x=1"]
    assert [str(file) for file in config_files(words)] == ["a.yaml", "b/c.yaml", "d.yaml"]


def test_job_that_quantizes_a_model_needs_no_videos():
    assert is_job_of_models(["--target-jobs", "quantize_model:model=llava", "--force"])
    assert not is_job_of_models(["--target-jobs", "detect_slice:model=llava,video=0,slice=1"])
