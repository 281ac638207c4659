#!/usr/bin/env bash
# Searches as clients see them: chains, _has, modifiers, whole system, compartments, explain. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh

found() { # found ADDRESS: ids of the matches, in order
    curl -sg "$base$1" | python3 -c "import json,sys
b=json.load(sys.stdin)
print(' '.join(e['resource']['id'] for e in b.get('entry',[]) if e['search']['mode']=='match')
      if b['resourceType']=='Bundle' else b['issue'][0]['details']['text'])"
}
finds() { # finds ADDRESS IDS
    check "$1" is "$(found "$1" | tr ' ' '\n' | sort | tr '\n' ' ')" "$(tr ' ' '\n' <<<"$2" | sort | tr '\n' ' ')"
}

serve || exit 1
cat >"$tmp/bundle.json" <<'J'
{"resourceType":"Bundle","type":"transaction","entry":[
{"request":{"method":"PUT","url":"Organization/o1"},"resource":{"resourceType":"Organization","id":"o1","name":"Bệnh viện Thử"}},
{"request":{"method":"PUT","url":"Organization/o2"},"resource":{"resourceType":"Organization","id":"o2","name":"Khoa Nhi thử","partOf":{"reference":"Organization/o1"}}},
{"request":{"method":"PUT","url":"Practitioner/d1"},"resource":{"resourceType":"Practitioner","id":"d1","name":[{"family":"Lê","given":["Thử"]}]}},
{"request":{"method":"PUT","url":"Patient/p1"},"resource":{"resourceType":"Patient","id":"p1","name":[{"text":"Nguyễn Văn Thử"}],"gender":"male",
 "identifier":[{"type":{"coding":[{"system":"urn:t","code":"MR"}]},"system":"urn:bv","value":"7"}],
 "generalPractitioner":[{"reference":"Practitioner/d1","display":"Bác sĩ Lê Thử"}],"managingOrganization":{"reference":"Organization/o2"}}},
{"request":{"method":"PUT","url":"Patient/p2"},"resource":{"resourceType":"Patient","id":"p2","name":[{"text":"Trần Thị Mẫu"}],"gender":"female","managingOrganization":{"identifier":{"system":"urn:bv","value":"46001"}}}},
{"request":{"method":"PUT","url":"Encounter/e1"},"resource":{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/p1"},"serviceProvider":{"reference":"Organization/o2"}}},
{"request":{"method":"PUT","url":"Observation/b1"},"resource":{"resourceType":"Observation","id":"b1","status":"final","code":{"coding":[{"system":"urn:c","code":"glu","display":"Đường huyết lúc đói"}]},"subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},"effectiveDateTime":"2026-01-02","valueQuantity":{"value":6.1,"unit":"mmol/L"}}},
{"request":{"method":"PUT","url":"Observation/b2"},"resource":{"resourceType":"Observation","id":"b2","status":"final","code":{"coding":[{"system":"urn:c","code":"hgb"}]},"subject":{"reference":"Patient/p2"},"effectiveDateTime":"2026-01-03","performer":[{"reference":"Practitioner/d1"}]}},
{"request":{"method":"PUT","url":"List/l1"},"resource":{"resourceType":"List","id":"l1","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/p2"}},{"item":{"reference":"Observation/b1"}}]}}
]}
J
check "the world is stored" is "$(curl -s -o /dev/null -w '%{http_code}' -H "$json" --data-binary @"$tmp/bundle.json" "$base")" 200

# chains, reverse chains, both
finds "/Observation?subject:Patient.name=thu" "b1"
finds "/Observation?patient.gender=female" "b2"
finds "/Observation?patient.general-practitioner.name=le" "b1"
finds "/Observation?encounter.service-provider.partof.name=benh" "b1"
finds "/Patient?_has:Observation:patient:code=urn:c%7Cglu" "p1"
finds "/Patient?_has:Observation:patient:encounter.status=finished" "p1"
finds "/Organization?_has:Encounter:service-provider:_has:Observation:encounter:code=glu" "o2"
finds "/Observation?encounter._has:Observation:encounter:code=glu" "b1"
finds "/Practitioner?_has:Patient:general-practitioner:_id=p1" "d1"
finds "/Patient?_list=l1" "p2"
# modifiers
finds "/Patient?organization:below=Organization/o1" "p1"
finds "/Organization?partof:below=o1" "o2"
finds "/Organization?partof:above=Organization/o2" "o2"
finds "/Observation?code:text=duong+huyet" "b1"
finds "/Patient?general-practitioner:text=b%C3%A1c" "p1"
finds "/Patient?identifier:of-type=urn:t%7CMR%7C7" "p1"
finds "/Patient?organization:identifier=urn:bv%7C46001" "p2"
finds "/Observation?code:not=glu" "b2"
# whole system, compartments
finds "?_type=Patient,Observation&_id=p1,b2" "p1 b2"
finds "?_list=l1" "p2 b1"
finds "/Patient/p1/Observation?code=glu" "b1"
finds "/Patient/p1/*" "p1 e1 b1"
finds "/Patient/p1/*?_type=Encounter" "e1"
finds "/Encounter/e1/Observation" "b1"
finds "/Practitioner/d1/*?_type=Patient,Observation" "p1 b2"
finds "/Observation?code=glu,hgb&_total=estimate" "b1 b2"
check "POST _search of the whole system" has "$(curl -s -d '_id=p1&_type=Patient' "$base/_search")" '"total":1'
check "POST _search of a compartment" has "$(curl -s -d 'code=glu' "$base/Patient/p1/Observation/_search")" '"total":1'
check "the self link says what was understood" has \
    "$(curl -sg "$base/Patient/p1/Observation?code=glu&_count=5")" "$base/Patient/p1/Observation?code=glu&_count=5"
check "the self link of a chain" has \
    "$(curl -s "$base/Observation?subject.gender=male")" "$base/Observation?subject:Patient.gender=male"
check "the self link of the whole system" has "$(curl -s "$base?_id=p1&_type=Patient")" "$base?_type=Patient&_id=p1"
# pages of the whole system
first=$(curl -sg "$base/Patient/p1/*?_count=2&_total=accurate")
check "a compartment's first page" has "$first" '"total":3'
next=$(python3 -c "import json,sys
print([l['url'] for l in json.loads(sys.stdin.read())['link'] if l['relation']=='next'][0])" <<<"$first")
check "its next page has the rest" is "$(curl -sg "$next" | grep -o '"mode":"match"' | wc -l)" 1
# explain
plan=$(curl -s "$base/Observation?subject:Patient.name=thu&date=ge2026&_total=accurate&__explain=true")
check "the plan names the chain's search" has "$plan" 'name=thu'
check "the plan counts" has "$plan" 'found 1, read'
# refusals name their limit, soon
python3 -c "print('code=' + ','.join('x%d' % i for i in range(1000000)), end='')" >"$tmp/list"
begin=$(date +%s%N)
answer=$(curl -s -o "$tmp/body" -w '%{http_code}' --data-binary @"$tmp/list" "$base/Observation/_search")
took=$((($(date +%s%N) - begin) / 1000000))
check "a list of a million values is refused" is "$answer" 413
check "naming the limit" has "$(cat "$tmp/body")" '10.000'
echo "#   a million values: refused after $took ms with the sending"
check "more than 64 parameters" has "$(curl -s "$base/Patient?$(python3 -c "print('&'.join(['name=a']*65))")")" '64'
check "chains of more than 8 steps" has \
    "$(curl -s "$base/Organization?partof.partof.partof.partof.partof.partof.partof.partof.partof.name=x")" 'dài hơn 8 bước'
check "too many ways of a chain" has "$(curl -s "$base/List?item.item.item.item.code=x")" '512'
check "a compartment that there is not" is "$(curl -s -o /dev/null -w '%{http_code}' "$base/Location/x/Patient")" 404
check "an unknown value set" has "$(curl -s "$base/Observation?code:in=http://example.org/no")" 'http://example.org/no'
echo "1..$n"
exit "$bad"
