# The project's everyday commands. Each sets up what it needs first: see tests/lab/bootstrap.sh.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

python := .venv/bin/python
yaml := $(shell git ls-files '*.yaml' '*.yml' ':!charts/*/templates/*')

# The rest of the end-to-end tests has to do less with the versions of Podman and the runtimes.
main_path := $(addprefix tests/e2e/test_,checkpoint.py restore.py files.py ghost_limit.py tcp.py postgres.py killed.py)
on_next_release := PODMAN_CHECKPOINT_LAB_RELEASE=next $(python) -m pytest -m 'lab and not vm'

# What follows is done with the lab, which is gone afterwards.
and_remove_it := trap 'status=$$?; ./lab down || status=1; exit $$status' EXIT

.PHONY: help demo demo-reboot test test-next soak unit lint format lab-up lab-down bench docs krew lock clean setup

help: ## Show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 14

demo: setup ## PostgreSQL survives a reboot and moves to another host, step by step
	@$(python) -m tests.demo

demo-reboot: setup ## The same on a real machine, into a newer kernel
	@$(python) -m tests.demo --reboot

test: lint ## Run every test on new labs, and remove them (args=... go to pytest, on one lab)
ifdef args
	@$(and_remove_it); ./lab down; ./lab up; $(python) -m pytest $(args)
else
	@tests/all.sh $(main_path)
endif

test-next: setup ## Run all end-to-end tests on the next release's Podman, runc and crun
	@$(and_remove_it); \
	$(on_next_release) tests/e2e --ignore=tests/e2e/test_newer_host.py $(args)

unit: setup ## Run the tests that need no lab
	@$(python) -m pytest -m 'not lab and not vm' $(args)

soak: ## Repeat what `make test` samples: random histories, busy writers, damaged archives, drains
	@$(and_remove_it); \
	./lab up; \
	SOAK=1 $(python) -m pytest --timeout=7200 --durations=0 $(args) \
		tests/e2e/test_histories.py tests/e2e/test_writers.py tests/e2e/test_storage.py tests/e2e/test_damage.py \
		tests/e2e/test_drain.py

lint: setup ## Check style, types and layers
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/mypy
	@PYTHONPATH=operator .venv/bin/lint-imports --no-logo
	@.venv/bin/yamllint --strict $(yaml)

format: setup ## Rewrite the Python files in the project's style
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

lab-up: ## Bring up the control plane and two hosts with their agents
	@./lab up

lab-down: ## Remove the lab and everything in it
	@./lab down

bench: setup ## Measure what docs/benchmarks.md reports
	@PYTHONPATH=operator $(python) -m tests.bench $(args)

docs: setup ## Write what is made from other files: pages of docs/, copies in charts/
	@PYTHONPATH=operator $(python) -m tests.unit.criu.reasons_page
	@PYTHONPATH=operator $(python) -m tests.unit.decisions.preflight_page
	@PYTHONPATH=operator $(python) -m tests.unit.api.report_page
	@PYTHONPATH=operator $(python) -m tests.unit.agent.metrics_page
	@$(python) -m tests.packaging.chart_sources

krew: setup ## Build the plugin for krew into dist/ (url=... is where it will be published)
	@$(python) -m release.krew --url $(or $(url),$(error say where: make krew url=https://...))

lock: setup ## Lock the dependencies anew, from pyproject.toml
	@$(python) -m pip install --quiet --target build/uv --upgrade uv
	@for file in agent build dev; do \
		build/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
			--generate-hashes --no-annotate --no-header \
			$$([[ $$file == build ]] || echo pyproject.toml) \
			$$([[ $$file == dev ]] && echo --extra plugin) \
			$$([[ $$file == agent ]] || echo --group $$file) --output-file requirements/$$file.txt; \
	done

clean: lab-down ## Remove the lab and everything that was built in this folder
	@rm -rf .venv build dist .*_cache .hypothesis
	@find operator tests -name __pycache__ -prune -exec rm -rf {} +

setup:
	@tests/lab/bootstrap.sh
