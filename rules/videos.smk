# What each video is: length, frame rate, size, identity.

from touchline.inputs.fingerprint import content_of


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
        content=lambda wildcards: content_of(
            INPUTS.videos[int(wildcards.video)].footage
        ),
        max_duration=SETTINGS.max_duration,
    message:
        "Probing video {wildcards.video}"
    script:
        "../scripts/probe_video.py"
