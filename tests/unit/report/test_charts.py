"""Test the figures in charts and their tables."""

from samples import event

from touchline.comparison.compare import Track
from touchline.learning.records import CurvePoint, LearningReport, LearntClass
from touchline.report.charts import agreement_chart, learning_chart
from touchline.report.vega import paper_colour


def test_agreement_of_a_class_sums_all_videos():
    from touchline.comparison.compare import compare

    tracks = {name: Track([event(10), event(50)], ((0.0, 90.0),)) for name in "ab"}
    report, _ = compare(tracks, 5)
    other, _ = compare(tracks | {"b": Track([], ((0.0, 90.0),))}, 5)
    ((label, pair, events, matched, f1, _),) = agreement_chart([report, other]).rows
    assert (label, pair, events, matched, f1) == ("Goal", "a and b", 6, 2, 0.6667)


def learning(model, values):
    return LearningReport(
        model=model,
        games=["m", "n"],
        windows=9,
        classes=[
            LearntClass(label="Goal", events=9, games=2, is_learnt=True),
            LearntClass(label="<Penalty>", events=2, games=1, is_learnt=False),
        ],
        strength=10,
        tolerance=5,
        curve=[CurvePoint(games=n, value=v, low=v / 2, high=v) for n, v in values],
    )


def test_learning_chart_has_points_per_number_of_games():
    chart = learning_chart([learning("a", [(1, 0.2), (2, 0.4)]), learning("b", [(1, 0.1)])])
    assert chart.rows == [
        ["a", 1, 0.2, 0.1, 0.2],
        ["a", 2, 0.4, 0.2, 0.4],
        ["b", 1, 0.1, 0.05, 0.1],
    ]
    assert "at ±5 s" in chart.caption
    assert "a: Too few events to learn, fewer than 5: <Penalty> (2)." in chart.caption
    assert "labelled games" in chart.svg(paper_colour)


def test_learning_curve_without_points_has_no_rows():
    assert learning_chart([learning("a", [])]).rows == []
