#!/usr/bin/env bash
# Out to the fund's gateway, which is a stand-in that misbehaves on demand (clients/gateway.mjs). TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh
fund=$((port + 1))
md5=0123456789ABCDEF0123456789ABCDEF

node tests/http/clients/gateway.mjs "$fund" >"$tmp/fund.log" 2>&1 &
fund_pid=$!
trap 'kill $fund_pid 2>/dev/null; finish' EXIT
for _ in $(seq 100); do curl -sf -o /dev/null "http://127.0.0.1:$fund/effects" && break; sleep 0.05; done
told() { curl -s -o /dev/null -d "$1" "http://127.0.0.1:$fund/control"; }
effects() { curl -s "http://127.0.0.1:$fund/effects"; }
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
stop
check "the server ends well" is "$rc" 0
check "without a gateway" serve
check "nothing is checked" has "$(card -d card=4612345678)" '"state":"not_checked"'

echo "1..$n"
exit $bad
