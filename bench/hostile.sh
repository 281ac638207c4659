#!/usr/bin/env bash
# How long hostile input (tests/http/hostile_test.sh) is worked on until it is refused: the whole request
# in ms, beside the limit of 100 ms and beside an ordinary small search of the same run; and the growth of
# resident memory beside the limit of 32 MiB and the bytes sent. Sending the bytes is in the time.
set -uo pipefail
cd "$(dirname "$0")/.."
nhip=build/release/nhip
[ -x "$nhip" ] || make --no-print-directory "$nhip" >/dev/null || exit 1
times=$(mktemp /tmp/nhip-bench-hostile-XXXXXX)
trap 'rm -f "$times"' EXIT
HOSTILE_TIMES=$times bash tests/http/hostile_test.sh | grep '^not ok'
awk '{
    ms = $1 * 1000; kb = $2; sent = $3; $1 = $2 = $3 = ""
    printf "%8.1f ms  %5.2f x of 100 ms   %7d kB grown  %5.2f x of 32 MiB + %d kB sent  %s\n", ms, ms / 100, kb, kb / (32768 + sent), sent, $0
    worst = ms > worst ? ms : worst
} END { printf "slowest: %.1f ms of 100 ms, %d inputs\n", worst, NR }' "$times"
