#!/usr/bin/env bash
# `make demo` behind the building: tools/demo.sh makes, loads and serves a small province. Killed while it
# loads it goes on; a second start loads nothing again and has lost nothing. TAP output.
set -uo pipefail
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d /tmp/nhip-demo-XXXXXX)
port=$((20000 + RANDOM % 9000))
export DEMO_DIR=$tmp/demo DEMO_CITIZENS=800 DEMO_VISITS=4000 DEMO_PORT=$port NHIP_LANGUAGE=en
pid=0 n=0 bad=0

finish() {
    [ "$pid" = 0 ] || kill -9 -- "-$pid" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT

check() { # check NAME CONDITION…: one TAP line
    local name=$1
    shift
    n=$((n + 1))
    if "$@"; then echo "ok $n - $name"; else
        echo "not ok $n - $name"
        tail -5 "$tmp/log" | sed 's/^/# /'
        bad=1
    fi
}
start() { # a session of its own, so that all of it can be killed
    setsid bash tools/demo.sh >"$tmp/log" 2>&1 &
    pid=$!
}
await() { # await COMMAND…: until it holds; fails when the demonstration has ended before
    for _ in $(seq 1200); do
        "$@" && return 0
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}
ready() { curl -sf -o /dev/null "http://127.0.0.1:$port/ready"; }
stop() {
    kill -TERM "$pid"
    wait "$pid"
    rc=$?
    pid=0
}
visits() { curl -s "http://127.0.0.1:$port/fhir/Encounter?_summary=count" | grep -o '"total":[0-9]*' | cut -d: -f2; }

start
check "a province is being loaded" await test -s "$DEMO_DIR/data/data.db-wal"
kill -9 -- "-$pid"
wait "$pid" 2>/dev/null
pid=0
start
check "after a kill -9 it goes on until it serves" await ready
first=$(visits)
check "with every visit that can be taken (${first:-0})" [ "${first:-0}" -gt 3900 ]
check "it prints its address" grep -q "http://127.0.0.1:$port/" "$tmp/log"
check "and keeps no claim files beside the data" [ ! -e "$DEMO_DIR/files" ]
stop
check "it ends in order" [ "$rc" = 0 ]
start
check "a second start serves" await ready
check "has lost nothing" [ "$(visits)" = "${first:-0}" ]
check "and loads nothing again" [ "$(grep -c 'Import\|Synth' "$tmp/log")" = 0 ]
stop
echo "1..$n"
exit $bad
