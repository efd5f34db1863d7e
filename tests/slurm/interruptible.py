"""Snakemake that Ctrl-C interrupts, also if the tests run in the background of a shell.

A shell ignores the signal for background processes, and their children inherit that.
"""

import signal
import sys

from snakemake.cli import main

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
