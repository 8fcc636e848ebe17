# Everything a fresh clone needs: each target makes .venv itself.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: demo test check format clean

demo: .venv/.ready
	$(BIN)/python examples/demo.py demo

test: .venv/.ready
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --cov --cov-report=term --cov-fail-under=90

check: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# PyTorch comes first and at a known version, so that nothing else chooses one.
.venv/.ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv demo dist build .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
