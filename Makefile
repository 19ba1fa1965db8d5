# Everything a developer or CI needs; `make run` and `make test` set up what they need by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist worksteal

.PHONY: run test test-all test-rest lint types layers bench docs check clean

run: $(READY)
	$(BIN)/loop run --env local

test: $(READY)  ## a sample of every matrix
	$(PYTEST) -m "not full"

test-rest: $(READY)  ## what test-all adds to test
	$(PYTEST) -m full

test-all: test test-rest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check loop tests bench

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m bench

docs: $(READY)  ## the reference of every configuration key, from the same descriptions as the JSON Schema
	$(BIN)/loop config docs > docs/configuration.md
	$(BIN)/loop config schema > docs/configuration.schema.json

check: lint types layers

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev,example]'
	touch $(READY)

clean:
	rm -rf $(VENV) .loop build dist *.egg-info
