"""Make report/index.html and its charts: all videos and models of a run, and missing files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from touchline.comparison.records import ComparisonReport
from touchline.comparison.summary import Row, read_rows
from touchline.core.files import read_record, write_text
from touchline.core.jobs import recorded_job
from touchline.core.logs import log
from touchline.core.records import Manifest
from touchline.evaluation.evaluate import CURVES
from touchline.evaluation.outcomes import OUTCOMES
from touchline.evaluation.records import CalibrationReport, EvaluationReport
from touchline.events.predictions import EVENTS
from touchline.learning.records import LearningReport
from touchline.report.charts import (
    Chart,
    agreement_chart,
    event_counts_chart,
    learning_chart,
    precision_recall_chart,
    reliability_chart,
)
from touchline.report.pages import render
from touchline.report.run_page import VideoRow, scores, slices_of, video_rows, warnings
from touchline.report.vega import page_colour, paper_colour
from touchline.runs.rule_params import ReportRunParams


def read_videos(
    job: Any,
    params: ReportRunParams,
    rows: Sequence[Row],
    evaluations: Sequence[EvaluationReport],
) -> list[VideoRow]:
    """Read each video with its models, scores and slices."""
    scored = {
        report.model: scores(OUTCOMES.read(path))
        for report, path in zip(evaluations, job.input.outcomes, strict=True)
    }
    fused = {
        video: len(EVENTS.read(path))
        for video, path in zip(params.fused, job.input.fused, strict=True)
    }
    slices = {
        (manifest.video, model): slices_of(
            manifest,
            model,
            slices=params.slices,
            window=params.window,
            halves=params.names[manifest.video].halves,
            benchmarks=params.benchmarks,
        )
        for manifest in (read_record(path, Manifest) for path in job.input.manifests)
        for model in params.run
    }
    return video_rows(params.names, rows, scored=scored, fused=fused, slices=slices)


def read_charts(
    job: Any,
    params: ReportRunParams,
    rows: Sequence[Row],
    comparisons: Sequence[ComparisonReport],
    evaluations: Sequence[EvaluationReport],
) -> Iterator[Chart]:
    """Yield the charts. Agreement needs two models. All other charts except counts need labels."""
    yield event_counts_chart(rows)
    if job.input.learning:
        yield learning_chart([read_record(path, LearningReport) for path in job.input.learning])
    if comparisons:
        yield agreement_chart(comparisons)
    if evaluations:
        curves = {
            report.model: CURVES.read(path)
            for report, path in zip(evaluations, job.input.curves, strict=True)
        }
        yield precision_recall_chart(evaluations, curves, params.tolerance)
        yield reliability_chart(
            [read_record(path, CalibrationReport) for path in job.input.calibrations]
        )


def main(job: Any) -> None:
    comparisons = [read_record(path, ComparisonReport) for path in job.input.comparisons]
    evaluations = [read_record(path, EvaluationReport) for path in job.input.evaluations]
    params = ReportRunParams.read(job)
    rows = read_rows(
        params.rows,
        job.input.events,
        job.input.coverage,
        missing=params.missing,
        reports=comparisons,
    )
    videos = read_videos(job, params, rows, evaluations)
    charts = list(read_charts(job, params, rows, comparisons, evaluations))
    for chart in charts:
        write_text(job.output[chart.name], chart.svg(paper_colour))
    unknown = sum((row.unknown for row in rows), Counter())
    page = render(
        "run.html.j2",
        videos=videos,
        models=list(dict.fromkeys(row.model for row in rows)),
        seconds=sum(video.duration or 0 for video in videos),
        events=sum(len(row.events) for row in rows),
        tolerance=params.tolerance,
        reports=evaluations,
        warnings=warnings(rows, evaluations),
        lengths_known=all(row.share_looked_at is not None for row in rows),
        unknown=unknown.most_common(),
        # Without a row there is nothing to see.
        charts=[(chart, Markup(chart.svg(page_colour))) for chart in charts if chart.rows],
        speeds=any(one.slices for video in videos for one in video.models),
    )
    write_text(job.output.page, page)
    log.info("%d videos, %d charts, %.2f MB", len(videos), len(charts), len(page) / 1e6)


if __name__ == "__main__":
    with recorded_job(snakemake):
        main(snakemake)
