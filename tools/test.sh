#!/usr/bin/env bash
# Runs tests and counts their TAP lines. Usage: tools/test.sh all|check|units|suites|faults|asan|tsan|tsan:MODULE...
# Every test program prints "ok N - name" or "not ok N - name"; the last line of this script is
# "N passed, N failed". Programs that end with an error but print no failure count as one failure.
set -uo pipefail
cd "$(dirname "$0")/.."
export CMOCKA_MESSAGE_OUTPUT=TAP NHIP_SHARED=${NHIP_SHARED:-../shared}
jobs=${JOBS:-$(nproc)}
log=build/test.log
mkdir -p build
: >"$log"
passed=0 failed=0

# run NAME COMMAND…: one program; shows failures at once, everything goes to build/test.log.
run() {
    local name=$1 out rc ok bad t0=$SECONDS
    shift
    out=$(timeout "${TEST_TIMEOUT:-900}" "$@" 2>&1)
    rc=$?
    printf '== %s\n%s\n' "$name" "$out" >>"$log"
    ok=$(grep -cE '^ok ' <<<"$out")
    bad=$(grep -cE '^not ok ' <<<"$out")
    if [ $rc -ne 0 ] && [ "$bad" = 0 ]; then
        bad=1
        echo "not ok - $name ended with status $rc"
    fi
    if [ "$ok" = 0 ] && [ "$bad" = 0 ] && ! grep -q '^# .*skipped' <<<"$out"; then
        bad=1
        echo "not ok - $name ran no test"
    fi
    [ "$bad" = 0 ] || grep -E -B12 -A8 '^not ok |ERROR: |runtime error' <<<"$out" | tail -80
    grep -E '^[a-z0-9-]+ [0-9]+/[0-9]+$|^# .*skipped' <<<"$out" | grep -v '^1\.\.'
    passed=$((passed + ok))
    failed=$((failed + bad))
    printf '  %-34s %4d passed %3d failed  %3d s\n' "$name" "$ok" "$bad" $((SECONDS - t0))
}

build() { # build VARIANT TARGET…
    local v=$1
    shift
    if ! make --no-print-directory -j"$jobs" V="$v" "$@" >build/build.log 2>&1; then
        tail -40 build/build.log
        echo "not ok - build of $* ($v)"
        failed=$((failed + 1))
        return 1
    fi
}

lint() { build release gen && run lint bash tools/lint.sh; }
units() {
    build "$1" units && for t in build/"$1"/unit/*/*_test; do
        run "$1 unit ${t#build/"$1"/unit/}" "$t"
    done
}
suites() {
    build release progs && for t in build/release/tests/suite/*; do
        [ -x "$t" ] && [ ! -d "$t" ] && run "suite $(basename "$t")" "$t"
    done
}
faults() {
    build release progs all && for t in build/release/tests/fault/*; do
        [ -x "$t" ] && [ ! -d "$t" ] && run "fault $(basename "$t")" "$t"
    done
    for t in tests/fault/*.sh; do
        run "fault $(basename "$t" .sh)" bash "$t"
    done
}
fuzz_replay() {
    build "$1" fuzzers && for t in tests/fuzz/*.c; do
        local n
        n=$(basename "$t" .c)
        run "$1 fuzz $n" build/"$1"/tests/fuzz/"$n" tests/fuzz/corpus/"$n"
    done
}
scripts() { # tests/http/*.sh, tests/web/*.sh: they start and stop their own servers
    build release all && for t in tests/"$1"/*_test.sh; do
        [ -e "$t" ] && run "$1 $(basename "$t" _test.sh)" bash "$t"
    done
}

# Every unit test and the whole server under ThreadSanitizer: its reports are failures. With an
# argument one piece of it: the tests of a module, or "server".
tsan() {
    local piece=${1:-}
    export TSAN_OPTIONS="log_path=$PWD/build/tsan/report exitcode=66" SEARCH_TEST_PART=${SEARCH_TEST_PART:-10}
    rm -f build/tsan/report.*
    build tsan all units && for t in build/tsan/unit/*/*_test; do
        case $t in build/tsan/unit/${piece:-*}/*) run "tsan unit ${t#build/tsan/unit/}" "$t" ;; esac
    done
    [ -n "$piece" ] && [ "$piece" != server ] || NHIP=build/tsan/nhip run "tsan server" bash tests/http/http_test.sh
    for r in build/tsan/report.*; do
        [ -e "$r" ] && head -40 "$r" && echo "not ok - $r" && failed=$((failed + 1))
    done
}

for stage in "${@:-check}"; do
    case $stage in
        all) lint; units release; suites; faults; fuzz_replay release; scripts http; scripts web ;;
        check) build release all; lint; units release; fuzz_replay release ;;
        units) units release ;;
        lint) lint ;;
        suites) suites ;;
        faults) faults ;;
        http | web) scripts "$stage" ;;
        asan) units asan; fuzz_replay asan ;;
        tsan) tsan ;;
        tsan:*) tsan "${stage#tsan:}" ;; # tsan:store, tsan:rest … tsan:server
        *) echo "test.sh: unknown stage '$stage'" >&2; exit 2 ;;
    esac
done
[ "$failed" = 0 ] || echo "Everything that was printed stands in $log"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
