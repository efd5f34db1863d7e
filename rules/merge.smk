# A video's answers made events: slices joined and repeats dropped, or given predictions read.


rule merge_slices:
    input:
        manifest=MANIFEST,
        partials=expand(PARTIAL, slice=SLICES, allow_missing=True),
        ledgers=expand(LEDGER, slice=SLICES, allow_missing=True),
        labels=SETTINGS.labels,
    output:
        predictions=PREDICTIONS,
        events=EVENTS,
        coverage=COVERAGE,
    log:
        f"{RESULTS}/logs/merge/{{model}}_video_{{video}}.log",
    wildcard_constraints:
        model=one_of(RUN),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        half=half_of,
        window=SETTINGS.merge.window,
        keep=SETTINGS.merge.keep,
    message:
        "Merging {wildcards.model}'s slices of video {wildcards.video}"
    script:
        "../scripts/merge_slices.py"


rule read_given:
    input:
        predictions=lambda wildcards: GIVEN[int(wildcards.video)][wildcards.model],
        manifest=manifest_of,
        # Without a video, all that is known of its length is how far any model got.
        others=lambda wildcards: (
            []
            if manifest_of(wildcards)
            else list(GIVEN[int(wildcards.video)].values())
        ),
        labels=SETTINGS.labels,
    output:
        events=EVENTS,
        coverage=COVERAGE,
    log:
        f"{RESULTS}/logs/given/{{model}}_video_{{video}}.log",
    wildcard_constraints:
        model=one_of(SETTINGS.compare_with),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        half=half_of,
    message:
        "Reading {wildcards.model}'s given predictions of video {wildcards.video}"
    script:
        "../scripts/read_given.py"
