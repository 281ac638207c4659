#!/usr/bin/env bash
# clang-tidy with .clang-tidy over src/, or over the files named; on all cores, about a minute: not part
# of `make check`. Prints findings only. Needs the generated tables (make gen).
set -uo pipefail
cd "$(dirname "$0")/.."
command -v clang-tidy >/dev/null || { echo "tidy.sh: clang-tidy is missing (Debian: clang-tidy)" >&2; exit 2; }
if [ $# -gt 0 ]; then printf '%s\0' "$@"; else git ls-files -z 'src/*.c'; fi \
    | xargs -0 -n 1 -P "$(nproc)" sh -c 'clang-tidy --quiet "$1" -- -std=gnu17 -D_GNU_SOURCE -Isrc -Ibuild/gen 2>/dev/null' tidy
