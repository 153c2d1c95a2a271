# Targets: demo, test, fmt, lint, docs, speed, study, chaos, fuzz, lock, audit. Each sets up .venv first, once.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.cytobench-stamp
PEERS := .venv/.cytobench-peers
PACKAGES := bench extractors classifiers reports
LOCK_FLAGS := --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url

.PHONY: demo test study chaos fuzz fmt lint docs speed lock audit clean

demo: $(STAMP)
	@$(BIN)/bench matrix --extractors "handcrafted,mobilenetv3_small_100[weights=random]" \
		--clfs "knn,svm,naive_bayes,rf_svm,lightgbm,cnn[epochs=30,patience=5]"
	@$(BIN)/bench report results

test: $(PEERS)
	@$(BIN)/python -m pytest -n 2 --dist loadfile

# What takes too long for every change: full-size simulations, random kills and damage, generated hostile input.
study chaos fuzz: $(PEERS)
	@$(BIN)/python -m pytest -n 2 -m $@

fmt: $(STAMP)
	@$(BIN)/ruff format $(PACKAGES) tests
	@$(BIN)/ruff check --fix $(PACKAGES) tests

lint: $(STAMP)
	@$(BIN)/ruff format --check $(PACKAGES) tests
	@$(BIN)/ruff check $(PACKAGES) tests
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tests/style/words.py

docs: $(STAMP)
	@$(BIN)/python -m sphinx -q -W --keep-going docs docs/_build/html

speed: $(PEERS)
	@$(BIN)/python tests/speed

# The locked versions, with hashes and without host names. Run after a change of the dependencies in pyproject.toml.
lock: $(STAMP)
	@$(BIN)/uv pip compile pyproject.toml $(LOCK_FLAGS) --output-file requirements.lock >/dev/null

# Known vulnerabilities of the locked versions; needs a network.
audit: $(STAMP)
	@$(BIN)/python tests/supply_chain/audit.py

# The venv holds uv (installed by pip from the lock, hash checked); uv installs the rest.
$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys, ensurepip; sys.version_info >= (3, 11) or sys.exit("cytobench needs Python 3.11 or newer: make PYTHON=python3.11 ...")' \
		|| { echo "needs Python >= 3.11 with venv: apt install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@awk '/^uv==/{p=1} p{print; if ($$0 !~ /\\$$/) exit}' requirements.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement .venv/uv.lock
	@$(BIN)/uv pip install --quiet --require-hashes --compile-bytecode --python $(BIN)/python --requirement requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --compile-bytecode --python $(BIN)/python --editable .
	@touch $@

# Packages that must be compiled are optional: without them, their tests and benchmarks are skipped with a message.
$(PEERS): $(STAMP)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --requirement pyproject.toml --extra speed \
		|| echo "peers of the extra 'speed' could not be installed (a C compiler is needed); their tests are skipped"
	@touch $@

clean:
	rm -rf .venv results .mypy_cache .ruff_cache .pytest_cache docs/_build docs/_generated docs/auto_examples
