# backup-glance: what you can do here. `make` lists it.
# Debian's own, if it fits and can make environments: targets have the same, and one that pyenv compiled takes a sixth longer.
FITS := import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in /usr/bin/python3 python3; do $$python -c '$(FITS)' 2>/dev/null && break; done; echo $$python)
PYTHONS ?= python3.11 python3.13
PORT ?= 8480
SCENARIO ?= default
VENV := .venv
BIN := $(VENV)/bin
# A process that ends within a test ends the run: pytest-xdist would start another one with the same test, again and again.
NO_RESTART := --max-worker-restart 0
BOTH_CORES := -n 2 $(NO_RESTART)
# Where Python may not keep what it has compiled, pytest rewrites and compiles every test in each process again.
unexport PYTHONDONTWRITEBYTECODE
PYTHON_CODE := src tests bench scripts
ROLLOUT := .venv-rollout
ANSIBLE_CODE = site.yml ansible.cfg $(shell find .config inventory molecule playbooks roles -type f -not -path '*/__pycache__/*')
SHELL_CODE = $(shell grep -lE '^\#!.*\b(ba)?sh\b' scripts/* .ci/* docs/recipes/*)

.DEFAULT_GOAL := help
.PHONY: help demo check lint lint-python lint-words lint-yaml lint-shell lint-ansible types unit test needs suite fortnight vault \
    browser rollout controllers fresh bench soak mutants pictures docs dist lock clean clean-all

help: ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## see it: the real sidecar and Caddy against simulated upstreams (MORNING=good, PORT=8480, NOW=2026-11-23T07:30:00+01:00, NIGHT=1, GLANCE=1)
	@$(BIN)/python -m tests.demo --port "$(PORT)" $(if $(NOW),--now "$(NOW)") $(if $(MORNING),--morning "$(MORNING)") $(if $(NIGHT),--night) $(if $(GLANCE),--glance)

check: $(VENV)/.dev ## lint, types, unit and contract tests with their coverage: about two minutes
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=line lint types unit

lint: .cache/ansible-lint lint-python lint-words lint-yaml lint-shell ## ruff, ansible-lint, yamllint, shellcheck, codespell

lint-python: $(VENV)/.dev
	$(BIN)/ruff check $(PYTHON_CODE)
	$(BIN)/ruff format --check $(PYTHON_CODE)

lint-words: $(VENV)/.dev
	$(BIN)/codespell

lint-yaml: $(VENV)/.dev
	$(BIN)/yamllint --strict .

lint-shell: $(VENV)/.dev
	$(BIN)/shellcheck $(SHELL_CODE)

# As slow as all others together, so only after a change of what it reads; `make lint-ansible` looks anyway.
.cache/ansible-lint: $(ANSIBLE_CODE) $(VENV)/.dev
	@$(MAKE) --no-print-directory lint-ansible
	@mkdir -p .cache && touch $@

# It calls ansible-playbook, which it looks for in the PATH.
lint-ansible: $(VENV)/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" ansible-lint

types: $(VENV)/.dev
	$(BIN)/mypy

unit: $(VENV)/.dev
	$(BIN)/python -m pytest -q $(BOTH_CORES) -m 'not browser and not vault and not fortnight' -p scripts.coverage_floors

test: ## everything: check, a fortnight, a real Vault, a real browser, the roll-out into containers; needs root
	@scripts/need-root
	@scripts/steps needs lint+types suite+rollout

# Before anything runs side by side: only one can install packages at a time.
needs: $(VENV)/.dev
	@scripts/need-curl
	@scripts/need-chromium
	@scripts/need-firefox
	@scripts/need-glance $(BIN)/python >/dev/null
	@scripts/need-prometheus >/dev/null
	@scripts/need-proxmox-collection $(BIN)/python >/dev/null
	@scripts/need-pebble >/dev/null

# All of pytest at once. One process more than there are cores: many tests wait for a browser or a server.
suite: needs
	$(BIN)/python -m pytest -q -n 3 $(NO_RESTART) --dist loadfile --no-loadscope-reorder -p scripts.coverage_floors

fortnight: $(VENV)/.dev ## fourteen ordinary days and both clock changes: no red, no amber; every failure found in time; what users reported; whatever takes long
	@scripts/need-prometheus >/dev/null
	@scripts/need-pebble >/dev/null
	@scripts/need-curl
	@scripts/need-proxmox-collection $(BIN)/python >/dev/null
	$(BIN)/pytest -q $(BOTH_CORES) -m fortnight

vault: $(VENV)/.dev ## the sidecar against a real OpenBao server
	$(BIN)/pytest -q -m vault

browser: $(VENV)/.dev ## the pages in Debian's Chromium and Firefox
	@scripts/need-chromium
	@scripts/need-firefox
	@scripts/need-glance $(BIN)/python >/dev/null
	$(BIN)/pytest -q -m browser

rollout: $(ROLLOUT)/.done ## deploy into real containers with Vault beside them, and look as user and attacker; needs root (SCENARIO=operations, alternative)
	@PATH="$(CURDIR)/$(ROLLOUT)/bin:$$PATH" scripts/rollout "$(SCENARIO)"

controllers: $(VENV)/.dev ## the playbooks with the oldest and the newest ansible-core of the lock (PYTHONS="python3.11 python3.13")
	@for python in $(PYTHONS); do scripts/with-controller "$$python" $(BIN)/python -m pytest -q -p no:xdist tests/test_playbooks.py || exit 1; done

fresh: ## demo and check in a new Debian 12 and 13 with git, make and python3 only (as root; SUITES=trixie)
	scripts/fresh $(SUITES)

bench: $(VENV)/.dev ## how long boards, calendars and pages take, and how much memory; beside others
	$(BIN)/python -m bench

pictures: $(VENV)/.dev ## the documentation's pictures: of a real Glance, and sheets with every view
	@scripts/need-chromium
	@scripts/need-pdftoppm
	$(BIN)/python -m tests.glance.pictures docs
	$(BIN)/python -m tests.sheets docs

soak: $(VENV)/.dev ## what takes too long for every day: 2,000 refreshes with random troubles, a ledger damaged in every page, hostile answers, fuzzing (SOAK="--only refreshes")
	$(BIN)/python -m tests.soak $(SOAK)

mutants: $(VENV)/.mutants ## do the tests notice when judgement or schedules are changed? (ONLY=schedules/cron.py)
	$(BIN)/python -m scripts.mutants $(ONLY)

docs: $(VENV)/.dev ## write the pages that are made from code: variables, faults, the proxy, metrics
	$(BIN)/python -m scripts.variables
	$(BIN)/python -m tests.proxy
	$(BIN)/python -m tests.web.metrics_page
	$(BIN)/python -m tests.faults

dist: $(VENV)/.dev ## the wheel, its lock, an SBOM and checksums, in dist/: the same bytes for the same checkout
	@$(BIN)/python -m scripts.dist

lock: $(VENV)/.dev ## pin the newest versions that fit, with hashes
	scripts/lock

clean: ## remove what make has installed and cached in the checkout
	rm -rf $(VENV) $(ROLLOUT) .cache

clean-all: ## also what is kept outside of it: images of containers, releases, wheels, Glance; says how much
	@scripts/clean-all

$(VENV)/.demo: requirements-demo.txt pyproject.toml
	@scripts/install $(PYTHON) $(VENV) requirements-demo.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml
	@scripts/install $(PYTHON) $(VENV) requirements-dev.txt
	@touch $@ $(VENV)/.demo

$(VENV)/.mutants: requirements-mutants.txt $(VENV)/.dev
	@scripts/install $(PYTHON) $(VENV) requirements-mutants.txt
	@touch $@

$(ROLLOUT)/.done: requirements-rollout.txt pyproject.toml
	@scripts/install $(PYTHON) $(ROLLOUT) requirements-rollout.txt
	@touch $@
