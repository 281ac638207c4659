#!/usr/bin/env bash
# Terminology as clients see it: operations by GET and POST, stored resources, loaded catalogues.
# TAP output. Ports below 32768 on the loopback; only processes started here are ended, by their id.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh
icd=http://hl7.org/fhir/sid/icd-10
icdset=https://nhip.vn/fhir/ValueSet/icd-10-vn
units=https://nhip.vn/fhir/CodeSystem/dvhc

hasnot() { ! has "$@" >/dev/null; }
get() { curl -s -g -H 'Accept-Language: en' "$base/$1"; }
status() { curl -s -g -o /dev/null -w '%{http_code}' "$base/$1"; }
post() { curl -s -g -H 'Accept-Language: en' -H 'Content-Type: application/fhir+json' -d "$2" "$base/$1"; }
put() { curl -s -o /dev/null -w '%{http_code}' -X PUT -H 'Content-Type: application/fhir+json' -d "$2" "$base/$1"; }
params() { echo "{\"resourceType\":\"Parameters\",\"parameter\":[$1]}"; }

# ---- catalogues from files
svc=https://example.org/CodeSystem/dich-vu
printf 'code\tdisplay_vi\tdisplay\tparent\tgia\nXN\tXét nghiệm\tLaboratory\t\t\nXN.1\tTổng phân tích máu\tBlood count\tXN\t43500\n' >"$tmp/services.tsv"
check "a table is loaded" has "$("$nhip" term load "$tmp/services.tsv" --data "$tmp/data" --system "$svc" --edition 2026 --language en)" 'services: 2 codes'
printf 'code,target\nXN.1,X9\n' >"$tmp/map.csv"
check "so is a map" has "$("$nhip" term load "$tmp/map.csv" --data "$tmp/data" --system "$svc" --target urn:other --map urn:services-map --language en)" '1 mappings'
check "they are listed" has "$("$nhip" term list --data "$tmp/data")" "$svc"
check "a bad table is refused with its line" has "$(printf 'code\tfrom\na\tsoon\n' >"$tmp/bad.tsv"; "$nhip" term load "$tmp/bad.tsv" --data "$tmp/data" --system urn:x --language en 2>&1)" 'bad.tsv:2'
check "the server starts" serve
check "a loaded code serves" has "$(get "CodeSystem/\$lookup?system=$svc&code=XN.1&property=gia")" '43500'
check "with its set" has "$(get 'ValueSet/$expand?url=https://example.org/ValueSet/dich-vu&filter=phan%20tich%20mau')" '"code":"XN.1"'
check "the loaded map translates" has "$(get "ConceptMap/\$translate?url=urn:services-map&system=$svc&code=XN.1")" '"code":"X9"'

# ---- lookup, subsumes
check "lookup tells the name" has "$(get "CodeSystem/\$lookup?system=$icd&code=J18.9")" '"name":"display","valueString":"Pneumonia, unspecified"'
check "and the Vietnamese one" has "$(get "CodeSystem/\$lookup?system=$icd&code=J18.9&displayLanguage=vi")" '"name":"display","valueString":"Viêm phổi, không đặc hiệu"'
check "and the parent" has "$(get "CodeSystem/\$lookup?system=$icd&code=J18.9&property=parent")" '"valueCode":"J18"'
check "lookup by POST" has "$(post 'CodeSystem/$lookup' "$(params "{\"name\":\"coding\",\"valueCoding\":{\"system\":\"$icd\",\"code\":\"I10\"}}")")" 'Essential (primary) hypertension'
check "an unknown code is 404" is "$(status "CodeSystem/\$lookup?system=$icd&code=Q00.99")" 404
check "a missing system is named" has "$(get 'CodeSystem/$lookup?code=x')" 'the parameter system is missing'
check "an unknown parameter is refused" has "$(get "CodeSystem/\$lookup?system=$icd&cod=x")" "unknown parameter 'cod'"
check "twice is refused" has "$(get "CodeSystem/\$lookup?system=$icd&code=x&code=y")" "'code' is given twice"
check "subsumes" has "$(get "CodeSystem/\$subsumes?system=$icd&codeA=J18&codeB=J18.9")" '"valueCode":"subsumes"'
check "subsumes on the instance" has "$(get 'CodeSystem/icd-10-vn/$subsumes?codeA=J18.9&codeB=X')" '"valueCode":"subsumed-by"'

# ---- validate-code
gender=http://hl7.org/fhir/ValueSet/administrative-gender
check "a member" has "$(get "ValueSet/\$validate-code?url=$gender&code=male")" '"valueBoolean":true'
check "no member" has "$(get "ValueSet/\$validate-code?url=$gender&code=M")" '"valueBoolean":false'
check "on the instance" has "$(get 'ValueSet/administrative-gender/$validate-code?code=female')" '"valueBoolean":true'
check "a wrong name is told" has "$(get "CodeSystem/\$validate-code?url=$icd&code=I10&display=Asthma")" "the code's name is 'Essential (primary) hypertension'"
check "a right name in Vietnamese" has "$(get "CodeSystem/\$validate-code?url=$icd&code=J18.9&display=vi%C3%AAm%20ph%E1%BB%95i,%20kh%C3%B4ng%20%C4%91%E1%BA%B7c%20hi%E1%BB%87u")" '"valueBoolean":true'
check "a CodeableConcept by POST" has "$(post 'ValueSet/$validate-code' "$(params "{\"name\":\"url\",\"valueUri\":\"$icdset\"},{\"name\":\"codeableConcept\",\"valueCodeableConcept\":{\"coding\":[{\"system\":\"urn:x\",\"code\":\"1\"},{\"system\":\"$icd\",\"code\":\"I10\"}]}}")")" '"valueBoolean":true'
check "exactly one code" has "$(get "ValueSet/\$validate-code?url=$gender")" 'exactly one of code, coding and codeableConcept'
check "a Coding wants POST" has "$(get "ValueSet/\$validate-code?url=$gender&coding=x")" 'send it in a Parameters resource by POST'
check "an unknown set is 404" is "$(status 'ValueSet/$validate-code?url=urn:none&code=x')" 404
check "by XML" has "$(curl -s -g -H 'Accept: application/fhir+xml' "$base/ValueSet/\$validate-code?url=$gender&code=male")" '<valueBoolean value="true"'

# ---- expand
check "typing without accents" has "$(get "ValueSet/\$expand?url=$icdset&filter=dai%20thao%20duong&count=3")" '"code":"E10"'
check "pages: the total stays" is "$(get "ValueSet/\$expand?url=$icdset&filter=viem&count=2&offset=2" | grep -o '"total":[0-9]*')" "$(get "ValueSet/\$expand?url=$icdset&filter=viem&count=1" | grep -o '"total":[0-9]*')"
check "names in both languages" has "$(get "ValueSet/\$expand?url=$icdset&filter=I10&count=1&includeDesignations=true")" '"language":"vi"'
check "a tree" has "$(get 'ValueSet/$expand?url=http://terminology.hl7.org/ValueSet/v3-ActEncounterCode&excludeNested=false')" '"contains":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","version":"2018-08-12","code":"ACUTE"'
check "an inline set" has "$(post 'ValueSet/$expand' "$(params "{\"name\":\"valueSet\",\"resource\":{\"resourceType\":\"ValueSet\",\"status\":\"draft\",\"compose\":{\"include\":[{\"system\":\"$icd\",\"filter\":[{\"property\":\"concept\",\"op\":\"is-a\",\"value\":\"J18\"}]}],\"exclude\":[{\"system\":\"$icd\",\"concept\":[{\"code\":\"J18\"}]}]}}}")")" '"total":5'
check "what is not held is named" has "$(get 'ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/observation-codes')" "http://loinc.org"
check "a bad count is refused" has "$(get "ValueSet/\$expand?url=$icdset&count=x")" "is no integer"
check "the set itself is told" has "$(get "ValueSet/\$expand?url=$gender&includeDefinition=true")" '"compose":{'
check "properties" has "$(get "ValueSet/\$expand?url=https://nhip.vn/fhir/ValueSet/ma-nhom&property=table&count=1")" '"valueString":"XML3"'
check "excludes abstract codes for screens" hasnot "$(get "ValueSet/\$expand?url=$icdset&excludeNotForUI=true&count=3")" '"code":"A00-A09"'

# ---- days: the same code before and since 1 July 2025
check "a commune today" has "$(get "CodeSystem/\$lookup?system=$units&code=19753&displayLanguage=vi")" 'Phường Phú Xuân'
check "and before" has "$(get "CodeSystem/\$lookup?system=$units&code=19753&date=2025-06-30&displayLanguage=vi")" 'Phường Thuận Lộc'
check "a former province, today" has "$(get "CodeSystem/\$validate-code?url=$units&code=02")" '"valueBoolean":false'
check "and on its day" has "$(get "CodeSystem/\$validate-code?url=$units&code=02&date=2024-01-01")" '"valueBoolean":true'

# ---- translate
check "translates" has "$(get "ConceptMap/\$translate?system=$units&code=02")" '"code":"08"'
check "and back" has "$(get "ConceptMap/dvhc-2024-2025/\$translate?system=$units&code=08&reverse=true")" '"valueCode":"narrower"'
check "nothing to be found" has "$(get "ConceptMap/\$translate?system=$units&code=zz")" '"valueBoolean":false'

# ---- resources of the server
cs() { echo "{\"resourceType\":\"CodeSystem\",\"id\":\"mau\",\"url\":\"urn:mau\",\"version\":\"$1\",\"status\":\"active\",\"content\":\"complete\",\"valueSet\":\"urn:mau-all\",\"concept\":[{\"code\":\"$2\",\"display\":\"Màu\"}]}"; }
check "a system is stored" is "$(put CodeSystem/mau "$(cs 1 do)")" 201
check "and serves at once" has "$(get 'CodeSystem/$validate-code?url=urn:mau&code=do')" '"valueBoolean":true'
check "its set too" has "$(get 'ValueSet/$expand?url=urn:mau-all&filter=mau')" '"code":"do"'
check "a new version" is "$(put CodeSystem/mau "$(cs 2 tim)")" 200
check "serves at once" has "$(get 'CodeSystem/mau/$validate-code?code=do')" '"valueBoolean":false'
check "a set over ICD-10 is stored" is "$(put ValueSet/tim "{\"resourceType\":\"ValueSet\",\"id\":\"tim\",\"url\":\"urn:tim\",\"status\":\"active\",\"compose\":{\"include\":[{\"system\":\"$icd\",\"filter\":[{\"property\":\"concept\",\"op\":\"is-a\",\"value\":\"I10-I15\"}]}]}}")" 201
check "and has its members" has "$(get 'ValueSet/$validate-code?url=urn:tim&code=I10')" '"valueBoolean":true'
check "on the instance too" has "$(get 'ValueSet/tim/$expand?filter=tang%20huyet%20ap')" '"code":"I10"'
check "the server stops" stop
check "a catalogue is removed" "$nhip" term remove services --data "$tmp/data"
check "and starts again" serve
check "and does not serve any more" is "$(status "CodeSystem/\$lookup?system=$svc&code=XN.1")" 404
check "what was stored still serves" has "$(get 'CodeSystem/$validate-code?url=urn:mau&code=tim')" '"valueBoolean":true'
curl -s -o /dev/null -X DELETE "$base/CodeSystem/mau"
check "a deleted one does not" has "$(get 'CodeSystem/$validate-code?url=urn:mau&code=tim')" '"valueBoolean":false'

# ---- reading what is embedded
check "a system reads as a resource" has "$(get CodeSystem/ma-nhom)" '"content":"complete"'
check "a set too" has "$(get ValueSet/administrative-gender)" '"compose":'
check "a map too" has "$(get ConceptMap/dvhc-2024-2025)" '"element":'
check "a set is found by its url" has "$(get "ValueSet?url=$icdset")" '"id":"icd-10-vn"'
check "a stored one by its url, as before" has "$(get 'ValueSet?url=urn:tim')" '"id":"tim"'
check "and nothing by another" has "$(get 'ValueSet?url=urn:none&_total=accurate')" '"total":0'
check "an operation inside of a bundle" has "$(curl -s -H 'Content-Type: application/fhir+json' -d "{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{\"request\":{\"method\":\"GET\",\"url\":\"CodeSystem/\$lookup?system=$icd&code=I10\"}}]}" "$base")" 'tăng huyết áp'
check "the capability statement lists them" has "$(get metadata)" '"name":"validate-code"'
check "with definitions" has "$(get OperationDefinition/ValueSet-expand)" '"name":"filter"'

# ---- searches by value set and hierarchy
post Condition "{\"resourceType\":\"Condition\",\"subject\":{\"display\":\"test\"},\"code\":{\"coding\":[{\"system\":\"$icd\",\"code\":\"I10\"}]}}" >/dev/null
post Condition "{\"resourceType\":\"Condition\",\"subject\":{\"display\":\"test\"},\"code\":{\"coding\":[{\"system\":\"$icd\",\"code\":\"J18.9\"}]}}" >/dev/null
check ":in a value set" is "$(total "Condition?code:in=urn:tim&_total=accurate")" 1
check ":not-in" is "$(total "Condition?code:not-in=urn:tim&_total=accurate")" 1
check ":below a chapter" is "$(total "Condition?code:below=$icd|X&_total=accurate")" 1
check ":below a block" is "$(total "Condition?code:below=$icd|I10-I15&_total=accurate")" 1
check ":above" is "$(total "Condition?code:above=$icd|J18.9&_total=accurate")" 1
check ":in a set that nobody knows" is "$(status "Condition?code:in=urn:none")" 400

stop
echo "1..$n"
[ "$bad" = 0 ]
