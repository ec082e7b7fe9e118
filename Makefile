# `make demo` and `make test` set up all that they need; nothing but python3 (3.11 or later) and make must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
MEASURE ?= all

.PHONY: demo test lint check bench lock clean
.DELETE_ON_ERROR:

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "drawbar needs Python 3.11 or later")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: $(VENV)/.ready ## a receiver with signed sample batches, a table of who is on what, and the live service
	$(BIN)/drawbar demo $(ARGS)

test: lint check ## every linter and every test

lint: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

check: $(VENV)/.ready
	$(BIN)/pytest -n 2 --dist worksteal $(ARGS)

bench: $(VENV)/.ready ## MEASURE=all or the name of one benchmark
	$(BIN)/python -m benchmarks $(MEASURE)

lock: $(VENV)/.ready ## requirements.lock anew from requirements-dev.in
	$(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --allow-unsafe --no-header --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --no-emit-options -o requirements.lock requirements-dev.in

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
