"""Say which files differ from the record of a run, and end with status 1 if any does.

    python scripts/verify.py [results/run.json]

It reads every result, input and model that the record names, which takes a second a gigabyte. Type
it in the folder that the run was started in, as the record's settings have paths from there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

try:
    from touchline.core.files import read_record
    from touchline.core.records import RunRecord
    from touchline.errors import InputError
    from touchline.runs.inputs import find_inputs
    from touchline.runs.plan import Plan
    from touchline.runs.record import differences
except (ImportError, SyntaxError) as error:
    sys.exit(
        f"{sys.executable} cannot run this ({error}): activate Touchline's environment, as with "
        f"`source {PROJECT}/.venv/bin/activate`, and type the command again."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("record", type=Path, nargs="?", default=Path("results/run.json"))
    path = parser.parse_args().record
    try:
        record = read_record(path, RunRecord)
        plan = Plan(find_inputs(record.settings, PROJECT))
        models = {each.model: Path(plan.model_folder(each.model)) for each in record.models}
        found = differences(record, plan.inputs, path.parent, models)
    except InputError as error:
        sys.exit(str(error))
    for one in found:
        print(f"{one.change}: {one.what}")
    unlike = [one for one in found if one.change != "not checked"]
    print(
        f"Different from {path}: {len(unlike)}."
        if unlike
        else f"All {len(record.results)} results are as {path} has them."
    )
    sys.exit(1 if unlike else 0)


if __name__ == "__main__":
    main()
