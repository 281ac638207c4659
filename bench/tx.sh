#!/usr/bin/env bash
# Do large transactions hold up small ones? Small durable writes (CLIENTS (4) clients with wrk,
# SECONDS_EACH (10) seconds) alone, and while transactions of 25,000 entries run one after the other;
# with conditional entries, too. The limit: no small one waits longer than 250 ms for a large one.
set -uo pipefail
cd "$(dirname "$0")/.."
nhip=build/release/nhip
[ -x "$nhip" ] || make --no-print-directory "$nhip" >/dev/null || exit 1
command -v wrk >/dev/null || { echo "bench tx: wrk is missing"; exit 1; }
tmp=$(mktemp -d "${BENCH_TMP:-/tmp}/nhip-bench-XXXXXX")
port=${BENCH_PORT:-$((21400 + RANDOM % 100))}
base="http://127.0.0.1:$port/fhir"
clients=${CLIENTS:-4} each=${SECONDS_EACH:-10}
server=0 large=0
export LC_ALL=C
finish() {
    [ "$large" = 0 ] || kill "$large" 2>/dev/null
    [ "$server" = 0 ] || kill "$server" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT

# bundle NAME CONDITION: 500 patients of 50 entries; CONDITION is what an If-None-Exist adds.
bundle() {
    awk -v who="$1" -v condition="$2" 'BEGIN {
        printf "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
        for (p = 0; p < 500; p++) {
            urn = sprintf("urn:uuid:00000000-0000-4000-8000-%012d", p)
            if (p) printf ","
            more = condition == "" ? "" : sprintf(",\"ifNoneExist\":\"" condition "\"", p)
            printf "{\"fullUrl\":\"%s\",\"resource\":{\"resourceType\":\"Patient\",\"identifier\":[{\"system\":\"urn:%s\",\"value\":\"%d\"}],\"name\":[{\"family\":\"%s%d\"}]},\"request\":{\"method\":\"POST\",\"url\":\"Patient\"%s}}", urn, who, p, who, p, more
            for (o = 0; o < 49; o++)
                printf ",{\"resource\":{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"%d\"}]},\"subject\":{\"reference\":\"%s\"},\"effectiveDateTime\":\"20%02d-03-04\",\"valueQuantity\":{\"value\":%d,\"unit\":\"cm\"}},\"request\":{\"method\":\"POST\",\"url\":\"Observation\"}}", o % 20, urn, o % 25, o
        }
        printf "]}"
    }'
}
bundle tu "" >"$tmp/plain"
bundle ma "identifier=urn:ma|%d" >"$tmp/tokens"
bundle ten "family:exact=ten%d" >"$tmp/searches"

cat >"$tmp/small.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/fhir+json"
wrk.headers["Prefer"] = "return=minimal"
wrk.body = '{"resourceType":"Patient","name":[{"family":"Nho"}]}'
LUA
probe() { # probe NAME: small durable writes
    wrk -t 1 -c "$clients" -d "${each}s" --latency -s "$tmp/small.lua" "$base/Patient" >"$tmp/wrk.out" 2>&1
    awk -v name="$1" '/Requests\/sec/{r=$2} /^ +Latency +[0-9]/{m=$4} /^ +50%/{a=$2} /^ +99%/{b=$2} /Non-2xx/{e=" (" $NF " NOT 2xx)"}
        END{printf "%-44s %8.0f /s  p50 %-9s p99 %-9s worst %s%s\n", name, r, a, b, m, e}' "$tmp/wrk.out"
}
# Sends the bundle again and again until it is told to stop; a line for each with status and time.
repeat() {
    while true; do
        curl -s -o /dev/null -w '%{http_code} %{time_total}\n' -H 'Content-Type: application/fhir+json' \
            --data-binary @"$1" "$base"
    done
}
beside() { # beside NAME BUNDLE
    : >"$tmp/large"
    repeat "$2" >"$tmp/large" &
    large=$!
    sleep 0.5
    probe "small writes beside $1"
    kill "$large" 2>/dev/null
    wait "$large" 2>/dev/null
    large=0
    awk '{n++; s+=$2; if ($2>w) w=$2; c[$1]++} END{printf "    %d transactions of 25,000 entries meanwhile, mean %.1f s, longest %.1f s;", n, n?s/n:0, w; for (k in c) printf " status %s: %d", k, c[k]; print ""}' "$tmp/large"
}

echo "# machine: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(uname -sr)"
"$nhip" serve --data "$tmp/data" --port "$port" --log-level error >"$tmp/log" 2>&1 &
server=$!
for _ in $(seq 200); do curl -sf -o /dev/null "http://127.0.0.1:$port/ready" && break; sleep 0.05; done
probe "small writes alone"
beside "plain transactions" "$tmp/plain"
beside "transactions with exact conditions" "$tmp/tokens"
beside "transactions with conditions by name" "$tmp/searches"
probe "small writes alone, again"
