"""A chart in a page or on paper."""

from samples import NASTY

from touchline.report import vega


def test_a_chart_is_one_named_picture_in_the_pages_colours():
    rows = [{"label": NASTY.replace("\ud83d", ""), "model": "a&b", "events": 3}]
    drawn = vega.svg(vega.counts(rows, ["a&b"], vega.of_page), vega.of_page, "Events")
    assert 'role="img"' in drawn
    assert 'aria-label="Events"' in drawn
    assert "var(--s1)" in drawn
    assert "<script" not in drawn
    assert " style=" not in drawn
    assert "var(" not in vega.svg(
        vega.counts(rows, ["a&b"], vega.on_paper), vega.on_paper, "Events"
    )
