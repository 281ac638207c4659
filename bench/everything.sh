#!/usr/bin/env bash
# Patient/$everything of a citizen with 2,000 resources (50 visits of 40), whole and in pages of 100,
# one client, SECONDS_EACH (5) seconds each. The limit: p99 below 20 ms for the whole. Data invented.
set -uo pipefail
cd "$(dirname "$0")/.."
nhip=build/release/nhip
[ -x "$nhip" ] || make --no-print-directory "$nhip" >/dev/null || exit 1
command -v wrk >/dev/null || { echo "bench everything: wrk is missing"; exit 1; }
tmp=$(mktemp -d "${BENCH_TMP:-/tmp}/nhip-bench-XXXXXX")
port=${BENCH_PORT:-$((21400 + RANDOM % 100))}
base="http://127.0.0.1:$port/fhir"
each=${SECONDS_EACH:-5}
server=0
export LC_ALL=C
finish() {
    [ "$server" = 0 ] || kill "$server" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT

put() { # put TYPE ID MORE: an entry
    printf '{"resource":{"resourceType":"%s","id":"%s"%s},"request":{"method":"PUT","url":"%s/%s"}}' "$1" "$2" "$3" "$1" "$2"
}
{
    printf '{"resourceType":"Bundle","type":"transaction","entry":['
    put Patient p ',"name":[{"family":"Thu"}]'
    for d in $(seq 0 6); do printf ','; put Practitioner "d$d" ',"name":[{"family":"Bac si"}]'; done
    for v in $(seq 0 49); do printf ','; put Encounter "e$v" ',"status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/p"}'; done
    printf ']}'
} >"$tmp/people"
visit() { # visit NUMBER: 39 observations; its Encounter is the fortieth
    awk -v v="$1" 'BEGIN {
        printf "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":["
        for (i = 0; i < 39; i++)
            printf "%s{\"resource\":{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"coding\":[{\"system\":\"http://loinc.org\",\"code\":\"%d\",\"display\":\"Chi so %d\"}]},\"subject\":{\"reference\":\"Patient/p\"},\"encounter\":{\"reference\":\"Encounter/e%d\"},\"performer\":[{\"reference\":\"Practitioner/d%d\"}],\"effectiveDateTime\":\"20%02d-03-04T08:00:00+07:00\",\"valueQuantity\":{\"value\":%d,\"unit\":\"mmol/L\",\"system\":\"http://unitsofmeasure.org\",\"code\":\"mmol/L\"},\"referenceRange\":[{\"low\":{\"value\":1,\"unit\":\"mmol/L\"},\"high\":{\"value\":9,\"unit\":\"mmol/L\"}}]},\"request\":{\"method\":\"POST\",\"url\":\"Observation\"}}", i ? "," : "", i, i, v, i % 7, v % 25, i
        printf "]}"
    }'
}
send() {
    curl -s -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/fhir+json' --data-binary @"$1" "$base"
}
shape() { # shape NAME QUERY
    wrk -t 1 -c 1 -d "${each}s" --latency "$base/Patient/p/\$everything$2" >"$tmp/wrk.out" 2>&1
    awk -v name="$1" -v bytes="$(curl -s "$base/Patient/p/\$everything$2" | wc -c)" \
        '/Requests\/sec/{r=$2} /^ +50%/{a=$2} /^ +99%/{b=$2} /Non-2xx/{e=" (" $NF " NOT 2xx)"}
        END{printf "%-36s %8.1f /s  p50 %-9s p99 %-9s %d bytes%s\n", name, r, a, b, bytes, e}' "$tmp/wrk.out"
}

echo "# machine: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(uname -sr)"
"$nhip" serve --data "$tmp/data" --port "$port" --log-level error >"$tmp/log" 2>&1 &
server=$!
for _ in $(seq 200); do curl -sf -o /dev/null "http://127.0.0.1:$port/ready" && break; sleep 0.05; done
{
    send "$tmp/people"
    for v in $(seq 0 49); do visit "$v" >"$tmp/visit"; send "$tmp/visit"; done
} | sort | uniq -c | awk '{print "# " $1 " transactions, status " $2}'
shape "\$everything, 2,000 resources" ""
shape "\$everything, pages of 100" "?_count=100"
shape "\$everything, one type" "?_type=Encounter"
