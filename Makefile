# Two commands: `make quickstart` (set up and run the benchmark with the embedded model) and
# `make test` (set up and run the tests). Each step is a plain command that you could type.
VENV ?= .venv
MODEL ?= embedded/qwen2.5-coder-0.5b
BIN := $(VENV)/bin
# Scenarios per task, for a short run: make quickstart LIMIT=2
LIMIT ?=
# All tasks and scenarios, many times as long: make quickstart FULL=1
FULL ?=

.PHONY: quickstart test test-slow lint docs lock clean

quickstart: $(VENV)/.installed-run
	$(BIN)/redgreen $(if $(FULL),run -T inject=body,quickstart) --model $(MODEL) --fallback-model embedded/smollm2-135m $(if $(LIMIT),--limit $(LIMIT))

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not slow"

# What runs the embedded model, builds packages, fuzzes every bug, or repeats attacks as an ordinary user.
test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m slow

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The documentation as a site in site/; a broken link or an unlisted page fails.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# uv.lock, with the versions of constraints.txt; needs uv.
lock:
	uv lock $(shell grep == constraints.txt | sed 's/^/-P /')

$(BIN)/python:
	python3 -m venv $(VENV)

$(VENV)/.installed-run: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[embedded,exec,check]"
	touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[embedded,exec,dev]"
	touch $@ $(VENV)/.installed-run

$(VENV)/.installed-docs: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) site build dist .pytest_cache .mypy_cache .ruff_cache
