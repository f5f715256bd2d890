# Everything runs in .venv, which the first target that needs it builds from pyproject.toml and constraints.txt.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# More than the cores: a test that starts a process mostly waits for it.
JOBS ?= 3
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: help install quickstart test test-slow reproduce docs lint format bench clean

help:
	@echo "make quickstart   set up, run a small real sweep, print the comparison"
	@echo "make test         set up, run the test suite"
	@echo "make test-slow    the checks that take longer than a minute; TESTS=DIR for those of one directory"
	@echo "make reproduce    every table and figure of the paper at its smallest, with verdicts"
	@echo "make docs         docs/reference.md and the generated tables of docs/paper.md"
	@echo "make lint         ruff and mypy"
	@echo "make format       ruff, in place"
	@echo "make bench        throughput beside stock Stable-Baselines3"
	@echo "make clean        remove the virtual environment and caches (runs/ stays)"

install: $(READY)

$(READY): pyproject.toml constraints.txt
	./scripts/make-venv "$(PYTHON)" $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev,wandb,slurm,rliable,video]'
	@touch $(READY)

quickstart: $(READY)
	$(BIN)/harness sweep sweeps/quickstart.yaml
	$(BIN)/harness report quickstart

test: $(READY)
	$(PYTEST) -n $(JOBS) --dist worksteal

test-slow: $(READY)
	$(PYTEST) -m slow $(TESTS)

reproduce: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/harness reproduce --tier smoke --run

docs: $(READY)
	$(BIN)/python -m scripts.docs

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	$(BIN)/harness bench envs
	$(BIN)/harness bench train

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
