#!/usr/bin/env bash
# Sorting, includes, words, places and search parameters of one's own, as clients see them. TAP.
# Ports below 32768 on the loopback; only processes started here are ended, by their id.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh

get() { curl -s -H 'Accept-Language: en' "$base/$1"; }
put() { code -X PUT -H 'Content-Type: application/fhir+json' -d "$2" "$base/$1" >/dev/null; }
post() { code -H 'Content-Type: application/fhir+json' -d "$2" "$base/$1"; }
matches() { grep -o '"birthDate":"[^"]*"' <<<"$1" | cut -d'"' -f4 | paste -sd ' '; }
ids() { grep -o '"fullUrl":"[^"]*"' <<<"$1" | grep -o '[^/]*/[^/"]*"' | tr -d '"' | paste -sd ' '; }
pages() { # pages QUERY: the matches of all its pages
    local url="$base/$1" all='' page
    while [ -n "$url" ]; do
        page=$(curl -s "$url")
        all="$all $(matches "$page")"
        url=$(grep -o '"relation":"next","url":"[^"]*"' <<<"$page" | cut -d'"' -f8)
    done
    echo ${all# }
}

check "the server starts" serve
put Organization/tinh '{"resourceType":"Organization","id":"tinh","name":"Sở"}'
put Organization/huyen '{"resourceType":"Organization","id":"huyen","name":"Trung tâm","partOf":{"reference":"Organization/tinh"}}'
put Organization/tinh '{"resourceType":"Organization","id":"tinh","name":"Sở","partOf":{"reference":"Organization/huyen"}}'
i=0
for day in 1990-05-01 1980-02-03 '' 2001-12-31 1980-02-03 1975-07-07; do
    i=$((i + 1))
    put "Patient/p$i" "{\"resourceType\":\"Patient\",\"id\":\"p$i\",${day:+\"birthDate\":\"$day\",}\"name\":[{\"family\":\"Thử$((i % 2))\"}],\"managingOrganization\":{\"reference\":\"Organization/huyen\"}}"
done

# sorting
check "ascending" is "$(matches "$(get 'Patient?_sort=birthdate')")" \
    "1975-07-07 1980-02-03 1980-02-03 1990-05-01 2001-12-31"
check "descending over pages" is "$(pages 'Patient?_sort=-birthdate&_count=2')" \
    "2001-12-31 1990-05-01 1980-02-03 1980-02-03 1975-07-07"
check "who has no value comes last, ties by age" is \
    "$(ids "$(get 'Patient?_sort=birthdate')")" "Patient/p6 Patient/p2 Patient/p5 Patient/p1 Patient/p4 Patient/p3"
check "two keys" is "$(ids "$(get 'Patient?_sort=family,-birthdate')")" \
    "Patient/p4 Patient/p2 Patient/p6 Patient/p1 Patient/p5 Patient/p3"
check "the self link says it" has "$(get 'Patient?_sort=family,-birthdate')" '_sort=family,-birthdate'
check "an unknown key is refused" is "$(code "$base/Patient?_sort=colour")" 400

# includes
check "a circle of includes ends" is \
    "$(ids "$(get 'Patient?_id=p1&_include=Patient:organization&_include:iterate=Organization:partof')")" \
    "Patient/p1 Organization/huyen Organization/tinh"
check "the wildcard" is "$(ids "$(get 'Patient?_id=p1&_include=*')")" "Patient/p1 Organization/huyen"
check "and back again" has "$(get 'Organization?_id=tinh&_revinclude:iterate=*')" 'Patient/p6'

# words and places
put Condition/c1 '{"resourceType":"Condition","id":"c1","subject":{"reference":"Patient/p1"},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">Sốt cao, <b>viêm phổi</b></div>"},"code":{"text":"J18"}}'
put Condition/c2 '{"resourceType":"Condition","id":"c2","subject":{"reference":"Patient/p1"},"code":{"text":"Viêm họng"}}'
check "words without accents" is "$(ids "$(get 'Condition?_text=viem%20sot')")" "Condition/c1"
check "a phrase" is "$(ids "$(get 'Condition?_text=%22phoi%20viem%22')")" ""
check "the whole content" is "$(ids "$(get 'Condition?_content=viem')")" "Condition/c2 Condition/c1"
put Location/hue '{"resourceType":"Location","id":"hue","name":"Huế","position":{"latitude":16.4637,"longitude":107.5905}}'
put Location/danang '{"resourceType":"Location","id":"danang","name":"Đà Nẵng","position":{"latitude":16.0544,"longitude":108.2022}}'
check "near" is "$(ids "$(get 'Location?near=16.4|107.6|20|km')")" "Location/hue"
check "the nearest first" is "$(ids "$(get 'Location?near=16.0|108.2|200|km&_sort=near')")" "Location/danang Location/hue"

# search parameters
check "R4's own are resources" has "$(get SearchParameter/Patient-birthDate)$(get SearchParameter/individual-birthdate)" '"code":"birthdate"'
check "found by code and base" has "$(get 'SearchParameter?code=near&base=Location')" '"total":1'
check "and by url" has "$(get 'SearchParameter?url=http://hl7.org/fhir/SearchParameter/Location-near')" '"id":"Location-near"'
check "but not written" is "$(code -X PUT -H 'Content-Type: application/fhir+json' -d '{"resourceType":"SearchParameter","id":"Location-near","url":"http://x.example/n","name":"n","status":"draft","description":"n","code":"n","base":["Location"],"type":"token"}' "$base/SearchParameter/Location-near")" 409
own() { echo "{\"resourceType\":\"SearchParameter\",\"id\":\"born\",\"url\":\"http://x.example/sp/born\",\"name\":\"born\",\"status\":\"$1\",\"description\":\"d\",\"code\":\"born\",\"base\":[\"Patient\"],\"type\":\"date\",\"expression\":\"$2\"}"; }
check "a wrong expression is refused" is "$(post SearchParameter "$(own active Patient.birthDay)")" 422
check "with its place" has "$(cat "$tmp/body")" "no element 'birthDay'"
check "unknown as yet" is "$(code "$base/Patient?born=1980")" 400
put SearchParameter/born "$(own active Patient.birthDate)"
check "of one's own: searched" is "$(matches "$(get 'Patient?born=1980-02-03')")" "1980-02-03 1980-02-03"
check "sorted by it" is "$(matches "$(get 'Patient?_sort=-born&_count=1')")" "2001-12-31"
check "its status" has "$(get 'SearchParameter/born/$status')" '"valueCode":"ready"'
check "of all" has "$(get '$reindex-status')" '"valueCode":"born"'
check "declared" has "$(get metadata)" '"name":"born","definition":"http://x.example/sp/born","type":"date"'
check "counted" has "$(curl -s "http://127.0.0.1:$port/metrics")" "nhip_search_params 1"
kill -9 "$pid"
wait "$pid" 2>/dev/null
check "after kill -9 the server starts" serve
put Patient/p7 '{"resourceType":"Patient","id":"p7","birthDate":"1980-02-03"}'
check "and knows it" is "$(matches "$(get 'Patient?born=1980-02-03')")" "1980-02-03 1980-02-03 1980-02-03"
put SearchParameter/born "$(own retired Patient.birthDate)"
check "retired it is unknown" is "$(code "$base/Patient?born=1980")" 400
put SearchParameter/born "$(own active 'Patient.name.family')"
check "changed it is made anew" is "$(code "$base/Patient?born=1980")" 200

echo "1..$n"
[ "$bad" = 0 ]
