# Every command a newcomer needs. `make demo` and `make test` do their own set-up.
.DEFAULT_GOAL := help
.PHONY: help setup system demo test suite quick trials soak check e2e boosters bench peers docs locust site lock clean
PYTHON := .venv/bin/python
BOOSTERS := var/boosters/bin/python -m pytest -q -n 0
OF_BOOSTERS := tests/delivery/onnx/converters/boosters tests/delivery/onnx/converters/meta/test_imbalanced_learn.py
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export OMP_NUM_THREADS ?= 1
export ORT_DISABLE_TELEMETRY ?= 1
# Images of containers often set it: each of some thousand processes would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

help: ## what there is
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

setup: ## the Python environment alone (.venv, from requirements.txt)
	@./scripts/setup.sh

system: ## the environment, and Debian's PostgreSQL, nginx, wrk, Prometheus, Chromium and Node (root)
	@./scripts/setup.sh system

demo: setup ## the main job on real flights, about two minutes; KEEP=1 leaves it running
	@$(PYTHON) deploy.py demo $(if $(KEEP),--keep)

test: system ## `make check` and all tests, three files at a time: some of them mostly wait; then those of `make boosters`
	@$(MAKE) --no-print-directory -j2 check suite
	@if ./scripts/setup.sh boosters; then $(BOOSTERS) $(OF_BOOSTERS); else echo "skipped: $(OF_BOOSTERS)"; fi

suite: setup
	@$(PYTHON) -m pytest tests -n 3 --dist loadfile --no-loadscope-reorder

quick: setup ## the core and what is pure around it, for the loop of a working day
	@$(PYTHON) -m pytest -q -n 2 tests/rollout tests/cli/test_application.py tests/wire/test_fast_path.py tests/router/dispatch tests/router/requests tests/router/evidence tests/test_docs.py tests/test_structure.py

trials: system ## what public reports and strangers found wrong elsewhere, tried here (docs/trials.md)
	@$(PYTHON) -m scripts.trials

soak: system ## slow proofs: the verdict's promises by thousands of rollouts, and rollouts by themselves at leisure
	@$(PYTHON) -m pytest -m soak tests

check: setup ## lint, types and the imports contract
	@ruff check . && ruff format --check --quiet . && mypy cli rollout store wire batch router service delivery export deployment targets emulator environments load deploy.py && lint-imports --no-cache >/dev/null && $(PYTHON) -m scripts.structure --json && echo "check: clean"

e2e: system ## only the tests with real processes
	@$(PYTHON) -m pytest tests/e2e

boosters: setup ## the tests with LightGBM, XGBoost and imbalanced-learn, in an environment of their own (var/boosters)
	@./scripts/setup.sh boosters && $(BOOSTERS) $(OF_BOOSTERS)

bench: system ## the figures in docs/benchmarks.md, an hour and more; what `make peers` set up is in it
	@$(PYTHON) -m benchmarks.serving --peers all && $(PYTHON) -m benchmarks.protocols && $(PYTHON) -m benchmarks.rollout && $(PYTHON) -m benchmarks.overload && ./scripts/setup.sh locust && $(PYTHON) -m benchmarks.load && $(PYTHON) -m benchmarks.abuse && $(PYTHON) -m benchmarks.spent && $(PYTHON) -m benchmarks.verdict && $(PYTHON) -m benchmarks.conduct && $(PYTHON) -m benchmarks.slugs && $(PYTHON) -m benchmarks.report

peers: setup ## what `python -m benchmarks.serving --peers all` compares with (HAProxy as root)
	@./scripts/setup.sh peers && ./benchmarks/peers/setup.sh

docs: setup ## write the pictures and tables that docs/ takes from the code
	@$(PYTHON) -m scripts.pictures

locust: ## users' load by Locust with its page, against the running stack (in an environment of its own, .venv-locust)
	@./scripts/setup.sh locust && $(PYTHON) deploy.py load --engine locust --web

site: ## build the documentation as a site in site/ (in an environment of its own, .venv-docs)
	@./scripts/setup.sh docs && NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict && echo "site/index.html"

lock: setup ## compile requirements.txt from environment.yaml
	@$(PYTHON) scripts/requirements.py

clean: ## remove what was made here (stops nothing: `python deploy.py down` first)
	@rm -rf .venv .venv-docs var/boosters .venv-locust site .pytest_cache .mypy_cache .ruff_cache .hypothesis
