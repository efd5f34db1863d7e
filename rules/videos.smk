# What each video is: length, frame rate, size, identity.


def identity(wildcards):
    """The video's content, whatever its path and date."""
    try:
        return fingerprint(VIDEOS[int(wildcards.video)].path)
    except OSError as error:
        # Read again by the job, which says what is wrong with the file.
        return error.strerror


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
        content=identity,
        max_duration=SETTINGS.max_duration,
    message:
        "Probing video {wildcards.video}"
    script:
        "../scripts/probe_video.py"
