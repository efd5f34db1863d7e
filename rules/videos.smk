# The manifest of each video: length, frame rate, size, fingerprint.


# The video is no input, because Snakemake would detect again after it is touched or moved. A
# fingerprint of its content is a parameter, so replacing the video detects again.
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
