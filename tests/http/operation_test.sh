#!/usr/bin/env bash
# Operations as client developers meet them: in bundles, posted alone, with versions of systems; what
# the capabilities say of them. TAP output. Ports below 32768 on the loopback.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh

hasnot() { ! has "$@" >/dev/null; }
get() { curl -s -g -H 'Accept-Language: en' "$base/$1"; }
post() { curl -s -g -H "Accept-Language: en" -H "$json" --data-binary @- "$base/$1" <<<"$2"; }
params() { echo "{\"resourceType\":\"Parameters\",\"parameter\":[$1]}"; }
batch() { post '' "{\"resourceType\":\"Bundle\",\"type\":\"${2:-batch}\",\"entry\":[$1]}"; }
entry() { echo "{\"request\":{\"method\":\"POST\",\"url\":\"$1\"},\"resource\":$2}"; }
gender=http://hl7.org/fhir/ValueSet/administrative-gender
system=http://hl7.org/fhir/administrative-gender
check "the server starts" serve

# ---- operations by POST inside of bundles
male=$(params "{\"name\":\"url\",\"valueUri\":\"$gender\"},{\"name\":\"coding\",\"valueCoding\":{\"system\":\"$system\",\"code\":\"male\"}}")
check "a batch validates codes" has "$(batch "$(entry 'ValueSet/$validate-code' "$male")")" '"name":"result","valueBoolean":true'
check "and looks them up" has "$(batch "$(entry 'CodeSystem/$lookup' "$(params "{\"name\":\"system\",\"valueUri\":\"$system\"},{\"name\":\"code\",\"valueCode\":\"female\"}")")")" '"valueString":"Female"'
check "and validates resources" has "$(batch "$(entry 'Patient/$validate' '{"resourceType":"Patient","gender":"x"}')")" '"expression":["Patient.gender"]'
check "with parameters of the address" has "$(batch "$(entry 'Patient/$validate?profile=urn:none' '{"resourceType":"Patient"}')")" 'profile-unknown'
check "a transaction does, too" has "$(batch "$(entry 'ValueSet/$validate-code' "$male")" transaction)" '"name":"result","valueBoolean":true'
curl -s -o /dev/null -X PUT -H "$json" -d '{"resourceType":"Patient","id":"p1"}' "$base/Patient/p1"
check "simple parameters become the query" has "$(batch "$(entry 'Patient/p1/$everything' "$(params '{"name":"_count","valueInteger":1}')")")" '"id":"p1"'
check "what changes something is no entry" has "$(batch "$(entry 'Patient/p1/$meta-add' "$(params '')")")" 'is no address of the API'
check "an unknown operation is refused" has "$(batch "$(entry 'Patient/$nothing' "$(params '')")")" 'is no address of the API'

# ---- a resource posted alone, parameters in the address
set='{"resourceType":"ValueSet","status":"active","compose":{"include":[{"system":"'$system'","concept":[{"code":"male","display":"Mann","designation":[{"language":"de","value":"männlich"}]},{"code":"female"}]}]}}'
check "a value set is posted alone" has "$(post 'ValueSet/$expand?count=1' "$set")" '"total":2'
check "with its own names" has "$(post 'ValueSet/$expand?includeDesignations=true' "$set")" '"display":"Mann","designation":[{"language":"de","value":"männlich"},{"language":"en","value":"Male"}]'
check "a set's name is not said to be English" hasnot "$(post 'ValueSet/$expand?includeDesignations=true' "$set")" '{"language":"en","value":"Mann"}'
check "another resource is refused" has "$(post 'ValueSet/$expand' '{"resourceType":"Patient"}')" 'send a Parameters resource'

# ---- versions of systems
check "a version as the default" has "$(get "ValueSet/\$expand?url=$gender&system-version=$system|4.0.1")" '"total":4'
check "it is told in the expansion" has "$(get "ValueSet/\$expand?url=$gender&system-version=$system|4.0.1")" "{\"name\":\"system-version\",\"valueUri\":\"$system|4.0.1\"}"
check "one that is not held is named" has "$(get "ValueSet/\$expand?url=$gender&system-version=$system|3.0")" "'$system|3.0'"
check "the same by force" has "$(get "ValueSet/\$expand?url=$gender&force-system-version=$system|3.0")" "'$system|3.0'"
fixed='{"resourceType":"ValueSet","status":"active","compose":{"include":[{"system":"'$system'","version":"3.0"}]}}'
check "a check that fails" has "$(post "ValueSet/\$expand?check-system-version=$system|4.0.1" "$fixed")" 'term-system-version'
check "force beats what the set says" has "$(post "ValueSet/\$expand?force-system-version=$system|4.0.1" "$fixed")" '"total":4'
check "a default does not" has "$(post "ValueSet/\$expand?system-version=$system|4.0.1" "$fixed")" "'$system|3.0'"
check "a system is left out" has "$(get "ValueSet/\$expand?url=$gender&exclude-system=$system")" '"total":0'
check "another version is not" has "$(get "ValueSet/\$expand?url=$gender&exclude-system=$system|3.0")" '"total":4'

# ---- what is sent along with a question
own='{"resourceType":"CodeSystem","url":"urn:t:own","version":"2","status":"active","content":"complete","concept":[{"code":"a","display":"Alpha"}]}'
along() { post "CodeSystem/\$validate-code" "$(params "{\"name\":\"codeSystem\",\"resource\":$own},{\"name\":\"code\",\"valueCode\":\"$1\"}${2-}")"; }
check "a code of a system that is sent" has "$(along a)" '"name":"result","valueBoolean":true'
check "with its name" has "$(along a)" '"name":"display","valueString":"Alpha"'
check "one that is not in it" has "$(along b)" '"name":"result","valueBoolean":false'
check "its url may be said" has "$(along a ',{"name":"url","valueUri":"urn:t:own"}')" '"valueBoolean":true'
check "not another one" has "$(along a ',{"name":"url","valueUri":"urn:t:other"}')" 'term-sent-twice'
check "it is not kept" has "$(get 'CodeSystem/$validate-code?url=urn:t:own&code=a')" '"valueBoolean":false'
own=${own/urn:t:own/$system}
check "it stands before what is held" has "$(along a)" '"name":"display","valueString":"Alpha"'
check "for this call alone" has "$(get "CodeSystem/\$validate-code?url=$system&code=a")" '"valueBoolean":false'
own='{"resourceType":"CodeSystem","url":"urn:t:own","status":"active","content":"complete","concept":[{"code":"a"},{"code":"a"}]}'
check "one that cannot serve is refused" has "$(along a)" '"severity":"error"'
map='{"resourceType":"ConceptMap","url":"urn:t:map","status":"active","group":[{"source":"urn:s","target":"urn:t","element":[{"code":"x","target":[{"code":"y","equivalence":"equal"}]}]}]}'
check "a map that is sent" has "$(post 'ConceptMap/$translate' "$(params "{\"name\":\"conceptMap\",\"resource\":$map},{\"name\":\"system\",\"valueUri\":\"urn:s\"},{\"name\":\"code\",\"valueCode\":\"x\"}")")" '"code":"y"'
check "is not kept either" is "$(code -g "$base/ConceptMap/\$translate?url=urn:t:map&system=urn:s&code=x")" 404

# ---- systems that are not held are never shown as empty
check "an implied set says what it lacks" has "$(get 'ValueSet/$expand?url=http://snomed.info/sct?fhir_vs=isa/138875005')" "needs 'http://snomed.info/sct'"
check "the whole system, too" has "$(get 'ValueSet/$expand?url=http://snomed.info/sct?fhir_vs')" "needs 'http://snomed.info/sct'"

# ---- capabilities
tc=$(get 'metadata?mode=terminology')
check "terminology capabilities" has "$tc" '"resourceType":"TerminologyCapabilities"'
check "they name a system and its version" has "$tc" "{\"uri\":\"$system\",\"version\":[{\"code\":\"4.0.1\",\"isDefault\":true}]"
check "but none that is not held" hasnot "$tc" '"uri":"http://snomed.info/sct"'
check "they are valid" has "$(post 'TerminologyCapabilities/$validate' "$tc")" '"code":"valid"'
cs=$(get metadata)
check "the statement is valid" hasnot "$(post 'CapabilityStatement/$validate' "$cs")" '"severity":"error"'
check "it claims bulk data" has "$cs" '"instantiates":["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"]'
check "it names topics" has "$cs" '"valueCanonical":"https://nhip.vn/fhir/SubscriptionTopic/Encounter"'
check "and the backport's profile" has "$cs" 'StructureDefinition/backport-subscription"'

# ---- definitions that are part of the program, found by their url
check "a definition is found by url" has "$(get 'StructureDefinition?url=http://hl7.org/fhir/StructureDefinition/vitalsigns&_elements=url')" '"id":"vitalsigns"'
check "not by another one with its end" has "$(get 'StructureDefinition?url=urn:x/vitalsigns')" '"total":0'

# ---- several views in one export
view='{"resourceType":"ViewDefinition","resource":"Patient","status":"active","select":[{"column":[{"name":"id","path":"id"}]}]}'
part() { echo "{\"name\":\"view\",\"part\":[{\"name\":\"name\",\"valueString\":\"$1\"},{\"name\":\"viewResource\",\"resource\":$view}]}"; }
job=$(curl -s -g -D - -o /dev/null -H "$json" -H 'Prefer: respond-async' -d "$(params "{\"name\":\"_format\",\"valueCode\":\"csv\"},$(part patients),$(part patients)")" "$base/ViewDefinition/\$viewdefinition-export" | tr -d '\r' | sed -n 's/^[Cc]ontent-[Ll]ocation: //p')
for _ in $(seq 100); do
    [ "$(code -g "$job")" = 202 ] || break
    sleep 0.1
done
check "the export is done" has "$(body)" '"name":"patients","format":"csv"'
urls=$(body | grep -o '"url":"[^"]*"' | cut -d'"' -f4)
check "two views, two files" is "$(sort -u <<<"$urls" | wc -l)" 2
check "each has its rows" is "$(while read -r u; do curl -s -g "$u"; done <<<"$urls" | tr -d '\r' | tr '\n' ' ')" 'id p1 id p1 '

# ---- what cannot be exported
check "a type that is none: 400" is "$(code -H 'Prefer: respond-async' -g "$base/\$export?_type=Patient,Foo")" 400
check "in words" has "$(body)" "'Foo' is no resource type of FHIR R4"
check "nor in a filter" is "$(code -H 'Prefer: respond-async' -g "$base/\$export?_typeFilter=Foo%3Fx=1")" 400

# ---- subscriptions: what is asked about them
sub() { echo '{"resourceType":"Subscription","status":"requested","reason":"x","criteria":"'"$1"'","channel":{"type":"rest-hook","endpoint":"'"$2"'"}}'; }
curl -s -o /dev/null -X PUT -H "$json" -d "$(sub Patient?gender=male "http://127.0.0.1:1/" | sed 's/"resourceType"/"id":"s-ok",&/')" "$base/Subscription/s-ok"
curl -s -o /dev/null -X PUT -H "$json" -d "$(sub Patient?nonsense=1 "http://127.0.0.1:1/" | sed 's/"resourceType"/"id":"s-bad",&/')" "$base/Subscription/s-bad"
for _ in $(seq 100); do
    has "$(get Subscription/s-bad)" '"status":"error"' >/dev/null && has "$(get Subscription/s-ok)" '"status":"active"' >/dev/null && break
    sleep 0.05
done
bad_status=$(get 'Subscription/s-bad/$status')
check "one in error has a status" has "$bad_status" '"name":"status","valueCode":"error"'
check "with the reason" has "$bad_status" '"name":"error","valueCodeableConcept":{"text":"nonsense: unknown search parameter'
check "all of them" has "$(get 'Subscription/$status')" '"total":2'
check "by status" has "$(get 'Subscription/$status?status=error')" '"total":1'
check "by id" has "$(get 'Subscription/$status?id=s-ok')" '/Subscription/s-ok"'
check "by ids in Parameters" has "$(post 'Subscription/$status' "$(params '{"name":"id","valueId":"s-ok"},{"name":"id","valueId":"s-bad"}')")" '"total":2'
check "none of that id" has "$(get 'Subscription/$status?id=other')" '"total":0'
check "no such resource" is "$(code -g "$base/Subscription/other/\$status")" 404
curl -s -o /dev/null -H "$json" -d '{"resourceType":"Patient","gender":"male"}' "$base/Patient"
for _ in $(seq 100); do
    has "$(get 'Subscription/s-ok/$status')" '"valueString":"1"' >/dev/null && break
    sleep 0.05
done
check "events as ids" has "$(get 'Subscription/s-ok/$events?content=id-only')" '"name":"focus"'
check "events without" hasnot "$(get 'Subscription/s-ok/$events?content=empty')" '"name":"focus"'
check "events whole" has "$(get 'Subscription/s-ok/$events?content=full-resource')" '"gender":"male"'
check "no such content" is "$(code -g "$base/Subscription/s-ok/\$events?content=some")" 400

stop
check "it ends in order" is "$rc" 0
echo "1..$n"
[ "$bad" = 0 ]
