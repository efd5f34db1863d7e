# The models' events of a video set against each other, and fused.


rule compare_models:
    input:
        events=of_video(paths.EVENTS),
        coverage=of_video(paths.COVERAGE),
    output:
        report=result(paths.COMPARISON),
        table=report(
            result(paths.COMPARISON_TABLE),
            caption="../report/comparison.rst",
            category="Tables",
            labels={"table": "comparison", "of": "video {video}"},
        ),
    log:
        result(paths.COMPARE_LOG),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=models_of_video,
        tolerance=SETTINGS.matching_tolerance,
        shifts=SETTINGS.chance_shifts,
        seed=SETTINGS.random_seed,
    message:
        "Comparing {params.models} on video {wildcards.video}"
    script:
        "../scripts/compare_models.py"


rule fuse_models:
    input:
        events=lambda wildcards: PLAN.events_to_fuse(int(wildcards.video)),
        calibration=lambda wildcards: PLAN.calibrations_of(int(wildcards.video)),
    output:
        predictions=result(paths.ENSEMBLE),
        events=result(paths.ENSEMBLE_EVENTS),
    log:
        result(paths.ENSEMBLE_LOG),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=lambda wildcards: PLAN.fused_models(int(wildcards.video)),
        tolerance=SETTINGS.matching_tolerance,
        ensemble=SETTINGS.ensemble.model_dump(exclude={"members"}),
        # Whose agreement says something about a model's events.
        others=lambda wildcards: PLAN.opinions(int(wildcards.video)),
        half=half_of_video,
        # What is learnt from a match is not used on it.
        game=lambda wildcards: INPUTS.games[int(wildcards.video)],
    message:
        "Fusing {params.models} on video {wildcards.video}"
    script:
        "../scripts/fuse_models.py"
