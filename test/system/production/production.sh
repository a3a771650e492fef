#!/usr/bin/env bash
# A production install starts and responds: the committed tree, the lock file, no development dependency, an empty
# environment for the server. Needs git, npm and a current Node on PATH. Stops its processes and removes its files.
set -euo pipefail
cd "$(dirname "$0")/../../.."

work=$(mktemp -d)
npm='' server=''
trap 'kill -KILL $npm $server 2>/dev/null || true; rm -rf "$work"' EXIT
fail() {
  echo "production: $*" >&2
  [ ! -e "$work/log" ] || cat "$work/log" >&2
  exit 1
}

mkdir "$work/app" "$work/home"
git archive "${COMMIT:-HEAD}" | tar -x -C "$work/app"
cd "$work/app"
clean=(env -i "PATH=$PATH" "HOME=$work/home")

# npm needs the environment to reach the registry (proxy, certificate). Only the server gets an empty one.
npm ci --omit=dev --loglevel=error
unwanted=$(node -p '
  Object.entries(require("./package-lock.json").packages)
    .filter(([path, { dev }]) => path.startsWith("node_modules/") && dev && fs.existsSync(path)).map(([path]) => path).join(" ")')
[ -z "$unwanted" ] || fail "development dependencies are installed: $unwanted"

"${clean[@]}" node src/server.ts 2>"$work/log" && fail 'it started without a configuration'
grep -q 'API_KEYS: missing' "$work/log" || fail 'it does not report that API_KEYS is missing'

digest=$(printf '%s' cv_production_check | sha256sum | cut -d ' ' -f 1)
"${clean[@]}" HOST=127.0.0.1 PORT=0 ADMIN_PORT=0 DRAIN_MS=0 STRIPE_SECRET_KEY=sk_test_production_check \
  "API_KEYS=check:$digest" npm_config_update_notifier=false npm start >"$work/log" 2>&1 &
npm=$!
for _ in $(seq 100); do
  grep -q '"msg":"listening"' "$work/log" && break
  kill -0 "$npm" 2>/dev/null || fail 'it exited at once'
  sleep 0.1
done
server=$(sed -n 's/.*"pid":\([0-9]*\).*"msg":"listening".*/\1/p' "$work/log")
url=$(sed -n 's/.*"url":"\([^"]*\)".*"msg":"listening".*/\1/p' "$work/log")
admin=$(sed -n 's/.*"adminUrl":"\([^"]*\)".*"msg":"listening".*/\1/p' "$work/log")
[ -n "$url" ] && [ -n "$admin" ] || fail 'it does not listen'

# status URL OPTION…
status() { "${clean[@]}" node -e '
  fetch(process.argv[1], JSON.parse(process.argv[2] ?? "{}")).then(({ status }) => console.log(status));' "$@"; }
unauthorized=$(status "$url/api/v1/payments/intent" '{"method":"POST","headers":{"cv-api-key":"unknown"}}')
[ "$unauthorized" = 401 ] || fail "a request with an unknown key gets $unauthorized"
tenant=$(status "$url/api/v1/payments/intent" '{"method":"POST","headers":{"cv-api-key":"cv_production_check"}}')
[ "$tenant" = 400 ] || fail "a request without a body gets $tenant"
live=$(status "$admin/livez")
[ "$live" = 200 ] || fail "/livez responds with $live"

# npm exits with the exit code of the server, after the server.
kill -TERM "$npm"
wait "$npm" || fail "it exited with $?"
npm=''
kill -0 "$server" 2>/dev/null && fail 'the server outlives npm start'
server=''
grep -q '"msg":"closed"' "$work/log" || fail 'it did not drain'
(exec 3<>"/dev/tcp/127.0.0.1/${url##*:}") 2>/dev/null && fail 'its port is still taken'
echo "production: $(find node_modules -name package.json -path '*node_modules*' | wc -l) package files, $(du -sm node_modules | cut -f 1) MiB; starts, rejects, responds and stops"
