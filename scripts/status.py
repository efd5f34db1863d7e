"""Show the progress of a run by video, once or until the run ends.

    python scripts/status.py [--watch [SECONDS]] [--configfile FILE …] [--config KEY=VALUE …]

Start it in the folder of the run, with the --configfile and --config of the run. It reads journals,
results, logs and SLURM's queue, and needs neither Snakemake nor torch. If --watch is used and the
output goes to a file or pipe, it writes one line per change.
"""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

try:
    from rich.console import Console

    from touchline.errors import InputError
    from touchline.inputs.project import read_config
    from touchline.inputs.settings import read_settings, videos_in_settings
    from touchline.inputs.videos import select
    from touchline.runs.status import Observer
    from touchline.runs.status_display import table, watch
except (ImportError, SyntaxError) as error:
    sys.exit(
        f"{sys.executable} cannot run this ({error}). Activate Touchline's environment, as with "
        f"`source {PROJECT}/.venv/bin/activate`, and type the command again."
    )


def main() -> None:
    # The reader of a pipe may close it early.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    options = _options()
    console = Console(highlight=False)
    try:
        settings = read_settings(read_config(PROJECT, options.configfile, options.config))
        rows = videos_in_settings(settings)
        videos = select(rows, settings.select) if settings.videos else []
    except InputError as error:
        sys.exit(str(error))
    if not settings.detect_with:
        console.print(
            "This run has no slices, because detect_with is empty. Snakemake's output shows its "
            "short steps.",
            soft_wrap=True,
        )
        return
    observer = Observer(settings, videos, table=rows)
    if options.watch is None:
        console.print(table(observer.look(), len(videos)))
        return
    with suppress(KeyboardInterrupt):
        watch(observer, console, options.watch)


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
