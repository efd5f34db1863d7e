# What each video is: length, frame rate, size, identity.


# The video is no input: Snakemake would then probe and detect again when it is touched
# or moved. Its content is a parameter instead, so that replacing the video counts.
rule probe_video:
    output:
        manifest=result(paths.MANIFEST),
    log:
        result(paths.PROBE_LOG),
    localrule: True
    conda:
        "../envs/detect.yaml"
    params:
        **params_of(rule_params.ProbeVideoParams),
    message:
        "Probing video {wildcards.video}"
    script:
        "../scripts/probe_video.py"
