# The commands of this project: `make` lists those of every day.
#
# package.json holds each command, as an npm script of the same name (`npm run dev` for `make start`), so that it also runs
# where there is no make. A verb installs what its script needs inside this folder, and runs it. Variables reach the script
# in the environment. Not listed are the parts of `make ci` and of `make check` that nobody types every day: install, parity,
# production, mutants, stryker, money, browser, lint, types, deadcode and drift. test/README.md describes them.

SHELL := /bin/sh
# The Node of this project first: the machine's own may be too old.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

# npm's list of the packages that it installed. A list without development packages, one of which is the project's Node
# (`npm ci --omit=dev`), or with packages that are not there (a copy that was interrupted), is removed: the verb installs again.
INSTALLED := node_modules/.package-lock.json
$(shell { grep -q '"node_modules/pinned-node"' $(INSTALLED) && \
  sed -n 's|^    "\(node_modules[^"]*\)": {$$|\1/package.json|p' $(INSTALLED) | xargs ls node_modules/.bin/vitest; } >/dev/null 2>&1 || rm -f $(INSTALLED))
RUN := npm run --silent
# The command of a script, for servers: npm and its shell would not pass SIGTERM on to them.
COMMAND = $(shell node -p 'require("./package.json").scripts["$(1)"]')
GO_INSTALL := GOBIN='$(CURDIR)/.conformance/bin' GOMODCACHE='$(CURDIR)/.conformance/go' GOFLAGS=-modcacherw go install

STRIPE_MOCK := v0.203.0
# Programs in other languages are installed where python3 or go is there. Without them their tests are skipped, and say so.
OASDIFF := $(if $(shell command -v go),.conformance/bin/oasdiff)
VALIDATORS := test/conformance/node_modules/.package-lock.json \
  $(if $(shell command -v python3),.conformance/venv/installed) \
  $(if $(shell command -v go),.conformance/stripe-mock-$(STRIPE_MOCK)) \
  $(if $(and $(shell command -v javac),$(shell command -v mvn)),.conformance/java/installed)

.DEFAULT_GOAL := help
.PHONY: help start mock docs checkout test reliability chaos fuzz contract conformance bench ci check generate format diff \
  package api-key reference install parity production mutants stryker money browser lint types deadcode drift

help:
	@awk -F ':.*## ' '/^##@ / { print "\n" substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

##@ Run

start: $(INSTALLED) ## Start the live server with a fake Stripe: no account, no configuration. PORT=3000
	@exec $(call COMMAND,dev)

mock: $(INSTALLED) ## Start the mock server for frontend teams. PORT=4010 API_KEY=… SCENARIO=… LATENCY_MS=100-800 ERROR_RATE=0.1 DYNAMIC=1
	@exec $(call COMMAND,mock)

docs: $(INSTALLED) ## Write the API reference as a static site into site/.
	@$(RUN) docs

checkout: $(INSTALLED) ## Start an example checkout page on the mock. PORT=4020 API_URL=… API_KEY=… STRIPE_PUBLISHABLE_KEY=…
	@exec $(call COMMAND,checkout)

##@ Test

test: $(INSTALLED) ## Run the unit tests, the contract tests on server and mock, and the tests of the client and the docs.
	@$(RUN) test

reliability: $(INSTALLED) ## Run the reliability tests on real sockets and processes, with a real Redis where redis-server is installed.
	@$(RUN) reliability

chaos: $(INSTALLED) ## Kill, stop and drain instances under load, then compare payments with intents. SECONDS=60 CLIENTS=16 INSTANCES=2 SEED=…
	@$(RUN) chaos

fuzz: $(INSTALLED) ## Send mutated requests over raw sockets to the live server. REQUESTS=30000 SEED=1
	@$(RUN) fuzz

# The script reads keys and the address, which may have a password, from the environment: on a command line, everybody on the
# machine could read them.
contract: $(INSTALLED) ## Run the contract tests on a deployment, and write a report. BASE_URL=… API_KEY=… CREATE=0 HEADER=… REPORT=reports/contract
	@CONTRACT_API_KEY="$${API_KEY:-$$CONTRACT_API_KEY}" CONTRACT_BASE_URL="$${BASE_URL:-$$CONTRACT_BASE_URL}" $(RUN) contract -- $(if $(CREATE),'CREATE=$(CREATE)')

conformance: $(INSTALLED) $(VALIDATORS) ## Check server, mock, fake Stripe and contract with third-party tools, generated clients among them. SEED=1 EXAMPLES=1000
	@$(RUN) conformance

bench: $(INSTALLED) ## Measure the CPU time per request, beside comparable servers. ROUNDS=5 REQUESTS=10000 SHORT=1
	@$(RUN) bench

ci: ## Run every check that must pass before a change is merged, and count the results.
	@test/ci.sh

##@ Maintain

check: $(INSTALLED) ## Check the contract, the code, the format, the types, unused code, and that generated/ is up to date.
	@$(RUN) check

generate: $(INSTALLED) ## Generate generated/ from openapi/openapi.yaml.
	@$(RUN) generate >/dev/null 2>&1 || $(RUN) generate

format: $(INSTALLED) ## Format the code.
	@$(RUN) format

diff: $(INSTALLED) $(OASDIFF) ## Fail on a contract change that breaks callers of the last release. BASE=<another: a deployment's URL, a file, a git ref>
	@$(RUN) diff

package: $(INSTALLED) ## Build the npm packages for other teams into dist/, and test them in an empty project.
	@$(RUN) package

api-key: $(INSTALLED) ## Create an API key for a tenant, and print the line to configure. TENANT=…
	@$(RUN) api-key

reference: $(INSTALLED) ## Print the query that finds a request's payment intent in Stripe. TENANT=… KEY=<its Idempotency-Key>
	@$(RUN) reference

# What is not listed.

install: $(INSTALLED)

# With NODE_ENV=production or settings of npm in the environment, npm would leave packages or their commands out.
$(INSTALLED): package.json package-lock.json .npmrc .node/package.json
	@echo 'Installing everything inside this folder. This takes a minute or two …' >&2
	@npm ci --include=dev --include=optional --bin-links --loglevel=error
	@touch $@

parity wrong production money lint types deadcode drift: $(INSTALLED)
	@$(RUN) $@

mutants: $(INSTALLED) $(OASDIFF)
	@$(RUN) mutants

stryker: $(INSTALLED)
	@$(RUN) stryker

browser: $(INSTALLED) .venv/installed
	@[ -x "$${CHROMIUM:-/usr/bin/chromium}" ] || echo 'no Chromium: what needs one is skipped' >&2
	@$(RUN) browser

# The Python samples need requests.
.venv/installed:
	@mkdir -p $(@D)
	@{ python3 -m venv $(@D) && $(@D)/bin/pip install --quiet --disable-pip-version-check requests==2.34.2; } || echo 'no Python: its samples are skipped' >&2
	@touch $@

.conformance/venv/installed: test/conformance/requirements.txt
	@rm -rf $(@D) && python3 -m venv $(@D) && $(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

test/conformance/node_modules/.package-lock.json: test/conformance/package.json test/conformance/package-lock.json
	@npm ci --prefix test/conformance --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The libraries of the generated Java client. Maven's own plugins are kept with them.
.conformance/java/installed: test/conformance/clients/pom.xml
	@rm -rf $(@D)
	@mvn --quiet --batch-mode --file $< -Dmaven.repo.local='$(CURDIR)/.conformance/maven' dependency:copy-dependencies \
	  -DoutputDirectory='$(CURDIR)/$(@D)'
	@touch $@

# With Stripe's OpenAPI description, which comes in the same module.
.conformance/stripe-mock-$(STRIPE_MOCK):
	@mkdir -p $(@D)
	@$(GO_INSTALL) github.com/stripe/stripe-mock@$(STRIPE_MOCK) 2>$@.log || { cat $@.log >&2; exit 1; }
	@cp .conformance/go/github.com/stripe/stripe-mock@$(STRIPE_MOCK)/embedded/openapi/spec3.json .conformance/stripe-openapi.json
	@touch $@

.conformance/bin/oasdiff: test/compatibility/oasdiff-version.txt
	@mkdir -p .conformance
	@$(GO_INSTALL) 'github.com/oasdiff/oasdiff@$(shell cat $<)' 2>.conformance/oasdiff.log || { cat .conformance/oasdiff.log >&2; exit 1; }
	@touch $@
