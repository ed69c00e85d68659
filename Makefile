# `make demo` and `make test` set up what they need. They require Python 3.11 or later and make.

PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
QUICK := tests/catalog tests/signal tests/curation/clips tests/curation/exports/formats tests/test_layers.py \
	tests/test_public_names.py
POSTGRES := tests/catalog tests/curation tests/faults/test_contention.py \
	tests/interfaces/web/test_read_only_role.py
WITHOUT_DATABASE := tests/catalog/audio tests/catalog/provenance tests/curation/exports/formats

.PHONY: demo test test-quick test-postgres slow lint types unit faults faults-sample fuzz coverage api schema bench clean

demo: .venv/installed
	$(BIN)/thresher demo demo

test: lint types unit

lint: .venv/developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell .
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --quiet --no-progress --offline .github

types: .venv/developing
	$(BIN)/mypy

# Tests go to the processes one by one, so that no process idles while another works through a long list.
unit: .venv/developing
	$(BIN)/pytest -n auto --dist worksteal -m "not slow and not long"

# The lower layers in less than two minutes: no long searches, and no processes that compile.
test-quick: .venv/developing
	$(BIN)/pytest -n auto --dist worksteal -m "not slow and not long" $(QUICK)

# The tests of the catalog, of the verbs and of two programs at once on a private PostgreSQL server, see
# tests/postgres.py.
test-postgres: .venv/developing
	$(BIN)/python -m tests.postgres run $(BIN)/pytest -n auto --dist worksteal -m "not slow and not long" $(POSTGRES) \
		$(addprefix --ignore=,$(WITHOUT_DATABASE))

# Whole sessions in processes and browsers, and samples of faults and of random inputs.
slow: .venv/developing
	$(BIN)/pytest -n auto --dist worksteal -m "slow or long"

# Kill every command at its file-system events, and let these fail. An interrupted sweep continues where it was;
# `make faults FAULTS="--help"` lists options. Then run random commands of two processes against a
# model, and flip bytes of a catalog.
faults: .venv/developing
	nice $(BIN)/python -m tests.faults $(FAULTS)
	nice $(BIN)/python -m tests.model
	nice $(BIN)/python -m tests.faults.flips 1000

# One kill and one failed write of each command.
faults-sample: .venv/developing
	$(BIN)/python -m tests.faults --sample

# Damaged and odd input of all kinds: everything with `make fuzz`, a sample with `make fuzz COUNT=1%`, one target with
# `make fuzz TARGETS=queries`. Findings are kept in fuzz-findings/.
COUNT ?= 100%
SEED ?= 1
fuzz: .venv/developing
	$(BIN)/python -m tests.fuzz $(TARGETS) --count $(COUNT) --seed $(SEED)

coverage: .venv/developing
	$(BIN)/pytest -n auto --dist worksteal --cov --cov-report=term

api: .venv/developing
	$(BIN)/python docs/make_api.py

schema: .venv/developing
	$(BIN)/python migrations/make_newest.py

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
	$(BIN)/python -m pip install --quiet --no-deps "axe-playwright-python>=0.1.8"  # for its copy of axe-core
	@touch $@

clean:
	rm -rf .venv .faults demo dist fuzz-findings .coverage* .hypothesis .pytest_cache .mypy_cache .ruff_cache
