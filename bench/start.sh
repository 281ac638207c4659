#!/usr/bin/env bash
# start — time from the start of `nhip serve` to its first answers: /ready, a resource by id, a search,
# the operations page; after an orderly stop and after a kill -9 (which leaves records to replay).
#   start.sh [FOLDER]     a data folder (bench/import with NHIP_BENCH_KEEP=1), else 50,000 visits are
#                         made and imported first; imports that are killed add to it.
# Target: < 1 s to the first answer.
set -uo pipefail
cd "$(dirname "$0")/.."
nhip=$PWD/build/release/nhip
[ -x "$nhip" ] || make --no-print-directory WEB="${WEB:-1}" >/dev/null || exit 1
port=$((20000 + $$ % 10000))
base=http://127.0.0.1:$port
export NHIP_LANGUAGE=en NHIP_LOG_LEVEL=error
work=$(mktemp -d "${NHIP_BENCH_DIR:-/tmp}/nhip-start-XXXXXX")
unset NHIP_BENCH_DIR NHIP_BENCH_KEEP # no settings of nhip
pid=
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; rm -rf "$work"' EXIT

data=${1:-}
if [ -z "$data" ]; then
    data=$work/data
    "$nhip" synth --out "$work/province" --visits 50000 --citizens 12500 >/dev/null 2>&1 &&
        "$nhip" import --data "$data" "$work/province/claims" >/dev/null 2>&1 || exit 1
fi

begin() {
    t0=$EPOCHREALTIME
    "$nhip" serve --data "$data" --port "$port" >"$work/log" 2>&1 &
    pid=$!
}
# first NAME URL: waits for a good answer, prints the milliseconds since begin
first() {
    until curl -sf -o "$work/answer" "$base$2"; do
        kill -0 "$pid" 2>/dev/null || { cat "$work/log"; exit 1; }
        sleep 0.002
    done
    awk -v a="$t0" -v b="$EPOCHREALTIME" -v n="$1" 'BEGIN{printf "  %-22s %7.0f ms\n", n, 1000*(b-a)}'
}
answers() {
    first "/ready" /ready
    [ -z "${id:-}" ] || first "Encounter by id" "/fhir/Encounter/$id"
    first "newest 20 encounters" "/fhir/Encounter?_count=20&_sort=-_lastUpdated"
    first "operations page" /api/ops
    awk '{ print "  processor time until then   " ($14 + $15) * 10 " ms" }' "/proc/$pid/stat"
    awk '/^VmHWM|^VmRSS/ { printf "  %-22s %7.1f MiB\n", $1 == "VmHWM:" ? "peak memory" : "memory at rest", $2 / 1024 }' \
        "/proc/$pid/status"
}
stop() { # kill's option
    local t1=$EPOCHREALTIME
    kill "$1" "$pid" && wait "$pid" 2>/dev/null
    pid=
    awk -v a="$t1" -v b="$EPOCHREALTIME" 'BEGIN{printf "  stop took %.0f ms\n", 1000*(b-a)}'
}
# Records that no segment of the index holds.
unsealed() {
    "$nhip" stat --data "$data" | awk '/^records /{r=$2} /^index_covered /{c=$2} END{print r-c}'
}
# An import of visits that are new, killed while it commits: kill_import SEED SECONDS
kill_import() {
    "$nhip" synth --out "$work/more$1" --visits 20000 --citizens 5000 --seed "$1" >/dev/null 2>&1
    "$nhip" import --data "$data" "$work/more$1/claims" >"$work/log" 2>&1 &
    pid=$!
    sleep "$2"
    stop -KILL >/dev/null
}

t1=$EPOCHREALTIME
curl -s -o "$work/answer" "$base/none"
echo "# a refused connection costs curl $(awk -v a="$t1" -v b="$EPOCHREALTIME" 'BEGIN{printf "%.0f", 1000*(b-a)}') ms: that is in every figure"
begin
first "/ready" /ready >/dev/null
id=$(curl -s "$base/fhir/Encounter?_count=1" | grep -oE '"resource":\{"resourceType":"Encounter","id":"[^"]+"' | grep -oE '[^"]+"$' | tr -d '"')
echo "# $(curl -s "$base/api/ops" | grep -oE '"totals":\{[^}]*\}')"
stop -TERM >/dev/null
for round in 1 2 3; do
    echo "after an orderly stop, round $round: $(unsealed) records to replay"
    begin
    answers
    stop -TERM
done
for round in 1 2 3; do
    kill_import "7$round" "$((round + 2))"
    echo "after kill -9, round $round: $(unsealed) records to replay"
    begin
    answers
    stop -TERM
done
