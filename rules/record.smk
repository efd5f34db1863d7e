# The record of the run: results/run.json.

from dataclasses import asdict


rule record_run:
    # All other files are inputs of these. With all files as inputs here, planning a thousand videos
    # took three times as long.
    input:
        expand(result(paths.PAGE), video=INPUTS.selected),
        rules.report_run.output,
        rules.summarize.output,
        rules.exports.input,
        # No page reads these.
        PLAN.files(paths.SHORTLIST, PLAN.fused),
        [result(each) for each in TABLES if PLAN.evaluated],
        expand(result(paths.MODEL_FILES), model=PLAN.hashed),
    output:
        result(paths.RECORD),
    log:
        result(paths.RECORD_LOG),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **asdict(
            rule_params.RecordRunParams(
                results=[
                    *map(str, RESULTS),
                    *expand(result(paths.MANIFEST), video=INPUTS.shown),
                    *expand(result(paths.MODEL_FILES), model=PLAN.hashed),
                ]
            )
        ),
    message:
        "Recording the run"
    script:
        "../scripts/record_run.py"
