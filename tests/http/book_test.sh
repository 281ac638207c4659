#!/usr/bin/env bash
# The book of claims behind a running server: an import says how its visits stand, the book follows
# and comes back when it is deleted, and changed rules are tried beside the server. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh
site="http://127.0.0.1:$port"

count() { grep -o "\"$1\":[0-9]*" "$tmp/body" | head -1 | cut -d: -f2; }
rule() { # rule PREFIX: one that finds something in every visit
    printf '%s\n' "rule    thu-moi-luot" "on      XML1" "weight  warns" "must    MA_LK = 'X'" \
        "field   MA_LK" "vi      Thử." "en      Try." "fix-vi  Thôi." "fix-en  Stop." "law     none" \
        "good    @noi-tru XML1.MA_LK=X" "bad     @noi-tru" "" >"$1"
}
tried() { # tried MONTH: visits asked, newly flagged
    "$nhip" rules try --data "$tmp/data" --rules "$tmp/new.rules" --month "$1" --language en \
        2>&1 >"$tmp/table" | sed -n 's/^\([0-9]*\) visits asked: \([0-9]*\) newly.*/\1 \2/p'
}

"$nhip" synth --out "$tmp/syn" --seed 11 --citizens 60 --visits 200 --years 1 --facilities 3 \
    --claims-per-file 100 --errors-per-mille 0 --resends-per-mille 0 >/dev/null 2>&1
rule "$tmp/new.rules"
serve
total=0
for f in $(find "$tmp/syn" -name '*.xml' | sort); do
    curl -s -o "$tmp/body" --data-binary "@$f" "$site/import/claims"
    new=$(count new)
    total=$((total + new))
    [ "$((new))" = "$(($(count clean) + $(count held) + $(count waiting)))" ] || wrong=$f
done
check "every import says how its visits stand" is "${wrong:-all}" all
check "visits came" [ "$total" -gt 150 ]

# The month of settlement with the most visits, as the files say it.
months=$(find "$tmp/syn" -name '*.xml' -exec cat {} + | grep -oE '<LOAIHOSO>XML1</LOAIHOSO>[[:space:]]*<NOIDUNGFILE>[^<]*' |
    sed 's/.*<NOIDUNGFILE>//' | while read -r b; do base64 -d <<<"$b" | tr -d '\n\r\t '; echo; done |
    sed -nE 's/.*<NAM_QT>([0-9]+)<.*<THANG_QT>([0-9]+)<.*/\1 \2/p' | sort | uniq -c | sort -rn | head -1)
month=$(awk '{printf "%04d-%02d", $2, $3}' <<<"$months")
visits=$(awk '{print $1}' <<<"$months")
for _ in $(seq 40); do
    got=$(tried "$month")
    [ "$got" = "$visits $visits" ] && break
    sleep 0.1
done
check "a changed rule is tried on the month's visits, beside the server" is "$got" "$visits $visits"
check "by rule, facility and department" has "$(cat "$tmp/table")" "thu-moi-luot	46S"
check "a month without visits" is "$(tried 2001-01)" "0 0"
check "a rule that does not compile is refused" is \
    "$(printf 'rule x\n' >"$tmp/bad.rules"
        "$nhip" rules try --data "$tmp/data" --rules "$tmp/bad.rules" >/dev/null 2>&1
        echo $?)" 1

kill "$pid" && wait "$pid" 2>/dev/null
rm -f "$tmp"/data/book.db*
serve
for _ in $(seq 40); do
    got=$(tried "$month")
    [ "$got" = "$visits $visits" ] && break
    sleep 0.1
done
check "a deleted book comes back" is "$got" "$visits $visits"
echo "1..$n"
[ "$bad" = 0 ]
