# The events that are worth a person's look first, of each model and of the ensemble.


rule shortlist_events:
    input:
        events=result(paths.EVENTS),
        # Where there are labels: what was learnt from them, and what it asks to know.
        calibration=lambda wildcards: PLAN.calibration_of(wildcards.model),
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
        "Listing what to look at first of {wildcards.model} on video {wildcards.video}"
    script:
        "../scripts/shortlist_events.py"
