"""Mistakes of the user end the run at once, with one sentence and a non-zero exit code."""

import csv
import json
import os
import re

import pytest
import torch

from clones import given
from fakenvml import fake_gpus
from media import steady, write_video


@pytest.fixture(scope="module")
def project(clone, clip):
    (clone.folder / "videos.tsv").write_text(f"video\tpath\n0\t{clip}\n1\t{clip}\n")
    (clone.folder / "given_0.json").write_text(given([(2, "Goal")]))
    return clone


OTHER = {"other": {"predictions": "given_{video}.json"}}


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"windw": {"fps": 2}}, "config.windw is not a setting; did you mean window?"),
        ({"slices": "four"}, "config.slices is 'four', but should be a valid integer"),
        ({"select": ""}, "config.select: '' selects nothing"),
        ({"select": "5"}, "config.select: 5 names video 5, which does not exist"),
        (
            {"videos": "none.tsv"},
            "/none.tsv does not exist. Set videos to a video, a folder of videos, or a table",
        ),
        ({"results": "res{x}"}, "config.results: res{x} has braces in its path, and"),
        ({"models": OTHER, "compare_with": "other"}, "given_1.json: no such file"),
        ({"models": OTHER, "compare_with": "other"}, "set missing_predictions: skip"),
    ],
)
def test_bad_input_is_refused_before_the_dag(project, config, sentence):
    if "models" in config:
        config = config | {"models": project.config["models"] | config["models"]}
    done = project.snakemake("-n", **config)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert sentence in output
    assert "Traceback" not in output


def test_name_that_is_not_utf_8_is_refused_before_the_dag(project, clip):
    folder = project.folder / "recordings"
    folder.mkdir()
    try:
        os.symlink(clip, os.fsencode(folder) + b"/Atl\xe9tico.mkv")
    except OSError as error:
        pytest.skip(f"the file system takes no such name: {error}")
    done = project.snakemake("-n", videos="recordings")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert r"rename it: mv $'recordings/Atl\xe9tico.mkv' 'recordings/Atlético.mkv'" in output
    assert "Traceback" not in output


def test_gpu_that_torch_cannot_use_ends_its_job_with_the_reason(project, tmp_path, monkeypatch):
    if torch.cuda.is_available():
        pytest.skip("torch has a GPU here")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    for name, value in fake_gpus(tmp_path, {"uuid": "GPU-a"}, {"uuid": "GPU-b"}).items():
        monkeypatch.setenv(name, value)
    done = project.snakemake("--resources", "gpu=1", results="gpus", resources="gpus")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "each slice leases one of this machine's 2 GPUs; 1 run at once" in output
    assert "This job has GPU 0, but torch" in output
    assert "Traceback" not in output


def test_file_that_is_no_video_stops_the_run_before_detection(project):
    (project.folder / "text.mkv").write_text("no video\n" * 100)
    (project.folder / "table.tsv").write_text("video\tpath\n7\ttext.mkv\n")
    done = project.snakemake(videos="table.tsv", results="bad")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "text.mkv cannot be opened as a video" in output
    assert "Traceback" not in output
    assert not list(project.folder.glob("bad/partials/*"))
    assert (
        "text.mkv cannot be opened" in (project.folder / "bad/logs/probe/video_7.log").read_text()
    )


def test_checkpoint_of_another_family_is_refused(project, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 100)
    models = {"llava": {"checkpoint": str(tmp_path), "revision": None}}
    done = project.snakemake("models", models=models, resources="other")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "of type 'llama', but Touchline runs llava_next_video" in output
    assert "Traceback" not in output


def test_missing_given_predictions_can_be_skipped(project):
    models = project.config["models"] | OTHER
    jobs = project.jobs(models=models, compare_with=["other"], missing_predictions="skip")
    assert jobs["compare_models"] == jobs["read_given"] == 1
    assert jobs["merge_slices"] == 2


def test_failed_run_prints_the_command_to_sum_up_finished_videos(project):
    (project.folder / "text.mkv").write_text("no video\n" * 100)
    clip = (project.folder / "videos.tsv").read_text().split()[3]
    # Another video has no picture from 4 to 14 s.
    write_video(project.folder / "gap.mkv", [*steady(4), *steady(4, start=14)])
    rows = [f"0\t{clip}", "1\ttext.mkv", "2\tgap.mkv"]
    table = project.folder / "some.tsv"
    table.write_text("\n".join(["video\tpath", *rows]) + "\n")
    config = {"videos": "some.tsv", "results": "some", "slices": 1}
    done = project.snakemake("--keep-going", **config)
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert "To summarize the finished videos (2 videos: 0,2), type:" in output
    assert not (project.folder / "some/summary").exists()
    command = re.search(r"^  snakemake (.* select=0,2)$", output, re.MULTILINE)[1].split()
    project.run(*command, **config)
    with (project.folder / "some/summary/summary.csv").open() as file:
        good, gap = csv.DictReader(file)
    assert (good["video"], good["share_looked_at"], good["no_pictures_s"]) == ("0", "1.0", "0.0")
    assert (gap["video"], gap["share_looked_at"], gap["no_pictures_s"]) == ("2", "0.4444", "10.0")
    text = (project.folder / "some/summary/summary.txt").read_text()
    assert "Video 2 has no picture from 4 to 14 s." in text
    ledger = (project.folder / "some/windows/windows_llava_vid2_gpu0.jsonl").read_text()
    windows = [json.loads(line) for line in ledger.splitlines()]
    unseen = [window["start"] for window in windows if window["status"] == "no_frames"]
    assert unseen == [4, 6, 8, 10]
    assert "video_2.html" in (project.folder / "some/report/index.html").read_text()
    # After fixing the cause, only the missing files and the summaries are made.
    (project.folder / "text.mkv").unlink()
    (project.folder / "text.mkv").symlink_to(clip)
    jobs = project.jobs(**config)
    assert (jobs["summarize"], jobs["report_run"]) == (1, 1)
    assert jobs["probe_video"] == jobs["merge_slices"] == 1
    # Or the video is left out. Then the summaries of all other videos are made.
    table.write_text("\n".join(["video\tpath", rows[0], rows[2]]) + "\n")
    assert project.jobs(**config) == {"export_model": 1, "record_run": 1}
