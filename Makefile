# The verbs of this project. `make` prints them. Each installs what it needs, inside this folder.

SHELL := /bin/sh
# The Node of this project first: the machine's own may be too old.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export REDOCLY_TELEMETRY := off

INSTALLED := node_modules/.package-lock.json
VITEST := node node_modules/vitest/vitest.mjs run
OASDIFF := $(if $(shell command -v go),.conformance/bin/oasdiff)

STRIPE_MOCK := v0.203.0
# Those that this machine can run.
JUDGES := $(if $(shell command -v python3),.conformance/venv/installed) $(if $(shell command -v go),.conformance/stripe-mock-$(STRIPE_MOCK))

.DEFAULT_GOAL := help
.PHONY: help install start mock test reliability chaos fuzz bench production docs docs-test checkout contract parity conformance money package generate lint types deadcode format check drift diff stryker mutants api-key reference

help: ## print these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## install the exact versions of the lock file

$(INSTALLED): package.json package-lock.json .npmrc .node/package.json
	@npm ci --loglevel=error
	@touch $@

start: $(INSTALLED) ## run the live server beside a fake Stripe (PORT=3000): no account, no configuration
	@exec node --import ./src/startSignals.js --import ./src/compileCache.js src/dev.ts

mock: $(INSTALLED) ## run the mock for frontend teams (PORT=4010 API_KEY=… LATENCY_MS=100-800 ERROR_RATE=0.1 DYNAMIC=1)
	@exec node --import ./src/startSignals.js --import ./src/compileCache.js src/mock.ts

test: $(INSTALLED) ## run all tests: unit, contract on server and mock, the client, parity of 1,000 random requests
	@$(VITEST) --project unit --project contract --project client --project docs

reliability: $(INSTALLED) ## test each promise of reliability on real sockets and processes (redis-server where there is one)
	@$(VITEST) --project reliability

chaos: $(INSTALLED) ## kill, stop and drain instances under load, and leave their logs unread: SECONDS=60 CLIENTS=16 INSTANCES=2 SEED=…
	@node test/system/chaos/chaos.ts --seconds $(or $(SECONDS),60) --clients $(or $(CLIENTS),16) --instances $(or $(INSTANCES),2) $(if $(SEED),--seed $(SEED))

fuzz: $(INSTALLED) ## send REQUESTS=30000 broken requests, byte by byte, over raw sockets (SEED=…)
	@node test/system/fuzz/fuzz.ts --requests $(or $(REQUESTS),30000) --seed $(or $(SEED),1)

bench: $(INSTALLED) test/bench/node_modules ## measure the server beside its peers: ROUNDS=5 REQUESTS=10000 (SHORT=1: payments only)
	@node test/bench/bench.ts --rounds $(or $(ROUNDS),5) --requests $(or $(REQUESTS),10000) $(if $(SHORT),--short)

test/bench/node_modules: test/bench/package.json test/bench/package-lock.json
	@cd test/bench && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

production: $(INSTALLED) ## install the committed tree as production does, start it, and ask it
	@test/system/production/production.sh

docs: $(INSTALLED) ## write the API reference as a static site into site/
	@node src/tools/docsSite.ts site

docs-test: $(INSTALLED) .venv/made ## use the API reference as a reader would, in headless Chromium, and run all samples and the README's commands
	@[ -x "$${CHROMIUM:-/usr/bin/chromium}" ] || echo 'no Chromium: what needs one is skipped' >&2
	@$(VITEST) --project browser

checkout: $(INSTALLED) ## run a checkout to copy from, on the mock (PORT=4020, API_URL=…, API_KEY=…, STRIPE_PUBLISHABLE_KEY=…)
	@exec node test/browser/checkout/main.ts

# Python's samples need requests. Without a Python, they are skipped.
.venv/made:
	@mkdir -p .venv
	@{ python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check requests==2.34.2; } || echo 'no Python: its samples are skipped' >&2
	@touch $@

# make hands the key on in the environment: on a command line, everybody on the machine could read it.
contract: $(INSTALLED) ## test a deployment: BASE_URL=… API_KEY=… (CREATE=1 also creates intents); a report in reports/contract/
	@CONTRACT_API_KEY="$${API_KEY:-$$CONTRACT_API_KEY}" node test/contract/cli.ts $(if $(BASE_URL),'BASE_URL=$(BASE_URL)') $(if $(CREATE),'CREATE=$(CREATE)')

parity: $(INSTALLED) ## compare server and mock on RUNS=10000 random requests (SEED=… repeats a run)
	@PARITY_RUNS='$(or $(RUNS),10000)' PARITY_SEED='$(SEED)' $(VITEST) --project contract test/contract/parity.test.ts

conformance: $(INSTALLED) $(JUDGES) ## let others judge: Schemathesis, Stripe's description and stripe-mock, Prism (SEED=… EXAMPLES=1000)
	@CONFORMANCE_SEED='$(SEED)' CONFORMANCE_EXAMPLES='$(EXAMPLES)' $(VITEST) --project conformance

# Judges in other languages. Where python3 or go is missing, their tests are skipped and say so.
.conformance/venv/installed: test/conformance/requirements.txt
	@rm -rf $(@D) && python3 -m venv $(@D) && $(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# With Stripe's OpenAPI description, which comes in the same module.
.conformance/stripe-mock-$(STRIPE_MOCK):
	@GOBIN='$(CURDIR)/.conformance/bin' GOMODCACHE='$(CURDIR)/.conformance/go' GOFLAGS=-modcacherw \
	  go install github.com/stripe/stripe-mock@$(STRIPE_MOCK) 2>$@.log || { cat $@.log >&2; exit 1; }
	@cp .conformance/go/github.com/stripe/stripe-mock@$(STRIPE_MOCK)/embedded/openapi/spec3.json .conformance/stripe-openapi.json
	@touch $@

package: $(INSTALLED) ## pack the client, the mock and the contract tests for other teams into dist/, install and use them in an empty project
	@$(VITEST) --project packages

money: $(INSTALLED) ## convert every amount there is, to the cent
	@$(VITEST) --project exhaustive

generate: $(INSTALLED) ## make generated/ from openapi/openapi.yaml
	@npm run --silent generate >/dev/null 2>&1 || npm run --silent generate

check: lint types deadcode drift ## everything that needs no running: lint, types, dead code, drift of generated/

lint: $(INSTALLED) ## check the contract, the code and the format
	@npm run --silent lint

types: $(INSTALLED) ## check the types
	@tsc

deadcode: $(INSTALLED) ## find what nothing uses: files, exports, dependencies
	@knip

drift: generate ## fail when generated/ is not what openapi/ says
	@git diff --exit-code --stat -- generated || { echo 'generated/ differs from openapi/: run make generate and commit' >&2; exit 1; }

diff: $(INSTALLED) $(OASDIFF) ## fail on a change that breaks callers of BASE=<git ref> (default: the last release), unless it is a new major version
	@node test/compatibility/diff.ts $(if $(BASE),'$(BASE)')

# Where there is no Go, the comparison says that it went without.
.conformance/bin/oasdiff: test/compatibility/oasdiff-version.txt
	@mkdir -p .conformance
	@GOBIN='$(CURDIR)/.conformance/bin' GOMODCACHE='$(CURDIR)/.conformance/go' GOFLAGS=-modcacherw \
		go install 'github.com/oasdiff/oasdiff@$(shell cat $<)' 2>.conformance/oasdiff.log || { cat .conformance/oasdiff.log >&2; exit 1; }
	@touch $@

stryker: $(INSTALLED) ## change src/ in thousands of small ways, and fail where the tests notice too few (PART=contract for one part)
	@node test/mutation/stryker.ts '$(PART)'

mutants: $(INSTALLED) $(OASDIFF) ## change the contract and Stripe's answers in each way, and fail where nobody notices
	@$(VITEST) --project mutants

format: $(INSTALLED) ## format the code
	@npm run --silent format

api-key: $(INSTALLED) ## make a key for TENANT=…: the key for its owner, and the line to configure
	@node src/tools/apiKey.ts '$(TENANT)'

# As the key of `make contract`, KEY is handed on in the environment only, and may come from there.
reference: $(INSTALLED) ## print how to find in Stripe what a request has created, by TENANT=… and its idempotency KEY=…
	@node src/tools/reference.ts
