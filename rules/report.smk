# The pages on which a person reviews each match and the run.


rule draw_thumbnails:
    input:
        events=files_of_models(paths.EVENTS),
        coverage=files_of_models(paths.COVERAGE),
        truth=lambda wildcards: PLAN.annotation_file(int(wildcards.video)),
        manifest=manifest_of_footage,
        labels=SETTINGS.labels,
        # Comparison and ensemble are no inputs, because they change no moment's time.
        fused=[],
        comparison=[],
    output:
        pictures=result(paths.THUMBNAILS),
    log:
        result(paths.THUMBNAILS_LOG),
    localrule: True
    conda:
        "../envs/detect.yaml"
    threads: 2
    params:
        **params_of(rule_params.DrawThumbnailsParams),
    message:
        "Drawing thumbnails of video {wildcards.video}"
    script:
        "../scripts/draw_thumbnails.py"


rule report_match:
    input:
        events=files_of_models(paths.EVENTS),
        coverage=files_of_models(paths.COVERAGE),
        truth=lambda wildcards: PLAN.annotation_file(int(wildcards.video)),
        manifest=manifest_of_footage,
        labels=SETTINGS.labels,
        fused=lambda wildcards: PLAN.ensemble_events(int(wildcards.video)),
        comparison=lambda wildcards: PLAN.comparison_file(int(wildcards.video)),
        pictures=lambda wildcards: PLAN.footage_results(
            paths.THUMBNAILS, int(wildcards.video)
        ),
        shortlists=files_of_models(paths.SHORTLIST),
        evidence=lambda wildcards: PLAN.files(
            paths.EVIDENCE, PLAN.weighed_for_video(int(wildcards.video))
        ),
        learned=lambda wildcards: PLAN.files(
            paths.PROBABILITIES, PLAN.learned_for_video(int(wildcards.video))
        ),
    output:
        page=report(
            result(paths.PAGE),
            caption="../report/match.rst",
            category="Matches",
            labels={"video": "{video}", "what": "page of the match"},
        ),
    log:
        result(paths.PAGE_LOG),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.ReportMatchParams),
    message:
        "Making the page of video {wildcards.video}"
    script:
        "../scripts/report_match.py"


# The charts that have data, by name.
CHARTS = (
    ["counts"]
    + (["agreement"] if PLAN.compared else [])
    + (["precision_recall", "reliability"] if PLAN.evaluated else [])
    + (["learning"] if PLAN.trained else [])
)


rule report_run:
    input:
        events=PLAN.files(paths.EVENTS, PLAN.predicted),
        coverage=PLAN.files(paths.COVERAGE, PLAN.predicted),
        manifests=expand(result(paths.MANIFEST), video=INPUTS.shown),
        comparisons=PLAN.files(paths.COMPARISON, PLAN.compared),
        fused=PLAN.files(paths.ENSEMBLE_EVENTS, PLAN.fused),
        evaluations=expand(result(paths.EVALUATION), model=PLAN.evaluated),
        outcomes=expand(result(paths.OUTCOMES), model=PLAN.evaluated),
        curves=expand(result(paths.CURVES), model=PLAN.evaluated),
        calibrations=expand(result(paths.CALIBRATION), model=PLAN.evaluated),
        learning=expand(result(paths.LEARNING), model=PLAN.trained),
    output:
        **{
            name: report(
                result(paths.CHART).format(name=name),
                caption=f"../report/{name}.rst",
                category="Charts",
                labels={"chart": name.replace("_", " ")},
            )
            for name in CHARTS
        },
        page=report(
            result(paths.INDEX),
            caption="../report/run.rst",
            category="The run",
            labels={"what": "page of the run"},
        ),
    log:
        result(paths.INDEX_LOG),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.ReportRunParams),
    message:
        "Making the page of the run"
    script:
        "../scripts/report_run.py"
