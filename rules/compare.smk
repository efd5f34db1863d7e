# The models' events of a video set against each other, and fused.


rule compare_models:
    input:
        events=of_each_model(EVENTS),
        coverage=of_each_model(COVERAGE),
    output:
        report=COMPARISON,
        table=report(
            COMPARISON_TABLE,
            caption="../report/comparison.rst",
            category="Tables",
            labels={"table": "comparison", "of": "video {video}"},
        ),
    log:
        f"{RESULTS}/logs/compare/video_{{video}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=lambda wildcards: models_of(wildcards.video),
        tolerance=SETTINGS.comparison.tolerance,
        shifts=SETTINGS.comparison.chance_shifts,
        seed=SETTINGS.comparison.seed,
    message:
        "Comparing {params.models} on video {wildcards.video}"
    script:
        "../scripts/compare_models.py"


rule fuse_models:
    input:
        events=of_each_model(EVENTS),
        calibration=lambda wildcards: (
            expand(CALIBRATION, model=models_of(wildcards.video))
            if SETTINGS.ensemble.calibrated
            else []
        ),
    output:
        predictions=ENSEMBLE,
        events=ENSEMBLE_EVENTS,
    log:
        f"{RESULTS}/logs/ensemble/video_{{video}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=lambda wildcards: models_of(wildcards.video),
        tolerance=SETTINGS.comparison.tolerance,
        ensemble=SETTINGS.ensemble.model_dump(),
        half=half_of,
        # What is learnt from a match is not used on it.
        game=lambda wildcards: (
            GAMES[int(wildcards.video)] if SETTINGS.ensemble.calibrated else None
        ),
    message:
        "Fusing {params.models} on video {wildcards.video}"
    script:
        "../scripts/fuse_models.py"
