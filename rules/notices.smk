# What a run says at its start and at its end, and what it refuses to start.

import shutil
import subprocess
import tempfile

from snakemake.logging import logger

from touchline.gpus import candidates
from touchline.layout import slices_of
from touchline.notices import RunEvents, at_end, at_failure, at_others, at_start, place
from touchline.slurm import check_polling, check_refused, earlier_jobs, output_of
from touchline.videos import ranges

EVENTS_OF_RUN = RunEvents()
logger.addHandler(EVENTS_OF_RUN)


def say(lines):
    """Through the logger: what is printed would end up in the graph that --dag writes."""
    logger.info("\n" + "\n".join(lines) + "\n")


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
    on_slurm = workflow.executor_plugin.name == "slurm"
    if on_slurm:
        check_cluster(workflow.executor_settings)
    counted = workflow.resource_settings.resources.get("gpu")
    where = place(on_slurm, counted, candidates())
    say(at_start(SELECTED, RUN, len(SLICES), EVENTS_OF_RUN.to_do, where, RESULTS))


onsuccess:
    for part in slices_of(RUN, SELECTED, SETTINGS.slices):
        if part.is_done(RESULTS, SETTINGS.keep_partials):
            # Kept until now: Snakemake, had it been killed, would have had the slice done again.
            shutil.rmtree(part.file(RESULTS, layout.JOURNAL), ignore_errors=True)
    files = [
        SUMMARY_TEXT,
        EVALUATION_TEXT,
        *expand(EVENTS, model=RUN, video=SELECTED)[:1],
    ]
    files = [file for file in files if Path(file).exists()]
    say(at_end(RESULTS, files, EVENTS_OF_RUN.repeated()))


# What only sums up what others have made.
SUMMING_UP = ["summarize", "report_run", "tabulate_evaluation"]
SUMMING_UP += ["evaluate_model", "calibrate_model"]


def sum_up_others(failed):
    """With --keep-going, make summary and index of the videos that are done, and say so.

    By a run of its own that selects these videos, so that Snakemake knows what it made them of
    and makes them anew once the others are there. It may run nothing but what sums up.
    """
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
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "config.yaml"
        settings.write_text(json.dumps(config | {"select": ranges(done)}))
        command = [
            sys.executable,
            "-m",
            "snakemake",
            *wanted,
            "--nolock",
            "--cores",
            "1",
        ]
        command += [
            "--snakefile",
            workflow.main_snakefile,
            "--configfile",
            str(settings),
        ]
        command += ["--allowed-rules", *SUMMING_UP]
        deployment = workflow.deployment_settings
        if deployment.deployment_method:
            command += ["--sdm", *(str(each) for each in deployment.deployment_method)]
        if deployment.conda_prefix:
            command += ["--conda-prefix", str(deployment.conda_prefix)]
        log = Path(f"{RESULTS}/logs/others.log")
        with log.open("w") as file:
            result = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT)
    say(at_others(done, wanted if result.returncode == 0 else [], log))


onerror:
    failed = EVENTS_OF_RUN.final()
    say(at_failure(failed))
    sum_up_others(failed)
