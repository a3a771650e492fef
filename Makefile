# The verbs of this project. `make` prints them. Each installs what it needs, inside this folder.

SHELL := /bin/sh
# The Node of this project first: the machine's own may be too old.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export REDOCLY_TELEMETRY := off

INSTALLED := node_modules/.package-lock.json
VITEST := node node_modules/vitest/vitest.mjs run
OASDIFF := $(if $(shell command -v go),.conformance/bin/oasdiff)

.DEFAULT_GOAL := help
.PHONY: help install start mock test contract parity money generate lint types deadcode format check drift diff stryker mutants api-key

help: ## print these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## install the exact versions of the lock file

$(INSTALLED): package.json package-lock.json .npmrc .node/package.json
	@npm ci --loglevel=error
	@touch $@

start: $(INSTALLED) ## run the live server beside a fake Stripe (PORT=3000): no account, no configuration
	@exec node src/dev.ts

mock: $(INSTALLED) ## run the mock for frontend teams (PORT=4010, API_KEY=… lets in that key only)
	@exec node src/mock.ts

test: $(INSTALLED) ## run all tests: unit, contract on server and mock, parity of 1,000 random requests
	@$(VITEST)

contract: $(INSTALLED) ## test a deployment: BASE_URL=… API_KEY=… (CREATE=1 also creates intents)
	@test -n "$(BASE_URL)" || { echo 'usage: make contract BASE_URL=https://… API_KEY=… [CREATE=1]' >&2; exit 2; }
	@CONTRACT_BASE_URL='$(BASE_URL)' CONTRACT_API_KEY='$(API_KEY)' CONTRACT_CREATE='$(CREATE)' $(VITEST) test/contract/contract.test.ts

parity: $(INSTALLED) ## compare server and mock on RUNS=10000 random requests (SEED=… repeats a run)
	@PARITY_RUNS='$(or $(RUNS),10000)' PARITY_SEED='$(SEED)' $(VITEST) test/contract/parity.test.ts

money: $(INSTALLED) ## convert every amount there is, to the cent
	@$(VITEST) --config vitest.exhaustive.config.ts

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
	@node test/diff/diff.ts $(if $(BASE),'$(BASE)')

# Where there is no Go, the comparison says that it went without.
.conformance/bin/oasdiff: test/diff/oasdiff-version.txt
	@mkdir -p .conformance
	@GOBIN='$(CURDIR)/.conformance/bin' GOMODCACHE='$(CURDIR)/.conformance/go' GOFLAGS=-modcacherw \
		go install 'github.com/oasdiff/oasdiff@$(shell cat $<)' 2>.conformance/oasdiff.log || { cat .conformance/oasdiff.log >&2; exit 1; }
	@touch $@

stryker: $(INSTALLED) ## change src/ in thousands of small ways, and fail where the tests notice too few (PART=contract for one part)
	@node test/mutation/stryker.ts '$(PART)'

mutants: $(INSTALLED) $(OASDIFF) ## change the contract and Stripe's answers in each way, and fail where nobody notices
	@$(VITEST) --config vitest.mutants.config.ts

format: $(INSTALLED) ## format the code
	@npm run --silent format

api-key: $(INSTALLED) ## make a key for TENANT=…: the key for its owner, and the line to configure
	@node src/apiKey.ts '$(TENANT)'
