# Every target builds .venv first when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup run test check fix e2e bench loop drill

setup: $(STAMP)

$(STAMP): requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -r requirements-dev.txt
	touch $@

run: $(STAMP)
	$(BIN)/python app.py

# two processes on two cores, one thread each, or their pools wait for one another; the longest files first
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/integration tests/golden tests/property tests/unit -m "not gpu" \
		-n 2 --dist loadfile --no-loadscope-reorder

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# the longest file first (tests/e2e/conftest.py), the others beside it
e2e: $(STAMP)
	$(BIN)/python -m pytest tests/e2e -m "not gpu" -n 2 --dist loadfile --no-loadscope-reorder

bench: $(STAMP)
	$(BIN)/python -m bench.run

# corrections, retraining, gate, promotion and rollback on planted pictures, in a folder of its own
loop: $(STAMP)
	$(BIN)/python -m tests.loop

# writers of the feedback store killed at random moments
drill: $(STAMP)
	$(BIN)/python -m tests.drill
