# Watchpost's one door: `make help` lists what it opens.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Editable, so that `git pull` needs no new install; without byte code, which would add a third to the size.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# bash counts seconds in a variable of this name: it must not reach the shells that recipes run in.
unexport SECONDS
export SOURCE PORT
# A file of tests stays in one process; one thread each, or the libraries of all processes compete for the same cores.
# In the order of `tests/conftest.py`, not by the number of tests in them, which says nothing of how long they take.
IN_PARALLEL := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: help demo test test-all test-some test-again lint types docs bench wheel clean distclean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.installed ## Play a scene through the whole pipeline: SOURCE=camera-or-file SECONDS=20 PORT=8010
	@set --; \
	if [ -n "$$PORT" ]; then set -- "$$@" --port "$$PORT"; fi; \
	if [ -n "$(SECONDS)" ]; then set -- "$$@" --duration "$(patsubst %s,%,$(SECONDS))s"; fi; \
	if [ -n "$$SOURCE" ]; then set -- "$$@" -- "$$SOURCE"; fi; \
	exec $(BIN)/watchpost demo "$$@"

test: $(VENV)/.installed-test ## Run the fast tests, on all cores
	@$(IN_PARALLEL)

test-all: MARKED :=
test-all: test-some ## Run all tests: also full clips, real servers, a browser, reference tools

test-some: $(VENV)/.installed-oracle ## Run the tests with these marks: MARKED="slow or peer"
	@$(IN_PARALLEL) -m "$(MARKED)"

test-again: $(VENV)/.installed-test ## Run those of the last run's tests that failed again, one by one: MARKED="slow or peer"
	@$(BIN)/python -m pytest --last-failed --last-failed-no-failures none -m "$(MARKED)"

lint: types ## Check style, types, import contracts, spelling and the documentation
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/codespell $$(git ls-files ':!tests') # tests misspell on purpose
	@$(BIN)/python -m pytest --quiet tests/docs

types: $(VENV)/.installed-dev ## Check types (mypy --strict)
	@$(BIN)/mypy

docs: $(VENV)/.installed-test ## Write docs/cli.md and docs/configuration.md anew and check the documentation
	@$(BIN)/python scripts/make_cli_docs.py
	@$(BIN)/python scripts/write_configuration_reference.py
	@$(BIN)/python -m pytest --quiet tests/docs tests/config/test_reference.py

bench: $(VENV)/.installed-test ## Run the benchmarks and print their tables
	@set -e; for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script; done

wheel: $(VENV)/.installed ## Build a wheel and check it: file sizes, default dependencies, time of --help
	@rm -rf dist && $(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	@$(BIN)/python scripts/check_wheel.py dist/watchpost-*.whl

clean: ## Remove caches and builds
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src tests scripts bench -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## Remove the virtual environment too
	@rm -rf $(VENV)

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: install Python 3.11 or newer." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Watchpost needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Choose another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) can not make virtual environments: apt install python3-venv (Debian, Ubuntu)." >&2; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --quiet --disable-pip-version-check uninstall --yes setuptools 2>/dev/null || true # 9 MB, unused

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "installing Watchpost (about 500 MB, once)"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what the tests need"
	@$(INSTALL) -c constraints.txt -e '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what tests and checks need"
	@$(INSTALL) -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.installed-test $(VENV)/.installed

# TrackEval asks for opencv-python, which would overwrite the OpenCV that Watchpost installs: its dependencies by hand.
$(VENV)/.installed-oracle: $(VENV)/.installed-test
	@echo "installing the reference tools"
	@$(INSTALL) -c constraints.txt matplotlib pillow pycocotools scipy tabulate
	@$(INSTALL) -c constraints.txt --no-deps 'trackeval>=1.3,<2'
	@$(INSTALL) -c constraints.txt --no-deps torchvision # 8 MB; tests declare its operators where its build does not match
	@touch $@
