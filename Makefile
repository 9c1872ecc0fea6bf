# make run     a store on this machine: the sample store through every module (SPEED=4: four times life; STAY=1: stays)
# make test    format, lint, types, boundaries, tests: the same as CI
# make check   the first four of them, in seconds

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SPEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help run test check format bench schemas lock clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	    || { echo "storeflow needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 …"; exit 1; }
	@echo "Setting up $(VENV): once, about a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --editable . 2>$(VENV)/install.log \
	    || { cat $(VENV)/install.log; exit 1; }
	@touch $(READY)

run: $(READY)
	@$(BIN)/storeflow demo --speed $(SPEED) $(if $(STAY),--stay)

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test: check
	@$(BIN)/pytest

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)
	@for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done

schemas: $(READY)
	@$(BIN)/storeflow schemas --out schemas/v1

lock: $(READY)
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-header -o requirements.lock
	@$(BIN)/python -m tools.images.lock

clean:
	@rm -rf run build dist *.egg-info
