# kvmedic: `make run` examines this machine, `make test` passes all tests. `make help` lists the rest.
SHELL := /bin/sh
.DEFAULT_GOAL := help
KVMEDIC := .venv/bin/kvmedic
PYTHON := .venv/bin/python

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: setup ## set up, then examine this machine (findings are explained, they are not an error)
	@$(KVMEDIC) check; code=$$?; case $$code in 0|1|3) exit 0;; *) exit $$code;; esac

setup: ## prepare .venv/bin/kvmedic and nothing else (no hypervisor, no compiler)
	@scripts/setup.sh run

setup-dev: ## prepare .venv with what tests and checks need
	@scripts/setup.sh dev

test: ## install what the tests need (as root: libvirt, QEMU, a guest kernel), and pass them all
	@scripts/setup.sh dev
	@scripts/setup.sh lab
	@scripts/test.sh

demo: ## in about three minutes, with a real guest: stranded, found, compared, repaired (as root)
	@scripts/setup.sh run
	@scripts/setup.sh lab
	@$(PYTHON) -m kvmedic.lab.demo

lab: setup-dev ## measure remedies here once, and kill ten runs at random moments: nothing may be left (as root)
	@scripts/setup.sh lab
	KVMEDIC_KILLS=10 $(PYTHON) -m pytest -q -m live tests/live/test_lab_experiments.py
	$(PYTHON) -m pytest -q -m lab tests/live

check: setup-dev ## format, lint, types, imports
	$(PYTHON) -m ruff format --check src tests benchmarks
	$(PYTHON) -m ruff check src tests benchmarks
	$(PYTHON) -m mypy
	.venv/bin/lint-imports

fix: setup-dev ## let ruff mend what it can
	$(PYTHON) -m ruff check --fix src tests benchmarks
	$(PYTHON) -m ruff format src tests benchmarks

bench-why: setup-dev ## ask why of every labelled incident: accuracy, calibration, confusion
	$(PYTHON) benchmarks/why/bench_why.py

schema: setup-dev ## write docs/report.md and docs/schema again from the records
	$(PYTHON) docs/write_report_docs.py

lock: ## resolve the dependencies anew (hashed requirement files; they name no address)
	@scripts/lock.sh

clean: ## remove the environment and caches
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage

.PHONY: help run setup setup-dev test demo lab check fix bench-why schema lock clean
