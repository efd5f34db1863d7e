# The events to review first, for each model and the ensemble.


rule shortlist_events:
    input:
        events=result(paths.EVENTS),
        # With labels: the calibration, and the events that it uses.
        calibration=lambda wildcards: PLAN.calibration_file(wildcards.model),
        others=lambda wildcards: PLAN.events_to_calibrate(
            int(wildcards.video), wildcards.model
        ),
        labels=SETTINGS.labels,
    output:
        result(paths.SHORTLIST),
    log:
        result(paths.SHORTLIST_LOG),
    wildcard_constraints:
        model=paths.regex_for(PLAN.models),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.ShortlistEventsParams),
    message:
        "Listing the events of {wildcards.model} in video {wildcards.video} to review first"
    script:
        "../scripts/shortlist_events.py"
