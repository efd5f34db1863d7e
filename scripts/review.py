"""Serve the pages of a run with their videos, and save verdicts for the next run.

    python scripts/review.py [--port N] [--host ADDRESS] [--configfile FILE …] [--config KEY=VALUE]

Start it in the folder of the run, with the --configfile and --config of the run, and open the
printed address. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

try:
    import uvicorn

    from touchline.core import paths
    from touchline.errors import InputError
    from touchline.evaluation.annotations import find_labels
    from touchline.inputs.labels import Labels
    from touchline.inputs.project import read_config, with_project_files
    from touchline.inputs.settings import read_settings, videos_in_settings
    from touchline.report.review_server import FIRST_PORT, ReviewServer, listen
    from touchline.runs.inputs import taught_classes
except (ImportError, SyntaxError) as error:
    sys.exit(
        f"{sys.executable} cannot run this ({error}). Activate Touchline's environment, as with "
        f"`source {PROJECT}/.venv/bin/activate`, and type the command again."
    )

_ALL_ADDRESSES = ("0.0.0.0", "::")


def main() -> None:
    options = _options()
    try:
        settings = read_settings(read_config(PROJECT, options.configfile, options.config))
        settings = with_project_files(settings, PROJECT)
        results = Path(settings.results)
        if not (results / paths.INDEX).is_file():
            raise InputError(
                f"There is no {results / paths.INDEX}. Run `snakemake` first, or type this command "
                "in the folder of the run, with its --configfile and --config."
            )
        videos = videos_in_settings(settings)
        annotations = find_labels(videos, videos, results) if settings.has_features else {}
        taught = taught_classes(settings, annotations.values())
        run = ReviewServer(results, videos, Labels.read(settings.labels, taught))
        opened = listen(options.host, options.port)
    except InputError as error:
        sys.exit(str(error))
    port = opened.getsockname()[1]
    if options.port is None and port != FIRST_PORT:
        print(f"Port {FIRST_PORT} is in use, so the server uses {port}.")
    machine = socket.gethostname()
    name = machine if options.host in _ALL_ADDRESSES else options.host
    secret = secrets.token_urlsafe(16)
    shown = f"[{name}]" if ":" in name else name
    print(
        f"Open http://{shown}:{port}/{secret}/\n"
        "Anyone with this address can see the videos and save verdicts. Ctrl-C ends the server.",
        flush=True,
    )
    config = uvicorn.Config(
        run.app(secret, {name, machine, socket.getfqdn()}),
        lifespan="off",
        ws="none",
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        # A browser keeps a video's connection open.
        timeout_graceful_shutdown=1,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[opened])
    print("The server has ended.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--port", type=int, metavar="N", help=f"default: the first free port from {FIRST_PORT}")
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="default: only this machine")
    add("--configfile", type=Path, nargs="+", default=[], metavar="FILE")
    add("--config", nargs="+", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
