"""Snakemake that looks at its SLURM jobs every second, which a test's user wants and no cluster.

The plugin's pause between two looks grows by 10 s whenever nothing has ended; here it does not.
All else is Snakemake as it is.
"""

import signal
import sys

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

pause = RemoteExecutor.next_seconds_between_status_checks
RemoteExecutor.next_seconds_between_status_checks = property(
    pause.fget, lambda self, seconds: pause.fset(self, min(seconds, 1))
)

if __name__ == "__main__":
    # Ignored, and inherited so, where the tests run in a shell's background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
