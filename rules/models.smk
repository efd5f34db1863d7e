# The models: fetched where there is internet, quantized once, read by every slice.


rule fetch_model:
    input:
        # Of a checkpoint on disk, so that a change in it counts.
        lambda wildcards: checkpoint_files(SETTINGS.models[wildcards.model].checkpoint),
    output:
        checkpoint=directory(CHECKPOINT),
    log:
        f"{RESULTS}/logs/models/fetch_{{model}}.log",
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
        checkpoint=CHECKPOINT,
    output:
        quantized=directory(QUANTIZED),
    log:
        f"{RESULTS}/logs/models/quantize_{{model}}.log",
    conda:
        "../envs/detect.yaml"
    # Weights of 7 billion parameters in 16 bit, and the 4-bit copy beside them.
    resources:
        mem_mb=24000,
        runtime=60,
    message:
        "Quantizing {wildcards.model} to 4-bit NF4"
    script:
        "../scripts/quantize_model.py"
