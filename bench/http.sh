#!/usr/bin/env bash
# The FHIR interface over HTTP: reads beside nginx serving a file of the same size, search shapes,
# small durable writes beside the disk's sync rate, transaction bundles. wrk, CLIENTS (64) clients,
# SECONDS_EACH (5) seconds each; server, wrk and nginx share the machine. Data: the Synthea bundles of
# $NHIP_SHARED when present, else 120 invented bundles of 277 resources.
set -uo pipefail
cd "$(dirname "$0")/.."
nhip=build/release/nhip
[ -x "$nhip" ] || make --no-print-directory "$nhip" >/dev/null || exit 1
command -v wrk >/dev/null || { echo "bench http: wrk is missing"; exit 1; }
tmp=$(mktemp -d "${BENCH_TMP:-/tmp}/nhip-bench-XXXXXX")
port=$((20000 + RANDOM % 9000))
base="http://127.0.0.1:$port/fhir"
clients=${CLIENTS:-64} each=${SECONDS_EACH:-5} threads=2
server=0 nginx=0
export LC_ALL=C
finish() {
    [ "$server" = 0 ] || kill "$server" 2>/dev/null
    [ "$nginx" = 0 ] || kill "$nginx" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT

echo "# machine: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(uname -sr)"
echo "# $clients clients, $each s each, wrk and server on the same machine"

load() { # load URL [SCRIPT]: "REQUESTS/S P50 P99 NON2XX"
    wrk -t "$threads" -c "$clients" -d "${each}s" --latency ${2:+-s "$2"} "$1" >"$tmp/wrk.out" 2>&1
    awk '/Requests\/sec/{r=$2} /^ +50%/{a=$2} /^ +99%/{b=$2} /Non-2xx/{e=$NF}
        END{printf "%.0f %s %s %d\n", r, a, b, e}' "$tmp/wrk.out"
}
line() { # line NAME "LOAD" [REMARK]
    read -r rate p50 p99 wrong <<<"$2"
    printf '%-44s %8s /s  p50 %-9s p99 %-9s %s%s\n' "$1" "$rate" "$p50" "$p99" "${3:-}" \
        "$([ "$wrong" = 0 ] || echo " ($wrong NOT 2xx)")"
}

# ---- data
bundles="${NHIP_SHARED:-../shared}/data/synthea/bundles.ndjson.xz"
if [ -e "$bundles" ]; then
    xz -dc "$bundles" >"$tmp/bundles"
    echo "# data: Synthea, $(wc -l <"$tmp/bundles") transaction bundles, 33,180 resources"
else
    for b in $(seq 120); do
        printf '{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:00000000-0000-4000-8000-%012d","resource":{"resourceType":"Patient","name":[{"family":"Thu%d","given":["A"]}],"birthDate":"19%02d-01-01"},"request":{"method":"POST","url":"Patient"}}' "$b" "$b" $((b % 90 + 10))
        for o in $(seq 276); do
            printf ',{"resource":{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"%d"}]},"subject":{"reference":"urn:uuid:00000000-0000-4000-8000-%012d"},"effectiveDateTime":"20%02d-03-04","valueQuantity":{"value":%d,"unit":"cm"}},"request":{"method":"POST","url":"Observation"}}' $((o % 20)) "$b" $((o % 25)) "$o"
        done
        printf ']}\n'
    done >"$tmp/bundles"
    echo "# data: 120 invented bundles of 277 resources"
fi
serve() {
    "$nhip" serve --data "$tmp/data" --port "$port" --log-level error >"$tmp/log" 2>&1 &
    server=$!
    for _ in $(seq 200); do curl -sf -o /dev/null "http://127.0.0.1:$port/ready" && break; sleep 0.05; done
}
stop() {
    kill "$server"
    wait "$server"
    server=0
}
serve

# ---- transactions
mkdir "$tmp/b"
split -l 1 -a 4 -d "$tmp/bundles" "$tmp/b/"
bytes=$(wc -c <"$tmp/bundles")
resources=$(grep -o '"request":{' "$tmp/bundles" | wc -l)
transactions() { # transactions PARALLEL
    local t0 t1
    t0=$(date +%s%N)
    find "$tmp/b" -type f | xargs -P "$1" -I{} curl -s -o /dev/null -w '%{http_code}\n' \
        -H 'Content-Type: application/fhir+json' --data-binary @{} "$base" | sort | uniq -c >"$tmp/codes"
    t1=$(date +%s%N)
    awk -v n="$(wc -l <"$tmp/bundles")" -v r="$resources" -v b="$bytes" -v ns=$((t1 - t0)) -v p="$1" -v c="$(tr -s ' \n' ' ' <"$tmp/codes")" \
        'BEGIN{s=ns/1e9; printf "transaction bundles, %d at once: %.1f bundles/s, %.0f resources/s, %.1f MB/s (status%s)\n", p, n/s, r/s, b/s/1e6, c}'
}
transactions 1
transactions 8
stop # what is on disk then is what a resource takes, all indexes included
find "$tmp/data" -type f -printf '%s\n' | awk -v r="$((2 * resources))" '{ b += $1 }
    END { printf "bytes a resource: %.0f (target 400)\n", b / r }'
serve

# ---- reads beside nginx
patient=$(curl -s "$base/Patient?_count=1" | grep -o '"resourceType":"Patient","id":"[^"]*"' | cut -d'"' -f8)
mkdir "$tmp/www"
curl -s "$base/Patient/$patient" >"$tmp/www/file.json"
size=$(wc -c <"$tmp/www/file.json")
read_load=$(load "$base/Patient/$patient")
if command -v nginx >/dev/null || [ -x /usr/sbin/nginx ]; then
    cat >"$tmp/nginx.conf" <<N
daemon off; master_process on; worker_processes $(nproc); pid $tmp/nginx.pid; error_log $tmp/nginx.err;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; sendfile on; open_file_cache max=10; default_type application/fhir+json;
server { listen 127.0.0.1:$((port + 1)); root $tmp/www; } }
N
    chmod 755 "$tmp" "$tmp/www"
    PATH=$PATH:/usr/sbin nginx -c "$tmp/nginx.conf" 2>/dev/null &
    nginx=$!
    for _ in $(seq 100); do curl -sf -o /dev/null "http://127.0.0.1:$((port + 1))/file.json" && break; sleep 0.05; done
    nginx_load=$(load "http://127.0.0.1:$((port + 1))/file.json")
    line "nginx, file of $size bytes" "$nginx_load"
    line "read Patient, $size bytes" "$read_load" "$(awk -v a="${read_load%% *}" -v b="${nginx_load%% *}" 'BEGIN{printf "%.2f of nginx", a/b}')"
else
    line "read Patient, $size bytes" "$read_load" "(no nginx here)"
fi
find "$tmp/data" -maxdepth 0 >/dev/null
curl -s "$base/Observation?_count=1000&_elements=id" | grep -o '"resourceType":"Observation","id":"[^"]*"' | cut -d'"' -f8 >"$tmp/ids"
cat >"$tmp/many.lua" <<L
local ids = {}
for id in io.lines("$tmp/ids") do ids[#ids + 1] = id end
local n = 0
request = function() n = n + 1; return wrk.format("GET", "/fhir/Observation/" .. ids[n % #ids + 1]) end
L
line "read, $(wc -l <"$tmp/ids") different Observations" "$(load "$base" "$tmp/many.lua")"

# ---- search shapes
code=$(curl -s "$base/Observation?_count=1" | grep -o '"system":"http://loinc.org","code":"[^"]*"' | head -1 | cut -d'"' -f8)
while IFS='|' read -r name query; do
    line "search: $name" "$(load "$base/${query//PATIENT/$patient}")"
done <<S
by name|Patient?name=a&_count=10
by birth date|Patient?birthdate=ge1960&birthdate=lt1970&_count=10
by code, first page|Observation?code=http://loinc.org%7C$code&_count=10
of a patient|Observation?subject=Patient/PATIENT&_count=50
of a patient by code|Observation?subject=Patient/PATIENT&code=http://loinc.org%7C$code
by date and code|Observation?date=ge2010&code=http://loinc.org%7C$code&_count=10
newest with the patient|Observation?_sort=-_lastUpdated&_count=10&_include=Observation:subject
number of a code|Observation?code=http://loinc.org%7C$code&_summary=count
whole record|Patient/PATIENT/\$everything
S

# ---- terminology
line "validate-code, a value set" "$(load "$base/ValueSet/\$validate-code?url=http://hl7.org/fhir/ValueSet/administrative-gender&code=male")"
line "validate-code, ICD-10" "$(load "$base/CodeSystem/\$validate-code?url=http://hl7.org/fhir/sid/icd-10&code=J18.9")"
line "type-ahead on ICD-10" "$(load "$base/ValueSet/\$expand?url=https://nhip.vn/fhir/ValueSet/icd-10-vn&filter=viem%20phoi&count=20")"

# ---- small durable writes beside the disk
syncs=$(dd if=/dev/zero of="$tmp/sync" bs=8k count=300 oflag=dsync 2>&1 | awk '/copied/{for(i=1;i<=NF;i++)if($i=="s,")print 300/$(i-1)}')
cat >"$tmp/post.lua" <<'L'
local n = 0
wrk.headers["Content-Type"] = "application/fhir+json"
wrk.headers["Prefer"] = "return=minimal"
request = function()
    n = n + 1
    return wrk.format("POST", "/fhir/Basic", nil,
        '{"resourceType":"Basic","code":{"coding":[{"system":"urn:bench","code":"c' .. n % 50 .. '"}]},"created":"2026-01-01"}')
end
L
post=$(load "$base" "$tmp/post.lua")
line "create (durable), $clients clients" "$post" \
    "$(awk -v a="${post%% *}" -v b="$syncs" 'BEGIN{printf "%.1f times the %.0f syncs/s of 8 KiB", a/b, b}')"
clients=2
line "create (durable), 2 clients" "$(load "$base" "$tmp/post.lua")"
stop
"$nhip" verify --data "$tmp/data" --language en 2>/dev/null | tail -1
