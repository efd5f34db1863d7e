# The models: fetched once with internet access, quantized once, loaded by every slice.

from touchline.weights.adapters import adapter_files
from touchline.weights.checkpoints import checkpoint_files


rule fetch_model:
    input:
        # A change in a local checkpoint fetches it again.
        lambda wildcards: checkpoint_files(
            SETTINGS.models[wildcards.model].checkpoint,
            has_code=SETTINGS.models[wildcards.model].trust_code,
        ),
    output:
        checkpoint=directory(f"{SETTINGS.resources}/{paths.CHECKPOINT}"),
    log:
        result(paths.FETCH_LOG),
    localrule: True
    conda:
        "../envs/detect.yaml"
    params:
        **params_of(rule_params.FetchModelParams),
    message:
        "Fetching {params.checkpoint}"
    script:
        "../scripts/fetch_model.py"


rule fetch_adapter:
    input:
        # A change in a local adapter fetches it again.
        lambda wildcards: adapter_files(SETTINGS.models[wildcards.model].adapter),
    output:
        adapter=directory(f"{SETTINGS.resources}/{paths.ADAPTER}"),
    log:
        result(paths.FETCH_ADAPTER_LOG),
    localrule: True
    conda:
        "../envs/detect.yaml"
    params:
        **params_of(rule_params.FetchAdapterParams),
    message:
        "Fetching {params.adapter}"
    script:
        "../scripts/fetch_adapter.py"


# The merged model in 16 bits. It is temporary, unless a model runs without quantization.
rule merge_adapter:
    input:
        checkpoint=f"{SETTINGS.resources}/{paths.CHECKPOINT}",
        adapter=f"{SETTINGS.resources}/{paths.ADAPTER}",
    output:
        merged=(
            directory(f"{SETTINGS.resources}/{paths.MERGED}")
            if PLAN.runs_merged
            else temp(directory(f"{SETTINGS.resources}/{paths.MERGED}"))
        ),
    log:
        result(paths.MERGE_ADAPTER_LOG),
    conda:
        "../envs/detect.yaml"
    # 8 billion parameters in 16 bits, and one tensor at a time in 32 bits.
    resources:
        mem_mb=memory("merge_adapter", 24000),
        runtime=time_limit("merge_adapter", 60),
    message:
        "Merging the adapter of {wildcards.model} into its weights"
    script:
        "../scripts/merge_adapter.py"


rule quantize_model:
    input:
        checkpoint=lambda wildcards: PLAN.unquantized_folder(wildcards.model),
    output:
        quantized=directory(f"{SETTINGS.resources}/{paths.QUANTIZED}"),
    log:
        result(paths.QUANTIZE_LOG),
    conda:
        "../envs/detect.yaml"
    # 7 billion parameters in 16 bits, and their 4-bit copy.
    resources:
        mem_mb=memory("quantize_model", 24000),
        runtime=time_limit("quantize_model", 60),
    message:
        "Quantizing {wildcards.model} to 4-bit NF4"
    script:
        "../scripts/quantize_model.py"


# Hashed once per model, so that each record of a run need not read gigabytes.
rule hash_model:
    input:
        checkpoint=lambda wildcards: command_line.slice_model_folder(
            WORDS, PLAN, wildcards.model
        ),
    output:
        result(paths.MODEL_FILES),
    log:
        result(paths.HASH_LOG),
    wildcard_constraints:
        model=paths.regex_for(PLAN.loaded),
    localrule: True
    conda:
        "../envs/detect.yaml"
    message:
        "Hashing the files of {wildcards.model}"
    script:
        "../scripts/hash_model.py"
