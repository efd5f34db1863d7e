"""Show how far a run is: a table by video, once or until Ctrl-C.

    python scripts/status.py [--watch [SECONDS]] [--configfile FILE …] [--config KEY=VALUE …]

Give it the --configfile and --config that the run was given. It reads journals, results and logs,
asks nobody, and needs neither Snakemake nor torch.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from touchline.config import read_settings
from touchline.errors import InputError
from touchline.status import Observer, VideoStatus
from touchline.videos import read_videos, select

COLUMNS = ["video", "model", "slices", "done", "windows/s", "left", "events", "skipped", "failed"]


def main() -> None:
    options = _options()
    console = Console(highlight=False)
    try:
        settings = read_settings(_config(options.configfile, options.config))
        videos = select(read_videos(settings.videos), settings.select) if settings.videos else []
    except InputError as error:
        sys.exit(str(error))
    observer = Observer(settings, videos)
    if options.watch is None:
        console.print(_view(observer.look(), len(videos)))
        return
    with Live(console=console, auto_refresh=False) as live:
        try:
            while True:
                rows = max(5, console.height - 8)
                live.update(_view(observer.look(), rows), refresh=True)
                time.sleep(options.watch)
        except KeyboardInterrupt:
            pass


def _view(videos: Sequence[VideoStatus], most_rows: int) -> Group:
    """The table, its sum, and what failed; of more rows than fit, those that need a look."""
    shown = videos
    if len(videos) > most_rows:
        shown = [v for v in videos if v.rate or v.failures or v.skipped][:most_rows]
    table = Table(*COLUMNS, box=SIMPLE_HEAD)
    for column in [*table.columns[:1], *table.columns[2:]]:
        column.justify = "right"
    for video in shown:
        table.add_row(str(video.video), video.model, *_cells([video]))
    table.add_section()
    table.add_row("all", "", *_cells(videos))
    notes = [
        Text(f"{v.model}, video {v.video}, slice {part.of.slice}: {part.failure} ({part.log})")
        for v in shown
        for part in v.failures
    ]
    if len(shown) < len(videos):
        notes.append(Text(f"{len(videos) - len(shown)} more rows wait, or are done."))
    return Group(table, *notes)


def _cells(videos: Sequence[VideoStatus]) -> list[str]:
    """The figures of one row, added up over its videos."""
    slices = [part for video in videos for part in video.slices]
    known = all(video.total is not None for video in videos)
    total, answered = sum(v.total or 0 for v in videos), sum(v.answered for v in videos)
    rate, lacking = sum(video.rate for video in videos), total - answered
    return [
        f"{sum(part.done for part in slices)}/{len(slices)}",
        f"{100 * answered / total:.0f}%" if known and total else "?",
        f"{rate:.2f}" if rate else "-",
        _duration(lacking / rate) if known and rate else "-",
        str(sum(video.events for video in videos)),
        str(sum(video.skipped for video in videos)),
        str(sum(len(video.failures) for video in videos)),
    ]


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if not minutes:
        return "< 1 min"
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{minutes} min"


def _config(files: Sequence[Path], words: Sequence[str]) -> dict[str, Any]:
    """The settings as Snakemake would put them together."""
    config: dict[str, Any] = {}
    for path in [Path("config.yaml"), *files]:
        try:
            with path.open(encoding="utf-8") as file:
                _update(config, yaml.safe_load(file) or {})
        except (OSError, UnicodeError, yaml.YAMLError) as error:
            raise InputError(f"{path} cannot be read as settings: {error}") from None
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise InputError(f"--config {word}: write KEY=VALUE.")
        config[key] = yaml.safe_load(value)
    return config


def _update(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _update(below[key], value)
        else:
            below[key] = value


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--watch", nargs="?", type=float, const=5.0, metavar="SECONDS", help="look again and again")
    add("--configfile", type=Path, nargs="+", default=[], metavar="FILE")
    add("--config", nargs="+", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
