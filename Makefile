# `make run` needs Python 3.11 or newer and make; everything else is set up, once, in .venv.

PYTHON ?= $(firstword $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	command -v $$name >/dev/null && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$name && break; done))
VENV := .venv
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
NODE := $(shell command -v node 2>/dev/null)
NPM := $(shell command -v npm 2>/dev/null)
GO := $(shell command -v go 2>/dev/null)
EXAMPLE := examples/template.yaml
TEMPLATE ?= $(EXAMPLE)
STATE ?= .poolhouse
# These parameters are the example's own; a template of yours takes its parameters from ARGUMENTS.
PARAMETERS := $(if $(filter $(EXAMPLE),$(TEMPLATE)),--parameter WithNode=$(if $(NODE),true,false) --parameter WithGo=$(if $(GO),true,false))
PYTEST ?= $(VENV)/bin/python -m pytest
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check install -qq --require-hashes
OFFLINE := the packages could not be fetched; check the network, or the mirror that is configured, and run make again
NODE_TESTS := tests/clients/node
WEB := examples/web

.PHONY: help run web test bench lint lock docs clean
.DELETE_ON_ERROR:

help:
	@echo 'make run     set up, deploy $(TEMPLATE) and serve it on this machine'
	@echo '             (TEMPLATE=, STATE= and PYTHON= choose others; ARGUMENTS= are those of poolhouse up)'
	@echo 'make web     serve the example web application, beside make run (needs Node)'
	@echo 'make test    set up and run every test'
	@echo 'make bench   measure, and print the table of docs/performance.md'
	@echo 'make lint    formatting, rules, types, import contracts'
	@echo 'make docs    write the generated pages of docs/'
	@echo 'make lock    resolve the dependencies anew'
	@echo 'make clean   remove what make has set up; the state in $(STATE) stays'

run: $(RUN)
ifeq ($(TEMPLATE),$(EXAMPLE))
	@$(if $(NODE),echo 'Node is here: the Node feature is deployed',echo 'No node on this machine: without the Node feature')
	@$(if $(GO),echo 'Go is here: the Go feature is built and deployed',echo 'No go on this machine: without the Go feature')
	@$(if $(NPM),echo 'The example web application starts with make web in another terminal')
endif
	@exec $(VENV)/bin/poolhouse up '$(TEMPLATE)' --state '$(STATE)' $(PARAMETERS) $(ARGUMENTS)

web: $(if $(NPM),$(WEB)/node_modules/.package-lock.json)
	@$(if $(NPM),,echo 'Node.js 20 or newer, with npm, is needed for the web application; install it, then run make web again' >&2; exit 1)
	@cd $(WEB) && exec npm run --silent dev

test: $(DEV) $(if $(NPM),$(NODE_TESTS)/node_modules/.package-lock.json $(WEB)/node_modules/.package-lock.json)
	$(PYTEST) $(ARGUMENTS)

bench: $(DEV)
	$(VENV)/bin/python -m benchmarks.run $(ARGUMENTS)

lint: $(DEV)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy poolhouse tests benchmarks --exclude tests/functions/handlers
	$(VENV)/bin/mypy tools/*.py
	$(VENV)/bin/lint-imports

docs: $(DEV)
	$(VENV)/bin/python tools/generate_docs.py

lock: $(DEV)
	$(VENV)/bin/python tools/lock.py

clean:
	rm -rf $(VENV) $(NODE_TESTS)/node_modules $(WEB)/node_modules

$(VENV)/bin/python:
	@[ -w . ] || { echo 'This folder cannot be written, and make sets everything up in it; work in a copy of your own' >&2; exit 1; }
	@'$(or $(PYTHON),none)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Python 3.11 or newer is needed; install it, or name it: make run PYTHON=/path/to/python3' >&2; exit 1; }
	@echo 'Setting up $(VENV), once; this takes a minute'
	@'$(PYTHON)' -m venv $(VENV) || { rm -rf $(VENV); \
		echo 'Python cannot make environments here; on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }

$(RUN): $(VENV)/bin/python requirements/run.lock tools/link.py
	@$(PIP) -r requirements/run.lock || { echo '$(OFFLINE)' >&2; exit 1; }
	@$(VENV)/bin/python tools/link.py
	@touch $@

$(DEV): $(RUN) requirements/dev.lock
	@$(PIP) -r requirements/dev.lock || { echo '$(OFFLINE)' >&2; exit 1; }
	@touch $@

%/node_modules/.package-lock.json: %/package-lock.json
	@cd $* && npm ci --no-audit --no-fund --loglevel=error || { echo '$(OFFLINE)' >&2; exit 1; }
	@touch $@
