# One word does everything, its own set-up included: `make demo` and `make test` first.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
CAPTURES ?=
CDR ?=
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
LOGS := .cache/logs
SOURCES := probe kernels formats tools benchmarks tests
COVERAGE := --cov=probe --cov=kernels --cov=formats --cov=tools
PYTEST := $(BIN)/python -m pytest $(if $(CAPTURES),--captures="$(CAPTURES)") $(if $(CDR),--cdr="$(CDR)")
# A test file that imports a kernel is a kernel test: all of them must also pass interpreted.
KERNEL_TESTS = $(shell grep -lE '^(from|import) kernels' tests/test_*.py)
HOSTILE := hostile or truncat or flip or fuzz or cut or damage or random or each_octet

.PHONY: help demo test test-slow lint format bench bench-smoke wheel debian debian-bench clean

help:
	@echo "make demo         traffic with known faults, the main job on it, the KPIs as a table"
	@echo "make test         lint, types and all tests (CAPTURES=DIR adds a folder of real captures,"
	@echo "                  CDR=DIR one of real charging records)"
	@echo "make test-slow    the tests that take minutes"
	@echo "make lint         ruff and mypy"
	@echo "make format       ruff, rewriting the files"
	@echo "make bench        kernels, whole runs and peers side by side, up to an hour"
	@echo "make bench-smoke  the same on a tiny capture, some minutes"
	@echo "make wheel        dist/*.whl"
	@echo "make clean        remove what these made, the environment included"

demo: $(VENV)/runtime.stamp
	@$(BIN)/wiregauge demo

# The captions of the last lines say which pytest run is which.
test: lint debian
	@rm -rf $(LOGS) && mkdir -p $(LOGS)
	@echo "== tests, compiled (first use compiles the kernels: some minutes)"
	@$(PYTEST) -n $(WORKERS) -m "not slow" $(COVERAGE) --cov-report= | tee $(LOGS)/compiled
	@if [[ -n "$(KERNEL_TESTS)" ]]; then \
	  echo "== kernel tests, interpreted; coverage is measured here"; \
	  NUMBA_DISABLE_JIT=1 $(PYTEST) -n $(WORKERS) -m "not slow and not captures and not compiled" $(COVERAGE) \
	    --cov-append --cov-report=term:skip-covered $(KERNEL_TESTS) | tee $(LOGS)/interpreted; \
	  echo "== hostile input, with bounds checks, in a fresh cache"; \
	  cache=$$(mktemp -d) && trap "rm -rf $$cache" EXIT && \
	  NUMBA_BOUNDSCHECK=1 WIREGAUGE_CACHE=$$cache $(PYTEST) -n $(WORKERS) -m "not slow" -k "$(HOSTILE)" \
	    | tee $(LOGS)/bounds-checked; \
	fi
	@if [[ -f benchmarks/run.py ]]; then \
	  echo "== benchmark, smoke form"; $(BIN)/python -m benchmarks.run --smoke --no-record; \
	fi
	@echo "== all passed"; for log in $(LOGS)/*; do echo "$${log##*/}: $$(tail -n 1 $$log)"; done

test-slow: $(VENV)/dev.stamp debian
	@$(PYTEST) -m slow

lint: $(VENV)/dev.stamp
	@echo "== lint and types"
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy

format: $(VENV)/dev.stamp
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

bench: $(VENV)/bench.stamp debian-bench
	@$(BIN)/python -m benchmarks.run

bench-smoke: $(VENV)/bench.stamp debian-bench
	@$(BIN)/python -m benchmarks.run --smoke

wheel: $(VENV)/dev.stamp
	@rm -rf dist && $(BIN)/python -m build --wheel --outdir dist . > /dev/null
	@ls -l dist/*.whl

clean:
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage dist build demo benchmarks/data

# --- set-up -----------------------------------------------------------------------------------------------------

# An argument each: the extras, and what to tell.
define install
@echo "== $(2)"
@start=$$SECONDS; $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable ".$(1)" && \
  echo "   done in $$((SECONDS - start)) s"
@touch $@
endef

$(VENV)/runtime.stamp: pyproject.toml | $(BIN)/python
	$(call install,,installing wiregauge and what it runs on into $(VENV): a minute or two)

$(VENV)/dev.stamp: pyproject.toml $(VENV)/runtime.stamp
	$(call install,[dev],installing what the tests need into $(VENV): a minute or two)

$(VENV)/bench.stamp: pyproject.toml $(VENV)/runtime.stamp
	$(call install,[bench],installing the peers of the benchmark into $(VENV): a minute)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "wiregauge needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "== making the environment $(VENV)"
	@$(PYTHON) -m venv $(VENV) > /dev/null 2>&1 || { \
	  rm -rf $(VENV); \
	  $(call debian_install,python3-venv); \
	  $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "install python3-venv, then again"; exit 1; }; }

# Installs a Debian package where that is possible, else says so and goes on.
debian_install = if [[ $$(id -u) == 0 ]] && command -v apt-get > /dev/null; then \
  echo "== installing the Debian package $(1)"; \
  { apt-get update -q > /dev/null && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends $(1) > /dev/null 2>&1; } || \
    echo "   could not install $(1): what needs it is skipped"; \
  else echo "   $(1) is missing and only root can install it: what needs it is skipped"; fi

debian:
	@command -v tshark > /dev/null || { $(call debian_install,tshark); }
	@command -v ip > /dev/null || { $(call debian_install,iproute2); }
	@ldconfig -p | grep -q libpcap || { $(call debian_install,libpcap0.8); }

debian-bench: debian
	@command -v nfpcapd > /dev/null || { $(call debian_install,nfdump); }
	@command -v softflowd > /dev/null || [[ -x /usr/sbin/softflowd ]] || { $(call debian_install,softflowd); }
