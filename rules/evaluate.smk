# Each model, and the ensemble, set against the true events of the videos that have labels.

EVALUATED = [model for model in [*RUN, *GIVEN_PATHS, "ensemble"] if annotated_by(model)]
EVALUATION_FILES = (
    [
        *expand([EVALUATION, OUTCOMES, CURVES, CALIBRATION], model=EVALUATED),
        EVALUATION_TABLE,
        EVALUATION_TEXT,
    ]
    if EVALUATED
    else []
)
refuse_if_empty(
    "evaluation",
    EVALUATION_FILES,
    "There is nothing to evaluate: no selected video has labels. Name their files in the column "
    "labels of the table of videos (examples/videos.tsv).",
)


rule evaluate_model:
    input:
        events=of_annotated(EVENTS),
        coverage=coverage_of_annotated,
        truth=lambda wildcards: [LABELS[v] for v in annotated_by(wildcards.model)],
        labels=SETTINGS.labels,
    output:
        report=EVALUATION,
        outcomes=OUTCOMES,
        curves=CURVES,
    log:
        f"{RESULTS}/logs/evaluation/{{model}}.log",
    wildcard_constraints:
        model=one_of(EVALUATED),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        halves=halves_of,
        tolerance=SETTINGS.comparison.tolerance,
        tolerances=SETTINGS.evaluation.tolerances,
        shifts=SETTINGS.comparison.chance_shifts,
        resamples=SETTINGS.evaluation.resamples,
        seed=SETTINGS.comparison.seed,
    message:
        "Evaluating {wildcards.model} against the truth"
    script:
        "../scripts/evaluate_model.py"


rule calibrate_model:
    input:
        events=of_annotated(EVENTS),
        coverage=coverage_of_annotated,
        truth=lambda wildcards: [LABELS[v] for v in annotated_by(wildcards.model)],
        labels=SETTINGS.labels,
    output:
        report=CALIBRATION,
    log:
        f"{RESULTS}/logs/calibration/{{model}}.log",
    wildcard_constraints:
        model=one_of(EVALUATED),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        halves=halves_of,
        tolerance=SETTINGS.comparison.tolerance,
    message:
        "Calibrating {wildcards.model}"
    script:
        "../scripts/calibrate_model.py"


rule tabulate_evaluation:
    input:
        reports=expand(EVALUATION, model=EVALUATED),
    output:
        table=report(
            EVALUATION_TABLE,
            caption="../report/evaluation.rst",
            category="Tables",
            labels={"table": "evaluation", "of": "the run"},
        ),
        text=EVALUATION_TEXT,
    log:
        f"{RESULTS}/logs/evaluation.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    message:
        "Tabulating the evaluation"
    script:
        "../scripts/tabulate_evaluation.py"
