#!/usr/bin/env bash
# Claim files as broken exports, bad lines and enemies make them: each is answered clearly (file,
# MA_LK, table, field, rule, what to do), nothing is lost, nothing doubled, other imports go on, and
# the memory has its bounds. TAP. What is large is made on the way and never kept.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh
site="http://127.0.0.1:$port"
claims=tests/case/claims
refused=0 # claims and rests of files that were

send() { # send NAME FILE: one import; its answer in $http and the body
    http=$(curl -s -o "$tmp/body" -w '%{http_code}' -H 'Accept-Language: en' -H "X-File-Name: $1" \
        --data-binary "@$2" "$site/import/claims")
}
count() { grep -o "\"$1\":[0-9]*" "$tmp/body" | head -1 | cut -d: -f2; }
open_rejects() { curl -s "$site/api/rejects" | grep -o '"open":[0-9]*' | cut -d: -f2; }
taken() { # taken NAME FILE: without an error
    send "$1" "$2"
    check "$1 is taken" is "$http $(count errors)" "200 0"
}
no() { # no NAME FILE RULE [MORE…]: refused by this rule; MORE stands in the answer, too
    local name=$1 rule=$3
    send "$1" "$2"
    refused=$((refused + $(count rejected)))
    check "$name is refused" is "$http $(count rejected)" "200 1"
    check "$name: by $rule, of the file, in words" has "$(body)" "\"file\":\"$name\""
    check "$name: rule" has "$(body)" "\"rule\":\"$rule\""
    shift 3
    for more in "$@"; do
        check "$name: $more" has "$(body)" "$more"
    done
}
table() { # table N VISIT: the sample's table N as one of this visit, in a file
    sed "s/46999_TEST_0000000001/46999_TEST_$2/" "$claims/XML$1.xml" >"$tmp/XML$1.$2"
    echo "$tmp/XML$1.$2"
}
hoso() { # hoso TABLE FILE…
    printf '<HOSO>'
    while [ $# -gt 0 ]; do
        printf '<FILEHOSO><LOAIHOSO>%s</LOAIHOSO><NOIDUNGFILE>' "$1"
        base64 -w0 "$2"
        printf '</NOIDUNGFILE></FILEHOSO>'
        shift 2
    done
    printf '</HOSO>'
}
envelope() { # envelope N: around the HOSO on standard input
    printf '<?xml version="1.0" encoding="utf-8"?>\n<GIAMDINHHS><THONGTINDONVI><MACSKCB>46999</MACSKCB></THONGTINDONVI>\n'
    printf '<THONGTINHOSO><NGAYLAP>20261120</NGAYLAP><SOLUONGHOSO>%s</SOLUONGHOSO><DANHSACHHOSO>\n' "$1"
    cat
    printf '\n</DANHSACHHOSO></THONGTINHOSO></GIAMDINHHS>'
}
visit() { hoso XML1 "$(table 1 "$1")" XML2 "$(table 2 "$1")"; }

check "the server starts" serve
visit clean | envelope 1 >"$tmp/f"
taken clean.xml "$tmp/f"
visits=1

# ---- cut off ----
{ visit cut1; visit cut2; } | envelope 2 >"$tmp/whole"
size=$(stat -c %s "$tmp/whole")
head -c $((size - 1500)) "$tmp/whole" >"$tmp/f"
no cut.xml "$tmp/f" file-xml '"ma_lk":"46999_TEST_cut2"' '"hoso":2' 'repair and resend the rest' '"new":1'
taken whole.xml "$tmp/whole"
check "the whole file afterwards adds what was cut off" is "$(count new) $(count same)" "1 1"
visits=$((visits + 2))
sed 's/Theo d.*//' "$(table 1 half)" >"$tmp/half"
{ hoso XML1 "$tmp/half"; visit beside; } | envelope 2 >"$tmp/f"
no half.xml "$tmp/f" table-xml '"ma_lk":"46999_TEST_half"' '"table":"XML1"' '"field":"CHAN_DOAN_VAO"' '"line":2' 'Export the table again' '"new":1'
visits=$((visits + 1))
gzip -c "$tmp/whole" | head -c 900 >"$tmp/f"
no cut.gz "$tmp/f" file-gzip
: >"$tmp/f"
send empty.xml "$tmp/f"
check "an empty body is refused" is "$http" 400
check "in words" has "$(body)" 'send the claim file as the request'

# ---- wrong base64 ----
hoso XML2 "$(table 2 b64)" XML1 "$(table 1 b64)" | sed 's/\(XML1<\/LOAIHOSO><NOIDUNGFILE>\).../\1@@@/' | envelope 1 >"$tmp/f"
no base64.xml "$tmp/f" table-base64 '"ma_lk":"46999_TEST_b64"' '"table":"XML1"' 'Encode the inner XML as base64'
check "and by nothing that follows from it" is "$(count errors)" 1
hoso XML1 "$(table 1 b64cut)" | sed 's/.<\/NOIDUNGFILE>/<\/NOIDUNGFILE>/' | envelope 1 >"$tmp/f"
no base64cut.xml "$tmp/f" table-base64 '"table":"XML1"'

# ---- entities ----
bomb() {
    printf '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
    local last=a e
    for e in b c d e f g h i j k; do
        printf '<!ENTITY %s "%s">' "$e" "$(printf "&$last;%.0s" 1 2 3 4 5 6 7 8 9 10)"
        last=$e
    done
    printf ']>'
}
{ bomb; printf '<GIAMDINHHS>&k;</GIAMDINHHS>'; } >"$tmp/f"
no bomb.xml "$tmp/f" file-doctype 'Take it out of the file'
{ bomb; sed 's/^<?xml[^>]*>//;s/NGUY/\&k;/' "$(table 1 inner)"; } >"$tmp/inner"
hoso XML1 "$tmp/inner" | envelope 1 >"$tmp/f"
no bomb-inside.xml "$tmp/f" table-doctype '"ma_lk":"46999_TEST_inner"' '"table":"XML1"'
{ printf '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/hostname">]>'; sed 's/^<?xml[^>]*>//;s/NGUY/\&x;/' "$(table 1 outer)"; } >"$tmp/inner"
hoso XML1 "$tmp/inner" | envelope 1 >"$tmp/f"
no outside.xml "$tmp/f" table-doctype
sed 's/NGUY/\&x;/' "$(table 1 entity)" >"$tmp/inner"
hoso XML1 "$tmp/inner" | envelope 1 >"$tmp/f"
no entity.xml "$tmp/f" table-xml '"ma_lk":"46999_TEST_entity"' '"field":"HO_TEN"'

# ---- encodings ----
iconv -f utf-8 -t utf-16 "$tmp/whole" >"$tmp/f"
no utf16.xml "$tmp/f" file-encoding 'Save it as UTF-8'
for form in utf-16le utf-16be; do
    iconv -f utf-8 -t $form "$(table 1 wide)" >"$tmp/inner"
    hoso XML1 "$tmp/inner" XML2 "$(table 2 wide)" | envelope 1 >"$tmp/f"
    no $form.xml "$tmp/f" table-encoding '"ma_lk":"46999_TEST_wide"' '"table":"XML1"' 'Save it as UTF-8 before encoding it'
done
{ printf '\xff\xfe'; iconv -f utf-8 -t utf-16le "$(table 1 wide)"; } >"$tmp/inner"
hoso XML1 "$tmp/inner" | envelope 1 >"$tmp/f"
no utf16mark.xml "$tmp/f" table-encoding '(UTF-16)'
sed 's/utf-8/windows-1258/;s/NGUYỄN VĂN THỬ/NGUYE\xce\xd2N V\xc3N TH\xdd\xd2/' "$(table 1 cp1258)" >"$tmp/inner"
hoso XML1 "$tmp/inner" | envelope 1 >"$tmp/f"
no cp1258.xml "$tmp/f" table-encoding '"ma_lk":"46999_TEST_cp1258"' '"field":"HO_TEN"' 'line 1, column '
{ sed 's/NGUY/\xce\xd2/' "$tmp/whole" | head -c 300; printf '\xd2\xff'; tail -c +301 "$tmp/whole"; } >"$tmp/f"
no cp1258-outside.xml "$tmp/f" file-encoding
{ printf '\xef\xbb\xbf'; cat "$(table 1 bom)"; } >"$tmp/inner"
{ printf '\xef\xbb\xbf'; hoso XML1 "$tmp/inner" | envelope 1; } >"$tmp/f"
taken bom.xml "$tmp/f"
visits=$((visits + 1))
sed 's/utf-8/utf-16/' "$(table 1 said)" >"$tmp/inner"
hoso XML1 "$tmp/inner" | envelope 1 >"$tmp/f"
taken said-utf16.xml "$tmp/f"
visits=$((visits + 1))

# ---- tables in the wrong places ----
hoso XML1 "$(table 2 swap)" XML2 "$(table 1 swap)" | envelope 1 >"$tmp/f"
no swapped.xml "$tmp/f" table-root '"ma_lk":"46999_TEST_swap"' '"table":"XML1"' '"table":"XML2"' '<CHITIEU_CHITIET_THUOC>' 'Correct one of them'
hoso XML1 "$(table 1 one)" XML2 "$(table 2 other)" | envelope 1 >"$tmp/f"
no torn.xml "$tmp/f" claim-ma-lk '"ma_lk":"46999_TEST_one"' '"table":"XML2"' '"field":"MA_LK"' "'46999_TEST_other'"
hoso XML2 "$(table 2 headless)" | envelope 1 >"$tmp/f"
no headless.xml "$tmp/f" claim-no-xml1 '"ma_lk":"46999_TEST_headless"'
hoso XML1 "$(table 1 twice)" XML1 "$(table 1 twice)" | envelope 1 >"$tmp/f"
no twice.xml "$tmp/f" table-twice '"ma_lk":"46999_TEST_twice"' '"table":"XML1"'
no bare.xml "$(table 1 bare)" file-inner-table
head -c 100000 /dev/urandom >"$tmp/f"
no noise.bin "$tmp/f" file-kind

# ---- sizes ----
a_kib() { yes "$(printf 'A%.0s' {1..1000})" | head -c $(($1 * 1024)); }
lead='<GIAMDINHHS><THONGTINHOSO><DANHSACHHOSO><HOSO><FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>'
http=$({ printf '%s' "$lead"; a_kib $((2 * 1024 * 1024)); } | curl -s -o "$tmp/body" -w '%{http_code}' \
    -H 'Accept-Language: en' -X POST -T - "$site/import/claims")
check "an element of 2 GiB, streamed: 413" is "$http" 413
check "with the limit and what to do" has "$(body)" 'larger than this server takes (256 MiB)'
http=$(curl -s -o "$tmp/body" -w '%{http_code}' -H 'Accept-Language: en' -H 'Content-Length: 2147483648' \
    -H 'Expect:' -X POST --data-binary "@$tmp/whole" "$site/import/claims")
check "one that says so beforehand: 413 at once" is "$http" 413
a_kib 1024 | gzip -9 >"$tmp/mib.gz"
{ printf '%s' "$lead" | gzip; for _ in $(seq 2048); do cat "$tmp/mib.gz"; done; } >"$tmp/f"
no packed.xml.gz "$tmp/f" file-unpacked 'Send it in smaller parts'
{ printf '<HOSO><FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>'; a_kib $((65 * 1024)); printf '</NOIDUNGFILE></FILEHOSO></HOSO>'; visit behind; } | envelope 2 >"$tmp/f"
no long.xml "$tmp/f" claim-large '"table":"XML1"' '64 MiB of base64 in one NOIDUNGFILE' 'Split it' '"new":1'
visits=$((visits + 1))
yes '<HOSO/>' | head -n 100000 | envelope 100000 >"$tmp/f"
send hollow.xml "$tmp/f"
check "100,000 claims with nothing in them are a work list of 10,000 and a rest" is "$http $(count rejected)" "200 10001"
check "which is said" has "$(curl -s "$site/api/rejects?after=$((refused + 10000 - 1))")" '"rule":"file-refused"'
refused=$((refused + $(count rejected)))
key() { awk -v n="$1" 'BEGIN { while (length(s) < n) s = s "9999999999" } { sub("46999_TEST_0000000001", s); print }' "$claims/XML1.xml"; }
key 1000000 >"$tmp/inner"
hoso XML1 "$tmp/inner" | envelope 1 >"$tmp/f"
no key.xml "$tmp/f" claim-ma-lk-long '"field":"MA_LK"' '255 at most'
check "whose answer is short" test "$(stat -c %s "$tmp/body")" -lt 1000
sed "s/634000.00/$(head -c 65 /dev/zero | tr '\0' 1)/" "$(table 1 number)" >"$tmp/inner"
hoso XML1 "$tmp/inner" | envelope 1 >"$tmp/f"
no number.xml "$tmp/f" field-decimal '"ma_lk":"46999_TEST_number"' '"field":"T_TONGCHI_BV"'
lines() { # lines N: so many of table 2 of visit `million`
    printf '<CHITIEU_CHITIET_THUOC><DSACH_CHI_TIET_THUOC>'
    yes '<CHI_TIET_THUOC/>' | head -n "$1"
    printf '</DSACH_CHI_TIET_THUOC></CHITIEU_CHITIET_THUOC>'
}
lines 1000000 >"$tmp/million"
hoso XML1 "$(table 1 million)" XML2 "$tmp/million" | envelope 1 >"$tmp/f"
for i in 1 2 3 4; do # four files at once, each another one
    { cat "$tmp/f"; printf '<!-- %s -->' "$i"; } >"$tmp/million.$i"
    curl -s -o "$tmp/answer.$i" -H 'Accept-Language: en' -H "X-File-Name: million$i.xml" \
        --data-binary "@$tmp/million.$i" "$site/import/claims" &
    large[i]=$!
done
until curl -s "$site/metrics" | grep -qE '^nhip_http_connections [4-9]'; do sleep 0.01; done
visit meanwhile | envelope 1 >"$tmp/f"
taken meanwhile.xml "$tmp/f"
visits=$((visits + 1))
check "while four of a million lines are under way" test -n "$(jobs -r -p | grep -xE "${large[1]}|${large[2]}|${large[3]}|${large[4]}")"
wait "${large[@]}"
for i in 1 2 3 4; do
    cp "$tmp/answer.$i" "$tmp/body"
    refused=$((refused + $(count rejected)))
done
check "each is refused" is "$(grep -l '"rejected":1' "$tmp"/answer.? | wc -l)" 4
check "by its size" is "$(grep -l '"rule":"claim-large"' "$tmp"/answer.? | wc -l)" 4
check "of its visit" has "$(body)" '"ma_lk":"46999_TEST_million"'
check "in words" has "$(body)" 'Split it'

# ---- the same file from 16 clients ----
{ visit same1; visit same2; visit same3; } | envelope 3 >"$tmp/f"
for i in $(seq 16); do
    curl -s -o "$tmp/same.$i" -w '%{http_code}\n' --data-binary "@$tmp/f" "$site/import/claims" >>"$tmp/codes" &
    many[i]=$!
done
wait "${many[@]}"
visits=$((visits + 3))
check "16 clients, 16 answers" is "$(sort "$tmp/codes" | uniq -c | tr -s ' ')" " 16 200"
check "each visit is new once" is "$(cat "$tmp"/same.* | grep -o '"new":[0-9]*' | cut -d: -f2 | paste -sd+ | bc)" 3
check "and none is refused" is "$(grep -lE '"errors":[1-9]' "$tmp"/same.* | wc -l)" 0

# ---- nothing lost, nothing doubled, the memory ----
check "every visit is there once" is "$(total 'Encounter?_summary=count')" "$visits"
check "one citizen all the time" is "$(total 'Patient?_summary=count')" 1
check "all that was refused is in the work list" is "$(open_rejects)" "$refused"
id=$(curl -s "$site/api/rejects" | tr '{' '\n' | grep '46999_TEST_torn\|46999_TEST_one' | grep -o '"id":[0-9]*' | head -1 | cut -d: -f2)
curl -s "$site/api/rejects/$id" | sed 's/>[^<]*<\/NOIDUNGFILE><\/FILEHOSO><\/HOSO>/>'"$(base64 -w0 "$(table 2 one)")"'<\/NOIDUNGFILE><\/FILEHOSO><\/HOSO>/' >"$tmp/repaired"
curl -s -o "$tmp/body" --data-binary "@$tmp/repaired" "$site/api/rejects/$id"
check "repaired, it is taken" is "$(count new)" 1
check "and leaves the list" is "$(open_rejects)" $((refused - 1))
peak=$(awk '/^VmHWM/ {print int($2 / 1024)}' "/proc/$pid/status")
check "the memory stayed below 1 GiB" test "$peak" -lt 1024
echo "# peak $peak MiB"

# ---- the same from the command line ----
stop
check "stops in order" is "$rc" 0
{ printf '%s' "$lead"; } >"$tmp/sparse.xml"
truncate -s 2G "$tmp/sparse.xml"
NHIP_LANGUAGE=en "$nhip" import --data "$tmp/other" --language en "$tmp/sparse.xml" "$claims/GIAMDINHHS.xml" >"$tmp/out" 2>&1
check "a file of 2 GiB is refused by name" has "$(cat "$tmp/out")" 'sparse.xml'
check "and the next one is taken" has "$(cat "$tmp/out")" '1 visits new'
check "which nobody calls clean yet" has "$(cat "$tmp/out")" '1 visits are not checked by the claim rules yet'
echo "1..$n"
[ "$bad" = 0 ]
