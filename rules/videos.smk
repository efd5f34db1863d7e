# What each video is: length, frame rate, size, identity.

from snakemake.logging import logger

from touchline.inputs.videos import left_out

if workflow.is_main_process and SETTINGS.videos:
    if note := left_out(SETTINGS.videos):
        logger.warning(note)


# The video is no input: Snakemake would then probe and detect anew when it is touched or
# moved. Its content is a parameter instead, so that replacing the video counts.
rule probe_video:
    output:
        manifest=MANIFEST,
    log:
        f"{RESULTS}/logs/probe/video_{{video}}.log",
    localrule: True
    conda:
        "../envs/detect.yaml"
    params:
        content=content_of,
        max_duration=SETTINGS.max_duration,
    message:
        "Probing video {wildcards.video}"
    script:
        "../scripts/probe_video.py"
