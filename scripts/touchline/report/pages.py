"""HTML files that need nothing else: template, data, style and code in one, under a strict policy.

A page never reaches for the network, and nothing in it runs but our own code: styles and scripts
are allowed by their hashes alone. What models, files and people wrote is escaped by the template
or, as data, kept from ending its element.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from touchline.report.filters import clock, figure, share, shortened

_HERE = Path(__file__).parent
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(clock=clock, figure=figure, share=share, shortened=shortened)
# In JSON these only occur within strings, where the escapes mean the same.
_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}
# What the modules in assets/ say of each other: each import on a line, exports at a line's start.
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z_]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const)\b)", re.MULTILINE)


def render(template: str, module: str | None = None, data: Any = None, **values: Any) -> str:
    """Make a page.

    Args:
        template: name of a file in templates/.
        module: name of the file in assets/ that runs, if any; what it imports is put before it.
        data: what the scripts read, as JSON.
        values: what the template names.
    """
    style = _asset("report.css")
    script = bundle(module) if module else ""
    return _ENVIRONMENT.get_template(template).render(
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        data=Markup(embedded(data)),
        **values,
    )


def bundle(module: str) -> str:
    """A module of assets/ and all that it imports as one script, which a page from disk can have.

    They share one scope, so no two may give the same name to different things; a browser refuses
    such a script as a whole.
    """
    parts: dict[str, str] = {}

    def add(name: str) -> None:
        text = _asset(name)
        for needed in _IMPORT.findall(text):
            if needed not in parts:
                add(needed)
        parts[name] = _EXPORT.sub("", _IMPORT.sub("", text))

    add(module)
    return f'(() => {{\n"use strict";\n{"".join(parts.values())}}})();\n'


def embedded(data: Any) -> str:
    """JSON that can stand in a script element: nothing in it can end the element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def _policy(style: str, script: str) -> str:
    """The content security policy of a page with one style and one script."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'" if script else "script-src 'none'",
            "img-src data:",
            # The video beside the page, or one that a person picks.
            "media-src 'self' file: blob:" if script else "media-src 'none'",
            "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            # Text never becomes markup, not even by a mistake in our own code.
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def _asset(name: str) -> str:
    return (_HERE / "assets" / name).read_text(encoding="utf-8")
