# Everything a fresh clone needs: each target makes .venv itself.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
EXTRAS_BIN := .venv-extras/bin
# Modules that `make test` skips, or does without the measures of piq, since .venv lacks what they need.
EXTRAS_TESTS := tests/cli/test_evaluate_learned.py tests/evaluation/test_foreign.py \
	tests/metrics/test_catalogue.py tests/metrics/test_gradients.py tests/metrics/test_learned.py

.PHONY: demo test test-extras check format clean

demo: .venv/.ready
	$(BIN)/python examples/demo.py demo

test: .venv/.ready
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --cov --cov-report=term --cov-fail-under=90

# Whatever cannot be imported fails here, where the tests would be skipped.
test-extras: .venv-extras/.ready
	$(EXTRAS_BIN)/python -c "import piq, pyarrow, spandrel, torchvision"
	$(EXTRAS_BIN)/python -m pytest $(EXTRAS_TESTS)

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

# torchvision runs with the very build of PyTorch that it was made for. Both come as the package index
# has them, which on Linux is for CUDA and runs without it; === takes no other build of the version.
.venv-extras/.ready: pyproject.toml
	$(PYTHON) -m venv .venv-extras
	$(EXTRAS_BIN)/python -m pip install --quiet "torch===2.13.0" torchvision
	$(EXTRAS_BIN)/python -m pip install --quiet --editable ".[dev,perceptual,spandrel]"
	touch $@

clean:
	rm -rf .venv .venv-extras demo dist build .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
