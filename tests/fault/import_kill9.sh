#!/usr/bin/env bash
# kill -9 under `nhip import`, again and again, at random moments: in the end the data are those of an
# import that nobody disturbed: the same visits, the same number of current resources of every type,
# the same rejects, the same sums of T_BHTT for every facility; nothing doubled, the chain whole, and a
# rebuild answers alike. Prints TAP. Usage: tests/fault/import_kill9.sh [ROUNDS]   (default 50)
set -uo pipefail
cd "$(dirname "$0")/../.."
nhip=$PWD/build/release/nhip
rounds=${1:-50}
visits=${NHIP_TEST_VISITS:-1500}
dir=$(mktemp -d /tmp/nhip-kill9-XXXXXX)
port=$((20000 + $$ % 10000))
server=
export NHIP_LANGUAGE=en
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$dir"' EXIT

number=0 failed=0
ok() { # ok CONDITION-STATUS NAME
    number=$((number + 1))
    if [ "$1" = 0 ]; then echo "ok $number - $2"; else
        echo "not ok $number - $2"
        failed=1
    fi
}

import() { "$nhip" import --data "$1" "$dir/province/claims" >>"$dir/import.log" 2>&1; }

# One line a figure, by asking a server on the folder.
figures() {
    local data=$1 type base=http://127.0.0.1:$port
    "$nhip" serve --data "$data" --port "$port" >"$dir/serve.log" 2>&1 &
    server=$!
    for _ in $(seq 300); do
        curl -sf "$base/ready" >"$dir/ready" && break
        sleep 0.1
    done
    for type in Patient Coverage Encounter Condition MedicationRequest MedicationDispense \
        ServiceRequest Procedure SupplyDelivery Observation DiagnosticReport ClinicalImpression \
        Claim Composition Appointment RelatedPerson Organization Practitioner PractitionerRole Location; do
        echo "$type $(curl -s "$base/fhir/$type?_summary=count" | grep -oE '"total":[0-9]+')"
    done
    # facilities in the order of their codes; names need no comparing
    curl -s "$base/api/ops?from=2015-01-01&to=2035-12-31" | tr '{' '\n' |
        grep -oE '"code":"[^"]*","name":"[^"]*","visits":[0-9]+,"inpatients":[0-9]+,"cost":[0-9]+,"insurance_paid":[0-9]+' |
        sort
    curl -s "$base/api/ops?from=2015-01-01&to=2035-12-31" |
        grep -oE '"id":"[a-z_]+","value":[0-9]+'
    kill "$server" && wait "$server" 2>/dev/null
    server=
    # refused claims without their numbers, which depend on the order of arrival
    "$nhip" rejects list --data "$data" 2>/dev/null | cut -f2- | sort
}

"$nhip" synth --out "$dir/province" --visits "$visits" --citizens $((visits / 2)) --facilities 12 \
    --errors-per-mille 20 --resends-per-mille 20 >/dev/null 2>&1
ok $? "a province is made"
import "$dir/calm"
ok $? "an undisturbed import ends well"
figures "$dir/calm" >"$dir/calm.txt"
grep -q '"id":"visits","value":[1-9]' "$dir/calm.txt" && grep -q 'Encounter "total":[1-9]' "$dir/calm.txt"
ok $? "the undisturbed import has visits to compare"

RANDOM=20261122
killed=0 finished=0 lost=0 differ=0
while [ "$killed" -lt "$rounds" ]; do
    "$nhip" import --data "$dir/data" "$dir/province/claims" >>"$dir/import.log" 2>&1 &
    pid=$!
    sleep "$(printf '0.%03d' $((RANDOM % 700 + 20)))"
    if kill -9 "$pid" 2>/dev/null; then
        wait "$pid" 2>/dev/null
        killed=$((killed + 1))
        continue
    fi
    wait "$pid" || lost=$((lost + 1))
    # it came to its end before the kill: compare, and begin again with an empty folder
    finished=$((finished + 1))
    figures "$dir/data" >"$dir/data.txt"
    cmp -s "$dir/calm.txt" "$dir/data.txt" || differ=$((differ + 1))
    "$nhip" verify --data "$dir/data" >/dev/null 2>&1 || lost=$((lost + 1))
    rm -rf "$dir/data"
done
ok "$lost" "$killed kills: no import failed afterwards, every chain whole"
ok "$differ" "$killed kills: $finished imports came to their end between them, all the same"

import "$dir/data"
ok $? "the last import goes on to its end"
figures "$dir/data" >"$dir/data.txt"
diff "$dir/calm.txt" "$dir/data.txt" >"$dir/diff.txt"
same=$?
[ "$same" = 0 ] || sed 's/^/# /' "$dir/diff.txt" | head -20
ok "$same" "visits, resources, rejects and T_BHTT by facility equal the undisturbed import's"
"$nhip" verify --data "$dir/data" >/dev/null 2>&1
ok $? "the chain is whole"
import "$dir/data"
figures "$dir/data" >"$dir/again.txt"
cmp -s "$dir/calm.txt" "$dir/again.txt"
ok $? "importing everything once more changes nothing"

before=$("$nhip" stat digest --data "$dir/data" 2>/dev/null)
"$nhip" rebuild --data "$dir/data" >/dev/null 2>&1 && after=$("$nhip" stat digest --data "$dir/data" 2>/dev/null)
[ -n "$before" ] && [ "$before" = "${after:-}" ]
ok $? "a rebuild answers as before (digest)"
rm -rf "$dir/data/facts"
figures "$dir/data" >"$dir/rebuilt.txt"
cmp -s "$dir/calm.txt" "$dir/rebuilt.txt"
ok $? "facts made anew equal the old ones"
# positive control: the comparison sees one visit less
"$nhip" import --data "$dir/less" "$(find "$dir/province/claims" -name '*.xml' | sort | head -1)" >/dev/null 2>&1
figures "$dir/less" >"$dir/less.txt"
! cmp -s "$dir/calm.txt" "$dir/less.txt"
ok $? "control: another import is seen to differ"
echo "1..$number"
exit $failed
