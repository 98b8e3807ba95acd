# The commands for developers and CI. `make help` lists them. All tools are pinned with hashes.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BIN := .venv/bin
VENVS := .local/venvs
# The browser of the studio tests.
CHROMIUM ?= /usr/bin/chromium
export CHROMIUM
UV := $(BIN)/uv
PIP_AUDIT := $(BIN)/pip-audit --disable-pip --require-hashes --progress-spinner off --timeout 5 --cache-dir .local/pip-audit
LOCK := $(UV) pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-header --no-annotate

project := .venv/.ready
plots := .venv/.bench
emulator := $(VENVS)/emulator/.ready
sam := $(VENVS)/sam/.ready
checkov := $(VENVS)/checkov/.ready
node := .local/node/.ready
stack := $(project) $(emulator) $(sam)
linters := $(project) $(sam) $(checkov) $(node)
pinned := $(wildcard functions/requirements.txt thumbnails/requirements.txt requirements/*.txt)

##@ Local stack
# Variables: PROMPT QUALITY RESOLUTION TIME_SCALE PROVIDER PROVIDER_URL PROVIDER_KEY (README.md)

.PHONY: run
run: $(stack) ## Create one image through each entry point: PROMPT="…" QUALITY=low RESOLUTION=1k
	@$(BIN)/python -m local run

.PHONY: up
up: $(stack) ## Run the stack until Ctrl-C, with its addresses in .local/stack.json
	@$(BIN)/python -m local up

##@ AWS

# A fixed hash seed makes the bytecode reproducible, so an unchanged artifact is uploaded once.
.PHONY: build
build: $(project) $(sam) ## Run sam build and compile the bytecode, which halves the cold start
	@PATH="$(CURDIR)/$(BIN):$$PATH" SAM_CLI_TELEMETRY=0 $(VENVS)/sam/bin/sam build
	@PYTHONHASHSEED=0 $(BIN)/python -m local.build

# Asks for values that samconfig.toml lacks; the workflow passes all of them in ARGS.
.PHONY: deploy
deploy: build ## Run sam deploy: ARGS="--guided"
	@SAM_CLI_TELEMETRY=0 $(VENVS)/sam/bin/sam deploy $(ARGS)

# PARAMETERS: those that differ from the defaults or from the deployed stack, separated by spaces.
.PHONY: preflight
preflight: build ## Ask AWS whether a deployment would succeed: STACK=darkroom PARAMETERS="Tier=gold"
	@$(BIN)/python -m infra.preflight

.PHONY: destroy
destroy: $(project) ## Delete a stack with its images and records: STACK=darkroom KEEP=data
	@$(BIN)/darkroom destroy --stack "$${STACK:?make destroy needs STACK=}" $${KEEP:+--keep-data}

##@ API keys of the local stack, or of STACK=name on AWS

# They use AWS credentials, or those of the local stack, whatever DARKROOM_KEY is.
key_option = --stack "$${STACK:-local}"

.PHONY: key
key: $(project) ## Create a key and print it once: NAME=shop ROLE=submit|read|admin DAYS=90 BUDGET=5 UNLIMITED=1
	@$(BIN)/darkroom keys create --name "$${NAME:?make key needs NAME=}" $${ROLE:+--role "$$ROLE"} \
	  $${DAYS:+--days "$$DAYS"} $${BUDGET:+--budget "$$BUDGET"} $${UNLIMITED:+--unlimited} $(key_option)

.PHONY: keys
keys: $(project) ## List all keys
	@$(BIN)/darkroom keys list $(key_option)

.PHONY: revoke
revoke: $(project) ## Revoke a key: ID=…
	@$(BIN)/darkroom keys revoke "$${ID:?make revoke needs ID=}" $(key_option)

##@ Dead letters of the local stack, or of STACK=name on AWS

stack_option = $${STACK:+--stack "$$STACK"}

.PHONY: redrive
redrive: $(project) ## Redeliver dead letters: DRY_RUN=1 only lists them
	@$(BIN)/darkroom redrive $${DRY_RUN:+--dry-run} $(stack_option)

##@ Checks

.PHONY: test
test: lint audit $(stack) $(linters) $(CHROMIUM) ## Run everything: formatter, linters, types, all tests, the local stack included
	$(BIN)/pytest -n 2 --ignore=tests/e2e
	$(BIN)/pytest -n 2 --dist loadfile tests/e2e

.PHONY: check
check: lint audit $(linters) ## Run before each commit: formatter, linters, types, fast tests
	$(BIN)/pytest -n 2 -q tests/unit tests/cli tests/infra tests/local_stack

# tests/infra runs cfn-lint, checkov and asl-validator.
.PHONY: lint
lint: $(project)
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.12 --cache-dir .mypy_cache/cli cli/darkroom_cli
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive functions thumbnails cli local simulator infra reliability

# Without a vulnerability service, pip-audit crashes or reports no vulnerabilities: a registry without
# such data looks like one without the packages. The recipe counts those packages as unaudited.
.PHONY: audit
audit: $(project) ## Check the pinned packages for vulnerabilities: AUDIT="--vulnerability-service osv"
	@mkdir -p .local/audit; unaudited=0 failed=0 i=0; \
	for list in $(pinned); do \
	  $(PIP_AUDIT) $(AUDIT) --requirement $$list &>.local/audit/$${list//\//-} & audits+=($$!); \
	done; \
	for list in $(pinned); do report=.local/audit/$${list//\//-}; \
	  if wait $${audits[i++]}; then \
	    unaudited=$$((unaudited + $$(grep -c 'could not be audited' $$report || true))); \
	  elif grep -qE '(Connection|HTTP|Service)Error|Timeout|timed out' $$report && ! grep -q '^Found' $$report; then \
	    unaudited=$$((unaudited + $$(grep -c == $$list))); \
	  else echo "$$list:"; cat $$report; failed=1; fi >&2; \
	done; \
	[ $$unaudited = 0 ] || echo "pip-audit: no vulnerability data for $$unaudited of the pinned packages"; \
	exit $$failed

.PHONY: fmt
fmt: $(project) ## Format, and apply the fixes of the linter
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: faults
faults: $(stack) ## Run the fault injection tests: SEED=7 ONLY=kills SHORT=1
	@$(BIN)/python -m reliability

.PHONY: bench
bench: $(stack) $(plots) ## Measure the tables and plots of docs/benchmarks.md: ONLY=waiting
	@$(BIN)/python -m benchmarks

##@ Generated files

.PHONY: schemas
schemas: $(project) ## Generate the event schemas, the OpenAPI documents and docs/compatibility.md
	@$(BIN)/python -m infra.generate_events
	@$(BIN)/python -m infra.generate_api
	$(BIN)/python -m infra.generate_compatibility

.PHONY: sbom
sbom: $(project) ## Write the software bill of materials of the functions: dist/darkroom.cdx.json
	@mkdir -p dist
	@$(BIN)/python -m infra.sbom > dist/darkroom.cdx.json

# The archive is deployed with `sam deploy --template-file template.yaml`. Times and owners are fixed, so that the
# same build has the same bytes.
.PHONY: package
package: build sbom ## Pack the built application: dist/darkroom.tar.gz
	@tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C .aws-sam/build -c . | gzip -n > dist/darkroom.tar.gz

.PHONY: publish
publish: ## Attach dist/ to the release of a tag: TAG=v1.2.3 (needs the GitHub CLI)
	@gh release upload "$${TAG:?make publish needs TAG=}" dist/*

.PHONY: lock
lock: $(project) ## Generate the pinned, hashed requirements from the .in files
	for name in functions thumbnails; do $(LOCK) $$name/requirements.in -o $$name/requirements.txt; done
	for name in dev emulator sam checkov bench; do $(LOCK) requirements/$$name.in -o requirements/$$name.txt; done
	npm install --package-lock-only --silent --prefix requirements/node

##@ Other

.PHONY: setup
setup: $(stack) $(linters) ## Install all tools (other targets install them on demand)

.PHONY: clean
clean: ## Remove build output and caches; installed tools stay
	rm -rf .aws-sam dist .local/{build,logs,tmp} .{mypy,pytest,ruff}_cache .hypothesis .coverage
	find . -name __pycache__ -not -path './.venv/*' -not -path './.local/*' -prune -exec rm -rf {} +

.PHONY: help
help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

# --------------------------------------------------------------------------------- environments

$(project): requirements/dev.txt pyproject.toml
	@python3.13 -c '' 2>/dev/null || { echo "Python 3.13 is missing: python3.13 must be on PATH (for example: pyenv install 3.13)" >&2; exit 1; }
	@echo "setting up .venv"
	@$(BIN)/pip --version >/dev/null 2>&1 || python3.13 -m venv --clear .venv
	@mkdir -p .local
	@awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' $< > .local/uv.txt
	@$(BIN)/pip install -qq --require-hashes --no-deps -r .local/uv.txt
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python $(BIN)/python $<
	@$(UV) pip install --quiet --offline --no-deps --no-build-isolation --python $(BIN)/python --editable .
	@touch $@

$(plots): requirements/bench.txt $(project)
	@$(UV) pip install --quiet --require-hashes --no-deps --python $(BIN)/python -r $<
	@touch $@

# Compiled bytecode halves the cold start of the emulator's Lambda workers.
$(VENVS)/%/.ready: requirements/%.txt $(project)
	@echo "setting up $(@D)"
	@[ -x $(@D)/bin/python ] || $(UV) venv --quiet --python $(BIN)/python $(@D)
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python $(@D)/bin/python $<
	@touch $@

$(node): requirements/node/package-lock.json requirements/node/package.json requirements/node/.npmrc
	@{ node --version && npm --version; } >/dev/null 2>&1 || { echo "Node.js is missing: node and npm must be on PATH (make check needs them)" >&2; exit 1; }
	@echo "setting up .local/node"
	@rm -rf .local/node && mkdir -p .local/node
	@cp $^ .local/node
	@npm ci --silent --prefix .local/node >/dev/null
	@touch $@

$(CHROMIUM):
	@[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "Chromium is missing: install it and set CHROMIUM to its path (make test opens the studio in it)" >&2; exit 1; }
	@echo "installing Debian's chromium"
	@{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium; } >/dev/null
