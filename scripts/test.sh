#!/bin/sh
# Runs every check and every test; the real guests one at a time, the rest on all cores.
set -eu
cd "$(dirname "$0")/.."
export PYTHONUNBUFFERED=1
.venv/bin/python -m ruff format --check --quiet src tests benchmarks
.venv/bin/python -m ruff check --quiet src tests benchmarks
.venv/bin/python -m mypy
.venv/bin/lint-imports --no-cache >/dev/null || .venv/bin/lint-imports --no-cache
.venv/bin/python -m pytest -q -n 2 -m "not live and not lab" -p no:cacheprovider
.venv/bin/python -m pytest -q -m "live and not lab" -p no:cacheprovider
