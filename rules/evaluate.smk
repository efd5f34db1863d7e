# Metrics of each model and the ensemble against the true events of the labelled videos.


rule evaluate_model:
    input:
        events=files_of_annotated(paths.EVENTS),
        coverage=lambda wildcards: PLAN.coverage_files(wildcards.model),
        others=lambda wildcards: PLAN.other_events(wildcards.model),
        truth=lambda wildcards: PLAN.annotation_files(wildcards.model),
        labels=SETTINGS.labels,
        calibration=result(paths.CALIBRATION),
    output:
        report=result(paths.EVALUATION),
        outcomes=result(paths.OUTCOMES),
        curves=result(paths.CURVES),
    log:
        result(paths.EVALUATE_LOG),
    wildcard_constraints:
        model=paths.regex_for(PLAN.evaluated),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.EvaluateModelParams),
    message:
        "Evaluating {wildcards.model} against the annotations"
    script:
        "../scripts/evaluate_model.py"


rule calibrate_model:
    input:
        events=files_of_annotated(paths.EVENTS),
        coverage=lambda wildcards: PLAN.coverage_files(wildcards.model),
        others=lambda wildcards: PLAN.other_events(wildcards.model),
        truth=lambda wildcards: PLAN.annotation_files(wildcards.model),
        labels=SETTINGS.labels,
    output:
        report=result(paths.CALIBRATION),
    log:
        result(paths.CALIBRATE_LOG),
    wildcard_constraints:
        model=paths.regex_for(PLAN.evaluated),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.CalibrateModelParams),
    message:
        "Calibrating {wildcards.model}"
    script:
        "../scripts/calibrate_model.py"


rule tabulate_evaluation:
    input:
        reports=expand(result(paths.EVALUATION), model=PLAN.evaluated),
    output:
        table=report(
            result(paths.EVALUATION_TABLE),
            caption="../report/evaluation.rst",
            category="Tables",
            labels={"table": "evaluation", "of": "the run"},
        ),
        text=result(paths.EVALUATION_TEXT),
    log:
        result(paths.EVALUATION_LOG),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    message:
        "Tabulating the evaluation"
    script:
        "../scripts/tabulate_evaluation.py"
