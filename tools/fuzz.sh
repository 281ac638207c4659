#!/usr/bin/env bash
# Fuzzes with libFuzzer, one process, one target after the other.
# Usage: tools/fuzz.sh [NAME or ""] [SECONDS a target, default 600]
# Starts from tests/fuzz/corpus/NAME. Inputs that reach new code are minimised and kept there under
# their hash, at most 256 KiB and 400 files a target, smallest first; files with other names (seeds, regressions)
# stay as they are. tests/fuzz/NAME.dict, where it exists, gives the words of the format. Prints for
# each target executions, kept inputs and faults; ends with 1 when there was a fault.
set -uo pipefail
cd "$(dirname "$0")/.."
only=${1:-} seconds=${2:-600}
cap=$((256 * 1024)) files_max=400
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:allocator_may_return_null=1}

# Prints the final statistic $1 of the log $2.
stat() { sed -n "s/^stat::$1: *//p" "$2" | tail -1; }

# Keeps of the new inputs in $1 what adds coverage to the corpus $2.
keep() {
    local live=$1 corpus=$2 used f size files=0
    find "$corpus" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -exec mv -t "$live" {} +
    "$bin" -merge=1 -max_len=65536 "$corpus" "$live" >"$log.merge" 2>&1 || true
    used=$(find "$corpus" -type f -regextype posix-extended ! -regex '.*/[0-9a-f]{40}' -printf '%s\n' \
        | awk '{ n += $1 } END { print n + 0 }')
    while read -r size f; do
        if [ $((used + size)) -le $cap ] && [ $files -lt $files_max ]; then
            used=$((used + size)) files=$((files + 1))
        else
            rm -f "$f"
        fi
    done < <(find "$corpus" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -printf '%s %p\n' | sort -n)
}

mkdir -p build
failed=0 ran=0
for source in tests/fuzz/*.c; do
    name=$(basename "$source" .c)
    [ -z "$only" ] || [ "$only" = "$name" ] || continue
    ran=$((ran + 1))
    if ! make --no-print-directory V=fuzz "build/fuzz/tests/fuzz/$name" >build/fuzz-build.log 2>&1; then
        tail -30 build/fuzz-build.log
        echo "not ok - $name: does not build"
        failed=1
        continue
    fi
    bin=build/fuzz/tests/fuzz/$name log=build/fuzz/$name.log corpus=tests/fuzz/corpus/$name
    live=build/fuzz/live/$name faults=build/fuzz/faults/$name
    mkdir -p "$live" "$faults" "$corpus"
    dict=""
    [ ! -e "tests/fuzz/$name.dict" ] || dict=-dict=tests/fuzz/$name.dict
    echo "# $name: $seconds s, log in $log"
    "$bin" -max_total_time="$seconds" -max_len=16384 -timeout=20 -rss_limit_mb=3000 \
        -print_final_stats=1 -artifact_prefix="$faults/" ${dict:+"$dict"} "$live" "$corpus" >"$log" 2>&1
    rc=$?
    execs=$(stat number_of_executed_units "$log")
    if [ $rc -ne 0 ]; then
        failed=1
        grep -E 'ERROR: |SUMMARY: |Test unit written' "$log" | head -5
        echo "not ok - $name: a fault after ${execs:-?} executions; the input stands in $faults"
        continue
    fi
    keep "$live" "$corpus"
    echo "ok - $name: ${execs:-0} executions, $(stat average_exec_per_sec "$log")/s, no fault;" \
        "corpus $(find "$corpus" -type f | wc -l) files, $(du -sb "$corpus" | cut -f1) bytes"
done
[ $ran -gt 0 ] || { echo "fuzz.sh: no target '$only' in tests/fuzz" >&2; exit 2; }
exit $failed
