#!/usr/bin/env bash
# Hostile input: each is refused (or answered) with an OperationOutcome that names the limit, and costs at
# most 32 MiB beside its own bytes: the peak of resident memory is read from /proc. Times are measured by
# bench/hostile.sh. The binary on a temporary data folder, asked with curl. TAP output.
# Ports below 32768 on the loopback; only processes started here are ended, by their id.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh

xml='Content-Type: application/fhir+xml'
form='Content-Type: application/x-www-form-urlencoded'
jp='Content-Type: application/json-patch+json'
ns='xmlns="http://hl7.org/fhir"'
mark() { awk -v n="$1:" '$1 == n { print $2 }' "/proc/$pid/status"; } # kB
times() { yes "$2" | head -n "$1" | tr -d '\n'; } # times N TEXT

# A server that has answered the usual questions once and holds nothing of an earlier input.
fresh() {
    kill -TERM "$pid" && wait "$pid" 2>/dev/null
    serve || exit 1
    for path in metadata "Patient/a?_format=xml" "Organization?name=x"; do
        curl -s -o /dev/null "$base/$path"
    done
    curl -s -o /dev/null -H "$json" -d '{"resourceType":"Basic","code":{"text":"x"}}' "$base/Basic"
    echo 5 >"/proc/$pid/clear_refs"
    calm=$(mark VmRSS)
}

# hostile NAME STATUS RULE CURL…: the body, if any, stands in $tmp/in
hostile() {
    local name=$1 want=$2 rule=$3 grown sent answer
    shift 3
    fresh
    answer=$(curl -s -o "$tmp/body" -w '%{http_code} %{time_total}' -H 'Accept-Language: en' --max-time 20 "$@")
    grown=$(($(mark VmHWM) - calm))
    sent=$(($(stat -c %s "$tmp/in") / 1024))
    [ -z "${HOSTILE_TIMES:-}" ] || echo "${answer#* } $grown $sent $name" >>"$HOSTILE_TIMES"
    check "$name: $want" is "${answer% *}" "$want"
    check "$name: names it" has "$(head -c 3000 "$tmp/body")" "$rule"
    check "$name: at most 32 MiB beside $sent kB" test "$grown" -le $((32768 + sent))
    : >"$tmp/in"
}
post() { echo --data-binary @"$tmp/in"; }

check "the server starts" serve
curl -s -o /dev/null -X PUT -H "$json" -d "{\"resourceType\":\"Patient\",\"id\":\"a\",\"name\":[{\"family\":\"$(times 3000 a)!\"}]}" "$base/Patient/a"
for t in Organization; do
    curl -s -o /dev/null -X PUT -H "$json" -d '{"resourceType":"Organization","id":"x","name":"x"}' "$base/$t/x"
    curl -s -o /dev/null -X PUT -H "$json" -d '{"resourceType":"Organization","id":"y","name":"y","partOf":{"reference":"Organization/x"}}' "$base/$t/y"
    curl -s -o /dev/null -X PUT -H "$json" -d '{"resourceType":"Organization","id":"x","name":"x","partOf":{"reference":"Organization/y"}}' "$base/$t/x"
done
: >"$tmp/in"

# ---- depth
{ printf '{"resourceType":"Patient","extension":'; times 500000 '[{"extension":'; } >"$tmp/in"
hostile "deep JSON" 413 json-depth -H "$json" $(post) "$base/Patient"
{ printf '<Patient %s>' "$ns"; times 200000 '<extension url="u">'; } >"$tmp/in"
hostile "deep XML" 413 fhir-xml-depth -H "$xml" $(post) "$base/Patient"
{ printf '<Basic %s><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">' "$ns"; times 100000 '<b>'; } >"$tmp/in"
hostile "a deep narrative" 413 fhir-xml-depth -H "$xml" $(post) "$base/Basic"
{ printf '{"resourceType":"Basic","code":{"text":"x"},"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">'; times 100000 '<b>'; times 100000 '</b>'; printf '</div>"}}'; } >"$tmp/in"
hostile "a deep narrative in JSON" 422 'nested too deeply' -H "$json" $(post) "$base/Basic"
times 5000 '{"resourceType":"Bundle","type":"batch","entry":[{"resource":' >"$tmp/in"
hostile "bundles in bundles" 413 json-depth -H "$json" $(post) "$base"
{ printf '<Bundle %s>' "$ns"; times 5000 '<type value="batch"/><entry><resource><Bundle>'; } >"$tmp/in"
hostile "bundles in bundles in XML" 413 fhir-xml-depth -H "$xml" $(post) "$base"
{ printf '{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"'; times 20000 '('; printf '"}]}]}'; } >"$tmp/in"
hostile "a deep FHIRPath" 413 fpath-depth -X PATCH -H "$json" $(post) "$base/Patient/a"

# ---- size
{ printf '{"resourceType":"Bundle","type":"batch","entry":[{}'; times 500000 ',{}'; printf ']}'; } >"$tmp/in"
hostile "a bundle of half a million" 413 json-items -H "$json" $(post) "$base"
{ printf '{"resourceType":"Bundle","type":"batch","entry":[{}'; times 25000 ',{}'; printf ']}'; } >"$tmp/in"
hostile "a bundle of one entry too many" 413 bundle-entries -H "$json" $(post) "$base"
{ printf '<Bundle %s><type value="batch"/>' "$ns"; times 100000 '<entry><fullUrl value="u"/></entry>'; printf '</Bundle>'; } >"$tmp/in"
hostile "and in XML" 413 bundle-entries -H "$xml" $(post) "$base"
{ printf '{"resourceType":"Basic","language":"'; times 18000000 a; printf '"}'; } >"$tmp/in"
hostile "a value of 18 MB" 413 fhir-size -H "$json" $(post) "$base/Basic"
head -c 100000000 /dev/zero | gzip -9 >"$tmp/in"
hostile "a gzip bomb" 413 body-size -H "$json" -H 'Content-Encoding: gzip' $(post) "$base/Patient"
printf '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;">]><Patient %s><id value="&c;"/></Patient>' "$ns" >"$tmp/in"
hostile "an entity bomb" 400 xml-doctype -H "$xml" $(post) "$base/Patient"
{ printf '[{"op":"add","path":"/extension","value":[{"url":"u"}]}'; times 60 ',{"op":"copy","from":"","path":"/extension/-"}'; printf ']'; } >"$tmp/in"
hostile "a patch that doubles" 413 patch-steps -X PATCH -H "$jp" $(post) "$base/Patient/a"
{ printf '[{"op":"test","path":"/id","value":"a"}'; times 50000 ',{"op":"test","path":"/id","value":"a"}'; printf ']'; } >"$tmp/in"
hostile "a patch of 50,000 operations" 413 patch-operations -X PATCH -H "$jp" $(post) "$base/Patient/a"

# ---- names and lists
{ printf '{"resourceType":"Patient"'; seq -f ',"aaaaaaaa%.0fbbbbbbbb":1' 100000; printf '}'; } >"$tmp/in"
hostile "names that are alike" 422 fhir-member-unknown -H "$json" $(post) "$base/Patient"
{ printf '{"resourceType":"Patient"'; times 100000 ',"active":true'; printf '}'; } >"$tmp/in"
hostile "one name 100,000 times" 400 json-duplicate -H "$json" $(post) "$base/Patient"
{ printf '<Patient %s' "$ns"; seq -f ' a%.0f=""' 50000; printf '/>'; } >"$tmp/in"
hostile "50,000 attributes" 422 fhir-xml-attribute -H "$xml" $(post) "$base/Patient"
{ printf 'identifier=a'; times 1000000 ',b'; } >"$tmp/in"
hostile "a list of a million values" 413 search- -H "$form" $(post) "$base/Patient/_search"
{ printf '{"resourceType":"Patient","name":[{"given":["a"'; times 1000000 ',"b"'; printf ']}]}'; } >"$tmp/in"
hostile "a million names" 413 json-items -H "$json" $(post) "$base/Patient"
{ printf '<Patient %s><name>' "$ns"; times 500000 '<given value="b"/>'; printf '</name></Patient>'; } >"$tmp/in"
hostile "half a million in XML" 413 fhir-xml-items -H "$xml" $(post) "$base/Patient"
{ printf '{"resourceType":"Patient","identifier":[{"value":"v"}'; seq -f ',{"system":"urn:s","value":"v%.0f"}' 300000; printf ']}'; } >"$tmp/in"
hostile "300,000 identifiers" 413 json-items -H "$json" $(post) "$base/Patient"
{ printf '{"resourceType":"Parameters","parameter":[{"name":"valueSet","resource":{"resourceType":"ValueSet","status":"active","url":"urn:r","compose":{"include":[{"system":"urn:q","concept":[{"code":"c"}'; times 999999 ',{"code":"c"}'; printf ']}]}}}]}'; } >"$tmp/in"
hostile "a value set of a million codes" 413 json-items -H "$json" $(post) "$base/ValueSet/\$expand"
{ printf '{"resourceType":"Parameters","parameter":[{"name":"a","valueString":"b"}'; times 400000 ',{"name":"a","valueString":"b"}'; printf ']}'; } >"$tmp/in"
hostile "400,000 parameters of an operation" 413 json-items -H "$json" $(post) "$base/ValueSet/\$expand"
{ printf 'a=1'; times 300000 '&a=1'; } >"$tmp/in"
hostile "300,000 parameters" 400 search-param -H "$form" $(post) "$base/Patient/_search"
{ printf 'subject:Patient'; times 20000 '.link:Patient'; printf '.name=x'; } >"$tmp/in"
hostile "a chain of 20,000 links" 413 search- -H "$form" $(post) "$base/Observation/_search"
{ times 20000 '_has:Observation:patient:'; printf 'code=x'; } >"$tmp/in"
hostile "20,000 times _has" 400 search-param -H "$form" $(post) "$base/Patient/_search"

# ---- rounds
hostile "includes in a circle" 200 '"resourceType":"Bundle"' "$base/Organization?_include:iterate=Organization:partof&_revinclude:iterate=Organization:partof"
check "each once" is "$(grep -o '"fullUrl"' "$tmp/body" | wc -l)" 2
evil() { printf '{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"%s"}]}]}' "$1" >"$tmp/in"; }
evil "Patient.name.where(family.matches('(a+)+\$'))"
hostile "a pathological expression" 413 fpath-regex -X PATCH -H "$json" $(post) "$base/Patient/a"
evil "Patient.name.where(family.matches('((a?){500}a{500})+b'))"
hostile "one that repeats its repetitions" 200 '"id":"a"' -X PATCH -H "$json" $(post) "$base/Patient/a"
set_of() { curl -s -o /dev/null -X PUT -H "$json" -d "{\"resourceType\":\"ValueSet\",\"id\":\"$1\",\"url\":\"urn:$1\",\"status\":\"active\",\"compose\":{\"include\":[$2]}}" "$base/ValueSet/$1"; }
set_of round1 '{"valueSet":["urn:round2"]}'
set_of round2 '{"valueSet":["urn:round1"]}'
hostile "value sets in a circle" 413 term-set-depth "$base/ValueSet/round1/\$expand"
for i in $(seq 0 20); do set_of "twice$i" "{\"valueSet\":[\"urn:twice$((i + 1))\"]},{\"valueSet\":[\"urn:twice$((i + 1))\"]}"; done
hostile "value sets that double" 413 term-set-depth "$base/ValueSet/twice0/\$expand"
set_of regex '{"system":"http://hl7.org/fhir/sid/icd-10","filter":[{"property":"display","op":"regex","value":"(.*.*)*X$"}]}'
hostile "a pathological filter" 413 term-regex "$base/ValueSet/regex/\$expand"

# ---- questions that grow
query() { printf '{"query":"%s"}' "$1" >"$tmp/in"; }
ask() { hostile "$1" 413 "$2" -H 'Content-Type: application/json' $(post) "$base/\$graphql"; }
query "$(times 5000 '{Patient')"
ask "a deep GraphQL" graphql-limit
query "{Patient(id:\\\"a\\\"){...f0}} $(for i in $(seq 0 20); do printf 'fragment f%d on Patient{...f%d ...f%d}' "$i" $((i + 1)) $((i + 1)); done) fragment f21 on Patient{id}"
ask "fragments that double" graphql-
query "{Patient(id:\\\"a\\\"){...f}} fragment f on Patient{...g} fragment g on Patient{...f}"
ask "fragments in a circle" graphql-depth
query "{$(seq -f 'a%.0f:PatientList{id}' 2000 | tr '\n' ' ')}"
ask "2,000 searches in GraphQL" graphql-
query "{Patient(id:\\\"a\\\"){$(seq -f 'a%.0f:id' 5000 | tr '\n' ' ')}}"
ask "5,000 fields in GraphQL" graphql-
view() { # view SELECT NAMES
    printf '{"resourceType":"Parameters","parameter":[{"name":"viewResource","resource":{"resourceType":"ViewDefinition","name":"v","status":"active","resource":"Patient","select":[%s]}},{"name":"resource","resource":{"resourceType":"Patient","id":"a","name":[%s]}}]}' "$1" "$2" >"$tmp/in"
}
run() { hostile "$1" "$2" "$3" -H "$json" $(post) "$base/ViewDefinition/\$viewdefinition-run"; }
names="$(times 300 '{"family":"a"},'){\"family\":\"b\"}"
view "$(times 100 '{"select":[')" "$names"
run "a deep view" 413 json-depth
view "$(seq -f '{"column":[{"name":"c%.0f","path":"id"}]},' 5000 | tr -d '\n'){\"column\":[{\"name\":\"c\",\"path\":\"id\"}]}" "$names"
run "a view of 5,000 columns" 413 view-
each() { printf '{"forEach":"%%resource.name","column":[{"name":"%s","path":"family"}]}' "$1"; }
view "$(each a),$(each b),$(each c)" "$names"
run "a view of 300 x 300 x 300 rows" 413 view-
deep=$(times 6 '%resource.name.where(')true$(times 6 ').exists()')
view "{\"column\":[{\"name\":\"a\",\"path\":\"name.where($deep).count()\"}]}" "$names"
run "a view whose path looks 300^7 times" 413 fpath-steps
evil "Patient.name.where(family.replaceMatches('(a+)+\$','b').exists())"
hostile "a pathological replacement" 413 fpath-regex -X PATCH -H "$json" $(post) "$base/Patient/a"
evil "Patient.repeat(\$this | name | name.family | name.family.toChars())"
hostile "an expression that repeats itself" 422 patch-path -X PATCH -H "$json" $(post) "$base/Patient/a"
check "it still answers" is "$(code "$base/Patient/a")" 200

echo "1..$n"
exit $((bad > 0))
