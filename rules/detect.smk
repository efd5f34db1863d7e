# A slice of a video through the model, on a GPU of its own.

from touchline.runs.limits import SLICE_MB, minutes_of_slice


rule detect_slice:
    input:
        manifest=result(paths.MANIFEST),
        checkpoint=lambda wildcards: command_line.model_of_slice(
            WORDS, PLAN, wildcards.model
        ),
        prompt=SETTINGS.prompt,
    output:
        **({"evidence": of_slice(paths.SLICE_EVIDENCE)} if PLAN.weighing else {}),
        **(
            {"features": of_slice(paths.SLICE_FEATURES)}
            if SETTINGS.has_features
            else {}
        ),
        partial=of_slice(paths.PARTIAL),
        ledger=of_slice(paths.LEDGER),
    log:
        result(paths.DETECT_LOG),
    benchmark:
        result(paths.DETECT_BENCHMARK)
    conda:
        "../envs/detect.yaml"
    # For decoding ahead of the GPU; measured in benchmarks/RESULTS.md.
    threads: 4
    resources:
        # A server has its own.
        gpu=lambda wildcards: int(wildcards.model in PLAN.loaded),
        mem_mb=memory("detect_slice", SLICE_MB),
        runtime=lambda wildcards, input: minutes_of_slice(
            input.manifest,
            SETTINGS,
            PLAN.half_of(int(wildcards.video)).halves,
            timeouts=EVENTS_OF_RUN.ended_by("TIMEOUT", "detect_slice", wildcards),
            longest=longest_minutes("detect_slice"),
        ),
    params:
        **params_of(rule_params.DetectSliceParams),
    message:
        "Detecting events with {wildcards.model} in video {wildcards.video}, slice {wildcards.slice}"
    script:
        "../scripts/detect_slice.py"
