"""Build self-contained HTML pages with a strict content security policy.

Template, data, style and code are in one file. A page never uses the network and runs only our own
code, because the policy allows styles and scripts by their hashes. The template escapes texts of
models, files and people. A text inside the data cannot close the script element.
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
# In JSON these characters occur only within strings, where escapes mean the same.
_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}
# Imports and exports of the modules in assets/. An import takes one line. An export starts a line.
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z_]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const)\b)", re.MULTILINE)


def render(template: str, module: str | None = None, data: Any = None, **values: Any) -> str:
    """Build a page.

    Args:
        template: name of a file in templates/.
        module: name of the file in assets/ to run; None for no code. Its imports are bundled.
        data: data for the scripts, embedded as JSON.
        values: values for the template.
    """
    style = _asset("report.css")
    script = bundle(module) if module else ""
    return _ENVIRONMENT.get_template(template).render(
        style=Markup(style),
        script=Markup(script),
        policy=_policy(style, script),
        data=Markup(embed_json(data)),
        **values,
    )


def bundle(module: str) -> str:
    """Bundle a module of assets/ and its imports into one script, because a page from disk cannot
    import.

    All modules share one scope, so they must not use the same name for different things. If two
    modules did so, a browser would refuse the whole script.
    """
    parts: dict[str, str] = {}

    def add(name: str) -> None:
        """Add a module after the modules that it imports."""
        text = _asset(name)
        for needed in _IMPORT.findall(text):
            if needed not in parts:
                add(needed)
        parts[name] = _EXPORT.sub("", _IMPORT.sub("", text))

    add(module)
    return f'(() => {{\n"use strict";\n{"".join(parts.values())}}})();\n'


def embed_json(data: Any) -> str:
    """Convert data to JSON that cannot end its script element."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def _policy(style: str, script: str) -> str:
    """Return the content security policy of a page with one style and one script."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'" if script else "script-src 'none'",
            "img-src data:",
            # The page plays the video beside it, or a video that the person picks.
            "media-src 'self' file: blob:" if script else "media-src 'none'",
            "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            # With this rule, text cannot become markup even through a bug in our code.
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    """Return the hash of a text for a content security policy."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def _asset(name: str) -> str:
    """Read a file of assets/."""
    return (_HERE / "assets" / name).read_text(encoding="utf-8")
