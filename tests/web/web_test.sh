#!/usr/bin/env bash
# The screens in a real browser against the real server, with TAP output.
# Usage: web_test.sh [--mock] [--shot]
#   --mock  against web/dev/mock.mjs and a bundle made here (no binary needed)
#   --shot  copies the screenshot of the operations page to docs/img/operations.png
# Environment: WEB_TEST_PORT (18460; the next five are used too), CHROMIUM (/usr/bin/chromium), NHIP (build/release/nhip),
# WEB_SLOW (6: scripts take six times as long).
set -uo pipefail
cd "$(dirname "$0")/../.."
mock=0 shot=0
for a in "$@"; do
    case $a in
        --mock) mock=1 ;;
        --shot) shot=1 ;;
        *) echo "web_test.sh: unknown flag '$a'" >&2; exit 2 ;;
    esac
done
port=${WEB_TEST_PORT:-18460}
nhip=${NHIP:-build/release/nhip}
work=$(mktemp -d)
server= bare= third= fund= ministry= fourth=
finish() {
    for p in $server $bare $third $fund $ministry $fourth; do
        { kill "$p" && wait "$p"; } 2>/dev/null
    done
    rm -rf "$work"
}
trap finish EXIT
# Waits for the named condition that the server with this process, port and output answers.
await_server() {
    for _ in $(seq 200); do
        curl -fs -o /dev/null "http://127.0.0.1:$2/ready" && return 0
        kill -0 "$1" 2>/dev/null || fail "the server runs" "$3"
        sleep 0.1
    done
    fail "the server answers /ready" "$3"
}
fail() {
    echo "not ok - $1"
    [ -z "${2:-}" ] || sed 's/^/# /' "$2" | tail -30
    exit 1
}

if [ ! -d web/node_modules/playwright-core ] || [ web/package-lock.json -nt web/node_modules/.package-lock.json ]; then
    (cd web && npm ci --no-audit --no-fund --loglevel=error) >"$work/npm" 2>&1 || fail "npm ci" "$work/npm"
fi
(cd web && node_modules/.bin/tsc --noEmit) >"$work/tsc" 2>&1 || fail "types are right (tsc --noEmit)" "$work/tsc"
echo "ok - types are right (tsc --noEmit)"
(cd web && node build.mjs "$work/bundle") >"$work/build" 2>&1 || fail "the bundle keeps its size budgets" "$work/build"
sed 's/^/# /' "$work/build"
echo "ok - the bundle keeps its size budgets"
node tests/web/unit_test.mjs || units=1

if [ $mock = 1 ]; then
    node web/dev/mock.mjs "$port" "$work/bundle" >"$work/server" 2>&1 &
    server=$!
    extra=$work/extra.xml
    echo '<GIAMDINHHS/>' >"$extra"
else
    [ -x "$nhip" ] || fail "the server is built ($nhip)"
    # The same people at every call; the second province brings other visits for the import test.
    people=600 visits=6000 sites=12
    [ $shot = 0 ] || people=15000 visits=80000 sites=40
    "$nhip" synth --out "$work/files" --seed 46 --citizens $people --visits $visits --facilities $sites --years 3 \
        >"$work/synth" 2>&1 || fail "a small province is made" "$work/synth"
    "$nhip" synth --out "$work/more" --seed 47 --citizens 40 --visits 60 --facilities 12 --years 1 \
        --claims-per-file 1 >"$work/synth" 2>&1 || fail "claims for the import test are made" "$work/synth"
    "$nhip" import --data "$work/data" "$work/files" >"$work/import" 2>&1 || fail "the province is imported" "$work/import"
    extra=$(find "$work/more" -type f \( -name '*.xml' -o -name '*.gz' \) | LC_ALL=C sort | head -1)
    "$nhip" serve --data "$work/data" --port "$port" >"$work/server" 2>&1 &
    server=$!
fi
await_server "$server" "$port" "$work/server"

curl -fs "http://127.0.0.1:$port/" | cmp -s - "$work/bundle/index.html" || fail "the server carries these screens (rebuild it)"
echo "ok - the server carries these screens"

mkdir -p build/web-shots
node tests/web/web_test.mjs "http://127.0.0.1:$port" "$extra" build/web-shots "$([ $mock = 1 ] && echo mock || echo real)"
rc=$?
# States and accessibility need the real server, and one with nothing in it.
if [ $mock = 0 ] && [ $shot = 0 ]; then
    mkdir "$work/none"
    "$nhip" serve --data "$work/none" --port $((port + 1)) >"$work/bare" 2>&1 &
    bare=$!
    await_server "$bare" $((port + 1)) "$work/bare"
    node tests/web/state_test.mjs "http://127.0.0.1:$port" "http://127.0.0.1:$((port + 1))" "$extra" build/web-shots || rc=1
    # Claims are broken and repaired in a province of their own, whose citizens were matched.
    "$nhip" synth --out "$work/wrong" --seed 46 --citizens 600 --visits 6000 --facilities 12 --years 3 --mistakes 20 \
        >"$work/synth" 2>&1 || fail "a province with mistakes is made" "$work/synth"
    "$nhip" import --data "$work/claims" "$work/wrong" >"$work/import" 2>&1 || fail "it is imported" "$work/import"
    "$nhip" mpi run --data "$work/claims" >"$work/mpi" 2>&1 || fail "its citizens are matched" "$work/mpi"
    "$nhip" serve --data "$work/claims" --port $((port + 2)) >"$work/third" 2>&1 &
    third=$!
    await_server "$third" $((port + 2)) "$work/third"
    node tests/web/claims_test.mjs "http://127.0.0.1:$((port + 2))" build/web-shots || rc=1
    node tests/web/newborns_test.mjs "http://127.0.0.1:$((port + 2))" build/web-shots || rc=1
    node tests/web/catalogues_test.mjs "http://127.0.0.1:$((port + 2))" build/web-shots || rc=1
    # Claims go out to a stand-in of the fund's gateway, copies to another.
    node tests/http/clients/gateway.mjs $((port + 4)) >"$work/fund" 2>&1 &
    fund=$!
    node tests/http/clients/gateway.mjs $((port + 5)) >"$work/ministry" 2>&1 &
    ministry=$!
    printf 'target\turl\tfacility\tusername\tpassword\trelease\tcopy\n' >"$work/targets"
    printf 'quy\thttp://127.0.0.1:%s\t*\tbv\t%032d\t3176\tno\n' $((port + 4)) 0 >>"$work/targets"
    printf 'byt\thttp://127.0.0.1:%s\t46998\tbv\t%032d\t3176\tyes\n' $((port + 5)) 0 >>"$work/targets"
    chmod 600 "$work/targets"
    "$nhip" serve --data "$work/out" --port $((port + 3)) --gateway-targets "$work/targets" --gateway-failures 3 \
        --gateway-retry-ms 100 >"$work/fourth" 2>&1 &
    fourth=$!
    await_server "$fourth" $((port + 3)) "$work/fourth"
    node tests/web/outgoing_test.mjs "http://127.0.0.1:$((port + 3))" "http://127.0.0.1:$((port + 4))" \
        "http://127.0.0.1:$((port + 1))" build/web-shots || rc=1
fi
[ -z "${units:-}" ] || rc=1
if [ $rc = 0 ] && [ $shot = 1 ]; then
    mkdir -p docs/img
    cp build/web-shots/operations.png docs/img/operations.png
fi
exit $rc
