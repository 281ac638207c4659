#!/usr/bin/env bash
# Thirty search shapes and a mix of create, read, update and delete over HTTP at three sizes of an
# invented province (four visits a citizen): does the server stay flat as the data grows? 17 shapes take
# values that were sampled from the data, a new one each time; in the mixes all thirty have the same share.
# All sizes are served at once and asked in turn, ROUNDS (3) times; the median counts, so that an hour in which
# the machine is slow does not look like growth. wrk, CLIENTS (16) clients, SECONDS_EACH (1) second a shape,
# six times that for the mixes; servers and wrk share the machine. MIXES_ONLY=1: no single shapes.
# Usage: mix.sh [CITIZENS|FOLDER…], default 1000 8000 64000; folders are served as they are, the create, read,
# update and delete mix writes into them. Peer: the first in the same run.
set -uo pipefail
cd "$(dirname "$0")/.."
nhip=build/release/nhip
[ -x "$nhip" ] || make --no-print-directory "$nhip" >/dev/null || exit 1
command -v wrk >/dev/null || { echo "bench mix: wrk is missing"; exit 1; }
tmp=$(mktemp -d "${BENCH_TMP:-${NHIP_BENCH_DIR:-/tmp}}/nhip-bench-XXXXXX")
unset NHIP_BENCH_DIR
port=$((20000 + RANDOM % 9000))
clients=${CLIENTS:-16} each=${SECONDS_EACH:-1} rounds=${ROUNDS:-3}
sizes=("${@:-1000}")
[ $# -gt 0 ] || sizes=(1000 8000 64000)
servers=()
export LC_ALL=C.UTF-8
finish() {
    [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT

echo "# machine: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(uname -sr)"
echo "# $clients clients, $each s a shape, median of $rounds rounds; wrk and servers on the same machine"

cat >"$tmp/urls.lua" <<'L'
local urls = {}
for url in io.lines(os.getenv("URLS")) do urls[#urls + 1] = url end
local n = math.random(#urls)
init = function() math.randomseed(tonumber(tostring({}):sub(8), 16) % 2147483647); n = math.random(#urls) end
request = function() n = n % #urls + 1; return wrk.format("GET", urls[n]) end
L
# Half reads, a quarter updates of own resources, the rest creates and, for every second one, deletes.
cat >"$tmp/crud.lua" <<'L'
local ids, own, at, made = {}, {}, 0, 0
local thread = 0
setup = function(t) t:set("number", thread); thread = thread + 1 end
for id in io.lines(os.getenv("IDS")) do ids[#ids + 1] = id end
local function body(id)
    return '{"resourceType":"Basic"' .. (id and ',"id":"' .. id .. '"' or "") ..
        ',"code":{"coding":[{"system":"urn:bench","code":"c' .. at % 50 .. '"}]},"created":"2026-01-01"}'
end
init = function() wrk.headers["Content-Type"] = "application/fhir+json"; wrk.headers["Prefer"] = "return=minimal" end
request = function()
    at = at + 1
    local step = at % 8
    if step < 4 then return wrk.format("GET", "/fhir/Encounter/" .. ids[at % #ids + 1]) end
    if step < 6 then
        local id = "mix-" .. number .. "-" .. at % 64
        return wrk.format("PUT", "/fhir/Basic/" .. id, nil, body(id))
    end
    if step == 6 then return wrk.format("POST", "/fhir/Basic", nil, body()) end
    made = made + 1
    return wrk.format(made % 2 == 0 and "DELETE" or "PUT", "/fhir/Basic/gone-" .. number .. "-" .. math.floor((made + 1) / 2), nil,
        made % 2 == 0 and "" or body("gone-" .. number .. "-" .. math.floor((made + 1) / 2)))
end
L

load() { # load SCRIPT SECONDS PORT: "REQUESTS/S P50 P99 NON2XX"
    wrk -t 2 -c "$clients" -d "${2}s" --latency -s "$1" "http://127.0.0.1:$3/fhir" >"$tmp/wrk.out" 2>&1
    awk '/Requests\/sec/{r=$2} /^ +50%/{a=$2} /^ +99%/{b=$2} /Non-2xx/{e=$NF}
        END{printf "%.0f %s %s %d\n", r, a, b, e}' "$tmp/wrk.out"
}

serve() { # serve CITIZENS|FOLDER PORT: the book at its end, segments merged
    local data=$1
    if [ ! -d "$data" ]; then
        data=$tmp/$1
        "$nhip" synth --out "$tmp/claims" --seed 7 --citizens "$1" --visits $(($1 * 4)) --facilities 60 >/dev/null || exit 1
        "$nhip" import --data "$data" "$tmp/claims" >/dev/null 2>&1
        rm -rf "$tmp/claims"
    fi
    "$nhip" serve --data "$data" --port "$2" --log-level error >"$tmp/log-$2" 2>&1 &
    servers+=($!)
    for _ in $(seq 600); do curl -sf -o /dev/null "http://127.0.0.1:$2/ready" && break; sleep 0.05; done
    until curl -s "http://127.0.0.1:$2/metrics" |
        awk '/^nhip_records_total/{r=$2} /^nhip_book_record/{b=$2} END{exit !(r > 0 && b >= r)}'; do sleep 0.5; done
    sleep 5
}

turns() { # turns NAME SCRIPT SECONDS FILE: each size in turn; FILE of each size's folder is what is asked
    local name=$1 script=$2 seconds=$3 file=$4 size
    for _ in $(seq "$rounds"); do
        for i in "${!sizes[@]}"; do
            size=${sizes[i]}
            URLS="$tmp/shapes-$size/$file" IDS="$tmp/shapes-$size/ids" load "$script" "$seconds" $((port + i)) >>"$tmp/turns-$size"
        done
    done
    for size in "${sizes[@]}"; do
        sort -n "$tmp/turns-$size" | sed -n "$(((rounds + 1) / 2))p" >"$tmp/shapes-$size/$name.load"
        rm "$tmp/turns-$size"
    done
}

for i in "${!sizes[@]}"; do
    serve "${sizes[i]}" $((port + i))
    sizes[i]=$(basename "${sizes[i]}")
    node bench/mix_urls.mjs "http://127.0.0.1:$((port + i))/fhir" "$tmp/shapes-${sizes[i]}" | sed "s/^/# ${sizes[i]}: /" || exit 1
done
[ -z "${MIXES_ONLY:-}" ] || rm "$tmp"/shapes-*/*.urls
shopt -s nullglob
for shape in "$tmp/shapes-${sizes[0]}"/*.urls; do
    name=$(basename "$shape" .urls)
    turns "$name" "$tmp/urls.lua" "$each" "$name.urls"
done
for mix in mix even; do turns $mix "$tmp/urls.lua" $((each * 6)) $mix; done
turns crud "$tmp/crud.lua" $((each * 6)) ids

first=${sizes[0]}
row() { # row FILE NAME: one line with all sizes, and the ratio of the last to the first
    local out="" rate p50 p99 wrong one=0 last=0 bad=0
    for size in "${sizes[@]}"; do
        read -r rate p50 p99 wrong <"$tmp/shapes-$size/$1.load"
        out+=$(printf ' %7s/s %8s %8s' "$rate" "$p50" "$p99")
        bad=$((bad + wrong))
        [ "$size" = "$first" ] && one=$rate
        last=$rate
    done
    printf '%-44s%s  %s%s\n' "$2" "$out" "$(awk -v a="$one" -v b="$last" 'BEGIN { if (b > 0) printf("%.2f x", a / b); else printf("-") }')" \
        "$([ "$bad" = 0 ] || echo " ($bad NOT 2xx)")"
}
printf '%-44s' "requests/s, p50, p99 by citizens:"
printf ' %27s' "${sizes[@]}"
printf '  slower by\n'
for shape in "$tmp/shapes-$first"/*.urls; do
    name=$(basename "$shape" .urls)
    row "$name" "$(head -c 43 <<<"${name#*-}")"
done
row mix "all thirty, mixed (target 1,500/s, 1.3 x)"
row even "the same, pages that every size fills"
row crud "create, read, update, delete"
