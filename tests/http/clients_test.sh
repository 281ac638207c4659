#!/usr/bin/env bash
# Real clients against the server: npm fhir-kit-client, @medplum/core, fhirclient. TAP output.
set -uo pipefail
cd "$(dirname "$0")/../.."
nhip=${NHIP:-build/release/nhip}
tmp=$(mktemp -d /tmp/nhip-clients-XXXXXX)
port=$((20000 + RANDOM % 9000))
pid=0

finish() {
    [ "$pid" != 0 ] && kill -TERM "$pid" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT

cd tests/http/clients || exit 1
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund --loglevel=error || exit 1
fi
cd ../../.. || exit 1

"$nhip" serve --data "$tmp/data" --port "$port" >"$tmp/serve.log" 2>&1 &
pid=$!
for _ in $(seq 200); do
    curl -sf -o /dev/null "http://127.0.0.1:$port/ready" && break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
done
node tests/http/clients/clients_test.mjs "http://127.0.0.1:$port/fhir"
