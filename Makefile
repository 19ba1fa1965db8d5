# Everything a developer or CI needs; `make run` and `make test` set up what they need by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist worksteal

.PHONY: run test test-all test-rest conformance live lint types layers bench docs check clean

run: $(READY)
	$(BIN)/loop run --env local

test: $(READY)  ## a sample of every matrix
	$(PYTEST) -m "not full"

test-rest: $(READY)  ## what test-all adds to test
	$(PYTEST) -m full

test-all: test test-rest

conformance: $(READY)  ## the emulator through Google's clients; prints each method with each outcome
	$(PYTEST) tests/conformance

live: $(READY)  ## the same tests against PROJECT on Google (docs/live.md says what it needs and leaves)
	@test -n "$(PROJECT)" || { echo "name the project: make live PROJECT=my-project [REGION=us-central1]"; exit 2; }
	$(BIN)/python -m pytest -q -rs tests/conformance --live $(PROJECT) --live-region $(or $(REGION),us-central1)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check loop tests bench

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m bench

docs: $(READY)  ## the reference of every configuration key and its JSON Schema; the names that `template:` may hold
	$(BIN)/python -m loop.cloud.template_fields > .template_fields && mv .template_fields loop/config/template_fields.py
	$(BIN)/loop config docs > docs/configuration.md
	$(BIN)/loop config schema > docs/configuration.schema.json

check: lint types layers

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev,example]'
	touch $(READY)

clean:
	rm -rf $(VENV) .loop build dist *.egg-info
