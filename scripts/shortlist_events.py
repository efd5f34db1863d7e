"""Make events/shortlist_{model}_video_{video}.csv: the events to review first."""

from typing import Any

from touchline.core.files import read_record
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.evaluation.recalibration import learnt_order
from touchline.evaluation.records import CalibrationReport
from touchline.events.predictions import EVENTS, read_events_csv
from touchline.events.shortlist import SHORTLIST, shortlist, shortlist_table
from touchline.inputs.labels import Labels
from touchline.runs.rule_params import ShortlistEventsParams


def main(job: Any) -> None:
    params = ShortlistEventsParams.read(job)
    events = read_events_csv(job.input.events)
    learnt = None
    for path in job.input.calibration:
        others = [read_events_csv(other) for other in job.input.others]
        report = read_record(path, CalibrationReport)
        learnt = learnt_order(events, report, params.game, others)
    classes = Labels.read(job.input.labels, params.taught).classes
    listed = shortlist(events, classes, params.per_class, learnt)
    SHORTLIST.write(job.output[0], shortlist_table(EVENTS.read(job.input.events), listed))
    how = "score" if learnt is None else "probability"
    log.info("%d of %d events are listed, by %s", len(listed), len(events), how)


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
