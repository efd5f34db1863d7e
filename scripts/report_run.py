"""Make report/index.html and its charts: every video and model of a run, and what is missing."""

from collections import Counter

from markupsafe import Markup

from touchline.benchmarks import read_benchmark
from touchline.config import WindowSettings
from touchline.files import read_record, write_text
from touchline.logs import job_log, log
from touchline.predictions import read_events_csv
from touchline.records import (
    CalibrationReport,
    ComparisonReport,
    Coverage,
    EvaluationReport,
    Manifest,
)
from touchline.report import charts
from touchline.report.match import Name
from touchline.report.pages import render
from touchline.report.run import (
    Slice,
    VideoModel,
    VideoRow,
    agreement_rows,
    count_rows,
    curve_rows,
    nearest,
    reliability_rows,
    scores,
    warnings,
)
from touchline.summary import Row, agreement_of
from touchline.tables import read_table
from touchline.windows import slice_bounds, windows_of


def read_rows(job, reports) -> list[Row]:
    """A row a video and model, as the summary has them, those without a file included."""
    there = [
        Row(
            video=video,
            model=model,
            events=read_events_csv(events),
            coverage=read_record(coverage, Coverage),
            agreement=agreement_of(model, reports[video]) if video in reports else {},
        )
        for (video, model), events, coverage in zip(
            job.params.rows, job.input.events, job.input.coverage, strict=True
        )
    ]
    absent = [Row(video, model, missing=[path]) for video, model, path in job.params.missing]
    return sorted(there + absent, key=lambda row: row.video)


def slices_of(job, manifest, model) -> list[Slice]:
    """What each slice of a video took; without its benchmark file it took nobody knows what."""
    number = job.params.slices
    window = WindowSettings(**job.params.window)
    return [
        Slice(
            index,
            len(
                windows_of(
                    *slice_bounds(manifest.duration, number, index), manifest.duration, window
                )
            ),
            read_benchmark(
                job.params.benchmarks.format(model=model, video=manifest.video, slice=index)
            ),
        )
        for index in range(number)
    ]


def figures(job, rows, reports, evaluations, calibrations):
    """The charts: by output, title, caption, specification, columns and rows of its table."""
    models = list(dict.fromkeys(row.model for row in rows))
    judged = [report.model for report in evaluations]
    counted = count_rows(rows)
    yield (
        "counts",
        "Events by class",
        "How many events of each class each model found in all videos.",
        lambda palette: charts.counts(counted, models, palette),
        ["Class", *models],
        [
            [label, *(row["events"] for row in counted if row["label"] == label)]
            for label in dict.fromkeys(row["label"] for row in counted)
        ],
    )
    agreed = agreement_rows(reports)
    yield (
        "agreement",
        "Agreement by class",
        "F1 of two models, each taken for the other's truth, beside what the same lists give when "
        "one is shifted in time.",
        lambda palette: charts.agreement(agreed, palette),
        ["Class", "Pair", "Events", "Matched", "F1", "F1 by chance"],
        [
            [row[name] for name in ("label", "pair", "events", "matched", "f1", "chance")]
            for row in agreed
        ],
    )
    if not evaluations:
        return
    tolerance = nearest([one.tolerance for one in evaluations[0].overall], job.params.tolerance)
    curves = curve_rows(
        {
            report.model: read_table(path)
            for report, path in zip(evaluations, job.input.curves, strict=True)
        },
        tolerance,
    )
    yield (
        "precision_recall",
        "Precision and recall",
        f"By the least score that counts, against the labels at ±{tolerance:g} s.",
        lambda palette: charts.precision_recall(curves, judged, palette),
        ["Class", "Model", "True", "Found", "Precision", "Recall", "F1"],
        [
            [one.label, report.model, one.true, one.predicted]
            + [getattr(one, name).value for name in ("precision", "recall", "f1")]
            for report in evaluations
            for one in report.classes
            if one.tolerance == tolerance and (one.true or one.predicted)
        ],
    )
    reliable = reliability_rows(calibrations)
    yield (
        "reliability",
        "Can the models' own word be trusted?",
        "What a model says of its events against the share of them that is right. On the dashed "
        "line its word can be taken; below it the model is too sure. Larger points stand for more "
        "events.",
        lambda palette: charts.reliability(reliable, judged, palette),
        ["Model", "Signal", "Says", "Right", "Events"],
        [
            [row[name] for name in ("model", "signal", "mean", "right", "events")]
            for row in reliable
        ],
    )


def main(job) -> None:
    reports = [read_record(path, ComparisonReport) for path in job.input.comparisons]
    evaluations = [read_record(path, EvaluationReport) for path in job.input.evaluations]
    calibrations = [read_record(path, CalibrationReport) for path in job.input.calibrations]
    by_video = {report.video: report for report in reports}
    rows = read_rows(job, by_video)
    scored = {
        report.model: scores(read_table(path))
        for report, path in zip(evaluations, job.input.outcomes, strict=True)
    }
    manifests = {m.video: m for m in (read_record(p, Manifest) for p in job.input.manifests)}
    fused = {
        report.video: len(read_events_csv(path))
        for report, path in zip(reports, job.input.fused, strict=True)
    }
    videos = []
    for video, name in job.params.names:
        lengths = [r.coverage.duration for r in rows if r.video == video and r.coverage]
        one = VideoRow(video, Name(*name), next(iter(lengths), None))
        for row in rows:
            if row.video == video:
                runs = row.model in job.params.run and video in manifests
                one.models.append(
                    VideoModel(
                        row.model,
                        len(row.events) if row.coverage else None,
                        row,
                        scored.get(row.model, {}).get(video),
                        slices_of(job, manifests[video], row.model) if runs else (),
                    )
                )
        if video in fused:
            score = scored.get("ensemble", {}).get(video)
            one.models.append(VideoModel("ensemble", fused[video], score=score))
        videos.append(one)

    drawn = []
    for key, title, caption, spec, columns, table in figures(
        job, rows, reports, evaluations, calibrations
    ):
        path = job.output.get(key)
        if path:
            write_text(path, charts.svg(spec(charts.on_paper), charts.on_paper, title))
        if table:
            drawn.append(
                {
                    "title": title,
                    "caption": caption,
                    "svg": Markup(charts.svg(spec(charts.of_page), charts.of_page, title)),
                    "columns": columns,
                    "texts": ("Pair", "Model", "Signal"),
                    "rows": table,
                }
            )
    unknown = Counter()
    for row in rows:
        unknown.update(row.unknown)
    page = render(
        "run.html.j2",
        videos=videos,
        models=list(dict.fromkeys(row.model for row in rows)),
        seconds=sum(video.duration or 0 for video in videos),
        events=sum(len(row.events) for row in rows),
        tolerance=job.params.tolerance,
        reports=evaluations,
        warnings=warnings(rows, evaluations),
        lengths_known=all(row.share_looked_at is not None for row in rows),
        unknown=unknown.most_common(),
        charts=drawn,
        speeds=any(one.slices for video in videos for one in video.models),
    )
    write_text(job.output.page, page)
    log.info("%d videos, %d charts, %.2f MB", len(videos), len(drawn), len(page) / 1e6)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(snakemake)
