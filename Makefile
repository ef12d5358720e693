# `make help` explains the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TILLAGE_HOME ?= $(CURDIR)/data
export TILLAGE_HOME
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONWARNINGS ?= ignore::DeprecationWarning

# By all cores, where pip compiles by one. Some packages bring files for other versions of Python.
COMPILE := $(BIN)/python -W ignore -m compileall -qq -j 0 $(VENV)/lib || true

.DEFAULT_GOAL := help
.PHONY: help run ui test test-all lint docs bench lock clean

help: ## This list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/installed ## Install, write a sample shop if landing/ is empty, make everything
	@ls "$(TILLAGE_HOME)"/landing/orders/* >/dev/null 2>&1 || $(BIN)/tillage sample
	@$(BIN)/tillage run

ui: $(VENV)/installed ## Open the Dagster UI on the same home
	@$(BIN)/tillage ui

# Of matrices so small threads only wait for each other, and other tests run beside.
test test-all: export OMP_NUM_THREADS := 1
test test-all: export OPENBLAS_NUM_THREADS := 1

test: lint ## Install what tests need; lint, types and all tests but the slow ones
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

test-all: lint ## The slow tests, too
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: $(VENV)/tested ## Style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(VENV)/installed ## Write the pages of docs/ that are generated from the code
	$(BIN)/python -m pipelines.docs

bench: $(VENV)/tested ## Measure, as ratios side by side; writes bench/results.json
	$(BIN)/python -m bench

lock: $(VENV)/tested ## Resolve the requirements anew
	$(BIN)/uv pip compile pyproject.toml --universal --no-strip-extras --generate-hashes \
		--no-header -o requirements.lock $(UPGRADE)
	$(BIN)/uv pip compile pyproject.toml --group dev -c requirements.lock --universal --no-strip-extras --generate-hashes \
		--no-header -o requirements-dev.lock $(UPGRADE)

clean: ## Remove what was installed and cached; data/ stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build tillage.egg-info

$(VENV)/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
		"Tillage needs Python 3.11 to 3.13, and $(PYTHON) is %d.%d: make PYTHON=python3.12 ..." % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once, some minutes)"
	@$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements.lock
	@$(COMPILE)
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/tested: $(VENV)/installed requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --no-compile --require-hashes -r requirements-dev.lock
	@$(COMPILE)
	@touch $@
