# The pages on which a person sees each match and the run, and judges.


rule draw_thumbnails:
    input:
        unpack(said_of_match),
        # What is compared and fused changes no moment's time, and need not be decoded for again.
        fused=[],
        comparison=[],
    output:
        pictures=THUMBNAILS,
    log:
        f"{RESULTS}/logs/thumbnails/video_{{video}}.log",
    conda:
        "../envs/detect.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        models=lambda wildcards: models_of(wildcards.video),
        tolerance=SETTINGS.comparison.tolerance,
        window=SETTINGS.window.seconds,
    message:
        "Drawing thumbnails of video {wildcards.video}"
    script:
        "../scripts/draw_thumbnails.py"


rule report_match:
    input:
        unpack(said_of_match),
        fused=if_compared(ENSEMBLE_EVENTS),
        comparison=if_compared(COMPARISON),
        pictures=lambda wildcards: (
            [THUMBNAILS.format(**wildcards)] if manifest_of(wildcards) else []
        ),
    output:
        page=report(
            PAGE,
            caption="../report/match.rst",
            category="Matches",
            labels={"video": "{video}", "what": "page of the match"},
        ),
    log:
        f"{RESULTS}/logs/report/video_{{video}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=lambda wildcards: models_of(wildcards.video),
        tolerance=SETTINGS.comparison.tolerance,
        name=lambda wildcards: name_of(wildcards.video),
    message:
        "Making the page of video {wildcards.video}"
    script:
        "../scripts/report_match.py"


# By name, the charts there is something to draw for.
CHARTS = (
    ["counts"]
    + (["agreement"] if compared(COMPARISON) else [])
    + (["precision_recall", "reliability"] if EVALUATED else [])
)


rule report_run:
    input:
        events=[EVENTS.format(model=m, video=v) for v in SELECTED for m in models_of(v)],
        coverage=[
            COVERAGE.format(model=m, video=v) for v in SELECTED for m in models_of(v)
        ],
        manifests=expand(MANIFEST, video=SHOWN),
        comparisons=compared(COMPARISON),
        fused=compared(ENSEMBLE_EVENTS),
        evaluations=expand(EVALUATION, model=EVALUATED),
        outcomes=expand(OUTCOMES, model=EVALUATED),
        curves=expand(CURVES, model=EVALUATED),
        calibrations=expand(CALIBRATION, model=EVALUATED),
    output:
        **{
            name: report(
                CHART.format(name=name),
                caption=f"../report/{name}.rst",
                category="Charts",
                labels={"chart": name.replace("_", " ")},
            )
            for name in CHARTS
        },
        page=report(
            INDEX,
            caption="../report/run.rst",
            category="The run",
            labels={"what": "page of the run"},
        ),
    log:
        f"{RESULTS}/logs/report/index.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        rows=[(v, m) for v in SELECTED for m in models_of(v)],
        missing=MISSING,
        names=[(v, name_of(v)) for v in SELECTED],
        run=RUN,
        slices=SETTINGS.slices,
        window=SETTINGS.window.model_dump(),
        tolerance=SETTINGS.comparison.tolerance,
        # Read as they are, and no input: what was measured makes nothing run again.
        benchmarks=lambda wildcards: BENCHMARK,
    message:
        "Making the page of the run"
    script:
        "../scripts/report_run.py"
