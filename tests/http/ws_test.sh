#!/usr/bin/env bash
# Subscriptions over WebSocket, over TCP and TLS, asked by npm ws. TAP output.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh

cd tests/http/clients || exit 1
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund --loglevel=error || exit 1
fi
cd ../../.. || exit 1

clients() { # clients URL: with a stop at the end
    timeout 60 node tests/http/clients/ws_test.mjs "$1" "$pid" >"$tmp/tap"
    local status=$?
    grep -v '^ok\|^1\.\.' "$tmp/tap" | sed 's/^/# /' | head -40
    wait "$pid"
    rc=$?
    pid=0
    is "$status $rc" "0 0"
}
serve || exit 1
check "WebSockets over TCP, to the stop" clients "http://127.0.0.1:$port/fhir"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -keyout "$tmp/key.pem" -out "$tmp/cert.pem" 2>/dev/null
rm -rf "$tmp/data"
probe=https serve --tls-cert "$tmp/cert.pem" --tls-key "$tmp/key.pem" || exit 1
check "WebSockets over TLS, to the stop" clients "https://127.0.0.1:$port/fhir"

echo "1..$n"
exit $((bad > 0))
