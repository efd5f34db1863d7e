# The start and end of a run. touchline/runs/lifecycle.py has the logic.

from touchline.slurm.partitions import Submission
from touchline.runs.snakemake_events import RunEvents, shorten_reason

EVENTS_OF_RUN = RunEvents()
logger.addHandler(EVENTS_OF_RUN)
logger.addFilter(shorten_reason)


def invocation():
    """Return Snakemake's options as plain values."""
    submission = plugin = None
    if workflow.executor_plugin.name == "slurm":
        # Imported here, because the import runs SLURM's commands.
        import snakemake_executor_plugin_slurm as plugin

        submission = Submission(
            array_jobs=workflow.executor_settings.array_jobs,
            groups=workflow.group_settings.overwrite_groups,
            rules=[rule.name for rule in workflow.rules],
            results=Path(SETTINGS.results),
        )
    gpus = workflow.resource_settings.resources.get("gpu")
    methods = workflow.deployment_settings.deployment_method
    return lifecycle.Invocation(
        snakefile=Path(workflow.main_snakefile),
        words=WORDS,
        # Newer versions of Snakemake wrap the number in an object.
        gpus=getattr(gpus, "value", gpus),
        keep_going=workflow.execution_settings.keep_going,
        has_environments=DeploymentMethod.CONDA in methods,
        has_container=DeploymentMethod.APPTAINER in methods,
        submission=submission,
        plugin=plugin,
    )


onstart:
    checked(lifecycle.start, PLAN, EVENTS_OF_RUN, invocation(), logger)


onsuccess:
    lifecycle.end(PLAN, EVENTS_OF_RUN, logger)


onerror:
    lifecycle.fail(PLAN, EVENTS_OF_RUN, invocation(), logger)
