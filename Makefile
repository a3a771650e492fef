# The verbs of this project. `make` prints them. Each installs what it needs, inside this folder.

SHELL := /bin/sh
# The Node of this project first: the machine's own may be too old.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
export REDOCLY_TELEMETRY := off

INSTALLED := node_modules/.package-lock.json
VITEST := node node_modules/vitest/vitest.mjs run

.DEFAULT_GOAL := help
.PHONY: help install start mock test reliability chaos fuzz production contract parity money package generate lint types deadcode format check drift api-key

help: ## print these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## install the exact versions of the lock file

$(INSTALLED): package.json package-lock.json .npmrc .node/package.json
	@npm ci --loglevel=error
	@touch $@

start: $(INSTALLED) ## run the live server beside a fake Stripe (PORT=3000): no account, no configuration
	@exec node src/dev.ts

mock: $(INSTALLED) ## run the mock for frontend teams (PORT=4010 API_KEY=… LATENCY_MS=100-800 ERROR_RATE=0.1 DYNAMIC=1)
	@exec node src/mock.ts

test: $(INSTALLED) ## run all tests: unit, contract on server and mock, the client, parity of 1,000 random requests
	@$(VITEST) test/unit test/contract test/client

reliability: $(INSTALLED) ## test each promise of reliability on real sockets and processes (redis-server where there is one)
	@$(VITEST) test/reliability test/chaos

chaos: $(INSTALLED) ## kill, stop and drain instances under load: SECONDS=60 CLIENTS=16 INSTANCES=2 SEED=…
	@node test/chaos/chaos.ts --seconds $(or $(SECONDS),60) --clients $(or $(CLIENTS),16) --instances $(or $(INSTANCES),2) $(if $(SEED),--seed $(SEED))

fuzz: $(INSTALLED) ## send REQUESTS=30000 broken requests, byte by byte, over raw sockets (SEED=…)
	@node test/reliability/fuzz.ts --requests $(or $(REQUESTS),30000) --seed $(or $(SEED),1)

production: $(INSTALLED) ## install the committed tree as production does, start it, and ask it
	@test/supplyChain/production.sh

contract: $(INSTALLED) ## test a deployment: BASE_URL=… API_KEY=… (CREATE=1 also creates intents)
	@test -n "$(BASE_URL)" || { echo 'usage: make contract BASE_URL=https://… API_KEY=… [CREATE=1]' >&2; exit 2; }
	@CONTRACT_BASE_URL='$(BASE_URL)' CONTRACT_API_KEY='$(API_KEY)' CONTRACT_CREATE='$(CREATE)' $(VITEST) test/contract/contract.test.ts

parity: $(INSTALLED) ## compare server and mock on RUNS=10000 random requests (SEED=… repeats a run)
	@PARITY_RUNS='$(or $(RUNS),10000)' PARITY_SEED='$(SEED)' $(VITEST) test/contract/parity.test.ts

package: $(INSTALLED) ## pack the client and the mock for other teams into dist/, install and use them in an empty project
	@$(VITEST) test/package

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

format: $(INSTALLED) ## format the code
	@npm run --silent format

api-key: $(INSTALLED) ## make a key for TENANT=…: the key for its owner, and the line to configure
	@node src/apiKey.ts '$(TENANT)'
