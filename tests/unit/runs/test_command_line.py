"""Test the checks of the command line before a run."""

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
    is_model_job,
    selecting_command,
    slice_model_folder,
)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("evaluation", "no selected video has labels"),
        ("exports", "there is no table of videos"),
        ("clips", "no selected video has both footage and events"),
    ],
)
def test_target_without_anything_to_make_is_refused(plan, bare, target, sentence):
    check_targets([target], plan)
    check_targets(["all"], bare)
    with pytest.raises(InputError, match=sentence):
        check_targets(["--cores", "1", target], bare)


def test_deleting_all_output_keeps_the_model(plan):
    assert slice_model_folder(["--delete-all"], plan, "runs") == []
    folder = slice_model_folder(["--delete-temp-output"], plan, "runs")
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
def test_result_of_unknown_video_or_slice_is_refused(plan, target, sentence):
    with pytest.raises(InputError) as error:
        check_targets(["--cores", "1", target], plan)
    assert f"{target}: {sentence}" in str(error.value)


def test_result_of_unselected_video_is_refused(plan, bare):
    one = replace(plan, inputs=replace(plan.inputs, selected=[3]))
    with pytest.raises(InputError, match=r"video 4 is not selected \(selected: 3\)"):
        check_targets(["out/videos/video_4.json"], one)
    with pytest.raises(InputError, match=r"video 9 is not selected \(selected: 0\)"):
        check_targets(["out/events/events_other_video_9.csv"], bare)


def test_results_of_selected_videos_and_other_targets_are_accepted(plan):
    check_targets(
        ["out/videos/video_3.json", "other/video_7.json", "out", "out/summary/summary.txt"], plan
    )


def test_unwritable_folder_of_results_is_refused(plan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_results([], plan)
    (tmp_path / "out" / "logs").mkdir(parents=True)
    check_results([], plan)
    for closed in ("out", "out/logs"):
        with monkeypatch.context() as patch:
            # The user who runs the tests may have all permissions.
            patch.setattr(os, "access", lambda path, _, closed=closed: path != Path(closed))
            with pytest.raises(InputError, match=f"^{closed} cannot be written to"):
                check_results(["-n"], plan)
            check_results(["--report", "r.html"], plan)
    (tmp_path / "out" / "logs").rmdir()
    (tmp_path / "out").rmdir()
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="out is a file, so results cannot be stored in it"):
        check_results([], plan)
    (tmp_path / "resources").touch()
    with pytest.raises(InputError, match="resources is a file, so models cannot be stored"):
        check_results([], plan)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--profile slurm", "--profile slurm --config select=0,2-3"),
        ("-C select=0-9 slices=2 -k", "--config select=0,2-3 slices=2 -k"),
        ("--config=slices=2 --cores 4", "--config select=0,2-3 slices=2 --cores 4"),
    ],
)
def test_command_that_selects_videos_keeps_the_other_options(words, expected):
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
def test_videos_are_skipped_only_if_the_single_target_is_models(words, is_only_models):
    assert asks_only_for_models(words, "out") is is_only_models


def test_config_files_are_found_in_the_command_line():
    words = ["-n", "--configfile=a.yaml", "--configfiles", "b/c.yaml", "d.yaml", "--config", "x=1"]
    assert [str(file) for file in config_files(words)] == ["a.yaml", "b/c.yaml", "d.yaml"]


def test_quantizing_job_is_recognized_as_a_model_job():
    assert is_model_job(["--target-jobs", "quantize_model:model=llava", "--force"])
    assert not is_model_job(["--target-jobs", "detect_slice:model=llava,video=0,slice=1"])
