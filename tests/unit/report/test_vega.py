"""Test charts in a page and on paper."""

from samples import NASTY

from touchline.report import vega


def test_chart_is_one_labelled_image_in_the_page_s_colours():
    rows = [{"label": NASTY.replace("\ud83d", ""), "model": "a&b", "events": 3}]
    drawn = vega.svg(vega.counts(rows, ["a&b"], vega.page_colour), vega.page_colour, "Events")
    assert 'role="img"' in drawn
    assert 'aria-label="Events"' in drawn
    assert "var(--s1)" in drawn
    assert "<script" not in drawn
    assert " style=" not in drawn
    assert "var(" not in vega.svg(
        vega.counts(rows, ["a&b"], vega.paper_colour), vega.paper_colour, "Events"
    )
