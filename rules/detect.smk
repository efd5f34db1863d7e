# Detection of events in one slice of a video, on one GPU.

from touchline.runs.limits import SLICE_MB, slice_minutes


rule detect_slice:
    input:
        manifest=result(paths.MANIFEST),
        checkpoint=lambda wildcards: command_line.slice_model_folder(
            WORDS, PLAN, wildcards.model
        ),
        prompt=SETTINGS.prompt,
    output:
        **(
            {"evidence": slice_result(paths.SLICE_EVIDENCE)}
            if PLAN.models_with_evidence
            else {}
        ),
        **(
            {"features": slice_result(paths.SLICE_FEATURES)}
            if SETTINGS.has_features
            else {}
        ),
        partial=slice_result(paths.PARTIAL),
        ledger=slice_result(paths.LEDGER),
    log:
        result(paths.DETECT_LOG),
    benchmark:
        result(paths.DETECT_BENCHMARK)
    conda:
        "../envs/detect.yaml"
    # Decoding threads. benchmarks/RESULTS.md has measurements.
    threads: 4
    resources:
        # A model on a server uses the server's GPU.
        gpu=lambda wildcards: int(wildcards.model in PLAN.loaded),
        mem_mb=memory("detect_slice", SLICE_MB),
        runtime=lambda wildcards, input: slice_minutes(
            input.manifest,
            SETTINGS,
            PLAN.half_for_video(int(wildcards.video)).halves,
            timeouts=EVENTS_OF_RUN.ended_by("TIMEOUT", "detect_slice", wildcards),
            longest=longest_minutes("detect_slice"),
        ),
    params:
        **params_of(rule_params.DetectSliceParams),
    message:
        "Detecting events with {wildcards.model} in video {wildcards.video}, slice {wildcards.slice}"
    script:
        "../scripts/detect_slice.py"
