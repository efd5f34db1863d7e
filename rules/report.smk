# The pages on which a person sees each match and the run, and judges.


rule draw_thumbnails:
    input:
        unpack(all_of_match),
    output:
        pictures=THUMBNAILS,
    log:
        f"{RESULTS}/logs/thumbnails/video_{{video}}.log",
    conda:
        "../envs/detect.yaml"
    threads: 2
    params:
        models=lambda wildcards: models_of(wildcards.video),
        tolerance=SETTINGS.comparison.tolerance,
        window=SETTINGS.window.seconds,
    message:
        "Drawing thumbnails of video {wildcards.video}"
    script:
        "../scripts/draw_thumbnails.py"


rule report_match:
    input:
        unpack(all_of_match),
        # Without a model that runs, nobody has probed the video.
        pictures=lambda wildcards: [THUMBNAILS.format(**wildcards)] if RUN else [],
    output:
        page=report(
            PAGE,
            caption="../report/match.rst",
            category="Matches",
            labels={"video": "{video}", "what": "page of the match"},
        ),
    log:
        f"{RESULTS}/logs/report/video_{{video}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        models=lambda wildcards: models_of(wildcards.video),
        tolerance=SETTINGS.comparison.tolerance,
        name=lambda wildcards: name_of(wildcards.video),
    message:
        "Making the page of video {wildcards.video}"
    script:
        "../scripts/report_match.py"
