# Copyright: (c) 2026, Rendiff contributors
# SPDX-License-Identifier: GPL-3.0-or-later

SHELL := /bin/bash -euo pipefail
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export LC_ALL := C.UTF-8
export PYTHONDONTWRITEBYTECODE := 1

SANDBOX := python3 tests/sandbox/sandbox
LINK := .ansible/collections/ansible_collections/rendiff/ops
VENV := tests/gates/make-venv
# Every recipe below that needs the tools asks for both: the environment, and this checkout under its own name.
READY := venv $(LINK)

##@ Use

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	    /^[a-z][a-z-]*:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) ## Start the sandbox, submit conversions, run the health check on it
	@$(SANDBOX) engine-up && $(SANDBOX) up && $(SANDBOX) submit --count 3 --wait 60 \
	    && ansible-playbook -i inventories/sandbox rendiff.ops.health_quick \
	    && echo "The demo took $$SECONDS s; 'make demo-down' removes it."

.PHONY: demo-down
demo-down: ## Remove the sandbox and, if the demo started it, stop the Docker Engine
	@$(SANDBOX) down --all
	@$(SANDBOX) engine-down

.PHONY: clean
clean: ## Remove everything made here: sandbox, images, environments, caches
	@$(SANDBOX) clean
	@$(SANDBOX) engine-down
	@rm -rf .ansible .cache .pytest_cache .ruff_cache .sandbox .venv .venv-core-next collections \
	    rendiff-artifacts rendiff-ops-*.tar.gz tests/output

.PHONY: venv
venv: ## Make .venv from the pinned requirements
	@$(VENV) .venv requirements.txt 3.11 3.12 3.13

$(LINK):
	@mkdir -p $(@D)
	@ln -sfn ../../../.. $@

##@ Test

.PHONY: test
test: $(READY) ## Run every gate, and count them
	@python tests/gates/run.py

.PHONY: test-quick
test-quick: $(READY) ## Run the gates that need no sandbox
	@python tests/gates/run.py --quick

.PHONY: lint
lint: ruff mypy yamllint reuse changelog-lint ## ruff, mypy, yamllint, reuse and changelog-lint

.PHONY: ruff
ruff: $(READY)
	ruff check --no-cache .
	ruff format --no-cache --check .

.PHONY: mypy
mypy: $(READY)
	mypy -p ansible_collections.rendiff.ops.plugins.module_utils

.PHONY: yamllint
yamllint: $(READY)
	yamllint --strict .

.PHONY: reuse
reuse: $(READY)
	reuse lint --lines

.PHONY: changelog-lint
changelog-lint: $(READY)
	antsibull-changelog lint

.PHONY: ansible-lint
ansible-lint: $(READY) ## Profile production, no skips; a wrong module option is an error
	ansible-lint --offline

.PHONY: docs-lint
docs-lint: $(READY) ## Documentation of plugins, roles and the docsite
	python tests/gates/collection_copy.py antsibull-docs lint-collection-docs . --plugin-docs \
	    --validate-collection-refs=dependent

.PHONY: sanity
sanity: $(READY) ## ansible-test sanity for the Pythons found here
	python tests/gates/run_ansible_test.py sanity

.PHONY: units
units: $(READY) ## Unit tests of the plugins and of the project's own rules
	python -m pytest -q tests/unit/project
	python tests/gates/run_ansible_test.py units

.PHONY: sandbox-up
sandbox-up: $(READY)
	@$(SANDBOX) engine-up
	@$(SANDBOX) up

# These need nothing but this host.
ALONE := tests/integration/test_ban.py tests/integration/test_mitigation.py

# These need databases, a sandbox of their own for them, and nothing else of it.
DATABASES := tests/integration/test_backup.py tests/integration/test_restore.py

.PHONY: integration
integration: integration-alone integration-databases integration-sandbox ## Each module against two sandboxes: both schemas, newest and oldest Celery

.PHONY: integration-alone
integration-alone: $(READY)
	python -m pytest -q $(ALONE)

.PHONY: integration-databases
integration-databases: $(READY)
	@$(SANDBOX) engine-up
	@$(SANDBOX) up --name db --schema runbook --celery oldest
	INTEGRATION_ONE=db python -m pytest -q $(DATABASES)
	@$(SANDBOX) down --name db

.PHONY: integration-sandbox
integration-sandbox: sandbox-up
	@$(SANDBOX) up --name rb --schema runbook --celery oldest
	python -m pytest -q tests/integration $(ALONE:%=--ignore=%) $(DATABASES:%=--ignore=%)

.PHONY: molecule
molecule: sandbox-up ## Each procedure on the sandbox; SCENARIO=name for one
	molecule test $(if $(SCENARIO),--scenario-name $(SCENARIO),--all)

.PHONY: install-test
install-test: sandbox-up ## The built tarball in an empty directory
	python tests/gates/install_test.py

.PHONY: core-next
core-next: core-next-code core-next-molecule ## Units, sanity and one scenario on the newest ansible-core, Python 3.13

.PHONY: core-next-venv
core-next-venv:
	@$(VENV) .venv-core-next requirements-core-next.txt 3.13

.PHONY: core-next-code
core-next-code: core-next-venv
	.venv-core-next/bin/python tests/gates/run_ansible_test.py units
	.venv-core-next/bin/python tests/gates/run_ansible_test.py sanity

.PHONY: core-next-molecule
core-next-molecule: core-next-venv sandbox-up
	PATH="$(CURDIR)/.venv-core-next/bin:$$PATH" ansible-playbook -i inventories/sandbox rendiff.ops.health_deep \
	    -e rendiff_artifacts_dir=$(CURDIR)/.cache/core-next-artifacts
	PATH="$(CURDIR)/.venv-core-next/bin:$$PATH" molecule test --scenario-name health_redis_stopped

##@ Measure

.PHONY: bench
bench: bench-health bench-queue-scan bench-jobs bench-bans bench-access-log bench-restore ## Every benchmark: a ratio against a named peer, measured in the same run

.PHONY: bench-health
bench-health: sandbox-up ## health_deep against the runbook's quick and deep commands; the machine must be quiet
	python tests/bench/health.py

.PHONY: bench-queue-scan
bench-queue-scan: sandbox-up ## Reading a queue of a million messages, against only fetching it
	PYTHONPATH=$(CURDIR)/.ansible/collections python tests/bench/queue_scan.py

.PHONY: bench-jobs
bench-jobs: sandbox-up ## Requeueing a million stuck jobs, against its bare parts and against sending job by job
	PYTHONPATH=$(CURDIR)/.ansible/collections:$(CURDIR)/tests/chaos python tests/bench/jobs.py

.PHONY: bench-bans
bench-bans: $(READY) ## 20,000 bans at once, against one iptables call for each
	@$(SANDBOX) engine-up
	PYTHONPATH=$(CURDIR)/.ansible/collections python tests/bench/bans.py

.PHONY: bench-access-log
bench-access-log: $(READY) ## Who sends most in 5,000,000 lines of access log, against awk, jq, sort and uniq
	PYTHONPATH=$(CURDIR)/.ansible/collections python tests/bench/access_log.py

.PHONY: bench-restore
bench-restore: sandbox-up ## Loading 7,000,000 jobs from a backup, against bare pg_restore -j
	PYTHONPATH=$(CURDIR)/.ansible/collections:$(CURDIR)/tests/integration python tests/bench/restore.py

.PHONY: chaos
chaos: chaos-requeue chaos-restore ## Every campaign: what is killed at any point and run again loses nothing

.PHONY: chaos-requeue
chaos-requeue: sandbox-up ## Requeue of 5,000 jobs killed again and again, 100 campaigns: none lost, none doubled
	PYTHONPATH=$(CURDIR)/.ansible/collections python tests/chaos/requeue.py

.PHONY: chaos-restore
chaos-restore: sandbox-up ## A restore whose controller is killed at each of its steps: the database is always whole
	python tests/chaos/restore.py
