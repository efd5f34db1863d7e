"""Evidence in the workflow: complete tables, and events that are treated as another model's."""

import shutil

import pytest

from touchline.core.records import WindowOutcome
from touchline.detection.journal import Journal
from touchline.events.predictions import read_events_csv
from touchline.evidence.peaks import spot_events
from touchline.evidence.tables import read_evidence
from touchline.inputs.labels import Labels

pytestmark = pytest.mark.slow

BOTH = {"max_new_tokens": 6, "evidence": True}
ALONE = BOTH | {"answers": False}


@pytest.fixture(scope="module")
def done(clone, clip):
    """Return a clone after a run with answers and evidence."""
    shutil.copy(clip, clone.folder / "0.mkv")
    (clone.folder / "videos.tsv").write_text("video\tpath\n0\t0.mkv\n")
    clone.config["generation"] = BOTH
    clone.run()
    return clone


def classes(clone):
    return Labels.read(clone.folder / "labels.yaml").classes


def evidence_of(clone, name="evidence/evidence_llava_video_0.csv"):
    return read_evidence(clone.folder / "results" / name, classes(clone))


def test_evidence_table_has_all_windows_of_the_ledgers(done):
    windows = [w for s in (0, 1) for w in done.read(f"windows/windows_llava_vid0_gpu{s}.jsonl")]
    evidence = evidence_of(done)
    assert evidence.windows[:, 0].tolist() == [window["start"] for window in windows]
    assert evidence.windows[:, 2:].tolist() == [
        [w["frame_times"][0], w["frame_times"][-1]] for w in windows
    ]
    assert evidence.weighed.all()
    assert (evidence.weights < 0).all()
    assert all("evidence" not in window for window in windows)


def test_events_of_evidence_are_treated_as_another_model(done):
    events = read_events_csv(done.folder / "results/events/events_llava_evidence_video_0.csv")
    again = spot_events(evidence_of(done), 3.0)
    assert [(e.time_s, e.label) for e in events] == [(e.time_s, e.label) for e in again]
    (pair,) = done.read("comparison/comparison_video_0.json")["pairs"]
    assert (pair["model_a"], pair["model_b"]) == ("llava", "llava_evidence")
    assert done.read("coverage/coverage_llava_evidence_video_0.json")["counts"]["answers"] == 6
    for name in (
        "predictions/final_predictions_llava_evidence_video_0.json",
        "events/shortlist_llava_evidence_video_0.csv",
        "exports/llava_evidence",
    ):
        assert (done.folder / "results" / name).exists(), name
    assert '"model":"llava"' in (done.folder / "results/report/video_0.html").read_text()


def test_second_run_with_learning_has_nothing_to_do(done):
    assert done.jobs() == {}


def test_evidence_is_the_same_without_answers(done):
    answered = evidence_of(done)
    done.run("predictions", generation=ALONE, results="alone")
    evidence = evidence_of(done, "../alone/evidence/evidence_llava_video_0.csv")
    assert (evidence.weights == answered.weights).all()
    statuses = {w["status"] for w in done.read("../alone/windows/windows_llava_vid0_gpu0.jsonl")}
    assert statuses == {"weighed"}
    assert not (done.folder / "alone/events/events_llava_video_0.csv").exists()


def test_prompt_without_candidates_is_refused_before_the_run(done):
    (done.folder / "bare.txt").write_text("Which event happens?")
    refused = done.snakemake("-n", prompt="bare.txt")
    assert refused.returncode != 0
    assert "The prompt shows no example of an answer" in refused.stdout + refused.stderr


def test_journal_has_evidence_before_the_answers(tmp_path):
    record = WindowOutcome(
        window=0, start=0, end=4, frame_times=[0.0], status="weighed", attempts=1,
        evidence={"Goal": -1.5, "none": -0.25},
    )  # fmt: skip
    journal = Journal(tmp_path, "key")
    with journal.writing() as writer:
        writer.add(record)
        assert journal.read() == {0: record}
