#!/usr/bin/env bash
# Out to the fund's gateway, and copies to the ministry's: stand-ins that misbehave on demand (clients/gateway.mjs). TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh
fund=$((port + 1))
ministry=$((port + 2))
md5=0123456789ABCDEF0123456789ABCDEF

node tests/http/clients/gateway.mjs "$fund" >"$tmp/fund.log" 2>&1 &
fund_pid=$!
node tests/http/clients/gateway.mjs "$ministry" >"$tmp/ministry.log" 2>&1 &
ministry_pid=$!
trap 'kill -9 $fund_pid $ministry_pid 2>/dev/null; finish' EXIT
for at in $fund $ministry; do
    for _ in $(seq 100); do curl -sf -o /dev/null "http://127.0.0.1:$at/effects" && break; sleep 0.05; done
done
told() { curl -s -o /dev/null -d "$1" "http://127.0.0.1:${2:-$fund}/control"; }
effects() { curl -s "http://127.0.0.1:${1:-$fund}/effects"; }
printf 'target\turl\tfacility\tusername\tpassword\trelease\nquy\thttp://127.0.0.1:%s\t*\tbv\t%s\t3176\n' \
    "$fund" "$md5" >"$tmp/targets"

# ---- the table
chmod 644 "$tmp/targets"
check "a table that others may read is refused" is "$(serve --gateway-targets "$tmp/targets" >/dev/null; echo $?)" 1
check "and says what to do" has "$(cat "$tmp/serve.log")" "chmod 600"
chmod 600 "$tmp/targets"
check "the server starts" serve --gateway-targets "$tmp/targets" --card-rate 6

# ---- cards
card() { curl -s -G -H 'Accept-Language: en' --data-urlencode "name=Nguyễn Thử" -d birth=1990-05-02 -d facility=46999 "$@" "http://127.0.0.1:$port/api/card"; }
got=$(card -d card=4612345678)
check "a card is valid" has "$got" '"state":"valid"'
check "as the fund said" has "$got" '"fund":{"maKetQua":"000","maThe":"4612345678","hoTen":"Nguyễn Thử"'
check "kept the second time" has "$(card -d card=4612345678)" '"state":"valid","why":"The card is valid.","kept":true'
told '{"card":"010","times":1}'
check "an invalid one" has "$(card -d card=4600000010)" '"state":"invalid","why":"The card is over."'
told '{"card":"html","times":1}'
got=$(card -d card=4612345678 -d fresh=1)
check "no verdict: not checked" has "$got" '"state":"not_checked"'
check "with the last known one" has "$got" '"code":"000"'
check "the fund is then left alone" has "$(card -d card=4600000011)" '"state":"not_checked","why":"The fund'"'"'s gateway does not answer at the moment."'
check "what is no card: 400" is "$(code -G -d card=1 -d name=A -d birth=1990 "http://127.0.0.1:$port/api/card")" 400
check "three questions were asked" has "$(effects)" '"card":3'

# ---- signed claims
# visit NAME: imports a visit of its own; its ids and the digest of its file in $encounter, $claim, $sha.
# sign NAME: the settlement Task as signing leaves it (src/settle).
visit() {
    claim_file "s/46999_TEST_0000000001/$1/g" "$tmp/$1.xml"
    curl -s -o "$tmp/import" --data-binary "@$tmp/$1.xml" "http://127.0.0.1:$port/import/claims"
    curl -s "$base/Encounter?identifier=46999%5C%7C$1" >"$tmp/found"
    encounter=$(id_of <(grep -o '"resource":.*' "$tmp/found"))
    claim=$(id_of <(curl -s "$base/Claim?encounter=$encounter" | grep -o '"resource":.*'))
    sha=$(sha256sum <"$tmp/$1.xml" | cut -d' ' -f1)
}
sign() {
    visit "$1"
    code -X POST -H "$json" "$base/Task" -d '{"resourceType":"Task","status":"ready","intent":"order",
      "identifier":[{"system":"https://nhip.vn/fhir/sid/settlement","value":"46999|'"$1"'"}],
      "code":{"coding":[{"system":"https://nhip.vn/fhir/CodeSystem/settlement","code":"settlement"}]},
      "businessStatus":{"coding":[{"system":"https://nhip.vn/fhir/CodeSystem/settlement","code":"signed"}]},
      "focus":{"reference":"Claim/'"$claim"'/_history/1"},"encounter":{"reference":"Encounter/'"$encounter"'"},
      "owner":{"display":"bs. Thử"},
      "input":[{"type":{"text":"step"},"valueString":"sign"},{"type":{"text":"file"},"valueString":"'"$sha"'"}]}'
}
state() { # state MA_LK: of its settlement Task
    curl -s "$base/Task?identifier=https://nhip.vn/fhir/sid/settlement%7C46999%5C%7C$1" |
        grep -o '"businessStatus":{[^}]*}' | grep -o '"code":"[a-z]*"' | cut -d'"' -f4
}
out() { curl -s -H 'Accept-Language: en' "$@"; }
outgoing="http://127.0.0.1:$port/api/outgoing"
number() { effects "${2:-}" | grep -o "\"$1\":[0-9]*" | head -1 | cut -d: -f2; }

check "a visit is signed" is "$(sign LK1)" 201
check "it goes out" await received state LK1
check "with the number that the fund gave" has "$(curl -s "$base/Task?identifier=https://nhip.vn/fhir/sid/settlement%7C46999%5C%7CLK1")" '"valueString":"GD-1"'
check "the very bytes that were signed" has "$(effects)" '"number":"GD-1","calls":1,"ma_lk":"LK1"'
told '{"file":"cut","times":2}'
sign LK2 >/dev/null
check "a connection that is cut twice" await received state LK2
check "has one effect" has "$(effects)" '"number":"GD-2","calls":3,"ma_lk":"LK2"'
told '{"file":"old","times":1}'
told '{"file":"slow","times":1}'
sign LK3 >/dev/null
check "a token that is over, a slow answer" await received state LK3

# ---- kill -9 at each step of a sending: whatever had happened, the visit has one effect
again() { serve --gateway-targets "$tmp/targets" --gateway-failures 3 --gateway-retry-ms "$1"; }
killed() { # killed WHERE: the server ends where it stands and starts again, with short pauses
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    check "killed $1, started again" again 100
}
one_effect() { # one_effect MA_LK CALLS: received, once
    check "it is received" await received state "$1"
    check "with one effect of $2 calls" has "$(effects)" "\"calls\":$2,\"ma_lk\":\"$1\""
    check "and no other" is "$(effects | grep -o "\"ma_lk\":\"$1\"" | wc -l)" 1
}
lacks() { ! grep -qF -- "$2" <<<"$1"; }
delivery() { out "$outgoing/visits/46999/$1" | grep -o '"delivery":"[a-z]*"' | head -1; }

stop
check "a server without a token" again 2000
told '{"token":"hang","times":1}'
tokens=$(number token)
sign K1 >/dev/null
check "the sign-in is under way" await $((tokens + 1)) number token
check "nothing is written down" is "$(state K1)" signed
killed "before the sending"
one_effect K1 1

# Noted as sent, and not a byte is out: the connection of the sign-in is closed, no other is made.
stop
check "a server without a token" again 2000
told '{"token":"shut","times":1}'
sign K6 >/dev/null
check "it is noted as sent" await sent state K6
kill -9 "$pid"
kill -CONT "$fund_pid"
check "nothing had arrived" lacks "$(effects)" '"ma_lk":"K6"'
killed "between the note and the first byte"
one_effect K6 1

stop
check "a server with pauses" again 2000
told '{"file":"lost","times":2}' # a connection that was open before is tried once more at once
sign K2 >/dev/null
check "one that did not arrive rests" await '"delivery":"waiting"' delivery K2
check "as sent" is "$(state K2)" sent
killed "in its pause, nothing had arrived"
one_effect K2 1

stop
check "a server with pauses" again 2000
told '{"file":"cut","times":2}'
sign K3 >/dev/null
check "one whose answer was cut off rests" await '"delivery":"waiting"' delivery K3
killed "in its pause, all had arrived"
one_effect K3 3

told '{"file":"hang","times":1}'
effects_before=$(number effects)
sign K4 >/dev/null
check "the bytes are there" await $((effects_before + 1)) number effects
check "and no answer: sent" is "$(state K4)" sent
killed "between sending and answer"
one_effect K4 2

told '{"file":"late","times":1}'
effects_before=$(number effects)
sign K5 >/dev/null
check "the bytes are there" await $((effects_before + 1)) number effects
kill -STOP "$pid"
check "the answer came while it stood still" await 1 number late
killed "between answer and note"
one_effect K5 2
check "nine visits, nine effects" is "$(number effects)" 9

# ---- check-ins go on where the table says so, each before its claim
stop
sed -i '1s/$/\tcheckins/; 2s/$/\tyes/' "$tmp/targets"
checkin() { # checkin MA_LK: its document comes in
    sed "s#<MA_LK>[^<]*#<MA_LK>$1#" tests/case/claims/XML0.xml >"$tmp/$1.in.xml"
    curl -s -o "$tmp/import" --data-binary "@$tmp/$1.in.xml" "http://127.0.0.1:$port/import/claims"
}
waiting() { curl -s "$base/Task?code=https://nhip.vn/fhir/CodeSystem/gateway%7Ccheck-in&status=in-progress&_summary=count" | grep -o '"total":[0-9]*'; }
check "check-ins are switched on" again 100
effects_before=$(number effects)
checkin C1
check "one goes out" await $((effects_before + 1)) number effects
check "as the bytes that came" has "$(effects)" "$(sha256sum <"$tmp/C1.in.xml" | cut -d' ' -f1)"
check "and is noted" await '"total":0' waiting
told '{"file":"hang","times":1}'
checkin C2
check "its bytes are there, its answer is not" await $((effects_before + 2)) number effects
killed "between sending and answer"
check "it is sent again" await '"total":0' waiting
check "with one effect" has "$(effects)" '"calls":2,"ma_lk":"C2"'
check "and no other" is "$(number effects)" $((effects_before + 2))
told '{"file":"500","times":2}'
checkin C3
sign C3 >/dev/null
check "its claim goes out behind it" await received state C3
order() { effects | grep -o '"ma_lk":"C3","sha256":"[^"]*"' | cut -d'"' -f8 | head -1; }
check "the check-in was there first" is "$(order)" "$(sha256sum <"$tmp/C3.in.xml" | cut -d' ' -f1)"

# ---- put aside, refused, released
told '{"file":"500","only":"<MA_LK>LK5<"}'
sign LK5 >/dev/null
held() { out "$outgoing" | grep -o '"held":[0-9]*' | head -1; }
check "one that fails three times is put aside" await '"held":1' held
sign LK6 >/dev/null
check "others go on" await received state LK6
check "the list names it" has "$(out "$outgoing/list?state=held")" '"total":1,"next":"","rows":[{"facility":"46999"'
check "with the reason" has "$(out "$outgoing/list?state=held")" '"failures":3,"code":"500"'
check "and each attempt" is "$(out "$outgoing/visits/46999/LK5" | grep -o '"delivery"' | wc -l)" 3
check "released without a reason: 400" is "$(code -d '{"who":"A"}' "$outgoing/visits/46999/LK5/release")" 400
told '{"file":"ok"}'
check "released by a person" is "$(code -d '{"who":"A","why":"mended"}' "$outgoing/visits/46999/LK5/release")" 200
check "it goes out" await received state LK5
check "who and why stand in its history" has "$(out "$outgoing/visits/46999/LK5")" '"why":"mended","who":"A"'
told '{"file":"201","only":"<MA_LK>LK7<"}'
sign LK7 >/dev/null
refused() { out "$outgoing" | grep -o '"refused":[0-9]*' | head -1; }
check "one that the fund refuses" await '"refused":1' refused
check "is signed again" is "$(state LK7)" signed
check "with the fund's words" has "$(out "$outgoing/list?state=refused")" '"why":"201: as told: 201"'
told '{"file":"500","only":"<MA_LK>C4<"}'
checkin C4
check "a check-in that fails is put aside, too" await '"held":1' held
check "its visit says so" has "$(out "$outgoing/visits/46999/C4")" '"delivery":"held","what":"check-in"'
told '{"file":"ok"}'
check "released with its visit" is "$(code -d '{"who":"A","why":"mended"}' "$outgoing/visits/46999/C4/release")" 200
check "it goes out" await '"total":0' waiting
check "and stands there as done" has "$(out "$outgoing/visits/46999/C4")" '"delivery":"done","what":"check-in"'

# ---- paused
metric() { curl -s "http://127.0.0.1:$port/metrics" | grep "^$1 "; }
act() { code -d '{"who":"A","why":"maintenance"}' "$outgoing/targets/$1"; }
check "an unknown destination: 404" is "$(act other/pause)" 404
check "paused by a person" is "$(act quy/pause)" 200
check "twice: 412" is "$(act quy/pause)" 412
calls=$(number file)
sign LK8 >/dev/null
check "it says who and why" has "$(out "$outgoing")" '"paused":true,"who":"A","why":"maintenance"'
stop
check "the server ends well" is "$rc" 0
check "the command line shows it" has "$("$nhip" gateway status --data "$tmp/data" --gateway-targets "$tmp/targets")" $'paused\tquy\tA\tmaintenance'
check "and the refused one" has "$("$nhip" gateway --data "$tmp/data")" $'refused\tquy\t46999\tLK7'
check "it stays so over a restart" serve --gateway-targets "$tmp/targets"
check "nothing was sent meanwhile" is "$(state LK8) $(number file)" "signed $calls"
check "and is in the list" has "$(out "$outgoing/list?state=signed&count=200")" '"maLk":"LK8"'
check "resumed" is "$(act quy/resume)" 200
check "it goes out" await received state LK8
check "metrics count" has "$(out "http://127.0.0.1:$port/metrics")" 'nhip_gateway_sent_total 1'

# ---- copies: a destination beside the fund's
stop
sed -i '1s/$/\tcopy/; 2s/$/\tno/' "$tmp/targets"
printf 'byt\thttp://127.0.0.1:%s\t*\tbv\t%s\t3176\tyes\tyes\n' "$ministry" "$md5" >>"$tmp/targets"
check "a second destination, for copies" again 100
copy() { out "$outgoing/visits/46999/$1" | grep -o '"delivery":"[a-z]*","what":"claim","target":"byt"' | head -1 | cut -d'"' -f4; }
sign B1 >/dev/null
check "the fund has the visit" await received state B1
check "the ministry has its copy" await done copy B1
check "the very bytes" has "$(effects "$ministry")" "$(sha256sum <"$tmp/B1.xml" | cut -d' ' -f1)"
check "it says which destination gets copies" has "$(out "$outgoing")" "\"name\":\"byt\",\"url\":\"http://127.0.0.1:$ministry\",\"copy\":true"
told '{"file":"hang","times":1,"only":"<MA_LK>B2<"}' "$ministry"
sign B2 >/dev/null
copied() { effects "$ministry" | grep -o "\"ma_lk\":\"$1\"" | wc -l; }
check "the ministry takes one and does not answer" await 1 copied B2
check "the fund has it all the same" await received state B2
check "its copy waits" is "$(copy B2)" waiting
killed "between the copy and its answer"
check "it is sent again" await done copy B2
check "with one effect" is "$(copied B2)" 1
check "of two calls" has "$(effects "$ministry")" '"calls":2,"ma_lk":"B2"'
told '{"file":"500"}' "$ministry"
sign B3 >/dev/null
check "the ministry fails: the fund has it" await received state B3
check "its copy is put aside" await held copy B3
check "the visit is blamed nothing" is "$(out "$outgoing/visits/46999/B3" | grep -o '"copy":false' | wc -l)" 0
check "the list names the copy" has "$(out "$outgoing/list?state=held")" '"what":"claim","target":"byt","copy":true,"failures":3,"code":"500"'
told '{"file":"ok"}' "$ministry"
check "released at another destination: 404" is "$(code -d '{"who":"A","why":"mended","target":"quy"}' "$outgoing/visits/46999/B3/release")" 404
check "all of the destination are released" is "$(code -d '{"who":"A","why":"mended"}' "$outgoing/targets/byt/release")" 200
check "it goes" await done copy B3
check "the ministry is paused" is "$(act byt/pause)" 200
sign B4 >/dev/null
check "the fund has the next one" await received state B4
check "whose copy is in the list" has "$(out "$outgoing/list?state=copies")" '"total":1,"next":"","rows":[{"facility":"46999"'
check "and counted" has "$(out "$outgoing")" '"copies":1,"targets"'
checkin B5
check "a check-in waits for it, too" has "$(out "$outgoing/list?state=copies")" '"what":"check-in","target":"byt"'
kill -9 "$pid"
wait "$pid" 2>/dev/null
check "the command line shows them" has "$("$nhip" gateway --data "$tmp/data" --gateway-targets "$tmp/targets")" $'waiting\tbyt\t46999\tB4'
check "killed while it is paused, started again" again 100
check "resumed" is "$(act byt/resume)" 200
check "the copy goes" await done copy B4
check "and the check-in" await 1 copied B5
check "metrics count copies by themselves" await "nhip_copies_sent_total 2" metric nhip_copies_sent_total
stop
"$nhip" gateway release 46999 LK7 --who A --why checked --data "$tmp/data" >"$tmp/out" 2>&1
check "released by the command line" is "$?" 0
check "without a gateway" serve
check "nothing is checked" has "$(card -d card=4612345678)" '"state":"not_checked"'

echo "1..$n"
exit $bad
