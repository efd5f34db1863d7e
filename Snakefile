# Touchline finds the events of soccer matches with video-language models.
#
# rules/ has the stages in the order of the data. scripts/touchline/ has the logic, and config.yaml
# has all settings.

from snakemake.utils import min_version

min_version("9.0")


# The first text of `snakemake --report`.
report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/videos.smk"
include: "rules/models.smk"
include: "rules/detect.smk"
include: "rules/merge.smk"
include: "rules/learn.smk"
include: "rules/compare.smk"
include: "rules/evaluate.smk"
include: "rules/shortlist.smk"
include: "rules/exports.smk"
include: "rules/summary.smk"
include: "rules/report.smk"
include: "rules/clips.smk"
include: "rules/handlers.smk"


EVALUATION = [paths.EVALUATION, paths.OUTCOMES, paths.CURVES, paths.CALIBRATION]
TABLES = [paths.EVALUATION_TABLE, paths.EVALUATION_TEXT]


rule predictions:
    input:
        PLAN.files(paths.PREDICTIONS, PLAN.detected),
        PLAN.files(paths.EVENTS, PLAN.detected),
        PLAN.files(paths.COVERAGE, PLAN.detected),
        PLAN.files(paths.EVIDENCE, PLAN.weighed),
        PLAN.files(paths.PROBABILITIES, PLAN.learned_videos),
        [each for model in PLAN.trained for each in PLAN.learned_results(model)],
    localrule: True


# The learnt models and their events.
rule learn:
    input:
        [each for model in PLAN.trained for each in PLAN.learned_results(model)],
        PLAN.files(paths.PROBABILITIES, PLAN.learned_videos),
        PLAN.files(paths.learned_pattern(paths.EVENTS), PLAN.learned_videos),
    localrule: True


rule comparison:
    input:
        PLAN.files(paths.COMPARISON, PLAN.compared),
        PLAN.files(paths.COMPARISON_TABLE, PLAN.compared),
        PLAN.files(paths.ENSEMBLE, PLAN.fused),
        PLAN.files(paths.ENSEMBLE_EVENTS, PLAN.fused),
    localrule: True


# Metrics of the videos for which the table of videos names labels.
rule evaluation:
    input:
        expand([result(each) for each in EVALUATION], model=PLAN.evaluated),
        [result(each) for each in TABLES if PLAN.evaluated],
    localrule: True


# The events that a person should review first.
rule shortlist:
    input:
        PLAN.files(paths.SHORTLIST, PLAN.shortlisted),
    localrule: True


rule exports:
    input:
        expand(result(paths.EXPORTS), model=PLAN.exported),
    localrule: True


# The pages: one per match, and one of the run.
rule report:
    input:
        expand(result(paths.PAGE), video=INPUTS.selected),
        expand(result(paths.THUMBNAILS), video=INPUTS.shown),
        rules.report_run.output,
    localrule: True


# One clip per event and one reel per class. `all` does not include them, because they are large.
rule clips:
    input:
        expand(result(paths.CLIPS), video=PLAN.clipped),
    localrule: True


# The models, fetched and quantized on a machine with internet.
rule models:
    input:
        [PLAN.model_folder(model) for model in PLAN.loaded],
    localrule: True


# Every file is a target, so that a deleted file is made again.
RESULTS = [
    *(PLAN.files(paths.PARTIAL, PLAN.slices) if SETTINGS.keep_partials else []),
    *(PLAN.files(paths.LEDGER, PLAN.slices) if SETTINGS.keep_partials else []),
    *(
        PLAN.files(paths.SLICE_EVIDENCE, PLAN.slices)
        if SETTINGS.keep_partials and PLAN.models_with_evidence
        else []
    ),
    *(
        PLAN.files(paths.SLICE_FEATURES, PLAN.slices)
        if SETTINGS.keep_partials and SETTINGS.has_features
        else []
    ),
    *rules.predictions.input,
    *PLAN.files(paths.EVENTS, PLAN.predicted),
    *PLAN.files(paths.COVERAGE, PLAN.predicted),
    *rules.comparison.input,
    *rules.shortlist.input,
    *(rules.evaluation.input if INPUTS.annotations else []),
    *rules.exports.input,
    *rules.summarize.output,
    *rules.report.input,
]


include: "rules/record.smk"


rule all:
    default_target: True
    input:
        list(dict.fromkeys(RESULTS)),
        rules.record_run.output,
    localrule: True
    message:
        "All requested files are complete"
