# Everything below builds what it needs in this folder first; only Python >= 3.11 and make are asked for.
PYTHON ?= python3
# Calrissian's pins have no wheels for Python 3.13 and later.
PYTHON_CALRISSIAN ?= $(shell for p in python3.12 python3.11 $(PYTHON); do \
  command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/calrissian-dask
PIP_FLAGS := --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test test-cluster cluster-up cluster-down lint format bench soak soak-cluster requirements clean

help: ## list the targets
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z.-]+):.*## /  make \1\t/' | expand -t 24

.venv: .venv/.made ## the virtual environment of everything but Calrissian
.venv/.made: requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(PIP_FLAGS) --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install $(PIP_FLAGS) --no-build-isolation --no-deps -e .
	touch $@

.venv-calrissian: .venv-calrissian/.made ## the virtual environment of stock Calrissian
.venv-calrissian/.made: requirements/calrissian.txt pyproject.toml
ifeq ($(PYTHON_CALRISSIAN),)
	@echo 'No Python 3.11 or 3.12 here: stock Calrissian cannot be installed.' && mkdir -p .venv-calrissian
else
	$(PYTHON_CALRISSIAN) -m venv .venv-calrissian
	.venv-calrissian/bin/python -m pip install $(PIP_FLAGS) --require-hashes -r requirements/calrissian.txt
	.venv-calrissian/bin/python -m pip install $(PIP_FLAGS) --no-build-isolation --no-deps -e .
endif
	touch $@

.venv-tool-old .venv-tool-new: .venv-tool-%: .venv-tool-%/.made ## environments of tools: the oldest distributed, the newest alone
.venv-tool-%/.made: requirements/tool-%.txt
	$(PYTHON) -m venv .venv-tool-$*
	.venv-tool-$*/bin/python -m pip install $(PIP_FLAGS) --require-hashes -r $<
	touch $@

test: .venv/.made .venv-calrissian/.made .venv-tool-old/.made .venv-tool-new/.made ## ruff, mypy, import-linter, and the whole test suite
	$(MAKE) --no-print-directory lint
	$(BIN)/pytest -q tests/podspec --cov=calrissian_dask --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100
ifeq ($(PYTHON_CALRISSIAN),)
	@echo 'Not run: the tests with stock Calrissian, which needs Python 3.11 or 3.12 on PATH.'
else
	.venv-calrissian/bin/python -m pytest -q tests/calrissian tests/podspec tests/cwl
endif
	$(BIN)/pytest -q -n 2 tests --ignore tests/podspec --ignore tests/calrissian --ignore tests/cluster
	$(MAKE) --no-print-directory test-cluster

# One process per waiting pod, about; more would only wait for the cores of a small machine.
CLUSTER_WORKERS ?= 6
# CI sets it: there, a machine on which the suite cannot run is a failure.
CLUSTER_REQUIRED ?=

test-cluster: .venv/.made ## the suite on a real Kubernetes: kind, in the Docker that runs here or in one of its own
	@stop=true; tests/kind/docker.sh running || stop='tests/kind/docker.sh down'; \
	trap "$$stop" EXIT; trap 'exit 130' INT TERM; \
	if tests/kind/docker.sh up && $(BIN)/python -m tests.cluster check; then \
	  $(BIN)/pytest -q -n $(CLUSTER_WORKERS) tests/cluster; \
	else \
	  echo 'Not run: the suite on a real Kubernetes (tests/cluster), for the reason above.'; \
	  [ -z "$(CLUSTER_REQUIRED)" ]; \
	fi

cluster-up: .venv/.made ## keep a Docker, a kind cluster and a Dask Gateway running for pytest tests/cluster
	tests/kind/docker.sh up
	$(BIN)/python -m tests.cluster up

cluster-down: .venv/.made ## delete that cluster and its images; end the Docker, if cluster-up started it
	@code=0; ! tests/kind/docker.sh running || $(BIN)/python -m tests.cluster down || code=$$?; \
	tests/kind/docker.sh down && exit $$code

demo: .venv/.made ## hillshade and slopes of the Jacksboro fault, by CWL on a Dask cluster of this machine
	@elevation=$$($(BIN)/python -c 'import matplotlib; print(matplotlib.get_data_path())')/sample_data/jacksboro_fault_dem.npz \
	&& PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/calrissian-dask local --no-container --outdir demo-output \
	  examples/terrain/relief.cwl --elevation "$$elevation" >/dev/null \
	&& echo && echo "The picture:    demo-output/hillshade.png" && echo "The statistics: demo-output/slope.json"

lint: .venv/.made ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy podspec sidecar tests benchmarks image
	$(BIN)/hadolint Dockerfile tests/cluster/images/Dockerfile tests/cluster/images/platform/Dockerfile
	$(BIN)/lint-imports

format: .venv/.made ## let ruff rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.made ## ratios measured side by side: provision, stop, memory, forwarder, mutate_pod
	$(BIN)/python -m benchmarks

soak-cluster: .venv/.made ## 1000 steps with random ends on the kind cluster of `make cluster-up` (100 in `make test`)
	$(BIN)/pytest -q -s -m soak --keep-cluster --soak-pods 1000 tests/cluster

soak: .venv/.made ## 300 rounds of random kills (30 in `make test`)
	$(BIN)/pytest -m soak --rounds 300 tests/sidecar/test_random_kills.py

UV_COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-header

requirements: .venv/.made ## pin anew what pyproject.toml and requirements/*.in ask for
	$(BIN)/python -m pip install $(PIP_FLAGS) uv
	$(UV_COMPILE) --extra local --extra plan --extra auth pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(UV_COMPILE) --extra calrissian pyproject.toml requirements/calrissian.in -o requirements/calrissian.txt
	$(UV_COMPILE) requirements/tool-old.in -o requirements/tool-old.txt
	$(UV_COMPILE) -c requirements/dev.txt requirements/tool-new.in -o requirements/tool-new.txt
	$(UV_COMPILE) requirements/image-build.in -o requirements/image-build.txt
	$(UV_COMPILE) --extra calrissian -c requirements/calrissian.txt pyproject.toml requirements/image-calrissian.in -o requirements/image-calrissian.txt
	$(UV_COMPILE) -c requirements/dev.txt requirements/image-auth.in -o requirements/image-auth.txt
	$(UV_COMPILE) -c requirements/dev.txt requirements/test-gateway.in -o requirements/test-gateway.txt

clean: ## remove what was built here
	rm -rf .venv .venv-calrissian .venv-tool-old .venv-tool-new .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	rm -rf "$(CACHE)/bin" "$(CACHE)/node.tar.zst"
