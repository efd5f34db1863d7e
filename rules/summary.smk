# One table of all videos and models.


rule summarize:
    input:
        events=PLAN.files(paths.EVENTS, PLAN.predicted),
        coverage=PLAN.files(paths.COVERAGE, PLAN.predicted),
        comparisons=PLAN.files(paths.COMPARISON, PLAN.compared),
        labels=SETTINGS.labels,
    output:
        table=report(
            result(paths.SUMMARY),
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "summary", "of": "the run"},
        ),
        text=result(paths.SUMMARY_TEXT),
    log:
        result(paths.SUMMARY_LOG),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.SummarizeParams),
    message:
        "Summing up"
    script:
        "../scripts/summarize.py"
