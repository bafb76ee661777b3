# Everything here works on a fresh Debian, Ubuntu or macOS machine with Python 3.11 or newer.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_FOR_TESTS := $(VENV)/.ready-for-tests

.PHONY: demo test lint bench clean

demo: $(READY)  ## improve a small language model for five minutes: no key, no GPU
	$(BIN)/overnight demo demo

test: $(READY_FOR_TESTS)  ## the whole test suite
	$(BIN)/pytest

lint: $(READY)  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## what the README claims about speed and size, measured here
	$(BIN)/python benchmarks/overhead.py --sandbox
	$(BIN)/python benchmarks/soak.py

$(READY): requirements.lock pyproject.toml scripts/setup.sh
	sh scripts/setup.sh $(VENV)
	touch $(READY)

$(READY_FOR_TESTS): $(READY)
	sh scripts/setup.sh $(VENV) tests
	touch $(READY_FOR_TESTS)

clean:
	rm -rf $(VENV) demo
