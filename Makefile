# The commands of this project; `make` alone lists them.
# Needs Python 3.10 or later with venv, and make; everything else is installed into .venv.

PYTHON  ?= python3
WORKERS ?= 2

VENV    := .venv
OLDEST  := .venv-oldest
BENCHMARKS = $(if $(wildcard benchmarks/__main__.py),__main__,$(filter-out _%,$(notdir $(basename $(wildcard benchmarks/*.py)))))
BROWSER := chromium chromium-browser google-chrome google-chrome-stable

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test quick lint bench calibration build test-oldest clean browser remake

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.test ## make the environment for working on the code

demo: $(VENV)/.demo ## show the whole story on this machine: train, measure, deny, approve, promote, report
	$(VENV)/bin/governance demo

test: $(VENV)/.test browser lint ## everything: lint, then the whole test suite
	$(call inside,$(VENV)) pytest -n $(WORKERS) --dist loadfile

quick: $(VENV)/.test ## the tests that take no more than a second or two each
	$(call inside,$(VENV)) pytest -n $(WORKERS) --dist loadfile -m "not slow and not browser"

lint: $(VENV)/.test ## style, types and floors
	$(call inside,$(VENV)) ruff check .
	$(call inside,$(VENV)) ruff format --check .
	$(call inside,$(VENV)) mypy
	$(call inside,$(VENV)) lint-imports

bench: $(VENV)/.test ## measure ourselves side by side with our peers
	@[ -n "$(BENCHMARKS)" ] || { echo "No benchmark in benchmarks/: add benchmarks/NAME.py with a main()." >&2; exit 1; }
	@set -e; for module in $(BENCHMARKS); do echo "benchmarks.$$module" >&2; \
	  $(call inside,$(VENV)) python -m "benchmarks.$$module"; done

calibration: $(VENV)/.test ## count in made-up worlds how often a bound or verdict on privacy is wrong
	$(call inside,$(VENV)) python -m benchmarks.calibration --write --jobs $(WORKERS)

build: $(VENV)/.test ## source archive and wheel, into dist/
	$(call inside,$(VENV)) python -m build

test-oldest: $(OLDEST)/.test ## the end-to-end tests under the oldest MLflow we accept
	$(call inside,$(OLDEST)) pytest -n $(WORKERS) --dist loadfile -m "not browser" tests/end_to_end

clean: ## remove what these commands made
	rm -rf $(VENV) $(OLDEST) build dist governance-demo
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- environments ---------------------------------------------------------------------------------

inside = PATH="$(CURDIR)/$(1)/bin:$$PATH"

# `.made-in` names this checkout, and is there only while nothing is being installed. An environment
# without it was interrupted, one that names another place was moved: both are made anew.
intact = [ "$$(cat $(1)/.made-in 2>/dev/null)" = "$(CURDIR)" ] && $(1)/bin/python -c "" 2>/dev/null

define install # folder, constraints, what to install
@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || \
  { echo "Python 3.10 or later is needed; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
@{ $(call intact,$(1)); } || rm -rf $(1)
@echo "Installing into $(1) (minutes the first time)" >&2
@mkdir -p $(1) && rm -f $(1)/.made-in
@[ -x $(1)/bin/pip ] || $(PYTHON) -m venv $(1)
@$(if $(4),$(4))
@$(1)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
@$(1)/bin/python -m pip install --quiet $(2) torch
@$(1)/bin/python -m pip install --quiet $(2) $(3)
@echo "$(CURDIR)" > $(1)/.made-in
endef

remake:

$(VENV)/.demo: pyproject.toml constraints.txt $(shell { $(call intact,$(VENV)); } || echo remake)
	$(call install,$(VENV),-c constraints.txt,-e ".[demo]")
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt $(shell { $(call intact,$(VENV)); } || echo remake)
	$(call install,$(VENV),-c constraints.txt,-e ".[all]" --group test)
	@touch $(VENV)/.demo $@

# Pins that constraints-oldest.txt replaces are dropped from constraints.txt: pip refuses two pins of one name.
$(OLDEST)/.test: pyproject.toml constraints.txt constraints-oldest.txt $(shell { $(call intact,$(OLDEST)); } || echo remake)
	$(call install,$(OLDEST),-c constraints-oldest.txt -c $(OLDEST)/constraints.txt,-e ".[all]" --group test,\
	  awk -F == 'FNR == NR { old[$$1]; next } !($$1 in old)' constraints-oldest.txt constraints.txt > $(OLDEST)/constraints.txt)
	@touch $@

browser:
	@for name in $(BROWSER); do command -v $$name > /dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get update -qq && apt-get install -qq --no-install-recommends chromium fonts-dejavu-core; \
	else \
	  echo "The browser tests need Chromium. Install it (Debian: sudo apt-get install chromium), then call again." >&2; \
	  exit 1; \
	fi
