"""Importing this module lets the scripts of this folder import the library, `touchline`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
