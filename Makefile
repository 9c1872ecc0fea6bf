# make run       a store and its cloud on this machine: the sample store, from film to Delta tables (SPEED=4, STAY=1)
# make test      format, lint, types, boundaries, tests (CI runs the same, and forbids skips)
# make check     the first four of them, in seconds
# make format    formats, and fixes what lint can fix
# make bench     every benchmark, one after the other
# make schemas   writes schemas/v1 after a change of events or twins
# make lock      writes the locks after a change of dependencies
# make clean     removes what run and builds left; .venv stays

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
# A lock is whole; `trackers` and onnxruntime ask for more than they need (pyproject.toml, [tool.uv]).
INSTALL := $(BIN)/python -m pip install --quiet --no-deps
SPEED ?= 1
# Tests wait more than they compute.
WORKERS ?= 4

.DEFAULT_GOAL := help
.PHONY: help run test check format bench schemas lock clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

# From nothing when the lock has changed: pip leaves what a lock no longer has, and its files may lie over another's.
$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	    || { echo "storeflow needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 …"; exit 1; }
	@echo "Setting up $(VENV) to run, once: about 370 MB to fetch, 1220 MB on disk"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(INSTALL) --require-hashes -r requirements.lock
	@touch $@

$(READY): pyproject.toml $(LOCKED)
	@$(INSTALL) --editable . 2>$(VENV)/install.log || { cat $(VENV)/install.log; exit 1; }
	@touch $@

$(READY_DEV): requirements-dev.lock $(LOCKED)
	@echo "Adding to $(VENV) what checks and tests, once: about 115 MB to fetch, 440 MB on disk"
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

run: $(READY)
	@$(BIN)/storeflow demo --speed $(SPEED) $(if $(filter-out 0,$(STAY)),--stay)

check: $(READY) $(READY_DEV)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test: check
	@$(BIN)/pytest -m "not alone" --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
	@$(BIN)/pytest -m alone

format: $(READY_DEV)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) $(READY_DEV)
	@for benchmark in benchmarks/*.py; do $(BIN)/python -m benchmarks.$$(basename $$benchmark .py) || exit 1; done

schemas: $(READY)
	@$(BIN)/storeflow schemas --out schemas/v1

lock: $(LOCKED)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/python -m tools.images.lock

clean:
	@rm -rf run build dist *.egg-info
