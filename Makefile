# On a fresh machine with Python 3.11 to 3.13: `make demo` runs the demo, `make test` runs the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
READY := $(VENV)/installed
# The demo always uses the CPU.
ON_CPU := CUDA_VISIBLE_DEVICES=

.PHONY: install demo demo-score test test-slow test-slurm test-release test-browser bench status lint schemas

install: $(READY)

$(READY): requirements.lock requirements.no-deps.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
	  echo "Touchline needs Python 3.11 to 3.13, and $(PYTHON) is not one ($$($(PYTHON) -V 2>&1));" \
	  "name one that is, as in: PYTHON=python3.12 make install" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements.no-deps.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Run the whole workflow on the CPU, for a match that the models were not trained on.
demo: $(READY)
	$(BIN)/python demo/make_matches.py --seeds 43 --out demo/out
	$(ON_CPU) $(BIN)/snakemake --cores $(CORES) --set-threads detect_slice=1 \
	  --quiet host reason --configfile demo/config.yaml
	$(BIN)/python demo/show.py demo/out

# Run five matches that nothing else uses. Fails if F1 is below the promised one.
demo-score: $(READY)
	$(BIN)/python demo/make_matches.py --seeds 101 102 103 104 105 --out demo/score
	$(ON_CPU) $(BIN)/snakemake --cores $(CORES) --set-threads detect_slice=1 \
	  --quiet host reason --configfile demo/config.yaml demo/score.yaml
	$(BIN)/python demo/show.py demo/score --least-f1 0.97

# Two test files at a time, with one thread each.
test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

# Slow tests: kills, many jobs, the network, containers, real footage and real predictions.
test-slow: $(READY)
	TOUCHLINE_KILLS=10 TOUCHLINE_LEASE_JOBS=200 $(BIN)/python -m pytest -n 2 --dist loadfile -m slow

# Tests on a real SLURM of one node, which they start and stop. They need root, slurm-wlm and munge,
# and for accounting slurmdbd and mariadb-server.
test-slurm: $(READY)
	$(BIN)/python -m pytest tests/slurm -m "not release"

# Long tests, once per release: each form of preemption, each fault in its own run. Also the newest torch
# and transformers (downloaded by pip), and a trial of the benchmark for GPUs.
test-release: $(READY)
	$(BIN)/python -m pytest tests/slurm tests/release -m release
	$(ON_CPU) $(BIN)/python benchmarks/end_to_end.py --size tiny --threads 1 --folder $$(mktemp -d)

# The pages in headless Chromium and Firefox, and the types of their code. Needs npm and Debian's
# chromium, chromium-driver and firefox-esr.
test-browser: $(READY)
	npm ci --prefix tests/browser --no-audit --no-fund
	$(BIN)/python -m pytest tests/browser

# Speed beside the replaced scripts, on this machine. benchmarks/RESULTS.md describes each benchmark.
# Needs Debian's ffmpeg. benchmarks/gpu.py is for a GPU.
bench: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps torchcodec==0.13.0
	$(BIN)/python demo/make_matches.py --seeds 43 --out demo/out
	$(BIN)/python demo/make_matches.py --seeds 43 --duration 2700 --out demo/long
	$(BIN)/python benchmarks/load.py
	$(BIN)/python benchmarks/match.py --video demo/out/match_43/match.mp4
	$(BIN)/python benchmarks/match.py --video demo/long/match_43/match.mp4 \
	  --windows 300
	$(BIN)/python benchmarks/worker.py
	$(BIN)/python benchmarks/frames.py
	$(BIN)/python benchmarks/dag.py --rounds 3

# Show the progress of the run in this folder.
status: $(READY)
	$(BIN)/python scripts/status.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python tests/prose/check.py

# Needed after a change of settings, the table of videos or a record (inputs/, */records.py).
schemas: $(READY)
	$(BIN)/python -m touchline.schemas schemas
