# All videos and models in one table.


rule summarize:
    input:
        events=[EVENTS.format(model=m, video=v) for v in SELECTED for m in models_of(v)],
        coverage=[
            COVERAGE.format(model=m, video=v) for v in SELECTED for m in models_of(v)
        ],
        comparisons=compared(COMPARISON),
        labels=SETTINGS.labels,
    output:
        table=SUMMARY,
        text=SUMMARY_TEXT,
    log:
        f"{RESULTS}/logs/summary.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        # In the order of the inputs.
        rows=[(v, m) for v in SELECTED for m in models_of(v)],
        missing=[
            (v, m, GIVEN_PATHS[m].replace("{video}", str(v)))
            for v in SELECTED
            for m in GIVEN_PATHS
            if m not in GIVEN[v]
        ],
    message:
        "Summing up"
    script:
        "../scripts/summarize.py"
