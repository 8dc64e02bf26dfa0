# Every command of the house, from a fresh clone with nothing but Python >= 3.11, git and make.
#
#   make demo    serve examples/flask_app on http://127.0.0.1:8000    (another address: make demo BIND=:8001)
#   make test    run the tests                                        (some of them: make test ARGS="-k chunked")
#   make bench   compare with the peers; needs wrk                    (an option: make bench ARGS="--pin")
#   make fuzz    look for inputs that break a promise                 (make fuzz FUZZ_SECONDS=600 FUZZ_TARGETS="reader chunks")
#   make conformance    hold every case of RFC 9110 and 9112 with the peers (some: make conformance ARGS="--servers ehttpd")
#   make screenshots    take the pictures of docs/figures.md, in three minutes; needs Chromium
#   make upheaval    reload, kill, upgrade and restart under load: what clients notice (fewer: make upheaval ARGS="--times 5")
#   make siege   attack a server with slow and hostile clients, for minutes; slowhttptest takes part if it is there
#   make held-open    what open event streams and WebSockets cost others  (fewer: make held-open ARGS="--count 100")
#   make packages    run test suites of other people's packages on our server; needs the package index
#   make site    build the documentation site in build/site, from docs/
#   make lint types coverage clean
#
# Another interpreter has an environment of its own: make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV ?= .venv
BIND ?= 127.0.0.1:8000
ARGS ?=
# Tests run side by side, those of one file in one process.
PARALLEL ?= --numprocesses auto --maxprocesses 8 --dist loadfile
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= reader chunks response forwarded proxy_protocol

# What was installed leaves a stamp: make installs again only when pyproject.toml has changed.
BIN := $(abspath $(VENV))/bin
STAMPS := $(VENV)/.installed
WITH = $(STAMPS)/$(1)

.PHONY: demo test siege bench conformance held-open packages fuzz coverage site lint types clean screenshots
.DELETE_ON_ERROR:

demo: $(call WITH,demo)
	cd examples/flask_app && exec $(BIN)/ehttpd app:app --bind $(BIND)

test: $(call WITH,test)
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

coverage: $(call WITH,test)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

siege: $(call WITH,test)
	SIEGE=long $(BIN)/python -m pytest -rA --timeout 600 tests/hostile $(ARGS)

screenshots: $(call WITH,test)
	$(BIN)/python -m screenshots

# nginx and haproxy take part if they are there.
.PHONY: upheaval
upheaval: $(call WITH,test)
	$(BIN)/python benchmarks/upheaval.py $(ARGS)

bench:
	$(PYTHON) benchmarks/run.py $(ARGS)

# Servers are installed and started by the machinery of the benchmarks.
conformance:
	PYTHONPATH=benchmarks $(PYTHON) -m conformance $(ARGS)

held-open: $(call WITH,test)
	$(BIN)/python benchmarks/held_open.py $(ARGS)

packages: $(call WITH,test)
	$(BIN)/python -m tests.packages $(ARGS)

fuzz: $(call WITH,fuzz)
	nice -n 19 $(BIN)/python -m fuzz.run --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

site: $(call WITH,site)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -f website/mkdocs.yml
	@echo "To look at it: $(BIN)/ehttpd static build/site"

lint: $(call WITH,lint)
	$(BIN)/ruff check .

types: $(call WITH,lint) $(call WITH,test)
	$(BIN)/mypy

clean:
	rm -rf .venv .venv-* build dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# Dependency groups need a pip of 2025, newer than the one that comes with some of our Pythons.
$(STAMPS)/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("ehttpd needs Python 3.11 or newer: make PYTHON=…")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	mkdir -p $(STAMPS) && touch $@

$(STAMPS)/%: $(STAMPS)/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable . --group $*
	touch $@
