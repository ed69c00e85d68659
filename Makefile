# `make demo` and `make test` set up what they need: Python 3.11 or later and make are enough.

PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin

.PHONY: demo test lint types unit bench clean

demo: .venv/installed
	$(BIN)/thresher demo demo

test: lint types unit

lint: .venv/developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/developing
	$(BIN)/mypy

unit: .venv/developing
	$(BIN)/pytest -n auto

bench: .venv/developing
	$(BIN)/python -m pip install --quiet --group bench
	for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

.venv/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "thresher needs Python 3.11 or later with its venv module"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/developing: .venv/installed
	$(BIN)/python -m pip install --quiet "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

clean:
	rm -rf .venv demo dist .hypothesis .pytest_cache .mypy_cache .ruff_cache
