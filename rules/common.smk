# Settings, the plan of a run, and the input functions that several rules share.

import sys

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

PROJECT = Path(workflow.basedir)

# For Snakemake in an environment of conda, in which the project is not installed.
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
    """Call a function of the library; the user's mistake ends Snakemake with its sentence."""
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
    # Jobs need not open again what was opened before the first of them.
    INPUTS = checked(
        find_inputs, config, PROJECT, only_models=command_line.is_job_of_models(WORDS)
    )
PLAN = Plan(INPUTS)

checked(command_line.check_targets, WORDS, PLAN)
if workflow.is_main_process:
    checked(command_line.check_results, WORDS, PLAN)

for WARNING in INPUTS.warnings:
    logger.warning(WARNING)

SETTINGS = INPUTS.settings


# For `--sdm apptainer`: every step, wherever it runs. envs/touchline.def says how it is built.
container: lifecycle.CONTAINER


wildcard_constraints:
    model=paths.regex_for([*SETTINGS.models, *PLAN.run]),
    video=r"\d+",
    slice=r"\d+",


def result(pattern):
    """A pattern of core/paths.py in the folder of results."""
    return f"{SETTINGS.results}/{pattern}"


def of_slice(pattern):
    """A result of a slice, which goes once it is merged unless partials are kept."""
    return result(pattern) if SETTINGS.keep_partials else temp(result(pattern))


def params_of(record):
    """The parameters of a rule: each field of its record (runs/rule_params.py) by itself."""
    made = {}

    def field(name):
        def of_job(wildcards):
            # Snakemake asks for one field after the other, and a fingerprint takes a while.
            job = tuple(wildcards)
            if job not in made:
                made.clear()
                made[job] = record.plain(rule_params.PlannedJob(PLAN, wildcards))
            return made[job][name]

        return of_job

    return {name: field(name) for name in record.param_names(PLAN)}


def of_video(pattern):
    """An input function: the file of each model that has events of the job's video."""
    return lambda wildcards: PLAN.files(
        pattern, PLAN.predicted_of(int(wildcards.video))
    )


def manifest_of_footage(wildcards):
    """The manifest of the job's video, if there is footage of it."""
    return PLAN.footage_results(paths.MANIFEST, int(wildcards.video))


def of_annotated(pattern):
    """An input function: the file of each video with labels that the job's model has events of."""
    return lambda wildcards: PLAN.files(pattern, PLAN.annotated_by(wildcards.model))


def memory(rule, first):
    """A resource: megabytes of a job, of which the first attempt gets so many."""
    return lambda wildcards: megabytes(
        first, EVENTS_OF_RUN.ended_by("OUT_OF_MEMORY", rule, wildcards)
    )


def time_limit(rule, first):
    """A resource: minutes of a job, of which the first attempt gets so many."""
    return lambda wildcards: minutes(
        first,
        EVENTS_OF_RUN.ended_by("TIMEOUT", rule, wildcards),
        longest_minutes(rule),
    )


def longest_minutes(rule):
    """The longest time that jobs of a rule may ask SLURM for; None if there is no limit."""
    plugin = workflow.executor_plugin
    if plugin is None or plugin.name != "slurm":
        return None
    partition = workflow.get_rule(rule).resources.get("slurm_partition")
    return partitions.longest_minutes(
        partitions.limits(), None if partition is None else str(partition.raw)
    )
