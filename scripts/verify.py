"""Print the files that differ from the record of a run, and end with status 1 if there are any.

    python scripts/verify.py [results/run.json]

It reads all results, inputs and models in the record, in about one second per gigabyte. Start it in
the folder of the run, because the record's settings have paths relative to that folder.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

try:
    from touchline.errors import InputError
    from touchline.runs.inputs import Mistakes, collect_inputs
    from touchline.runs.plan import Plan
    from touchline.runs.record import (
        Difference,
        differences,
        differing_results,
        read_run_record,
    )
except (ImportError, SyntaxError) as error:
    sys.exit(
        f"{sys.executable} cannot run this ({error}). Activate Touchline's environment, as with "
        f"`source {PROJECT}/.venv/bin/activate`, and type the command again."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("record", type=Path, nargs="?", default=Path("results/run.json"))
    path = parser.parse_args().record
    try:
        record = read_run_record(path)
    except InputError as error:
        sys.exit(str(error))
    try:
        # Missing files are printed below, one per line.
        plan = Plan(collect_inputs(record.settings, PROJECT, Mistakes()))
    except InputError as error:
        found = differing_results(record, path.parent)
        found.append(Difference("not checked", f"inputs, videos and models: {error}"))
    else:
        models = {
            each.model: Path(plan.model_folder(each.model))
            for each in record.models
            if each.model in plan.loaded
        }
        found = differences(record, plan.inputs, path.parent, models)
    for one in found:
        print(f"{one.change}: {one.what}")
    unlike = [one for one in found if one.change != "not checked"]
    print(
        f"Different from {path}: {len(unlike)}."
        if unlike
        else f"All {len(record.results)} results match {path}."
    )
    sys.exit(1 if unlike else 0)


if __name__ == "__main__":
    main()
