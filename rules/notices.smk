# What a run says at its start and at its end, and what it refuses to start.

import shutil
import signal
from importlib.util import find_spec

from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

from touchline.models.gpu_lease import candidates
from touchline.core.paths import slices_of
from touchline.runs.snakemake_events import RunEvents
from touchline.runs.messages import at_end, at_failure, at_others, at_start, place
from touchline.runs.partial_summary import sum_up
from touchline.runs.slurm import check_polling, check_refused, earlier_jobs, output_of

EVENTS_OF_RUN = RunEvents()
logger.addHandler(EVENTS_OF_RUN)


def say(lines):
    """Through the logger: what is printed would end up in the graph that --dag writes."""
    logger.info("\n" + "\n".join(lines) + "\n")


def check_environment():
    """End the run before its first job where jobs would lack what they import."""
    if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
        return
    needed = ["json_repair", "numpy", "sklearn", "vl_convert"]
    if RUN or SHOWN:
        needed += ["av", "torch", "transformers", "bitsandbytes"]
    if lacking := [name for name in needed if not find_spec(name)]:
        raise WorkflowError(
            f"{sys.executable} lacks {', '.join(lacking)}: activate Touchline's environment, as "
            f"with `source {workflow.basedir}/.venv/bin/activate`, or add --sdm conda."
        )


def keep_min_job_age():
    """Let the plugin know MinJobAge, which never changes, once and for all.

    It asks the scheduler at every look (2.8.0). If the scheduler is away just then, it turns from
    squeue to sacct, and without an accounting database it then waits for ever.
    """
    # Imported here, as it asks the machine for SLURM's commands.
    import snakemake_executor_plugin_slurm

    age = snakemake_executor_plugin_slurm.get_min_job_age()
    if age is not None:
        snakemake_executor_plugin_slurm.get_min_job_age = lambda: age


def check_cluster(settings):
    """End the run before its first job where it would wait for ever or do work twice."""
    keep_min_job_age()
    try:
        check_refused(settings.array_jobs, workflow.group_settings.overwrite_groups)
        configuration = output_of("scontrol", "show", "config")
        check_polling(configuration, settings.status_command)
    except InputError as error:
        raise WorkflowError(str(error)) from None
    queue = output_of("squeue", "--me", "-h", "-o", "%i|%k|%Z").splitlines()
    names = [rule.name for rule in workflow.rules]
    if left := earlier_jobs(queue, Path.cwd(), names):
        logger.warning(
            "Jobs of an earlier run are still in the queue and do the same work; nothing is "
            f"lost if you end them, in another terminal: scancel {' '.join(left)}"
        )


onstart:
    check_environment()
    EVENTS_OF_RUN.listen_for(signal.SIGINT, signal.SIGTERM)
    on_slurm = workflow.executor_plugin.name == "slurm"
    if on_slurm:
        check_cluster(workflow.executor_settings)
    counted = workflow.resource_settings.resources.get("gpu")
    where = place(on_slurm, counted, candidates())
    say(
        at_start(
            SELECTED, RUN, len(SLICES), EVENTS_OF_RUN.to_do, where, RESULTS, STATUS
        )
    )


onsuccess:
    for part in slices_of(RUN, SELECTED, SETTINGS.slices):
        if part.is_done(RESULTS, SETTINGS.keep_partials):
            # Kept until now: Snakemake, had it been killed, would have had the slice done again.
            shutil.rmtree(part.file(RESULTS, paths.JOURNAL), ignore_errors=True)
    files = [
        SUMMARY_TEXT,
        EVALUATION_TEXT,
        *expand(EVENTS, model=RUN, video=SELECTED)[:1],
    ]
    files = [file for file in files if Path(file).exists()]
    say(at_end(RESULTS, files, EVENTS_OF_RUN.repeated()))


def sum_up_others(failed):
    """With --keep-going, make summary and index of the videos that are done, and say so."""
    targets = {"summarize": SUMMARY_TEXT, "report_run": INDEX}
    wanted = [file for rule, file in targets.items() if rule in EVENTS_OF_RUN.to_do]
    ended = {failure.wildcards.get("video") for failure in failed}
    done = [
        v
        for v in SELECTED
        if str(v) not in ended
        and all(
            Path(file).exists()
            for file in expand([EVENTS, COVERAGE], model=models_of(v), video=v)
        )
    ]
    if not (workflow.execution_settings.keep_going and wanted and done):
        return
    settings = workflow.deployment_settings
    deployment = []
    if settings.deployment_method:
        deployment += ["--sdm", *map(str, settings.deployment_method)]
    if settings.conda_prefix:
        deployment += ["--conda-prefix", str(settings.conda_prefix)]
    log = Path(f"{RESULTS}/logs/others.log")
    made = sum_up(done, wanted, config, workflow.main_snakefile, deployment, log)
    say(at_others(done, wanted if made else [], log))


onerror:
    failed, interrupted = EVENTS_OF_RUN.final(), EVENTS_OF_RUN.is_interrupted
    say(at_failure(failed, interrupted))
    if not interrupted:
        sum_up_others(failed)
