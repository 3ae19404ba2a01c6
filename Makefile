# Every target sets up what it needs and says what it does. No root, no network beyond package indexes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.ready
SEED ?= 7
# Small matrices only: threads of the linear algebra cost more than they save.
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: help setup demo test check run campaign campaign-ci campaign-planted campaign-real numbers numbers-bad shift bench-vision bench-vision-long docs lock clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(SETUP)  ## virtual environment, locked packages, browser libraries

$(SETUP): requirements-dev.lock pyproject.toml station/hmi/package-lock.json $(wildcard vision/kernels/*)
	@.ci/setup "$(PYTHON)" "$(VENV)"
	@touch $@

demo: $(SETUP)  ## build boards on the simulated machine, write report/index.html
	@$(BIN)/station demo --seed $(SEED) --out report

run: $(SETUP)  ## simulated machine and service on real sockets, page on http://127.0.0.1:8600
	@$(BIN)/python -m station.demo.live

test: $(SETUP)  ## all tests
	@$(BIN)/python -m pytest

check: $(SETUP)  ## format, lint, types, layers, house tests; under a minute
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/house

campaign-ci: $(SETUP)  ## a slice of the fault campaign, some planted bugs, crash points, the bank, some real kills; some minutes
	@$(BIN)/python -m pytest tests/campaign

campaign: $(SETUP)  ## every fault in every step and phase, crash points, a swarm, liveness; writes docs/fault_matrix.md; half an hour
	@$(BIN)/python -m tests.campaign all

campaign-planted: $(SETUP)  ## 70 bugs planted one by one, and what the campaign finds; writes docs/planted_bugs.md; half an hour
	@$(BIN)/python -m tests.campaign.planted

campaign-real: $(SETUP)  ## real processes killed, stopped, without disk, on bad cables; resumable; REAL="--seconds 600"
	@for name in kills disk wires neighbours; do $(BIN)/python -m tests.campaign.real $$name $(REAL) || exit; done

numbers: $(SETUP)  ## 200 packages of all three library recipes with pictures, against truth; some minutes
	@$(BIN)/station demo --seed $(SEED) --boards 34 --out report/numbers

numbers-bad: $(SETUP)  ## every second package badly dipped, with pictures: how many reach a board; 20 minutes
	@$(BIN)/python -m station.demo.bad_packages --count 300 --rendering full --seed $(SEED)

shift: $(SETUP)  ## eight hours of machine time
	@$(BIN)/station shift --hours 8

bench-vision: $(SETUP)  ## vision against the noise bound and practitioners' tools; table and samples in report/bench-vision
	@$(BIN)/python -m tests.benchmarks.vision --out report/bench-vision

bench-vision-long: $(SETUP)  ## a million balls, 10,000 poses, on all cores; resumable; LONG="--seconds 600" ends it early
	@$(BIN)/python -m tests.benchmarks.vision.long $(LONG)

docs: $(SETUP)  ## write the generated pages
	@$(BIN)/python -m station.demo.pages

lock:  ## renew the hashed locks from pyproject.toml (needs uv)
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements-dev.lock

clean:  ## remove what the targets made
	rm -rf $(VENV) report station/hmi/static/vendor .mypy_cache .ruff_cache .pytest_cache
