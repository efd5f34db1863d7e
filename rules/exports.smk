# The events in the formats of other tools.


rule export_model:
    input:
        events=lambda wildcards: PLAN.files(
            paths.EVENTS, PLAN.predicted_by(wildcards.model)
        ),
        # These state the length of each video.
        coverage=lambda wildcards: PLAN.files(
            paths.COVERAGE,
            [
                PLAN.predictions_for_video(v)[0]
                for v in PLAN.videos_for_model(wildcards.model)
            ],
        ),
        labels=SETTINGS.labels,
    output:
        folder=directory(result(paths.EXPORTS)),
    log:
        result(paths.EXPORTS_LOG),
    wildcard_constraints:
        model=paths.regex_for(PLAN.exported),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.ExportModelParams),
    message:
        "Exporting {wildcards.model}'s events"
    script:
        "../scripts/export_model.py"
