# Comparison of the models' events in a video, and the ensemble.


rule compare_models:
    input:
        events=files_of_models(paths.EVENTS),
        coverage=files_of_models(paths.COVERAGE),
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
        **params_of(rule_params.CompareModelsParams),
    message:
        "Comparing {params.models} on video {wildcards.video}"
    script:
        "../scripts/compare_models.py"


rule fuse_models:
    input:
        events=lambda wildcards: PLAN.events_to_fuse(int(wildcards.video)),
        calibration=lambda wildcards: PLAN.calibration_files_for_video(
            int(wildcards.video)
        ),
    output:
        predictions=result(paths.ENSEMBLE),
        events=result(paths.ENSEMBLE_EVENTS),
    log:
        result(paths.ENSEMBLE_LOG),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.FuseModelsParams),
    message:
        "Fusing {params.models} on video {wildcards.video}"
    script:
        "../scripts/fuse_models.py"
