#!/usr/bin/env bash
# The screens' answers and searches over data folders of different sizes, side by side: are they flat as the
# province grows? Each folder is served, its book followed to the end (time and rate are printed where it was
# not there yet), and every page asked for 200 times by one client.
# Usage: pages.sh FOLDER…, the smallest first (bench/import with NHIP_BENCH_KEEP=1); without one, provinces of
# 5,000 and 50,000 visits are made. Peer: the first folder in the same run.
set -uo pipefail
cd "$(dirname "$0")/.."
nhip=$PWD/build/release/nhip
[ -x "$nhip" ] || make --no-print-directory "$nhip" >/dev/null || exit 1
port=$((20000 + $$ % 9000))
export LC_ALL=C.UTF-8
tmp=$(mktemp -d "${NHIP_BENCH_DIR:-/tmp}/nhip-bench-XXXXXX")
unset NHIP_BENCH_DIR NHIP_BENCH_KEEP # no settings of nhip
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null; rm -rf "$tmp"' EXIT
folders=("$@")
if [ $# = 0 ]; then
    for visits in 5000 50000; do
        "$nhip" synth --out "$tmp/claims" --visits $visits --citizens $((visits / 4)) >/dev/null 2>&1 &&
            "$nhip" import --data "$tmp/$visits" "$tmp/claims/claims" >/dev/null 2>&1 || exit 1
        rm -rf "$tmp/claims"
        folders+=("$tmp/$visits")
    done
fi

metric() { curl -s "http://127.0.0.1:$port/metrics" | awk -v m="$1" '$1 == m { print $2 }'; }
follow() { # waits until the book holds every record; says how long it took
    local from=$EPOCHREALTIME first last all
    until first=$(metric nhip_book_record) && [ -n "$first" ]; do sleep 0.2; done
    all=$(metric nhip_records_total)
    until last=$(metric nhip_book_record) && [ "$last" -ge "$all" ]; do sleep 1; done
    awk -v a="$from" -v b="$EPOCHREALTIME" -v f="$first" -v l="$last" \
        'BEGIN { if (l > f) printf("#   book: %d records followed in %.0f s, %.0f a second\n", l - f, b - a, (l - f) / (b - a)) }'
}

echo "# machine: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(uname -sr)"
n=0
for folder in "${folders[@]}"; do
    t0=$EPOCHREALTIME
    "$nhip" serve --data "$folder" --port "$port" --log-level error >"$tmp/log" 2>&1 &
    server=$!
    until curl -sf -o /dev/null "http://127.0.0.1:$port/ready"; do
        kill -0 "$server" 2>/dev/null || { cat "$tmp/log"; exit 1; }
        sleep 0.005
    done
    awk -v n="$((++n))" -v a="$t0" -v b="$EPOCHREALTIME" 'BEGIN { printf("# folder %d: ready in %.0f ms\n", n, 1000 * (b - a)) }'
    follow
    node bench/pages.mjs "http://127.0.0.1:$port" "$tmp/pages-$n" || exit 1
    echo "#   $(metric nhip_records_total) records, $(du -sm "$folder" | cut -f1) MiB, server at $(awk '/^VmHWM/ { printf("%.0f", $2 / 1024) }' "/proc/$server/status") MiB at most"
    kill "$server"
    wait "$server" 2>/dev/null
    server=
done
paste "$tmp"/pages-* | awk -F'\t' '{
    printf("%-38s", $1)
    for (i = 2; i < NF; i += 3) printf("  p50 %8s p99 %8s ms", $i, $(i + 1))
    if (NF > 3 && $2 > 0) printf("  %.2f x", $(NF - 1) / $2)
    print "" }'
