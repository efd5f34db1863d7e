"""Test which models have events for each video, and the paths of their files."""

from dataclasses import replace

from touchline.core import paths
from touchline.core.params import MissingPredictions, PredictedVideo
from touchline.inputs.videos import AnnotatedVideo, GameHalf, Name
from touchline.runs.plan import Plan


def test_plan_lists_the_models_with_events_per_video(plan):
    assert plan.predicted == [
        PredictedVideo(3, "runs"),
        PredictedVideo(3, "other"),
        PredictedVideo(4, "runs"),
    ]
    assert plan.detected == [PredictedVideo(3, "runs"), PredictedVideo(4, "runs")]
    assert plan.fused == plan.compared == [PredictedVideo(3, "ensemble")]
    assert plan.ensemble_events(3) == ["out/events/events_ensemble_video_3.csv"]
    assert plan.comparison_file(3) == ["out/comparison/comparison_video_3.json"]
    assert plan.ensemble_events(4) == plan.comparison_file(4) == []
    assert plan.missing == [MissingPredictions(4, "other", "given_4.json")]
    assert plan.evaluated == plan.exported == ["runs", "other", "ensemble"]


def test_ensemble_has_the_coverage_of_all_its_models(plan):
    assert plan.annotated_videos("runs") == [
        AnnotatedVideo(3, "m", GameHalf("m", 2), models=1, others=1)
    ]
    assert plan.annotated_videos("ensemble") == [
        AnnotatedVideo(3, "m", GameHalf("m", 2), models=2, others=0)
    ]
    assert plan.coverage_files("ensemble") == [
        "out/coverage/coverage_runs_video_3.json",
        "out/coverage/coverage_other_video_3.json",
    ]


def test_calibration_compares_only_models_and_no_ensemble_with_other_models(plan):
    assert plan.other_events("runs") == ["out/events/events_other_video_3.csv"]
    assert plan.other_events("ensemble") == []


def learning(plan, **inputs):
    settings = plan.inputs.settings.model_copy(update={"learn": True})
    return Plan(replace(plan.inputs, settings=settings, **inputs))


def test_model_learnt_in_the_run_is_used_only_on_other_games(plan):
    """Video 3 is the only video with labels at first."""
    one = learning(plan)
    assert one.trained == one.learned == ["runs"]
    assert one.learned_videos == [PredictedVideo(4, "runs")]
    assert one.models_for_video(3) == ["runs", "other"]
    assert one.models_for_video(4) == ["runs", "runs_learned"]
    assert PredictedVideo(4, "runs_learned") in one.detected
    assert one.fused_models(4) == ["runs"]
    assert one.learned_file("runs") == "out/learned/learned_runs.safetensors"
    both = learning(plan, annotations=plan.inputs.annotations | {4: "labels_4.json"})
    assert both.learned_videos == [PredictedVideo(3, "runs"), PredictedVideo(4, "runs")]
    assert [each.video for each in both.labelled_videos] == [3, 4]
    none = learning(plan, annotations={})
    assert none.trained == none.learned == []
    assert none.run == ["runs"]


def test_model_learnt_elsewhere_is_used_on_every_video(plan):
    settings = plan.inputs.settings
    model = settings.models["runs"].model_copy(update={"learned": "kept.safetensors"})
    given = settings.model_copy(update={"models": settings.models | {"runs": model}})
    other = Plan(replace(plan.inputs, settings=given, annotations={}))
    assert other.trained == []
    assert other.learned_videos == [PredictedVideo(3, "runs"), PredictedVideo(4, "runs")]
    assert other.learned_file("runs") == "kept.safetensors"


def test_shortlists_cover_all_models_and_the_ensemble_with_calibration(plan):
    assert plan.shortlisted == [*plan.predicted, PredictedVideo(3, "ensemble")]
    assert plan.calibration_file("ensemble") == ["out/calibration/calibration_ensemble.json"]
    assert plan.events_to_calibrate(3, "runs") == ["out/events/events_other_video_3.csv"]
    assert plan.events_to_calibrate(4, "runs") == plan.events_to_calibrate(3, "ensemble") == []
    # Without any labels there is nothing to learn.
    bare = Plan(replace(plan.inputs, annotations={}))
    assert bare.calibration_file("runs") == bare.events_to_calibrate(3, "runs") == []


def test_single_model_has_an_ensemble_if_scores_are_learnt(plan):
    assert plan.calibration_files_for_video(3) == []
    settings = plan.inputs.settings
    calibrated = settings.ensemble.model_copy(update={"calibrated": True})
    learning = settings.model_copy(update={"ensemble": calibrated})
    inputs = replace(plan.inputs, settings=learning)
    assert Plan(inputs).fused == [PredictedVideo(3, "ensemble"), PredictedVideo(4, "ensemble")]
    assert Plan(inputs).compared == [PredictedVideo(3, "ensemble")]
    assert Plan(inputs).calibration_files_for_video(4) == ["out/calibration/calibration_runs.json"]
    # Without any labels there is nothing to learn.
    bare = Plan(replace(inputs, annotations={}))
    assert (bare.fused, bare.calibration_files_for_video(3)) == (
        [PredictedVideo(3, "ensemble")],
        [],
    )


def with_evidence(plan, answers=True, members=None):
    settings = plan.inputs.settings
    generation = {"evidence": True, "answers": answers}
    changed = settings.model_copy(
        update={
            "generation": settings.generation.model_copy(update=generation),
            "ensemble": settings.ensemble.model_copy(update={"members": members}),
        }
    )
    return Plan(replace(plan.inputs, settings=changed))


def test_calibration_does_not_compare_a_model_with_its_own_evidence(plan):
    both = with_evidence(plan)
    assert both.models_for_video(3) == ["runs", "runs_evidence", "other"]
    assert both.fused_models(3) == ["runs", "other"]
    # One model with two kinds of results is no ensemble, but the two are compared.
    assert both.fused == [PredictedVideo(3, "ensemble")]
    assert both.compared == [PredictedVideo(3, "ensemble"), PredictedVideo(4, "ensemble")]
    assert both.compared_models(3, "runs_evidence") == both.compared_models(3, "runs") == ["other"]
    assert both.compared_models(3, "other") == ["runs"]
    assert both.coverage_files("ensemble") == [
        "out/coverage/coverage_runs_video_3.json",
        "out/coverage/coverage_other_video_3.json",
    ]


def test_evidence_is_fused_if_named_as_a_member_or_if_there_are_no_answers(plan):
    assert with_evidence(plan, answers=False).fused_models(3) == ["runs_evidence", "other"]
    members = ["runs_evidence", "runs"]
    named = with_evidence(plan, members=members)
    assert named.fused_models(3) == ["runs", "runs_evidence"]
    assert named.compared_models(3, "runs") == []
    assert named.events_to_fuse(4) == [
        "out/events/events_runs_video_4.csv",
        "out/events/events_runs_evidence_video_4.csv",
    ]


def test_paths_have_the_order_of_the_given_videos_and_models(plan):
    assert plan.files(paths.EVENTS, plan.predicted) == [
        "out/events/events_runs_video_3.csv",
        "out/events/events_other_video_3.csv",
        "out/events/events_runs_video_4.csv",
    ]
    assert plan.files(paths.LEDGER, plan.slices)[1:3] == [
        "out/windows/windows_runs_vid3_gpu1.jsonl",
        "out/windows/windows_runs_vid4_gpu0.jsonl",
    ]
    assert plan.footage_results(paths.MANIFEST, 3) == ["out/videos/video_3.json"]
    assert plan.footage_results(paths.MANIFEST, 4) == []
    assert plan.model_folder("runs") == "resources/models/runs/nf4"


def test_names_and_halves_come_from_the_table_of_videos(plan, bare):
    assert plan.name_for_video(3) == Name("m", 2, "A", "B")
    assert plan.half_for_video(3) == GameHalf("m", 2)
    assert plan.name_for_video(4) == bare.name_for_video(0) == Name()
    assert plan.half_for_video(4) == bare.half_for_video(0) == GameHalf()
