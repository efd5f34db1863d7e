"""The whole workflow on small videos, and the use of its results."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from clones import given

NAMES = ["a b.mkv", 'it\'s; $(touch oops) "q".mkv']


@pytest.fixture(scope="module")
def done(clone, clip):
    """Return a clone after a complete run on two videos with hostile names."""
    (clone.folder / "halves é").mkdir()
    rows = ["video\tpath\tgame\thalf"]
    for number, name in enumerate(NAMES):
        shutil.copy(clip, clone.folder / "halves é" / name)
        rows.append(f"{number}\thalves é/{name}\tA vs B\t{number + 1}")
        (clone.folder / f"given_{number}.json").write_text(given([(2, "Goal"), (6, "corners")]))
    (clone.folder / "videos.tsv").write_text("\n".join(rows) + "\n")
    clone.config["models"]["other"] = {"predictions": "given_{video}.json"}
    clone.config["compare_with"] = ["other"]
    clone.run()
    return clone


def test_run_writes_all_documented_files(done):
    assert len(done.results("partials/partial_results_llava_vid[01]_gpu[01].json")) == 4
    assert len(done.results("windows/windows_llava_vid[01]_gpu[01].jsonl")) == 4
    for name in [
        "videos/video_{}.json",
        "predictions/final_predictions_llava_video_{}.json",
        "events/events_llava_video_{}.csv",
        "events/events_other_video_{}.csv",
        "coverage/coverage_llava_video_{}.json",
        "comparison/comparison_video_{}.json",
        "comparison/comparison_video_{}.csv",
        "ensemble/final_predictions_ensemble_video_{}.json",
        "events/events_ensemble_video_{}.csv",
        "models/model_llava.json",
        "summary/summary.csv",
        "thumbnails/thumbnails_video_{}.json",
        "report/video_{}.html",
        "report/index.html",
        "report/charts/agreement.svg",
    ]:
        for video in (0, 1):
            assert (done.folder / "results" / name.format(video)).is_file(), name
    assert not (done.folder / "oops").exists()


def test_ledgers_have_all_windows_and_partials_have_all_answers(done):
    reached = 0.0
    for index in (0, 1):
        ledger = done.read(f"windows/windows_llava_vid1_gpu{index}.jsonl")
        assert ledger[0]["start"] == reached
        assert [w["start"] for w in ledger] == [reached + 2 * k for k in range(3)]
        reached = ledger[-1]["end"]
        answers = [{"time": w["start"], "raw": w["text"]} for w in ledger if w["status"] != "none"]
        assert done.read(f"partials/partial_results_llava_vid1_gpu{index}.json") == answers
    assert reached == done.read("videos/video_1.json")["duration"] == 9.2


def test_last_slice_drafts_from_answers_of_another_slice(done):
    logs = [path.read_text() for path in done.results("logs/detect/llava_vid[01]_gpu[01].log")]
    found = [re.search(r"drafts come from the prompt and (\d+) answers", log) for log in logs]
    assert max(int(match[1]) for match in found) > 0


def test_labels_of_given_predictions_become_classes(done):
    report = done.read("comparison/comparison_video_0.json")
    assert [(m["name"], m["events"], m["unknown"]) for m in report["models"]][1] == ("other", 2, 0)
    ensemble = done.read("ensemble/final_predictions_ensemble_video_0.json")
    assert [item["time"] for item in ensemble if "'Corner'" in item["raw"]] == [6.0]


def test_second_run_has_no_jobs(done):
    assert "Nothing to be done" in done.run().stdout + done.run().stderr


def verified(done):
    """Return the output and exit status of scripts/verify.py."""
    command = [sys.executable, "scripts/verify.py"]
    run = subprocess.run(command, cwd=done.folder, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def test_record_has_all_results(done):
    record = done.read("run.json")
    assert record["settings"]["models"]["other"] == {"predictions": "given_{video}.json"}
    assert [video["game"] for video in record["videos"]] == ["A vs B", "A vs B"]
    (model,) = record["models"]
    assert "model.safetensors" in {file["path"] for file in model["files"]}
    assert model["packages"]["torch"]
    recorded = {file["path"] for file in record["results"]}
    assert {
        "partials/partial_results_llava_vid0_gpu0.json",
        "windows/windows_llava_vid1_gpu1.jsonl",
        "models/model_llava.json",
        "exports/llava/osl.json",
        "report/index.html",
    } <= recorded
    status, output = verified(done)
    assert (status, output) == (
        0,
        f"All {len(recorded)} results match results/run.json.\n",
    )


def test_edited_result_is_reported_by_the_next_run(done):
    summary, pictures = (
        done.folder / "results" / name
        for name in ("summary/summary.txt", "thumbnails/thumbnails_video_0.json")
    )
    text = summary.read_text()
    summary.write_text(text + "x\n")
    pictures.unlink()
    done.run()
    status, output = verified(done)
    assert status == 1
    assert output.splitlines()[0] == "changed: results/summary/summary.txt"
    assert done.read("run.json")["changed"] == ["summary/summary.txt"]
    log = (done.folder / "results/logs/record.log").read_text()
    assert "summary/summary.txt was changed after its job ended" in log
    summary.unlink()
    done.run()
    assert verified(done)[0] == 0
    assert done.read("run.json")["changed"] == []


def test_verify_names_a_changed_result(done):
    summary = done.folder / "results/summary/summary.txt"
    text = summary.read_text()
    times = summary.stat()
    summary.write_text(text.replace("llava", "lava"))
    status, output = verified(done)
    assert status == 1
    assert output.splitlines() == [
        "changed: results/summary/summary.txt",
        "Different from results/run.json: 1.",
    ]
    summary.write_text(text)
    os.utime(summary, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert verified(done)[0] == 0
    (done.folder / "results/run.json").rename(done.folder / "kept.json")
    status, output = verified(done)
    (done.folder / "kept.json").rename(done.folder / "results/run.json")
    assert status == 1
    assert output.startswith("results/run.json cannot be read: No such file")


def test_rules_pass_snakemakes_lint(done):
    done.run("--lint")


def test_delete_all_output_keeps_the_models(done):
    done.run("--delete-all-output")
    assert not done.results("p*/*.json")
    assert not {"fetch_model", "quantize_model"} & set(done.jobs())
    output = done.run("models", "--delete-all-output", "-n").stdout
    assert "Would delete resources/models/llava/nf4" in output
