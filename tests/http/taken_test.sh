#!/usr/bin/env bash
# Claims that the hospital signed itself: taken in as signed, and sent on as the very bytes that came. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh
fund=$((port + 1))
settle="http://127.0.0.1:$port/api/settle"

node tests/http/clients/gateway.mjs "$fund" >"$tmp/fund.log" 2>&1 &
fund_pid=$!
trap 'kill $fund_pid 2>/dev/null; finish' EXIT
effects() { curl -s "http://127.0.0.1:$fund/effects"; }
printf 'target\turl\tfacility\tusername\tpassword\trelease\nquy\thttp://127.0.0.1:%s\t*\tbv\t%s\t3176\n' \
    "$fund" 0123456789ABCDEF0123456789ABCDEF >"$tmp/targets"
chmod 600 "$tmp/targets"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout "$tmp/key.pem" -out "$tmp/cert.pem" 2>/dev/null
keys=(--sign-key "$tmp/key.pem" --sign-cert "$tmp/cert.pem")
{ printf 'facility\tsha256\tof\tfrom\tuntil\n'; "$nhip" sign pin 46999 "${keys[@]}"; } >"$tmp/pins"
signed=(--signature note --signature-pins "$tmp/pins")

# claim NAME DIGIT: a file of a visit and a citizen of their own; signed as NAME.signed.xml.
claim() {
    claim_file "s/46999_TEST_0000000001/$1/g; s/TEST0001/BN-$1/; s/04609000000/0${2}609000000/; s/000000000</00000000$2</; s/VĂN THỬ/VĂN $1/" "$tmp/$1.xml"
    "$nhip" sign "$tmp/$1.xml" "$tmp/$1.signed.xml" "${keys[@]}"
}
upload() { code --data-binary "@$1" "http://127.0.0.1:$port/import/claims"; }
visit() { curl -s -H 'Accept-Language: en' "$settle/visits/46999/$1"; }
state() { visit "$1" | grep -o '"state":"[a-z]*"' | head -1 | cut -d'"' -f4; }
receipt() { visit "$1" | grep -o '"receipt":{"state":"[a-z]*"' | cut -d'"' -f6; }
for i in 1 2 3; do claim "T$i" "$i"; done

check "taking needs signatures to be looked at" is "$("$nhip" serve --data "$tmp/data" --signed-take '*' 2>&1 | grep -c signed_take)" 1

# ---- a person's command
check "the server starts" serve "${signed[@]}"
upload "$tmp/T1.signed.xml" >/dev/null
check "it came signed" await ready receipt T1
check "and counts as not signed" is "$(state T1)" entered
upload "$tmp/T2.xml" >/dev/null
take() { code -d '{"who":"A","why":"b","visits":["46999|T1","46999|T2"]}' "$settle/take"; }
check "a command takes it" is "$(take)" 200
check "one of the two" has "$(body)" '"done":1'
check "the other came without a signature" has "$(body)" '"rule":"settle-no-receipt"'
check "it is signed" is "$(state T1) $(receipt T1)" "signed taken"
curl -s -o "$tmp/got.xml" "$settle/visits/46999/T1/signed.xml"
check "by the very bytes that came" cmp "$tmp/got.xml" "$tmp/T1.signed.xml"
check "with the certificate" has "$(visit T1)" '"certificate":"'
check "undone by anybody" is "$(code -d '{"who":"B","why":"c","visits":["46999|T1"]}' "$settle/undo")" 200
check "it is as before" is "$(state T1)" entered
stop
mv "$tmp/T2.signed.xml" "$tmp/T2.late.xml"
check "kept files are looked at again" has "$("$nhip" --language en settle receipts --data "$tmp/data" "${signed[@]}" 2>&1)" "0 visits noted"

# ---- by itself, and out
check "again, taking by itself, with a way out" serve "${signed[@]}" --signed-take 46001,46999 --gateway-targets "$tmp/targets"
upload "$tmp/T3.signed.xml" >/dev/null
check "it goes out" await received state T3
check "as the very bytes that came" has "$(effects)" "$(sha256sum <"$tmp/T3.signed.xml" | cut -d' ' -f1)"
upload "$tmp/T2.late.xml" >/dev/null
check "signed afterwards, the same content: it goes out" await received state T2
upload "$tmp/T3.xml" >/dev/null
check "an unsigned sending of the same changes nothing" is "$(state T3)" received
stop
check "the server ends well" is "$rc" 0

echo "1..$n"
exit $bad
