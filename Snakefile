# Touchline: events of soccer matches, found by video-language models.
#
# The stages stand in rules/, in the order the data flows; scripts/touchline/ holds the
# logic, config.yaml every setting.

import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.0")


sys.path.insert(0, str(Path(workflow.basedir) / "scripts"))

from touchline.errors import InputError
from touchline.inputs.project import settings_files

try:
    SETTINGS_FILES = settings_files(Path(workflow.basedir))
except InputError as error:
    raise WorkflowError(str(error)) from None

for FILE in SETTINGS_FILES:

    configfile: str(FILE)


# What `snakemake --report` begins with.
report: "report/workflow.rst"


include: "rules/common.smk"
include: "rules/videos.smk"
include: "rules/models.smk"
include: "rules/detect.smk"
include: "rules/merge.smk"
include: "rules/compare.smk"
include: "rules/evaluate.smk"
include: "rules/exports.smk"
include: "rules/summary.smk"
include: "rules/report.smk"
include: "rules/notices.smk"


rule predictions:
    input:
        expand([PREDICTIONS, EVENTS, COVERAGE], model=RUN, video=SELECTED),
    localrule: True


rule comparison:
    input:
        compared([COMPARISON, COMPARISON_TABLE, ENSEMBLE, ENSEMBLE_EVENTS]),
    localrule: True


# Where the table of videos names labels.
rule evaluation:
    input:
        EVALUATION_FILES,
    localrule: True


rule exports:
    input:
        EXPORT_FILES,
    localrule: True


# The pages: one a match, and one of the run.
rule report:
    input:
        expand(PAGE, video=SELECTED),
        expand(THUMBNAILS, video=SHOWN),
        rules.report_run.output,
    localrule: True


# For a machine with internet, before the GPU nodes are asked for.
rule models:
    input:
        [model_folder(model) for model in RUN],
    localrule: True


# Every file is a target by itself, so that deleting any of them makes it anew.
rule all:
    default_target: True
    input:
        expand(KEPT, model=RUN, video=SELECTED, slice=SLICES),
        rules.predictions.input,
        [
            expand([EVENTS, COVERAGE], model=list(GIVEN[video]), video=video)
            for video in SELECTED
        ],
        rules.comparison.input,
        [EVALUATION_FILES, EXPORT_FILES] if LABELS else [],
        rules.summarize.output,
        rules.report.input,
    localrule: True
    message:
        "Everything that was asked for is there"
