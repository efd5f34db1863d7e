# From answers to events: join slices and drop repeats, or read given predictions.


rule merge_slices:
    input:
        manifest=result(paths.MANIFEST),
        partials=expand(
            result(paths.PARTIAL), slice=range(SETTINGS.slices), allow_missing=True
        ),
        ledgers=expand(
            result(paths.LEDGER), slice=range(SETTINGS.slices), allow_missing=True
        ),
        labels=SETTINGS.labels,
    output:
        predictions=result(paths.PREDICTIONS),
        events=result(paths.EVENTS),
        coverage=result(paths.COVERAGE),
    log:
        result(paths.MERGE_LOG),
    wildcard_constraints:
        model=paths.regex_for(PLAN.answering),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.MergeSlicesParams),
    message:
        "Merging {wildcards.model}'s slices of video {wildcards.video}"
    script:
        "../scripts/merge_slices.py"


# The events in a model's evidence. They do not depend on its answers and count as another model's.
rule spot_evidence:
    input:
        manifest=result(paths.MANIFEST),
        slices=expand(
            result(paths.SLICE_EVIDENCE),
            slice=range(SETTINGS.slices),
            allow_missing=True,
        ),
        ledgers=expand(
            result(paths.LEDGER), slice=range(SETTINGS.slices), allow_missing=True
        ),
    output:
        evidence=result(paths.EVIDENCE),
        predictions=result(paths.evidence_pattern(paths.PREDICTIONS)),
        events=result(paths.evidence_pattern(paths.EVENTS)),
        coverage=result(paths.evidence_pattern(paths.COVERAGE)),
    log:
        result(paths.EVIDENCE_LOG),
    wildcard_constraints:
        model=paths.regex_for(PLAN.models_with_evidence),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.SpotEvidenceParams),
    message:
        "Spotting events in {wildcards.model}'s evidence of video {wildcards.video}"
    script:
        "../scripts/spot_evidence.py"


rule read_given:
    input:
        predictions=lambda wildcards: INPUTS.given[int(wildcards.video)][
            wildcards.model
        ],
        manifest=manifest_of_footage,
        # Without a video, the last prediction of any model is the best estimate of its length.
        others=lambda wildcards: (
            []
            if manifest_of_footage(wildcards)
            else list(INPUTS.given[int(wildcards.video)].values())
        ),
        labels=SETTINGS.labels,
    output:
        events=result(paths.EVENTS),
        coverage=result(paths.COVERAGE),
    log:
        result(paths.GIVEN_LOG),
    wildcard_constraints:
        model=paths.regex_for(SETTINGS.compare_with),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        **params_of(rule_params.ReadGivenParams),
    message:
        "Reading {wildcards.model}'s given predictions of video {wildcards.video}"
    script:
        "../scripts/read_given.py"
