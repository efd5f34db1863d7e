# What ran with what, and what it made: results/run.json.


rule record_run:
    input:
        # Every file that `rule all` asks for; the manifests, which others are made from; and what
        # was given, so that the record is made again with it.
        results=[
            *RESULTS,
            *expand(result(paths.MANIFEST), video=INPUTS.shown),
            *expand(result(paths.MODEL_FILES), model=PLAN.hashed),
        ],
        given=[
            SETTINGS.labels,
            *([SETTINGS.prompt] if SETTINGS.detect_with else []),
            *INPUTS.annotations.values(),
            *(
                path
                for video in INPUTS.selected
                for path in INPUTS.given[video].values()
            ),
        ],
    output:
        result(paths.RECORD),
    log:
        result(paths.RECORD_LOG),
    localrule: True
    conda:
        "../envs/analysis.yaml"
    message:
        "Recording what ran"
    script:
        "../scripts/record_run.py"
