# Everything here works on a fresh Debian, Ubuntu or macOS machine with Python 3.11 or newer.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_FOR_TESTS := $(VENV)/.ready-for-tests
AGENTS := .agents
READY_AGENTS := $(AGENTS)/.ready

.PHONY: demo test test-agents lint bench docs clean

demo: $(READY)  ## improve a small language model for five minutes: no key, no GPU
	$(BIN)/overnight demo demo

test: $(READY_FOR_TESTS)  ## the whole test suite
	$(BIN)/pytest

test-agents: $(READY_FOR_TESTS) $(READY_AGENTS)  ## the real coding agents against a model that needs no key
	$(BIN)/pytest tests/agents

lint: $(READY)  ## style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## what the README claims about speed and size, measured here
	$(BIN)/python benchmarks/overhead.py --sandbox
	$(BIN)/python benchmarks/soak.py
	$(BIN)/python benchmarks/report.py
	$(BIN)/python benchmarks/utilization.py
	$(BIN)/python benchmarks/scale.py

docs: $(READY_FOR_TESTS)  ## the site that docs/ makes, in dist/site; every link must lead somewhere
	$(BIN)/mkdocs build --strict

$(READY): requirements.lock pyproject.toml scripts/setup.sh
	sh scripts/setup.sh $(VENV)
	touch $(READY)

$(READY_FOR_TESTS): $(READY) tests/requirements.lock $(wildcard examples/nanochat/*.lock)
	sh scripts/setup.sh $(VENV) tests
	touch $(READY_FOR_TESTS)

$(READY_AGENTS): scripts/setup_agents.sh $(wildcard tests/agents/*.lock) tests/agents/package-lock.json
	sh scripts/setup_agents.sh $(AGENTS)
	touch $(READY_AGENTS)

clean:
	rm -rf $(VENV) $(AGENTS) demo
