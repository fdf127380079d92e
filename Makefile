# Everything a developer, CI or a curious stranger does. `make` alone does what CI does.
#
#   make demo     see it work, on mail servers of its own
#   make test     the tests, with real servers, on up to four cores at once
#   make check    formatting, lint, types, then the tests
#   make soak     the long tests
#   make bench    how fast it is beside its peers; writes docs/performance.md (BENCH_RUNS=3)
#   make fmt      format and mend what can be mended
#   make lock     resolve the dependencies of pyproject.toml anew (needs uv)
#
# PYTHON=python3.12 chooses the interpreter, PYTEST_ARGS="-k threads -n 0" goes to pytest.

PYTHON ?= python3
PYTEST_ARGS ?=
UV ?= uv
LOCK_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
# Touched when the virtual environment holds what the lock file says.
READY := $(VENV)/.ready
COMPILE = $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --no-annotate \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.DEFAULT_GOAL := check
.NOTPARALLEL:
.PHONY: demo test check soak bench fmt lint types lock servers clean

demo: $(READY)
	@$(BIN)/listbridge demo --once

# Tests stand last in `check`, so that pytest's summary is the last line.
check: lint types test

test: $(READY) servers
	@$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal $(PYTEST_ARGS)

soak: $(READY) servers
	@$(BIN)/pytest -m soak --timeout 3600 $(PYTEST_ARGS)

bench: $(READY) servers
	@$(BIN)/python -m benchmarks

lint: $(READY)
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .

types: $(READY)
	@$(BIN)/mypy

fmt: $(READY)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

servers:
	@tests/servers/install

# dev.txt holds everything of base.txt in the same versions.
lock:
	$(COMPILE) $(LOCK_ARGS) --extra demo --extra postgres -o requirements/base.txt pyproject.toml
	$(COMPILE) $(LOCK_ARGS) --extra demo --extra postgres --group dev -c requirements/base.txt -o requirements/dev.txt pyproject.toml
	$(filter-out --universal,$(COMPILE)) $(LOCK_ARGS) -o requirements/mailman.txt requirements/mailman.in

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(READY): requirements/dev.txt requirements/venv pyproject.toml
	@requirements/venv $(PYTHON) $(VENV)
	@touch $@
