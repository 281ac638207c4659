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
hostile "a deep narrative" 400 xml-syntax -H "$xml" $(post) "$base/Basic"
{ printf '{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"delete"},{"name":"path","valueString":"'; times 20000 '('; printf '"}]}]}'; } >"$tmp/in"
hostile "a deep FHIRPath" 413 fpath-depth -X PATCH -H "$json" $(post) "$base/Patient/a"

# ---- size
{ printf '{"resourceType":"Bundle","type":"batch","entry":[{}'; times 500000 ',{}'; printf ']}'; } >"$tmp/in"
hostile "a bundle of half a million" 413 bundle-entries -H "$json" $(post) "$base"
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
check "it still answers" is "$(code "$base/Patient/a")" 200

echo "1..$n"
exit $((bad > 0))
