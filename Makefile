# Two commands set everything up: `make demo` (see it run) and `make test`.
# They need Python 3.11+, make and git; all else is fetched into .tools/, .venv/ and cloud/web/node_modules/.
PYTHON ?= python3
UV_VERSION := 0.13.8
UV := .tools/bin/uv
# Processes start several times faster when Python may keep what it has compiled.
export PYTHONDONTWRITEBYTECODE :=
COMPONENTS := link edge gateway cloud firmware-sim dashboards demo
WEB_SOURCES := $(shell find cloud/web -path cloud/web/node_modules -prune -o -type f -print 2>/dev/null)
WEB := cloud/src/tonnam_cloud/web_dist/index.html

.PHONY: demo test faults season properties check lock web clean help

help: ## say what can be made
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/'

demo: .venv/.ready $(WEB) ## one farm and one town, from sensor to phone
	@exec .venv/bin/tonnam-demo

test: .venv/.ready $(WEB) ## every test; says in one line what the machine lacks
	@.venv/bin/python -m tests.needs
	.venv/bin/pytest -q -n 6 --dist loadgroup --no-loadscope-reorder # the tests wait for real servers more than they compute

faults: .venv/.ready $(WEB) ## N=300 SEED=1 BROKER=nats: as many faults as you like, and what came of them
	@.venv/bin/python -m tests.faults N=$(N) SEED=$(SEED) BROKER=$(BROKER)

season: .venv/.ready ## N=10000 SEED=1 LAYOUT=plain: as many days of a struck farm as you like; CASE='...': one again
	@.venv/bin/python -m tests.season N=$(N) SEED=$(SEED) LAYOUT=$(LAYOUT) JOBS=$(JOBS) SHORT=$(SHORT) CASE='$(CASE)'

properties: .venv/.ready ## TIMES=20: all that hypothesis draws, with so many times the examples of `make test`
	.venv/bin/pytest -q -n 2 --timeout 7200 --times $(or $(TIMES),20) $(or $(TESTS),tests/edge tests/link tests/sim)

check: .venv/.ready ## style, types and the direction of imports
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy $(COMPONENTS) tests benchmarks
	.venv/bin/lint-imports

web: $(WEB) ## the phone page, built

lock: $(UV) ## resolve dependencies again into requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-emit-index-url \
	  $(foreach c,$(COMPONENTS),--no-emit-package tonnam-$(subst firmware-sim,sim,$(c)) $(c)/pyproject.toml) \
	  --all-extras --group pyproject.toml:dev -o requirements.lock

clean: ## remove what make made, but not the demo's data
	rm -rf .venv .tools cloud/web/node_modules cloud/src/tonnam_cloud/web_dist .mypy_cache .ruff_cache .pytest_cache

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tonnam needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .tools || { echo "Python has no working venv module. On Debian: apt-get install python3-venv"; exit 1; }
	.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/.ready: $(UV) requirements.lock $(COMPONENTS:%=%/pyproject.toml)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip sync --quiet --compile-bytecode --python .venv --require-hashes requirements.lock
	$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation $(COMPONENTS:%=-e %)
	@touch $@

$(WEB): .venv/.ready $(WEB_SOURCES)
	.venv/bin/python cloud/web/build.py
