# Safe-Net Geo. `make` alone lists what it can do.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The service, the galleries and the rendered world need a tenth of what training needs.
DEMO_STAMP := $(VENV)/.demo_installed
DOCS_STAMP := $(VENV)/.docs_installed
PLAIN_STAMP := $(VENV)/.plain_installed
BENCH ?=
# A machine with a GPU has its own PyTorch: make gpu-check GPU_PYTHON=python3
GPU_PYTHON ?= $(BIN)/python
PORT ?= 8000
SERVICE := test_service_* test_project_*
INDEX := test_console_* test_indexer_* test_model_*
SLOW := test_page_* *_kill.py *_fuzz.py *_documents.py

.DEFAULT_GOAL := help
.PHONY: help setup test test-serving test-training test-plain test-plain-service test-plain-index test-milvus lint check demo demo-check demo-stop screenshots coverage docs bench gpu-check constraints lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv and install the pinned packages into it

$(DEMO_STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is older than Python 3.11; name a newer one: make setup PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# Compiling every module takes 20 s of processor time; the few that are used compile when imported.
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable '.[world]'
	@touch $@

$(STAMP): $(DEMO_STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[training,test,dev]'
	@touch $@

# Many files of training's tests in one process end in a segmentation fault, some at its exit; the cause is not known.
# Each file in a process of its own passes.
TORCH := tests/test_training_*.py tests/test_world_*.py

test: $(STAMP) ## run the whole test suite, its two halves side by side
	@$(MAKE) --no-print-directory --jobs=2 --keep-going test-serving test-training

test-serving: $(STAMP) ## the half that indexes, searches and serves
	$(BIN)/pytest -q $(TORCH:tests/%='--ignore-glob=*/%')

test-training: $(STAMP) ## the half of training and the rendered world
	@set -e; for file in $(wildcard tests/test_training_*.py); do \
	  echo "$$file"; OMP_NUM_THREADS=1 $(BIN)/pytest -q $$file; done
	OMP_NUM_THREADS=1 $(BIN)/pytest -q tests/test_world_*.py

test-plain: $(PLAIN_STAMP) ## the quick tests of index, search and service in an install without PyTorch
	$(BIN)/python -c 'import importlib.util as i, sys; sys.exit(i.find_spec("torch") and "error: PyTorch is in this environment")'
	@$(MAKE) --no-print-directory --jobs=2 --keep-going test-plain-service test-plain-index

test-plain-service: $(PLAIN_STAMP) ## of those, the service's and the project's
	$(BIN)/pytest -q $(TORCH:tests/%='--ignore-glob=*/%') $(SLOW:%='--ignore-glob=*/%') $(INDEX:%='--ignore-glob=*/%')

test-plain-index: $(PLAIN_STAMP) ## of those, the rest
	$(BIN)/pytest -q $(TORCH:tests/%='--ignore-glob=*/%') $(SLOW:%='--ignore-glob=*/%') $(SERVICE:%='--ignore-glob=*/%')

$(PLAIN_STAMP): $(DEMO_STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

coverage: $(STAMP) ## the serving half's tests, then the share of its lines and branches that they ran
	$(BIN)/pytest -q $(TORCH:tests/%='--ignore-glob=*/%') --cov-branch --cov-report=term:skip-covered \
	  --cov=console --cov=model --cov=indexer --cov=service

test-milvus: $(STAMP) ## galleries in a real Milvus server, in a network namespace of its own (needs root, or user namespaces)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[milvus-server]'
	unshare --net $(if $(filter-out 0,$(shell id -u)),--map-root-user) $(BIN)/pytest -q tests/test_indexer_milvus_server.py

lint: $(STAMP) ## formatting, lint, types and import direction, without the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## the developer's gate: lint, then test

demo: $(DEMO_STAMP) ## build the demo world and galleries, start the service, print one curl to try
	$(BIN)/python -m service.demo start --port $(PORT)

demo-check: $(DEMO_STAMP) ## the demo, asked one /localize and one /navigate question whose truth is known
	$(BIN)/python -m service.demo check --port $(PORT)

demo-stop: ## stop the service that `make demo` left running
	$(BIN)/python -m service.demo stop

screenshots: demo ## take docs/images/page_*.png again from the running demo (needs chromium)
	$(BIN)/python docs/screenshots.py $(PORT)

docs: $(DOCS_STAMP) ## build the documentation site, Python reference included, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	$(BIN)/python docs/site_check.py site

$(DOCS_STAMP): $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

bench: $(STAMP) ## run the benchmarks, print a table, write bench.json (one alone: BENCH=search)
	$(BIN)/python benchmarks/run.py $(BENCH)

gpu-check: ## measure and check all that needs an NVIDIA GPU, in at most 8 minutes, into gpu.json
	$(GPU_PYTHON) benchmarks/gpu_check.py

constraints: $(STAMP) ## pin the whole tree of pyproject.toml in constraints.txt; old pins stay
	$(BIN)/pip install --quiet --dry-run --ignore-installed --report $(VENV)/tree.json \
	  --constraint constraints.txt '.[gpu,training,scale,milvus-server,telemetry,docs,test,dev]'
	$(BIN)/python -c 'import json, sys; print(*sorted(("==".join((i["metadata"]["name"], i["metadata"]["version"])) \
	  for i in json.load(sys.stdin)["install"] if "dir_info" not in i["download_info"]), key=str.lower), sep="\n")' \
	  < $(VENV)/tree.json > $(VENV)/constraints.txt
	mv $(VENV)/constraints.txt constraints.txt
	@touch $(STAMP)

LOCK := $(BIN)/pip install --quiet --dry-run --ignore-installed --only-binary :all: --constraint constraints.txt

lock: $(STAMP) ## write docker/requirements-*.txt: the pinned packages with the hashes of their wheels
	$(BIN)/python docker/wanted.py cpu > $(VENV)/cpu.txt
	$(BIN)/python docker/wanted.py gpu > $(VENV)/gpu.txt
	$(LOCK) --report $(VENV)/cpu.json --requirement $(VENV)/cpu.txt
	$(LOCK) --report $(VENV)/gpu.json --requirement $(VENV)/gpu.txt
	$(BIN)/python docker/lock.py $(VENV)/cpu.json constraints.txt > $(VENV)/cpu.txt
	$(BIN)/python docker/lock.py $(VENV)/gpu.json constraints.txt > $(VENV)/gpu.txt
	mv $(VENV)/cpu.txt docker/requirements-cpu.txt
	mv $(VENV)/gpu.txt docker/requirements-gpu.txt

clean: ## remove caches, the demo's files and .venv
	-test -x $(BIN)/python && $(BIN)/python -m service.demo stop
	rm -rf $(VENV) .venv-3.12 var/demo build site bench.json .coverage *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
