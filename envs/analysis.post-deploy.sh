#!/usr/bin/env bash
# Snakemake runs this in the new environment. See requirements.no-deps.txt for why.
set -euo pipefail
pip install --no-deps SoccerNet==0.2.0
