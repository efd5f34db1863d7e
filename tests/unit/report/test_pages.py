"""Test that pages contain their data and allow only their own code."""

import base64
import hashlib
import html
import json
import re

import pytest
from samples import NASTY

from touchline.inputs.videos import Name
from touchline.report.pages import embed_json, render


def test_embedded_data_cannot_end_its_element():
    text = embed_json({"a": NASTY, NASTY: [1, None]})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": NASTY, NASTY: [1, None]}
    with pytest.raises(ValueError, match="JSON"):
        embed_json(float("nan"))


def test_page_policy_allows_only_its_own_code(tmp_path):
    page = render("match.html.j2", "elements.js", {}, **a_match(NASTY.replace("\ud83d", "")))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(part.split(" ", 1) for part in html.unescape(policy).split("; "))
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    assert "unsafe" not in policy
    assert "http" not in policy
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert [hashed(script) for script in scripts] == [rules["script-src"]]
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert hashed(style) == rules["style-src"]
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert not re.search(r"<[^>]+ (style|on\w+)=", page)


def hashed(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def a_match(game):
    class Match:
        video, duration, truth, problems = 0, 60.0, None, [game]

    return {"match": Match, "name": Name(game), "rows": [], "tolerance": 5.0}


def test_page_code_never_writes_markup_or_opens_connections():
    from touchline.report import pages

    for path in (pages._HERE / "assets").glob("*.js"):
        code = path.read_text()
        for forbidden in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("):
            assert forbidden not in code, path.name
        for forbidden in ("XMLHttpRequest", "WebSocket", "import(", "http:", "https:"):
            assert forbidden not in code, path.name
        # Only a page that scripts/review.py serves may connect, and only to its server.
        assert ("fetch(" in code) == (path.name == "server.js")
