# All videos and models in one table.

# The given predictions that are not there: video, model and file.
MISSING = [
    (v, m, GIVEN_PATHS[m].replace("{video}", str(v)))
    for v in SELECTED
    for m in GIVEN_PATHS
    if m not in GIVEN[v]
]


rule summarize:
    input:
        events=[EVENTS.format(model=m, video=v) for v in SELECTED for m in models_of(v)],
        coverage=[
            COVERAGE.format(model=m, video=v) for v in SELECTED for m in models_of(v)
        ],
        comparisons=compared(COMPARISON),
        labels=SETTINGS.labels,
    output:
        table=report(
            SUMMARY,
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "summary", "of": "the run"},
        ),
        text=SUMMARY_TEXT,
    log:
        f"{RESULTS}/logs/summary.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        # In the order of the inputs.
        rows=[(v, m) for v in SELECTED for m in models_of(v)],
        missing=MISSING,
    message:
        "Summing up"
    script:
        "../scripts/summarize.py"
