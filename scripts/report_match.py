"""Make report/video_{video}.html: the page on which a person reviews a match."""

from typing import Any

from pydantic import TypeAdapter

from touchline.core.files import read_json, write_text
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.core.paths import learned_model_name
from touchline.core.records import Thumbnail
from touchline.events.shortlist import read_shortlist
from touchline.evidence.tables import read_evidence, read_probabilities
from touchline.inputs.settings import read_table
from touchline.report.match_page import MODULE, page_data, read_match, summary_rows
from touchline.report.pages import render
from touchline.runs.rule_params import ReportMatchParams


def main(job: Any) -> None:
    video = int(job.wildcards.video)
    params = ReportMatchParams.read(job)
    match = read_match(
        video,
        params.models,
        job.input,
        of=params.name,
        classes=params.classes,
        taught=params.taught,
    )
    moments = match.moments(params.tolerance)
    pictures = []
    for path in job.input.pictures:
        pictures = TypeAdapter(list[Thumbnail]).validate_python(read_json(path))
    # Not a parameter, so that a moved video does not rebuild its page.
    table = read_table(job.config)
    path = table[video].path if table else None
    shortlists = {
        model: read_shortlist(path)
        for model, path in zip(params.models, job.input.shortlists, strict=True)
    }
    evidence = {
        model: read_evidence(path, match.labels.classes)
        for model, path in zip(params.weighing, job.input.evidence, strict=True)
    } | {
        learned_model_name(model): read_probabilities(path)
        for model, path in zip(params.learned, job.input.learned, strict=True)
    }
    data = page_data(
        match,
        moments,
        name=params.name,
        tolerance=params.tolerance,
        shortlists=shortlists,
        thumbnails=pictures,
        path=path,
        page=job.output.page,
        evidence=evidence,
        halves=params.name.spans(match.duration),
    )
    page = render(
        "match.html.j2",
        MODULE,
        data,
        match=match,
        name=params.name,
        rows=summary_rows(match),
        tolerance=params.tolerance,
    )
    write_text(job.output.page, page)
    log.info("%d moments, %d pictures, %.2f MB", len(moments), len(pictures), len(page) / 1e6)


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
