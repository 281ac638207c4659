#!/usr/bin/env bash
# Runs the benchmarks: each bench/NAME.c (built as build/release/bench/NAME) and each bench/NAME.sh, or
# only those named. Each prints its own machine line, conditions and ratios against a peer or a limit
# of the same run. Usage: tools/bench.sh [NAME]...
# NHIP_SHARED (default ../shared) says where the shared data sets are; without them a benchmark works
# on generated data and says so. Output also goes to build/bench/NAME.txt. Nothing else should run.
set -uo pipefail
cd "$(dirname "$0")/.."
export NHIP_SHARED=${NHIP_SHARED:-../shared}
[ -d "$NHIP_SHARED" ] && NHIP_SHARED=$(cd "$NHIP_SHARED" && pwd)

names=$(for f in bench/*.c bench/*.sh; do [ -e "$f" ] && basename "${f%.*}"; done | sort -u)
if [ $# -gt 0 ]; then
    for name in "$@"; do
        grep -qxF "$name" <<<"$names" || { echo "bench.sh: no bench/$name.c or .sh" >&2; exit 2; }
    done
    names=$(printf '%s\n' "$@")
fi
mkdir -p build/bench
failed=0
for name in $names; do
    if [ -e "bench/$name.c" ]; then
        command=(build/release/bench/"$name")
        if ! make --no-print-directory "${command[0]}" >build/bench-build.log 2>&1; then
            tail -30 build/bench-build.log
            echo "bench $name: does not build" >&2
            failed=1
            continue
        fi
    else
        command=(bash "bench/$name.sh")
    fi
    echo "== $name"
    if ! "${command[@]}" 2>&1 | tee "build/bench/$name.txt"; then
        echo "bench $name: failed" >&2
        failed=1
    fi
done
exit $failed
