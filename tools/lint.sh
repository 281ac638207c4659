#!/usr/bin/env bash
# The house rules that a machine can check, one TAP line each: layers, sizes, banned functions, SQL
# outside its folder, headers that compile alone, unique base names, formatting.
set -uo pipefail
cd "$(dirname "$0")/.."
n=0 bad=0
check() { # check NAME: reads the breaches from standard input
    local found
    found=$(cat)
    n=$((n + 1))
    if [ -z "$found" ]; then
        echo "ok $n - lint: $1"
    else
        printf '%s\n' "$found" | head -40 | sed 's/^/# /'
        echo "not ok $n - lint: $1"
        bad=1
    fi
}
sources() { git ls-files -co --exclude-standard 'src/*.c' 'src/*.h' | while read -r f; do [ -e "$f" ] && echo "$f"; done; }

bash tools/layers.sh | check "layers"

sources | while read -r f; do
    lines=$(wc -l <"$f")
    case $f in *.h) max=400 ;; *) max=900 ;; esac
    [ "$lines" -le $max ] || echo "$f: $lines lines (at most $max)"
done | check "file sizes"

sources | xargs perl -CSD -ne 'chomp; print "$ARGV:$.: ", length, " columns\n" if length > 100; close ARGV if eof' \
    | check "lines of at most 100 columns"

# A function runs from a line that starts with a letter and ends with { to the next } in column 1.
sources | grep '\.c$' | xargs awk '
    FNR == 1 { inside = 0 }
    /^[A-Za-z].*[^;]$/ && !/^(typedef|struct|enum|union|static const|const|#)/ { start = FNR; name = $0 }
    /^}/ && start { if (FNR - start > 120) print FILENAME ":" start ": " FNR - start " lines: " name; start = 0 }' \
    | check "functions of at most 120 lines"

# What is released at the end of a scope must have begun before anything can leave the scope.
sources | xargs awk '
    FNR == 1 || /^}/ { name = "" }
    name && index($0, "buf_init(&" name) { name = "" }
    name && /TRY\(|return|goto / { print FILENAME ":" FNR ": leaves before buf_init(&" name ")"; name = "" }
    match($0, /CLEANUP_BUF Buf [a-z_0-9]+;/) { name = substr($0, RSTART + 16, RLENGTH - 17) }' \
    | check "buffers begin before a return"

sources | xargs grep -nE '\b(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|atof|strncpy|strncat|strlcpy|alloca|setjmp|longjmp|system)\(' \
    | grep -vE '^[^:]*:[0-9]+:.*(/\*|//).*\(|#pragma GCC poison' | check "banned functions"

sources | xargs grep -nE '"[^"]*\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|ALTER TABLE)\b +' \
    | check "SQL only under src/store/sql"

for h in $(sources | grep '\.h$'); do
    gcc -std=gnu17 -D_GNU_SOURCE -Isrc -Ibuild/gen -Wall -Wextra -fsyntax-only -x c "$h" 2>&1 \
        | grep -E 'error|warning' | grep -v 'pragma once' | head -3
done | check "headers compile alone"

sources | sed 's|.*/||' | grep -v '_int\.h$' | sort | uniq -d | check "unique base names"

for m in $(sed -n 's/^\([a-z]*\):.*/\1/p' src/LAYERS); do
    [ -e "src/$m/README.md" ] || echo "src/$m has no README.md"
    [ ! -e "src/$m/README.md" ] || [ "$(wc -l <"src/$m/README.md")" -le 120 ] || echo "src/$m/README.md: over 120 lines"
done | check "every module has a README of at most 120 lines"

if command -v clang-format >/dev/null; then
    sources | xargs clang-format --dry-run -Werror 2>&1 | grep -E 'error|warning' | cut -d: -f1 | sort | uniq -c \
        | sed 's/$/ places to format/' | check "clang-format"
fi
exit $bad
