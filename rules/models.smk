# The models: fetched where there is internet, quantized once, read by every slice.

from touchline.models.checkpoints import checkpoint_files


rule fetch_model:
    input:
        # Of a checkpoint on disk, so that a change in it counts.
        lambda wildcards: checkpoint_files(SETTINGS.models[wildcards.model].checkpoint),
    output:
        checkpoint=directory(f"{SETTINGS.resources}/{paths.CHECKPOINT}"),
    log:
        result(paths.FETCH_LOG),
    localrule: True
    conda:
        "../envs/detect.yaml"
    params:
        checkpoint=lambda wildcards: SETTINGS.models[wildcards.model].checkpoint,
        revision=lambda wildcards: SETTINGS.models[wildcards.model].revision,
        family=lambda wildcards: SETTINGS.models[wildcards.model].family,
    message:
        "Fetching {params.checkpoint}"
    script:
        "../scripts/fetch_model.py"


rule quantize_model:
    input:
        checkpoint=f"{SETTINGS.resources}/{paths.CHECKPOINT}",
    output:
        quantized=directory(f"{SETTINGS.resources}/{paths.QUANTIZED}"),
    log:
        result(paths.QUANTIZE_LOG),
    conda:
        "../envs/detect.yaml"
    # Weights of 7 billion parameters in 16 bit, and the 4-bit copy beside them.
    resources:
        mem_mb=lambda wildcards, attempt: 12000 * (1 + attempt),
        runtime=lambda wildcards, attempt: 60 * attempt,
    message:
        "Quantizing {wildcards.model} to 4-bit NF4"
    script:
        "../scripts/quantize_model.py"
