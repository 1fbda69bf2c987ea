# Two commands on a fresh machine with Python ≥ 3.11 and make: `make test` and `make demo`. Everything goes into .venv.
#
# uv installs, because plain pip on some machines pairs a CPU wheel of torch with a CUDA torchvision, which cannot be imported.
# Small install without CUDA: UV_TORCH_BACKEND=cpu make install

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
UV_HOME := .uv
LOWEST := .venv-lowest
LOWEST_TESTS := tests/golden/test_golden.py tests/unit/nn tests/unit/inference tests/unit/data/reading tests/integration/test_examples.py

# The first interpreter that is new enough; another one by `make PYTHON3=/path/to/python install`.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# (Searched once, and only if something has to be installed.)
PYTHON3 ?= $(eval PYTHON3 := $(shell for name in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$name -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$name && break; done))$(PYTHON3)

.DEFAULT_GOAL := help
.PHONY: help demo test lint lowest wheel docs screenshots benchmark utd-mhad install clean

help: ## Show these targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(INSTALLED) ## Render recordings, train three models on them, print what each missing sensor costs
	$(BIN)/actionmae demo

test: lint ## Everything that must be green: lint and pytest (ACTIONMAE_DATA=folder adds the real recordings)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

benchmark: $(INSTALLED) ## Measure speed as ratios on a machine that does nothing else, half an hour or more on two cores
	$(BIN)/python -m benchmarks

lint: $(INSTALLED) ## ruff (lint and format), mypy --strict, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lowest: $(INSTALLED) ## Test the oldest versions of the dependencies that pyproject.toml allows, in a venv of their own
	uv=$$(command -v $(BIN)/uv || command -v uv || echo $(UV_HOME)/bin/uv); \
	$$uv venv --quiet --allow-existing --python $(BIN)/python $(LOWEST) && \
	$$uv pip install --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[dev]'
	$(LOWEST)/bin/python -m pytest $(LOWEST_TESTS)

wheel: $(INSTALLED) ## Build the wheel and the source archive into dist/
	uv=$$(command -v $(BIN)/uv || command -v uv || echo $(UV_HOME)/bin/uv); $$uv build --out-dir dist

docs: $(INSTALLED) ## Build the documentation site into site/, without network
	$(BIN)/python -m mkdocs build --strict --site-dir site

screenshots: $(INSTALLED) ## Take the pictures in docs/pictures again, of the demo (make demo) in Chromium (apt install chromium)
	$(BIN)/python docs/screenshots.py

install: $(INSTALLED) ## Install everything into .venv (UV_TORCH_BACKEND=cpu: without CUDA, much smaller)

clean: ## Remove .venv, caches and build outputs; data/ and runs/ stay
	rm -rf $(VENV) $(LOWEST) $(UV_HOME) build dist site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The CUDA packages are exact pins of their own; a CPU install leaves them out.
$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON3)" || { echo "actionmae needs Python 3.11 or newer and none was found:" \
		"install one, or name it with 'make PYTHON3=/path/to/python install'" >&2; exit 2; }
	@$(PYTHON3) -c '$(NEW_ENOUGH)' || { echo "$(PYTHON3) is older than Python 3.11:" \
		"name a newer one with 'make PYTHON3=/path/to/python install'" >&2; exit 2; }
	@set -e; \
	if uv --version >/dev/null 2>&1; then uv=uv; \
	elif test -x $(BIN)/uv; then uv=$(BIN)/uv; \
	elif test ! -e $(VENV) && $(PYTHON3) -c 'import venv, ensurepip' 2>/dev/null; then \
		$(PYTHON3) -m venv $(VENV); $(BIN)/python -m pip install --quiet uv; uv=$(BIN)/uv; \
	elif test -x $(UV_HOME)/bin/uv || $(PYTHON3) -m pip install --quiet --target $(UV_HOME) uv 2>/dev/null; then \
		uv=$(UV_HOME)/bin/uv; \
	else echo "$(PYTHON3) has neither venv nor pip, so nothing can be installed:" \
		"install python3-venv (apt install python3-venv) or uv, then run make again" >&2; exit 2; fi; \
	test -x $(BIN)/python || $$uv venv --quiet --python "$$(command -v $(PYTHON3))" $(VENV); \
	if test "$$UV_TORCH_BACKEND" = cpu; then grep -vE '^(nvidia|cuda|triton)' requirements.lock; \
	else cat requirements.lock; fi > $(VENV)/requirements.txt; \
	$$uv pip install --python $(BIN)/python --compile-bytecode -r $(VENV)/requirements.txt; \
	$$uv pip install --python $(BIN)/python --no-deps --editable .
	@touch $@

UTD_CELLS := cross_prediction depth skeleton inertial sum concat transformer modality_dropout action_mae \
	modality_dropout_token_heads action_mae_token_heads

utd-mhad: $(INSTALLED) ## Train and join every UTD-MHAD cell, three seeds; goes on where it stopped (data/utd-person must be prepared)
	@for seed in 0 1 2; do for cell in $(UTD_CELLS); do echo $$cell $$seed; done; done | xargs -P 2 -L 1 sh -c \
	'$(BIN)/actionmae train --config configs/utd_mhad/$$0.yaml --run runs/utd_mhad/$$0/$$1 --engine.seed $$1 --engine.progress false --resume true || exit 255'
	@set -e; cd runs/utd_mhad; for seed in 0 1 2; do \
	../../$(BIN)/actionmae join D=depth/$$seed/model S=skeleton/$$seed/model A=inertial/$$seed/model --out late_fusion/$$seed/model; \
	../../$(BIN)/actionmae evaluate late_fusion/$$seed/model ../../data/utd-person/manifest.csv \
	--protocol utd_mhad/cross-subject --out late_fusion/$$seed; done
