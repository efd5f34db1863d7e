"""Draw the charts of a run as self-contained SVG.

Vega-Lite describes a chart, and vl-convert draws it without a browser or the network. The SVG has
its colours in attributes instead of styles. Therefore a strict policy allows the SVG in a page, and
the SVG can use the page's own colours, light or dark.
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
# Function from the name of a colour in the page's style to the colour.
Palette = Callable[[str], str]

_SVG = "http://www.w3.org/2000/svg"
_ELEMENTS = {"svg", "g", "path", "line", "rect", "text", "tspan", "defs", "clipPath", "circle"}
_SERIES = 6  # number of colours for models; further models reuse them
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


def page_colour(name: str) -> str:
    """Return a colour of the page's style, for charts in a page."""
    return f"var(--{name})"


def paper_colour(name: str) -> str:
    """Return a colour for a chart in its own file, which has a white background."""
    return _LIGHT[name]


def svg(spec: Spec, palette: Palette, title: str) -> str:
    """Draw a chart.

    Args:
        spec: Vega-Lite description of the chart.
        palette: function that returns a colour by name.
        title: text for screen readers.
    """
    drawn = vl_convert.vegalite_to_svg(spec | {"config": _config(palette)})
    root = ElementTree.fromstring(drawn)
    # For screen readers the chart is one image. The table beside it has the figures.
    for parent in root.iter():
        for child in list(parent):
            if child.tag.removeprefix(f"{{{_SVG}}}") not in _ELEMENTS:
                parent.remove(child)
        for name in list(parent.attrib):
            if name.startswith("aria-") or name in ("role", "class", "pointer-events"):
                del parent.attrib[name]
    if palette is paper_colour:
        root.insert(
            0, ElementTree.Element(f"{{{_SVG}}}rect", width="100%", height="100%", fill="white")
        )
    root.attrib |= {"role": "img", "aria-label": title}
    ElementTree.register_namespace("", _SVG)
    text = ElementTree.tostring(root, encoding="unicode")
    # Vega writes 15 digits, but a hundredth of a pixel is enough.
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", text)


def counts(rows: Rows, models: Sequence[str], palette: Palette) -> Spec:
    """Describe a chart of events by class, with one bar per model.

    Rows have label, model and events.
    """
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
            "color": _model_colour(models, palette),
        },
    }


def agreement(rows: Rows, palette: Palette) -> Spec:
    """Describe a chart of each model pair's F1 by class, beside the F1 by chance.

    Rows have pair, label, f1 and chance.
    """
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
                        "x": scale | {"field": "chance", "title": "F1 (tick: by chance)"},
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
    """Describe a chart of precision-recall curves by class.

    Rows have label, model, precision and recall.
    """
    return {
        "data": {"values": _remove_repeated_points(rows)},
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
                "x": _unit_axis("recall"),
                "y": _unit_axis("precision"),
                "order": {"field": "place"},
                "color": _model_colour(models, palette),
                # Open points of different shapes stay visible where two models coincide.
                "shape": _model_shape(models),
            },
        },
    }


def reliability(rows: Rows, models: Sequence[str], palette: Palette) -> Spec:
    """Describe a chart of stated probabilities against the share of right events.

    Rows have signal, model, mean, right and events. Larger points stand for more events.
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
                    "encoding": _reliability_axes(models, palette),
                },
                {
                    "mark": {"type": "point", "filled": True, "opacity": 0.9},
                    "encoding": _reliability_axes(models, palette)
                    | {
                        "shape": _model_shape(models),
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
    """Describe a chart of average precision by the number of annotated games.

    Rows have model, games, value, low and high.
    """
    games: Spec = {
        "field": "games",
        "type": "quantitative",
        "title": "labelled games",
        "scale": {"zero": True, "nice": True},
        "axis": {"tickMinStep": 1, "tickCount": 8},
    }
    color = _model_colour(models, palette)
    return {
        "data": {"values": list(rows)},
        "width": 420,
        "height": 200,
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.6},
                "encoding": {
                    "x": games,
                    "y": _unit_axis("low", "average precision"),
                    "y2": {"field": "high"},
                    "color": color,
                },
            },
            {
                "mark": {"type": "line", "strokeWidth": 1.5},
                "encoding": {
                    "x": games,
                    "y": _unit_axis("value", "average precision"),
                    "color": color,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 50, "opacity": 1},
                "encoding": {
                    "x": games,
                    "y": _unit_axis("value", "average precision"),
                    "color": color,
                    "shape": _model_shape(models),
                },
            },
        ],
    }


def _reliability_axes(models: Sequence[str], palette: Palette) -> Spec:
    """Return the axes of the reliability chart."""
    return {
        "x": _unit_axis("mean", "stated probability"),
        "y": _unit_axis("right", "share of right events"),
        "color": _model_colour(models, palette),
    }


def _unit_axis(field: str, title: str | None = None) -> Spec:
    """Return an axis from 0 to 1."""
    return {
        "field": field,
        "type": "quantitative",
        "title": title or field,
        "scale": {"domain": [0, 1]},
        "axis": {"values": [0, 0.5, 1]},
    }


def _model_colour(models: Sequence[str], palette: Palette) -> Spec:
    """Return the colour scale of the models, which is the same in every chart."""
    colours = [palette(f"s{number % _SERIES + 1}") for number in range(len(models))]
    return {
        "field": "model",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(models), "range": colours},
    }


def _model_shape(models: Sequence[str]) -> Spec:
    """Return the shape scale of the models. It shares its legend with the colours."""
    return {"field": "model", "type": "nominal", "title": None, "scale": {"domain": list(models)}}


def _remove_repeated_points(rows: Rows) -> list[dict[str, Any]]:
    """Remove repeated points from the curves, and add the place of each point in its curve.

    Points with precision and recall 0 are removed, too. The table has such points for minimum
    scores that no event reaches.
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
    """Return the common style of all charts."""
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
    text = {
        "labelColor": palette("text"),
        "titleColor": palette("muted"),
        "labelFontSize": 12,
        "titleFontSize": 12,
    }
    return {
        "background": None,
        # Leave room for fonts that are wider than the measured one.
        "padding": {"left": 24, "top": 5, "right": 16, "bottom": 5},
        "font": font,
        "view": {"stroke": None},
        "axis": text
        | {
            "titleFontWeight": "normal",
            "gridColor": palette("line"),
            "domainColor": palette("edge"),
            "tickColor": palette("edge"),
            # A label may be a very long answer.
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
