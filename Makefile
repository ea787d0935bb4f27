# Every target makes and shares one virtual environment, .venv, with the exact versions of requirements.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
BENCH_STAMP := $(VENV)/installed-bench
DOCS_STAMP := $(VENV)/installed-docs
TEST_STAMP := $(VENV)/installed-test
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install demo test lint typecheck docs bench clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(STAMP)  ## make .venv; every other target does it by itself

demo: $(STAMP)  ## the main job in about 9 minutes: collect, train, evaluate, plan, report; start again to continue
	$(BIN)/hyperdyn demo

# One thread per worker: two pools of threads on the same cores wait for each other.
test: export OMP_NUM_THREADS := 1
test: export MKL_NUM_THREADS := 1
test: $(TEST_STAMP)  ## every test, of the extras too; PYTEST_ARGS="tests/nn -x" for some
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

lint: $(STAMP)  ## style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# A type checker looks for modules by their path, and callbacks/, conf/ and datamodules/ install inside hyperdyn.
typecheck: $(STAMP)  ## types, seen as an installed package lays them out
	rm -rf build/typecheck && mkdir -p build/typecheck/hyperdyn
	ln -s $(CURDIR)/hyperdyn/* $(CURDIR)/callbacks $(CURDIR)/conf $(CURDIR)/datamodules build/typecheck/hyperdyn/
	cd build/typecheck && $(CURDIR)/$(BIN)/python -m mypy --config-file $(CURDIR)/pyproject.toml -p hyperdyn

docs: $(DOCS_STAMP)  ## the documentation as a site, site/index.html; a warning is an error
	$(BIN)/python docs/build_site.py

bench: $(BENCH_STAMP)  ## speed against references; ONLY="loader planners" for some; needs an otherwise idle machine
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python benchmarks/run.py $(ONLY)

clean:  ## remove .venv and build products, never runs/ or data/
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# setuptools and wheel come first, so that a source package builds with the locked ones.
$(STAMP): requirements.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "hyperdyn needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Installing the exact versions of requirements.lock into $(VENV) (once, a few minutes) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) $$(grep -E '^(setuptools|wheel)==' requirements.lock)
	@$(PIP) --no-build-isolation -r requirements.lock
	@$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

$(BENCH_STAMP): $(STAMP) benchmarks/requirements.lock
	@$(PIP) -c requirements.lock -r benchmarks/requirements.lock
	@touch $@

$(DOCS_STAMP): $(STAMP) docs/requirements.lock
	@$(PIP) -c requirements.lock -r docs/requirements.lock
	@touch $@

# No dependencies: the lock names them all, but for what only other parts of stable-worldmodel need.
$(TEST_STAMP): $(STAMP) tests/requirements.lock
	@$(PIP) --no-deps -r tests/requirements.lock
	@touch $@
