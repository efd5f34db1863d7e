# Clips of a video's events. Only `snakemake clips` makes them, and no record has them.


rule cut_clips:
    input:
        manifest=manifest_of_footage,
        truth=lambda wildcards: PLAN.annotation_file(int(wildcards.video)),
        shortlist=lambda wildcards: PLAN.shortlist_to_cut(int(wildcards.video)),
        labels=SETTINGS.labels,
    output:
        folder=directory(result(paths.CLIPS)),
    log:
        result(paths.CLIPS_LOG),
    wildcard_constraints:
        video=paths.regex_for(map(str, PLAN.clipped)),
    localrule: True
    conda:
        "../envs/detect.yaml"
    threads: 2
    params:
        **params_of(rule_params.CutClipsParams),
    message:
        "Cutting clips of video {wildcards.video}"
    script:
        "../scripts/cut_clips.py"
