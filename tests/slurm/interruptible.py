"""Snakemake as it is, that Ctrl-C interrupts even where the tests run in a shell's background.

There the signal is ignored, and what is started there inherits that.
"""

import signal
import sys

from snakemake.cli import main

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
