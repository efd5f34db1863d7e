# The events in the formats of other tools. (As tables they are in events/.)

# The formats tell which match and half a video is, so there must be a table of videos.
EXPORTED = [m for m in [*RUN, *GIVEN_PATHS, "ensemble"] if VIDEOS and videos_of(m)]
EXPORT_FILES = expand(EXPORTS, model=EXPORTED)
refuse_if_empty(
    "exports",
    EXPORT_FILES,
    "There is nothing to export: the formats tell which video an event is of, and there is no "
    "table of videos. Make one with a row a video, and set videos to it (examples/videos.tsv).",
)


rule export_model:
    input:
        events=lambda wildcards: expand(
            EVENTS, model=wildcards.model, video=videos_of(wildcards.model)
        ),
        # For the length of each video, which is the same for all models.
        coverage=lambda wildcards: [
            COVERAGE.format(model=models_of(v)[0], video=v)
            for v in videos_of(wildcards.model)
        ],
        labels=SETTINGS.labels,
    output:
        folder=directory(EXPORTS),
    log:
        f"{RESULTS}/logs/exports/{{model}}.log",
    wildcard_constraints:
        model=one_of(EXPORTED),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        # In the order of the inputs, without where the videos are: to move one changes nothing.
        videos=lambda wildcards: [
            VIDEOS[v].model_dump(exclude={"path", "labels"})
            for v in videos_of(wildcards.model)
        ],
    message:
        "Exporting {wildcards.model}'s events"
    script:
        "../scripts/export_model.py"
