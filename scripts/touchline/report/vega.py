"""The run's charts, drawn when the page is made, as SVG that needs nothing to be looked at.

Vega-Lite describes a chart by what stands for what, and vl-convert draws it without a browser or
the network. Its SVG has colours in attributes, not in styles: so a strict policy lets it stand in a
page, and a colour can be one of the page's own, light or dark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any
from xml.etree import ElementTree

import vl_convert

Rows = Sequence[Mapping[Any, Any]]
Spec = dict[str, Any]
# From the name of a colour in the page's style to a colour.
Palette = Callable[[str], str]

_SVG = "http://www.w3.org/2000/svg"
_ELEMENTS = {"svg", "g", "path", "line", "rect", "text", "tspan", "defs", "clipPath", "circle"}
_SERIES = 6  # colours for models; more begin again
_LIGHT = {
    "text": "#14191c",
    "muted": "#566068",
    "line": "#d5dbde",
    "edge": "#868f96",
    "s1": "#0f6ba8",
    "s2": "#c2570c",
    "s3": "#7b3fb5",
    "s4": "#17693f",
    "s5": "#a8123e",
    "s6": "#6b5d00",
}


def of_page(name: str) -> str:
    """The palette of a page: its style says what the colour is."""
    return f"var(--{name})"


def on_paper(name: str) -> str:
    """The palette of a picture by itself, on white."""
    return _LIGHT[name]


def svg(spec: Spec, palette: Palette, title: str) -> str:
    """Draw a chart.

    Args:
        title: what a screen reader says of it.
    """
    drawn = vl_convert.vegalite_to_svg(spec | {"config": _config(palette)})
    root = ElementTree.fromstring(drawn)
    # The picture is one thing with one name; a table beside it has its figures.
    for parent in root.iter():
        for child in list(parent):
            if child.tag.removeprefix(f"{{{_SVG}}}") not in _ELEMENTS:
                parent.remove(child)
        for name in list(parent.attrib):
            if name.startswith("aria-") or name in ("role", "class", "pointer-events"):
                del parent.attrib[name]
    if palette is on_paper:
        root.insert(
            0, ElementTree.Element(f"{{{_SVG}}}rect", width="100%", height="100%", fill="white")
        )
    root.attrib |= {"role": "img", "aria-label": title}
    ElementTree.register_namespace("", _SVG)
    text = ElementTree.tostring(root, encoding="unicode")
    # Vega writes 15 digits; a hundredth of a pixel is enough.
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", text)


def counts(rows: Rows, models: Sequence[str], palette: Palette) -> Spec:
    """Events by class, a bar a model; rows have label, model and events."""
    return {
        "data": {"values": list(rows)},
        "width": 520,
        "height": {"step": 9 if len(models) > 1 else 16},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {
                "field": "label",
                "type": "nominal",
                "title": None,
                "sort": {"field": "events", "op": "sum", "order": "descending"},
            },
            "yOffset": {"field": "model", "sort": list(models)},
            "x": {
                "field": "events",
                "type": "quantitative",
                "title": "events",
                "axis": {"tickMinStep": 1, "tickCount": 6},
            },
            "color": _by_model(models, palette),
        },
    }


def agreement(rows: Rows, palette: Palette) -> Spec:
    """F1 of each pair by class beside chance; rows have pair, label, f1 and chance."""
    of_class = {"field": "label", "type": "nominal", "title": None}
    scale: Spec = {"scale": {"domain": [0, 1]}, "type": "quantitative", "axis": {"tickCount": 5}}
    return {
        "data": {"values": list(rows)},
        "facet": {"field": "pair", "type": "nominal", "title": None},
        "columns": 2,
        "spec": {
            "width": 320 if len({row["pair"] for row in rows}) == 1 else 210,
            "height": {"step": 18},
            "layer": [
                {
                    "mark": {"type": "rule", "stroke": palette("edge")},
                    "encoding": {
                        "y": of_class,
                        "x": scale | {"field": "chance", "title": "F1 (the tick: by chance)"},
                        "x2": {"field": "f1"},
                    },
                },
                {
                    "mark": {"type": "tick", "color": palette("muted"), "thickness": 2},
                    "encoding": {"y": of_class, "x": scale | {"field": "chance"}},
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1}
                    | {"color": palette("s1")},
                    "encoding": {"y": of_class, "x": scale | {"field": "f1"}},
                },
            ],
        },
    }


def precision_recall(rows: Rows, models: Sequence[str], palette: Palette) -> Spec:
    """Curves of each class; rows have label, model, precision and recall."""
    return {
        "data": {"values": _without_repeats(rows)},
        "facet": {"field": "label", "type": "nominal", "title": None},
        "columns": 3,
        "spec": {
            "width": 150,
            "height": 110,
            "mark": {
                "type": "line",
                "point": {"size": 45, "opacity": 1, "filled": False},
                "strokeWidth": 1.5,
            },
            "encoding": {
                "x": _unit("recall"),
                "y": _unit("precision"),
                "order": {"field": "place"},
                "color": _by_model(models, palette),
                # Open, and of another shape each, so that points of two models in one place show.
                "shape": _shape_of(models),
            },
        },
    }


def reliability(rows: Rows, models: Sequence[str], palette: Palette) -> Spec:
    """The signals of models against what is right; rows have signal, model, mean, right, events.

    The larger a point, the more events it stands for.
    """
    return {
        "data": {"values": list(rows)},
        "facet": {"field": "signal", "type": "nominal", "title": None},
        "columns": 2,
        "spec": {
            "width": 240,
            "height": 200,
            "layer": [
                {
                    "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
                    "mark": {"type": "line", "color": palette("edge"), "strokeDash": [4, 4]},
                    "encoding": {
                        "x": {"field": "x", "type": "quantitative"},
                        "y": {"field": "y", "type": "quantitative"},
                    },
                },
                {
                    "mark": {"type": "line", "strokeWidth": 1.5},
                    "encoding": _stated_and_right(models, palette),
                },
                {
                    "mark": {"type": "point", "filled": True, "opacity": 0.9},
                    "encoding": _stated_and_right(models, palette)
                    | {
                        "shape": _shape_of(models),
                        "size": {
                            "field": "events",
                            "type": "quantitative",
                            "scale": {"range": [30, 260]},
                            "legend": None,
                        },
                    },
                },
            ],
        },
    }


def learning(rows: Rows, models: Sequence[str], palette: Palette) -> Spec:
    """Average precision by labelled games; rows have model, games, value, low and high."""
    games: Spec = {
        "field": "games",
        "type": "quantitative",
        "title": "labelled games",
        "scale": {"zero": True, "nice": True},
        "axis": {"tickMinStep": 1, "tickCount": 8},
    }
    color = _by_model(models, palette)
    return {
        "data": {"values": list(rows)},
        "width": 420,
        "height": 200,
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.6},
                "encoding": {
                    "x": games,
                    "y": _unit("low", "average precision"),
                    "y2": {"field": "high"},
                    "color": color,
                },
            },
            {
                "mark": {"type": "line", "strokeWidth": 1.5},
                "encoding": {"x": games, "y": _unit("value", "average precision"), "color": color},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 50, "opacity": 1},
                "encoding": {
                    "x": games,
                    "y": _unit("value", "average precision"),
                    "color": color,
                    "shape": _shape_of(models),
                },
            },
        ],
    }


def _stated_and_right(models: Sequence[str], palette: Palette) -> Spec:
    return {
        "x": _unit("mean", "what the model says"),
        "y": _unit("right", "share that is right"),
        "color": _by_model(models, palette),
    }


def _unit(field: str, title: str | None = None) -> Spec:
    """An axis from 0 to 1."""
    return {
        "field": field,
        "type": "quantitative",
        "title": title or field,
        "scale": {"domain": [0, 1]},
        "axis": {"values": [0, 0.5, 1]},
    }


def _by_model(models: Sequence[str], palette: Palette) -> Spec:
    """The colour of a model: the same in every chart."""
    colours = [palette(f"s{number % _SERIES + 1}") for number in range(len(models))]
    return {
        "field": "model",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(models), "range": colours},
    }


def _shape_of(models: Sequence[str]) -> Spec:
    """The shape of a model's points; one legend shows it and the colour."""
    return {"field": "model", "type": "nominal", "title": None, "scale": {"domain": list(models)}}


def _without_repeats(rows: Rows) -> list[dict[str, Any]]:
    """Curves without the points that lie on the one before, and the place of each in its curve.

    Where no event has the score, the table says 0 of both, which is no point of the curve.
    """
    kept = []
    for _, curve in groupby(rows, key=lambda row: (row["label"], row["model"])):
        last = None
        for place, row in enumerate(curve):
            point = row["precision"], row["recall"]
            if point not in (last, (0.0, 0.0)):
                kept.append(dict(row) | {"place": place})
            last = point
    return kept


def _config(palette: Palette) -> Spec:
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
    text = {
        "labelColor": palette("text"),
        "titleColor": palette("muted"),
        "labelFontSize": 12,
        "titleFontSize": 12,
    }
    return {
        "background": None,
        # Fonts differ: where a reader's is wider than the one that was measured, it has room.
        "padding": {"left": 24, "top": 5, "right": 16, "bottom": 5},
        "font": font,
        "view": {"stroke": None},
        "axis": text
        | {
            "titleFontWeight": "normal",
            "gridColor": palette("line"),
            "domainColor": palette("edge"),
            "tickColor": palette("edge"),
            # A label can be a runaway answer.
            "labelLimit": 180,
        },
        "legend": text | {"orient": "top", "columnPadding": 28, "labelLimit": 240},
        "header": {
            "labelColor": palette("text"),
            "labelFontSize": 12,
            "labelFontWeight": "bold",
            "labelLimit": 240,
        },
    }
