# A slice of a video through the model, on a GPU of its own.


rule detect_slice:
    input:
        manifest=MANIFEST,
        checkpoint=lambda wildcards: model_folder(wildcards.model),
        prompt=SETTINGS.prompt,
    output:
        partial=PARTIAL if SETTINGS.keep_partials else temp(PARTIAL),
        ledger=LEDGER if SETTINGS.keep_partials else temp(LEDGER),
    log:
        f"{RESULTS}/logs/detect/{{model}}_vid{{video}}_gpu{{slice}}.log",
    benchmark:
        BENCHMARK
    conda:
        "../envs/detect.yaml"
    threads: 4
    resources:
        gpu=1,
        mem_mb=16000,
        runtime=240,
    params:
        slices=SETTINGS.slices,
        window=SETTINGS.window.model_dump(),
        image=SETTINGS.image.model_dump(),
        generation=SETTINGS.generation.model_dump(),
        dtype=lambda wildcards: SETTINGS.models[wildcards.model].dtype,
        version=SETTINGS.detector_version,
        # Never an output: Snakemake deletes those when a job fails.
        journal=f"{RESULTS}/journal/{{model}}_vid{{video}}_gpu{{slice}}",
    message:
        "Detecting events with {wildcards.model} in video {wildcards.video}, slice {wildcards.slice}"
    script:
        "../scripts/detect_slice.py"
