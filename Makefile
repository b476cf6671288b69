# Everything runs from a fresh clone with Python 3.11+ and GNU make alone: the environment in .venv is built on
# first use. `make help` lists the verbs.
#
#   PYTHON=...      the Python to build .venv with (else the first of python3, python3.14 ... python3.11)
#   ARGS=...        further words for pytest (`make test ARGS="-k race -x"`), bench, stress and serve
#   FUZZ_EXAMPLES=...  requests of each kind per operation and role (make test ARGS="-k schemathesis"); default 2
#   PARALLEL=...    how pytest spreads its work (`PARALLEL=` runs one test after another)
#   DEMO_ARGS=...   further words for the demo (`make demo DEMO_ARGS=--exit-after-journey`)

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PARALLEL ?= -n auto --maxprocesses 4
run := .venv/bin/python
manage := $(run) manage.py
catalogues := $(wildcard locale/*/LC_MESSAGES/django.po)
compiled := $(catalogues:.po=.mo)
node-packages := mobile-contract/clients/typescript mobile-contract/tools
contract-tests := $(wildcard tests/project/test_contract_*.py tests/project/test_snippets.py \
    tests/project/test_generated_clients.py tests/project/test_typescript_client.py \
    tests/journeys/test_mock_journey.py tests/journeys/test_schemathesis*.py)

# With the lifeline, kill -9 of make ends what it started too (backend/core/lifeline.py).
tied := DIE_WITH_PARENT=$$PPID exec

##@ The two commands
.PHONY: demo test
demo: ready ## Build all, load a believable Riyadh, walk one customer's journey over HTTP, keep serving
	@$(tied) $(manage) demo $(DEMO_ARGS)

test: ready ## Every test, on real PostgreSQL
	@$(run) -m pytest $(PARALLEL) $(ARGS)

##@ Around them
.PHONY: serve check bench stress contract contract-node contract-generator examples translations lock clean help
serve: ready ## Migrate and serve with the environment as it is (PORT, DATABASE_URL, ...), no demo data
	@$(tied) $(manage) serve $(ARGS)

# One after another even with -j: the first failure is then the last thing on the screen.
check: ready ## What the build runs: style, types, imports, migrations, translations, contract, files, tests
	@$(MAKE) --no-print-directory -j1 check-style check-types check-imports check-migrations \
	    check-translations check-contract check-files check-tests
	@echo "==> Everything holds."

bench: ready ## Measure; prints medians and ratios, judges nothing
	@$(run) -m tests.bench $(ARGS)

stress: ready ## Hammer the server from many processes, kill its workers, then judge the database
	@$(run) -m tests.stress $(ARGS)

# `manage.py contract` alone writes; the rest proves what was written, and each part that needs Node.js skips loudly without.
contract: ready ## Write the generated files of mobile-contract/, refuse what would break an installed app, prove the rest
	@$(manage) contract
	@$(MAKE) --no-print-directory contract-node contract-generator
	@$(run) -m pytest -q $(PARALLEL) $(contract-tests) $(ARGS)

# Nothing of theirs runs while they are installed; the suite runs them, and the build has Node and skips nothing.
contract-node: ## Install what the TypeScript client, the mock, the journeys and the linters are made of (needs Node.js)
	@if command -v npm >/dev/null; then \
	    for package in $(node-packages); do \
	        npm ci --prefix "$$package" --ignore-scripts --no-audit --no-fund --loglevel=error || exit 1; \
	    done; \
	else \
	    echo "SKIPPED: the TypeScript client, the mock, the journeys and the linters, for lack of Node.js" >&2; \
	fi

# Apart from the environment: a newcomer who wants the demo does not wait for it.
contract-generator: ready ## Install what makes the Swift, Kotlin and Dart clients (140 MB, with its own Java)
	@$(run) -m pip --disable-pip-version-check --no-input install --quiet --require-hashes \
	    --requirement requirements/contract.txt

# Everything once with phones that speak Arabic, then in English what is worth an example. Tests that look for words of
# the other language fail here, and that is all right.
examples: ready ## Record the contract's examples from the tests (ARGS: only these)
	@notes=$$(mktemp -d) && trap 'rm -rf "$$notes"' EXIT && export RECORD_EXAMPLES="$$notes" && \
	{ RECORD_LANGUAGE=ar $(run) -m pytest -q $(PARALLEL) --tb=no -m "not server" $(or $(ARGS),tests) || true; } && \
	$(run) -m tests.support.examples "$$notes" --tests > "$$notes/tests" && \
	if [ -s "$$notes/tests" ]; then \
	    tr '\n' '\0' < "$$notes/tests" | RECORD_LANGUAGE=en xargs -0 $(run) -m pytest -q --tb=no || true; \
	fi && \
	$(run) -m tests.support.examples "$$notes" && $(manage) contract

translations: environment ## Merge new texts into locale/*/LC_MESSAGES/django.po, then compile
	@$(manage) translations --update
	@$(MAKE) --no-print-directory ready

lock: ## Resolve requirements/*.in into hashed *.txt (the only verb that needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv (pip install uv)." >&2; exit 1; }
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links requirements/base.in -o requirements/base.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links requirements/dev.in -o requirements/dev.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links requirements/contract.in -o requirements/contract.txt

clean: ## Remove caches and compiled files; the environment (.venv) and the data (var) stay
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache staticfiles $(compiled)
	find backend tests -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
	    /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Parts of check
.PHONY: check-style check-types check-imports check-migrations check-translations check-contract check-files \
    check-tests
check-style: environment ## ruff: rules and formatting
	$(run) -m ruff check .
	$(run) -m ruff format --check .

check-types: environment ## mypy, strict on backend/
	$(run) -m mypy

check-imports: environment ## import-linter: imports point downwards
	$(run) -c 'import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())'

check-migrations: ready ## No model without its migration
	$(manage) makemigrations --check --dry-run

check-translations: environment ## Every text in both languages
	$(manage) translations --check

check-contract: ready ## mobile-contract/ as the code would write it now, and nothing that breaks an installed app
	$(manage) contract --check
	@$(MAKE) --no-print-directory contract-node contract-generator

check-files: ready ## Production settings, requirement files, Docker and compose files, variables, documents
	$(run) -m pytest -q tests/project -m "not server"

check-tests: ready ## The suite
	$(run) -m pytest $(PARALLEL) $(ARGS)

# What the targets above stand on -------------------------------------------------------------------------------

.PHONY: ready environment
ready: environment $(compiled)

# Always asked, because only the script can tell an environment that is complete from one that was interrupted;
# it answers in a twentieth of a second.
environment:
	@found=; \
	for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	        found=$$python; break; \
	    fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Python 3.11 or newer is needed and was not found ($(or $(PYTHON),python3, python3.14 ... python3.11))." >&2; \
	    echo "Install one, or name it: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	fi; \
	exec "$$found" requirements/install.py

# Babel does it: a newcomer has no gettext.
locale/%/LC_MESSAGES/django.mo: locale/%/LC_MESSAGES/django.po | environment
	@$(run) -m babel.messages.frontend --quiet compile --domain django --locale $* \
	    --input-file $< --output-file $@.$$$$ && mv -f $@.$$$$ $@
