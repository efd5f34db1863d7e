# A slice of a video through the model, on a GPU of its own.


# The models outlive results, and are gigabytes: --delete-all-output leaves what is not in the DAG
# (`snakemake models --delete-all-output` has them there). As short as it can be abbreviated.
LEAVES_MODELS = any(word.startswith("--delete-a") for word in sys.argv[1:])


rule detect_slice:
    input:
        manifest=MANIFEST,
        checkpoint=lambda wildcards: (
            [] if LEAVES_MODELS else model_folder(wildcards.model)
        ),
        prompt=SETTINGS.prompt,
    output:
        partial=PARTIAL if SETTINGS.keep_partials else temp(PARTIAL),
        ledger=LEDGER if SETTINGS.keep_partials else temp(LEDGER),
    log:
        DETECT_LOG,
    benchmark:
        BENCHMARK
    conda:
        "../envs/detect.yaml"
    # For decoding ahead of the GPU; measured in benchmarks/RESULTS.md.
    threads: 4
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: slice_megabytes(attempt),
        runtime=minutes_of_slice,
    params:
        slices=SETTINGS.slices,
        window=SETTINGS.window.model_dump(),
        image=SETTINGS.image.model_dump(),
        generation=SETTINGS.generation.model_dump(),
        dtype=lambda wildcards: SETTINGS.models[wildcards.model].dtype,
        version=SETTINGS.detector_version,
        journal=JOURNAL,
    message:
        "Detecting events with {wildcards.model} in video {wildcards.video}, slice {wildcards.slice}"
    script:
        "../scripts/detect_slice.py"
