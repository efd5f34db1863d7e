# The settings, the plan of the run, and the input functions that several rules share.

import sys

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

PROJECT = Path(workflow.basedir)

# In a conda environment, the project is not installed.
sys.path.insert(0, str(PROJECT / "scripts"))

from touchline.core import paths
from touchline.errors import InputError
from touchline.inputs.project import settings_files
from touchline.runs import (
    command_line,
    environment,
    lifecycle,
    refused_permissions,
    rule_params,
)
from touchline.runs.inputs import find_inputs
from touchline.runs.limits import megabytes, minutes
from touchline.runs.plan import Plan
from touchline.runs.preflight import read_inputs
from touchline.slurm import partitions

if refused_permissions.is_tested():
    from snakemake.persistence.file import FilePersistence

    refused_permissions.accept_refused_modes(FilePersistence)

if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
    environment.leave_user_packages_out(workflow.is_main_process)

# The words typed after `snakemake`.
WORDS = sys.argv[1:]


def checked(function, *arguments, **options):
    """Call a function of the library. A mistake of the user ends Snakemake with one sentence."""
    try:
        return function(*arguments, **options)
    except InputError as error:
        raise WorkflowError(str(error)) from None


for FILE in checked(settings_files, PROJECT):

    configfile: str(FILE)


checked(command_line.check_no_status, WORDS, PROJECT)

if workflow.is_main_process:
    INPUTS = checked(
        read_inputs,
        config,
        PROJECT,
        only_models=command_line.asks_only_for_models(
            WORDS, str(config.get("results", "results"))
        ),
        files=command_line.config_files(WORDS),
    )
else:
    # The main process has checked the files already.
    INPUTS = checked(
        find_inputs, config, PROJECT, only_models=command_line.is_model_job(WORDS)
    )
PLAN = Plan(INPUTS)

checked(command_line.check_targets, WORDS, PLAN)
if workflow.is_main_process:
    checked(command_line.check_results, WORDS, PLAN)

for WARNING in INPUTS.warnings:
    logger.warning(WARNING)

SETTINGS = INPUTS.settings


# The container of every step with `--sdm apptainer`. envs/touchline.def states the build command.
container: lifecycle.CONTAINER


wildcard_constraints:
    model=paths.regex_for([*SETTINGS.models, *PLAN.run]),
    video=r"\d+",
    slice=r"\d+",


def result(pattern):
    """Return a pattern of core/paths.py in the results folder."""
    return f"{SETTINGS.results}/{pattern}"


def slice_result(pattern):
    """Return the pattern of a slice's result. It is temporary with `keep_partials: false`."""
    return result(pattern) if SETTINGS.keep_partials else temp(result(pattern))


def params_of(record):
    """Return a rule's parameters: one function per field of its record in runs/rule_params.py."""
    made = {}

    def field(name):
        def of_job(wildcards):
            # Snakemake calls this once per field, and a fingerprint takes time to compute.
            job = tuple(wildcards)
            if job not in made:
                made.clear()
                made[job] = record.plain(rule_params.PlannedJob(PLAN, wildcards))
            return made[job][name]

        return of_job

    return {name: field(name) for name in record.param_names(PLAN)}


def files_of_models(pattern):
    """Return an input function that lists one file per model with events of the job's video."""
    return lambda wildcards: PLAN.files(
        pattern, PLAN.predictions_for_video(int(wildcards.video))
    )


def manifest_of_footage(wildcards):
    """Return the manifest of the job's video, or nothing if the video has no footage."""
    return PLAN.footage_results(paths.MANIFEST, int(wildcards.video))


def files_of_annotated(pattern):
    """Return an input function that lists one file per labelled video of the job's model."""
    return lambda wildcards: PLAN.files(pattern, PLAN.annotated_by(wildcards.model))


def memory(rule, first):
    """Return a function for the memory of a job: `first` megabytes, and more after OUT_OF_MEMORY."""
    return lambda wildcards: megabytes(
        first, EVENTS_OF_RUN.ended_by("OUT_OF_MEMORY", rule, wildcards)
    )


def time_limit(rule, first):
    """Return a function for the time limit of a job: `first` minutes, and more after TIMEOUT."""
    return lambda wildcards: minutes(
        first,
        EVENTS_OF_RUN.ended_by("TIMEOUT", rule, wildcards),
        longest_minutes(rule),
    )


def longest_minutes(rule):
    """Return the longest time limit that SLURM allows for a rule's jobs, or None for no limit."""
    plugin = workflow.executor_plugin
    if plugin is None or plugin.name != "slurm":
        return None
    partition = workflow.get_rule(rule).resources.get("slurm_partition")
    return partitions.longest_minutes(
        partitions.limits(), None if partition is None else str(partition.raw)
    )
