# A slice of a video through the model, on a GPU of its own.

from touchline.runs.limits import minutes_of_slice, slice_megabytes


def model_to_load(wildcards):
    """The folder of the job's model; nothing under --delete-all-output.

    It leaves what is not in the DAG, and the models outlive results and are gigabytes.
    (`snakemake models --delete-all-output` deletes them.)
    """
    leaves_models = command_line.deletes_output(WORDS)
    return [] if leaves_models else PLAN.model_folder(wildcards.model)


def until_merged(file):
    """A file that is kept for as long as the settings say."""
    return file if SETTINGS.keep_partials else temp(file)


rule detect_slice:
    input:
        manifest=result(paths.MANIFEST),
        checkpoint=model_to_load,
        prompt=SETTINGS.prompt,
    output:
        partial=until_merged(result(paths.PARTIAL)),
        ledger=until_merged(result(paths.LEDGER)),
    log:
        result(paths.DETECT_LOG),
    benchmark:
        result(paths.DETECT_BENCHMARK)
    conda:
        "../envs/detect.yaml"
    # For decoding ahead of the GPU; measured in benchmarks/RESULTS.md.
    threads: 4
    resources:
        gpu=1,
        mem_mb=lambda wildcards, attempt: slice_megabytes(attempt),
        runtime=lambda wildcards, input, attempt: minutes_of_slice(
            input.manifest, SETTINGS, attempt
        ),
    params:
        slices=SETTINGS.slices,
        window=SETTINGS.window.model_dump(),
        image=SETTINGS.image.model_dump(),
        generation=SETTINGS.generation.model_dump(),
        dtype=lambda wildcards: SETTINGS.models[wildcards.model].dtype,
        version=SETTINGS.detector_version,
        journal=result(paths.JOURNAL),
    message:
        "Detecting events with {wildcards.model} in video {wildcards.video}, slice {wildcards.slice}"
    script:
        "../scripts/detect_slice.py"
