#!/usr/bin/env bash
# `make ci`: everything that must hold before a change lands. Each step is a verb of the Makefile; one that fails hides none
# of the later ones. Ends with one line: N passed, N failed. A test run counts its tests, any other command counts once.
set -u
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# step VERB [VARIABLE=value]…
step() {
  local started=$SECONDS ok=0 counts good bad
  printf '\n== make %s\n' "$*"
  make "$@" 2>&1 | tee "$log"
  [ "${PIPESTATUS[0]}" -eq 0 ] && ok=1
  # Vitest ends with a line such as "Tests  2 failed | 95 passed (97)".
  counts=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -E '^ +Tests +' | tail -n 1)
  good=$(grep -oE '[0-9]+ passed' <<<"$counts" | grep -oE '[0-9]+')
  bad=$(grep -oE '[0-9]+ failed' <<<"$counts" | grep -oE '[0-9]+')
  if [ -z "$counts" ]; then good=$ok bad=$((1 - ok)); fi
  # A run that fails without a failed test, say on an unhandled error, is a failure all the same.
  if [ "$ok" -eq 0 ] && [ "${bad:-0}" -eq 0 ]; then bad=1; fi
  passed=$((passed + ${good:-0})) failed=$((failed + ${bad:-0}))
  printf '== make %s: %d s\n' "$*" "$((SECONDS - started))"
}

step install
step test
step check
step reliability
step fuzz
step production
step diff
step mutants
step package
step money
step parity RUNS=2000
step conformance EXAMPLES=100
step browser

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
