"""Many dry runs in a row, without importing Snakemake for each of them.

A process imports Snakemake once and forks for each run. The child then acts as `snakemake`. This
file is the script of this process. It reads one line of JSON per run, and answers with one line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


class DryRuns:
    """The process of the dry runs. Use it in a `with` statement."""

    def __enter__(self) -> DryRuns:
        # Settings of a cluster or a user must not affect a test.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE")}
        # Snakemake prints only one of several reasons for a job, chosen by the order of hashes.
        environment["PYTHONHASHSEED"] = "0"
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def run(self, folder: Path, arguments: Sequence[str]) -> str:
        """Return the output of `snakemake -n ARGUMENTS` in a folder.

        If Snakemake fails, so does the test.
        """
        print(json.dumps([str(folder), list(arguments)]), file=self._process.stdin, flush=True)
        status, output = json.loads(self._process.stdout.readline())
        assert status == 0, output
        return output


def serve() -> None:
    """Answer requests for dry runs, one per line."""
    from snakemake.cli import main

    for line in sys.stdin:
        folder, arguments = json.loads(line)
        with tempfile.TemporaryFile("w+") as output:
            child = os.fork()
            if child == 0:
                os.chdir(folder)
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                try:
                    main(["-n", *arguments])
                except SystemExit as end:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(end.code)
            _, status = os.waitpid(child, 0)
            output.seek(0)
            text = output.read()
        print(json.dumps([os.waitstatus_to_exitcode(status), text]), flush=True)


if __name__ == "__main__":
    serve()
