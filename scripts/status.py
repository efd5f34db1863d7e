"""Show how far a run is: a table by video, once or until the run ends.

    python scripts/status.py [--watch [SECONDS]] [--configfile FILE …] [--config KEY=VALUE …]

Give it the --configfile and --config that the run was given, in the folder that it was started
in. It reads journals, results and logs, asks nobody, and needs neither Snakemake nor torch. With
--watch, and its output sent to a file or a program, it writes a line whenever something changed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]

try:
    import yaml
    from rich.box import SIMPLE_HEAD
    from rich.console import Console, Group
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    from touchline.errors import InputError
    from touchline.inputs.settings import read_settings
    from touchline.inputs.videos import read_videos, select
    from touchline.runs.status import Observer, VideoStatus, is_under_way
except (ImportError, SyntaxError) as error:
    sys.exit(
        f"{sys.executable} cannot run this ({error}): activate Touchline's environment, as with "
        f"`source {PROJECT}/.venv/bin/activate`, and type the command again."
    )

COLUMNS = ["video", "model", "slices", "done", "windows/s", "left", "events", "skipped", "failed"]
# A run without news for so long may wait for a GPU or a download; or it was killed.
QUIET_SECONDS = 600


def main() -> None:
    # A reader of a pipe may have seen enough.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
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
    with suppress(KeyboardInterrupt):
        _watch(observer, console, options.watch)


def _watch(observer: Observer, console: Console, pause: float) -> None:
    """Look again and again, until no run has the folder."""
    was_under_way = is_under_way()
    videos: Sequence[VideoStatus] = []
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            for videos, quiet in _looks(observer, pause):
                view = _view(videos, max(5, console.height - 8))
                live.update(Group(view, *filter(None, [quiet])), refresh=True)
    else:
        last: list[str] = []
        for videos, quiet in _looks(observer, pause):
            lines = [quiet or _line(videos), *_failures(videos)]
            for line in lines:
                if line not in last:
                    print(time.strftime("%H:%M:%S"), line, flush=True)
            last = lines
    slices = [part for video in videos for part in video.slices]
    done = sum(part.done for part in slices)
    state = "The run has ended" if was_under_way else "No run is under way here"
    further = "." if done == len(slices) else "; the command that started it goes on."
    print(f"{state}: {done} of {len(slices)} slices are done{further}")


def _looks(observer: Observer, pause: float) -> Iterator[tuple[list[VideoStatus], str]]:
    """The state, and a note if there was nothing new for long; the last one after the run's end."""
    last: list[VideoStatus] = []
    changed = time.monotonic()
    while True:
        goes_on = is_under_way()
        videos = observer.look()
        if [(v.done, v.answered) for v in videos] != [(v.done, v.answered) for v in last]:
            last, changed = videos, time.monotonic()
        quiet = int((time.monotonic() - changed) / QUIET_SECONDS) * QUIET_SECONDS // 60
        note = f"Nothing new for {quiet} minutes: it waits (for a GPU, a download) or was killed."
        yield videos, note if quiet else ""
        if not goes_on:
            return
        time.sleep(max(0.1, pause))


def _line(videos: Sequence[VideoStatus]) -> str:
    """The sum of the table as text."""
    names = [name for name in COLUMNS if name not in ("video", "model")]
    return ", ".join(f"{name} {cell}" for name, cell in zip(names, _cells(videos), strict=True))


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
    notes = [Text(line) for line in _failures(shown)]
    if len(shown) < len(videos):
        notes.append(Text(f"{len(videos) - len(shown)} more rows wait, or are done."))
    return Group(table, *notes)


def _failures(videos: Sequence[VideoStatus]) -> list[str]:
    """A line for each slice whose last attempt failed."""
    return [
        f"{v.model}, video {v.video}, slice {part.of.slice}: {part.failure} ({part.log})"
        for v in videos
        for part in v.failures
    ]


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
    own = [path for path in [Path("config.yaml")] if path.exists()]
    for path in [PROJECT / "config.yaml", *own, *files]:
        try:
            with path.open(encoding="utf-8") as file:
                _update(config, dict(yaml.safe_load(file) or {}))
        except FileNotFoundError:
            raise InputError(
                f"There is no {path}; after --configfile every word counts as a file, but only one "
                "with =, as in --configfile=my.yaml."
            ) from None
        except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
            raise InputError(f"{path} cannot be read as settings: {error}") from None
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise InputError(
                f"--config {word}: write KEY=VALUE, and a list without spaces: select=0,1."
            )
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
    add(
        "--watch",
        nargs="?",
        type=float,
        const=5.0,
        metavar="SECONDS",
        help="look until the run ends",
    )
    add("--configfile", type=Path, nargs="+", default=[], metavar="FILE")
    add("--config", nargs="+", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
