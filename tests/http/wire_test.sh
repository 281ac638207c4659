#!/usr/bin/env bash
# What goes over the wire: FHIR XML, content negotiation, gzip bodies, conditional reads, PATCH, Binary.
# The binary on a temporary data folder, asked with curl. TAP output.
# Ports below 32768 on the loopback; only processes started here are ended, by their id.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh

xml='Content-Type: application/fhir+xml'
ns='xmlns="http://hl7.org/fhir"'
type_of() { curl -s -o "$tmp/body" -w '%{content_type}' -H 'Accept-Language: en' "$@"; }
json_is='application/fhir+json; charset=utf-8'
xml_is='application/fhir+xml; charset=utf-8'

check "the server starts" serve

# ---- XML in and out
pat="<Patient $ns><id value=\"p1\"/><active value=\"true\"/><name><family value=\"Lê\"/><given value=\"Mai\"/><given><extension url=\"urn:x\"><valueCode value=\"c\"/></extension></given></name></Patient>"
check "an XML body creates: 201" is "$(code -X PUT -H "$xml" -d "$pat" "$base/Patient/p1")" 201
check "answered in the format that was sent" has "$(body)" '<family value="Lê"/>'
check "it is stored as JSON" has "$(curl -s "$base/Patient/p1")" '"given":["Mai",null],"_given":[null,{"extension":'
check "Accept: XML" is "$(type_of -H 'Accept: application/fhir+xml' "$base/Patient/p1")" "$xml_is"
check "begins with its declaration" has "$(head -1 "$tmp/body")" '<?xml version="1.0" encoding="UTF-8"?>'
check "_format=xml" is "$(type_of "$base/Patient/p1?_format=xml")" "$xml_is"
check "_format=application/fhir+xml, the plus unescaped" is "$(type_of "$base/Patient/p1?_format=application/fhir+xml")" "$xml_is"
check "_format wins over Accept" is "$(type_of -H 'Accept: application/fhir+xml' "$base/Patient/p1?_format=json")" "$json_is"
check "the weightier one" is "$(type_of -H 'Accept: application/fhir+json;q=0.3, application/xml;q=0.8' "$base/Patient/p1")" "$xml_is"
check "anything: JSON" is "$(type_of -H 'Accept: */*' "$base/Patient/p1")" "$json_is"
check "anything but JSON" is "$(type_of -H 'Accept: application/fhir+json;q=0, */*' "$base/Patient/p1")" "$xml_is"
check "another version of FHIR: 406" is "$(code -H 'Accept: application/fhir+json; fhirVersion=5.0' "$base/Patient/p1")" 406
check "_pretty in XML" has "$(curl -s "$base/Patient/p1?_format=xml&_pretty=true")" '  <name>
    <family value="Lê"/>'
check "_summary in XML" is "$(curl -s "$base/Patient/p1?_format=xml&_summary=true" | grep -c '<code value="SUBSETTED"/>')" 1
check "a search in XML" has "$(curl -s "$base/Patient?_id=p1&_format=xml")" '<entry><fullUrl value='
check "a search by form with _format" is "$(type_of -d '_id=p1&_format=xml' "$base/Patient/_search")" "$xml_is"
check "history in XML" has "$(curl -s -H 'Accept: text/xml' "$base/Patient/p1/_history")" '<method value="PUT"/>'
check "metadata in XML" is "$(type_of "$base/metadata?_format=xml")" "$xml_is"
check "and says so" has "$(body)" '<format value="application/fhir+xml"/>'
check "errors in XML" is "$(type_of -H 'Accept: application/fhir+xml' "$base/Patient/none")" "$xml_is"
check "with the rule" has "$(body)" '<code value="resource-unknown"/>'
check "an unknown element: 422" is "$(code -H "$xml" -d "<Patient $ns><colour value=\"red\"/></Patient>" "$base/Patient")" 422
check "told with line and column" has "$(body)" "Patient has no element 'colour' (line 1, column 38)"
check "errors pretty, too" has "$(curl -s "$base/Patient/none?_pretty=true&_format=xml")" '  <issue>'
check "in JSON, too" has "$(curl -s "$base/Patient/none?_pretty=true")" '  "issue": ['
check "HEAD of a search" has "$(curl -sI "$base/Patient?_id=p1")" 'Content-Type: application/fhir+json'
check "HEAD of one in XML" has "$(curl -sI -H 'Accept: application/fhir+xml' "$base/Patient/p1")" 'ETag: W/"1"'
check "HEAD of what is not there" is "$(code -I "$base/Patient/none")" 404
check "HEAD of the metadata" is "$(code -I "$base/metadata")" 200
check "a DOCTYPE: 400" is "$(code -H "$xml" -d '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>' "$base/Patient")" 400
check "no XML: 400" is "$(code -H "$xml" -d '{}' "$base/Patient")" 400
check "breaking a rule of FHIR in XML: 422" is "$(code -H "$xml" -d "<Patient $ns><gender value=\"x\"/></Patient>" "$base/Patient")" 422
tx="<Bundle $ns><type value=\"transaction\"/><entry><fullUrl value=\"urn:uuid:7e1f0000-0000-4000-8000-000000000001\"/><resource><Patient><active value=\"true\"/></Patient></resource><request><method value=\"POST\"/><url value=\"Patient\"/></request></entry><entry><resource><Basic><code><text value=\"x\"/></code><subject><reference value=\"urn:uuid:7e1f0000-0000-4000-8000-000000000001\"/></subject></Basic></resource><request><method value=\"POST\"/><url value=\"Basic\"/></request></entry></Bundle>"
check "a transaction in XML" is "$(code -H "$xml" -d "$tx" "$base")" 200
check "answered in XML" has "$(body)" '<type value="transaction-response"/>'
check "a batch in XML, answered in JSON" is "$(type_of -H "$xml" -H 'Accept: application/fhir+json' -d "${tx/transaction/batch}" "$base")" "$json_is"
{ echo "<Bundle $ns><type value=\"batch\"/>"; for i in $(seq 800); do echo "<entry><resource><Basic><code><text value=\"$i\"/></code></Basic></resource><request><method value=\"POST\"/><url value=\"Basic\"/></request></entry>"; done; echo '</Bundle>'; } >"$tmp/large.xml"
check "a large batch in XML" is "$(code -H "$xml" --data-binary @"$tmp/large.xml" "$base")" 200
check "all of it" is "$(grep -o '<status value="201"/>' "$tmp/body" | wc -l)" 800
check "\$validate of XML, answered in XML" is "$(type_of -H "$xml" -d "<Patient $ns><gender value=\"x\"/></Patient>" "$base/Patient/\$validate")" "$xml_is"
check "says what is wrong" has "$(body)" '<expression value="Patient.gender"/>'
check "an operation in XML" is "$(type_of "$base/Patient/p1/\$everything?_format=xml")" "$xml_is"
check "Parameters in XML" has "$(curl -s "$base/CodeSystem/\$lookup?system=http://hl7.org/fhir/administrative-gender&code=female&_format=xml")" '<name value="display"/>'
later=$(curl -s -o /dev/null -D - -H 'Accept: application/fhir+xml' -H 'Prefer: respond-async' "$base/Patient/p1" | tr -d '\r' | sed -n 's/^Content-Location: //p')
for _ in $(seq 100); do [ "$(code "$later")" = 202 ] || break; sleep 0.05; done
check "an answer that comes later, in XML" is "$(type_of -H 'Accept: application/fhir+xml' "$later")" "$xml_is"
check "with the resource in it" has "$(body)" '<resource><Patient><id value="p1"/>'

# ---- gzip
gzip -c "$tmp/large.xml" >"$tmp/large.gz"
check "a gzip body" is "$(code -H "$xml" -H 'Content-Encoding: gzip' --data-binary @"$tmp/large.gz" "$base")" 200
check "all of it, too" is "$(grep -o '<status value="201"/>' "$tmp/body" | wc -l)" 800
check "a body cut off: 400" is "$(head -c 1000 "$tmp/large.gz" | code -H "$xml" -H 'Content-Encoding: gzip' --data-binary @- "$base")" 400
check "in chunks" is "$(code -H "$xml" -H 'Content-Encoding: gzip' -H 'Transfer-Encoding: chunked' --data-binary @"$tmp/large.gz" "$base")" 200
check "in two members" is "$({ printf '{"resourceType":"Basic",' | gzip; printf '"code":{"text":"x"}}' | gzip; } | code -H "$json" -H 'Content-Encoding: gzip' --data-binary @- "$base/Basic")" 201
check "with something behind it: 400" is "$({ printf '{"resourceType":"Basic","code":{"text":"x"}}' | gzip; printf 'more'; } | code -H "$json" -H 'Content-Encoding: gzip' --data-binary @- "$base/Basic")" 400
check "an empty one is an empty body: 400" is "$(printf '' | gzip | code -H "$json" -H 'Content-Encoding: gzip' --data-binary @- "$base/Basic")" 400
check "no gzip at all: 400" is "$(code -H "$json" -H 'Content-Encoding: gzip' -d '{}' "$base/Patient")" 400
check "another encoding: 415" is "$(code -H "$json" -H 'Content-Encoding: br' -d '{}' "$base/Patient")" 415
check "a bomb: 413" is "$(head -c 200000000 /dev/zero | gzip -9 | code -H "$json" -H 'Content-Encoding: gzip' --data-binary @- "$base/Patient")" 413
check "and it names the limit" has "$(body)" 'body-size'
check "answers in XML are packed" has "$(head_of -H 'Accept-Encoding: gzip' "$base/metadata?_format=xml")" 'Content-Encoding: gzip'

# ---- PATCH
jp='Content-Type: application/json-patch+json'
xp='Content-Type: application/xml-patch+xml'
etag() { curl -s -o /dev/null -D - "$base/$1" | grep -i '^etag' | tr -d '\r' | cut -d' ' -f2; }
parameters() { # parameters TYPE PATH [PART…]
    local type=$1 path=$2
    shift 2
    printf '{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"%s"},{"name":"path","valueString":"%s"}' "$type" "$path"
    [ $# = 0 ] || printf ',%s' "$@"
    printf ']}]}'
}
curl -s -o /dev/null -X PUT -H "$json" -d '{"resourceType":"Patient","id":"p2","identifier":[{"system":"urn:t","value":"p2"}],"active":true,"birthDate":"1990-01-01","name":[{"given":["An"]}]}' "$base/Patient/p2"
check "JSON Patch" is "$(code -X PATCH -H "$jp" -d '[{"op":"test","path":"/active","value":true},{"op":"replace","path":"/birthDate","value":"1991-02-03"},{"op":"add","path":"/name/0/given/-","value":"Bình"}]' "$base/Patient/p2")" 200
check "and its result" has "$(body)" '"birthDate":"1991-02-03","name":[{"given":["An","Bình"]}]'
check "it made a version" is "$(etag Patient/p2)" 'W/"2"'
check "removing the last item takes the array" is "$(code -X PATCH -H "$jp" -d '[{"op":"remove","path":"/name/0"}]' "$base/Patient/p2")" 200
check "none is left" is "$(body | grep -c '"name"')" 0
check "a test that fails: 422" is "$(code -X PATCH -H "$jp" -d '[{"op":"replace","path":"/active","value":false},{"op":"test","path":"/birthDate","value":"x"}]' "$base/Patient/p2")" 422
check "names the operation" has "$(body)" 'operation 2 (test /birthDate)'
check "and nothing changed" has "$(curl -s "$base/Patient/p2")" '"active":true'
check "no JSON Patch: 400" is "$(code -X PATCH -H "$jp" -d '{"op":"remove"}' "$base/Patient/p2")" 400
check "a result that is not valid: 422" is "$(code -X PATCH -H "$jp" -d '[{"op":"add","path":"/colour","value":"red"}]' "$base/Patient/p2")" 422
check "with its place" has "$(body)" 'Patient.colour'
check "the id stays: 422" is "$(code -X PATCH -H "$jp" -d '[{"op":"replace","path":"/id","value":"x"}]' "$base/Patient/p2")" 422
check "the version stays: 422" is "$(code -X PATCH -H "$jp" -d '[{"op":"replace","path":"/meta/versionId","value":"9"}]' "$base/Patient/p2")" 422
check "FHIRPath Patch" is "$(code -X PATCH -H "$json" -d "$(parameters replace 'Patient.birthDate' '{"name":"value","valueDate":"1992-03-04"}')" "$base/Patient/p2")" 200
check "and its result, too" has "$(body)" '"birthDate":"1992-03-04"'
check "FHIRPath Patch in XML" is "$(code -X PATCH -H "$xml" -d "<Parameters $ns><parameter><name value=\"operation\"/><part><name value=\"type\"/><valueCode value=\"add\"/></part><part><name value=\"path\"/><valueString value=\"Patient\"/></part><part><name value=\"name\"/><valueString value=\"gender\"/></part><part><name value=\"value\"/><valueCode value=\"female\"/></part></parameter></Parameters>" "$base/Patient/p2")" 200
check "answered in XML" has "$(body)" '<gender value="female"/>'
check "a path that finds nothing: 422" is "$(code -X PATCH -H "$json" -d "$(parameters replace 'Patient.photo' '{"name":"value","valueString":"x"}')" "$base/Patient/p2")" 422
check "a path that is none: it is told" has "$(code -X PATCH -H "$json" -d "$(parameters delete 'Patient.(')" "$base/Patient/p2"; body)" 'fpath-syntax'
check "another resource than Parameters: 400" is "$(code -X PATCH -H "$json" -d '{"resourceType":"Patient"}' "$base/Patient/p2")" 400
check "XML Patch" is "$(code -X PATCH -H "$xp" -d "<diff $ns><replace sel=\"f:Patient/f:gender/@value\">male</replace></diff>" "$base/Patient/p2")" 200
check "and what it made" has "$(curl -s "$base/Patient/p2")" '"gender":"male"'
check "an element out of its order: 422" is "$(code -X PATCH -H "$xp" -d "<diff $ns><add sel=\"f:Patient\"><name><text value=\"x\"/></name></add></diff>" "$base/Patient/p2")" 422
check "a text: 415" is "$(code -X PATCH -d 'x' "$base/Patient/p2")" 415
check "with what can be had" has "$(head_of -X PATCH -d x "$base/Patient/p2")" 'Accept-Patch: application/json-patch+json'
check "If-Match of another version: 412" is "$(code -X PATCH -H "$jp" -H 'If-Match: W/"1"' -d '[]' "$base/Patient/p2")" 412
check "of this one: 200" is "$(code -X PATCH -H "$jp" -H "If-Match: $(etag Patient/p2)" -d '[{"op":"replace","path":"/active","value":false}]' "$base/Patient/p2")" 200
check "of what is not there: 404" is "$(code -X PATCH -H "$jp" -d '[]' "$base/Patient/none")" 404
check "by condition" is "$(code -X PATCH -H "$jp" -d '[{"op":"replace","path":"/active","value":true}]' "$base/Patient?identifier=urn:t%7Cp2")" 200
check "by condition, nothing: 404" is "$(code -X PATCH -H "$jp" -d '[]' "$base/Patient?identifier=urn:t%7Cnone")" 404
check "without a condition: 400" is "$(code -X PATCH -H "$jp" -d '[]' "$base/Patient")" 400
data=$(printf '[{"op":"add","path":"/gender","value":"other"}]' | base64 -w0)
entry() { printf '{"resource":%s,"request":{"method":"PATCH","url":"%s"}}' "$1" "$2"; }
bundle() { printf '{"resourceType":"Bundle","type":"%s","entry":[%s]}' "$1" "$2"; }
binary="{\"resourceType\":\"Binary\",\"contentType\":\"application/json-patch+json\",\"data\":\"$data\"}"
check "a PATCH in a transaction" is "$(code -H "$json" -d "$(bundle transaction "$(entry "$binary" Patient/p2),$(entry "$(parameters delete 'Patient.name')" 'Patient?identifier=urn:t|none2')")" "$base")" 404
check "one that fails: nothing is done" has "$(curl -s "$base/Patient/p2")" '"gender":"male"'
check "one that does not" is "$(code -H "$json" -d "$(bundle transaction "$(entry "$binary" Patient/p2)")" "$base")" 200
check "is done" has "$(curl -s "$base/Patient/p2")" '"gender":"other"'
check "in a batch each for itself" is "$(code -H "$json" -d "$(bundle batch "$(entry "$(parameters delete 'Patient.gender')" Patient/p2),$(entry "$binary" Patient/none)")" "$base")" 200
check "one done, one not" is "$(body | grep -o '"status":"[0-9]*"' | tr '\n' ' ')" '"status":"200" "status":"404" '
for i in $(seq 8); do curl -s -o /dev/null -X PATCH -H "$jp" -d "[{\"op\":\"add\",\"path\":\"/identifier/-\",\"value\":{\"value\":\"n$i\"}}]" "$base/Patient/p2" & pids="${pids:-} $!"; done
wait $pids
check "patches at the same time lose nothing" is "$(curl -s "$base/Patient/p2" | grep -o '"value":"n[0-9]"' | sort -u | wc -l)" 8
check "the capability statement says it" has "$(curl -s "$base/metadata")" '"patchFormat":["application/json-patch+json","application/fhir+json"'
check "of each type, too" has "$(curl -s "$base/metadata")" '{"code":"patch"}'

# ---- Binary
png='Content-Type: image/png'
head -c 5000 /dev/urandom >"$tmp/a.png"
headers() { curl -s -o "$tmp/out" -D - "$@" | tr -d '\r'; }
same() { cmp -s "$1" "$2"; }
check "bytes are a Binary: 201" is "$(code -X PUT -H "$png" -H 'X-Security-Context: Patient/p1' --data-binary @"$tmp/a.png" "$base/Binary/b1")" 201
check "answered as a resource" has "$(body)" '"contentType":"image/png","securityContext":{"reference":"Patient/p1"}'
head=$(headers "$base/Binary/b1")
check "read as bytes" same "$tmp/a.png" "$tmp/out"
check "with their type" has "$head" 'Content-Type: image/png'
check "whose it is" has "$head" 'X-Security-Context: Patient/p1'
check "in a sandbox" has "$head" "Content-Security-Policy: default-src 'none'; sandbox"
check "with a name" has "$head" 'Content-Disposition: inline; filename="Binary-b1"'
check "and a version" has "$head" 'ETag: W/"1"'
check "read by its type" is "$(type_of -H 'Accept: image/*;q=0.5, application/fhir+json;q=0.1' "$base/Binary/b1")" 'image/png'
check "read as a resource" is "$(type_of -H 'Accept: application/fhir+json' "$base/Binary/b1")" "$json_is"
check "the bytes inside" is "$(sed 's/.*"data":"\([^"]*\)".*/\1/' "$tmp/body" | base64 -d | cmp - "$tmp/a.png" && echo same)" same
check "read as XML" is "$(type_of "$base/Binary/b1?_format=xml")" "$xml_is"
check "by a browser: bytes" is "$(type_of -H 'Accept: text/html,application/xml;q=0.9,*/*;q=0.8' "$base/Binary/b1")" 'image/png'
check "in another type: 406" is "$(code -H 'Accept: application/pdf' "$base/Binary/b1")" 406
check "one version of it" is "$(type_of "$base/Binary/b1/_history/1")" 'image/png'
check "HEAD has the length" has "$(curl -sI "$base/Binary/b1")" 'Content-Length: 5000'
check "what the client holds: 304" is "$(code -H 'If-None-Match: W/"1"' "$base/Binary/b1")" 304
part() { curl -s -o "$tmp/out" -w '%{http_code} %{size_download}' "$@"; }
check "a range" is "$(part -r 100-199 "$base/Binary/b1")" '206 100'
check "the right bytes" is "$(cmp "$tmp/out" <(tail -c +101 "$tmp/a.png" | head -c 100) && echo same)" same
check "said so" has "$(headers -r 100-199 "$base/Binary/b1")" 'Content-Range: bytes 100-199/5000'
check "to the end" is "$(part -r 4990- "$base/Binary/b1")" '206 10'
check "the last ones" is "$(part -r -7 "$base/Binary/b1")" '206 7'
check "beyond the end" is "$(part -r 4999-9999 "$base/Binary/b1")" '206 1'
check "behind the end: 416" is "$(code -r 5000- "$base/Binary/b1")" 416
check "with the length" has "$(headers -r 5000- "$base/Binary/b1")" 'Content-Range: bytes */5000'
check "several ranges: the whole" is "$(part -r 0-1,4-5 "$base/Binary/b1")" '200 5000'
check "nonsense: the whole" is "$(part -H 'Range: bytes=9-3' "$base/Binary/b1")" '200 5000'
check "If-Range of this version" is "$(part -r 0-9 -H 'If-Range: W/"1"' "$base/Binary/b1")" '206 10'
check "If-Range of another: the whole" is "$(part -r 0-9 -H 'If-Range: W/"7"' "$base/Binary/b1")" '200 5000'
check "no resource in a type that is only FHIR's: 422" is "$(code -X PUT -H "$json" -d "{}" "$base/Binary/b3")" 422
check "another resource is content" is "$(code -X PUT -H "$json" -H "Prefer: return=minimal" -d "{\"resourceType\":\"Basic\"}" "$base/Binary/b3")" 201
check "a form of JSON that is no Binary is content" is "$(code -X PUT -H 'Content-Type: application/json' -d '{"a":1}' "$base/Binary/b2")" 201
check "and comes back so" is "$(curl -s -H 'Accept: application/json' "$base/Binary/b2")" '{"a":1}'
check "a Binary resource is one" is "$(code -H "$json" -d '{"resourceType":"Binary","contentType":"text/html","data":"PGI+"}' "$base/Binary")" 201
check "markup is not shown" has "$(headers "$base/Binary/$(id_of "$tmp/body")")" 'Content-Disposition: attachment'
check "a Binary in XML is one" is "$(code -H "$xml" -d "<Binary $ns><contentType value=\"text/plain\"/><data value=\"YQ==\"/></Binary>" "$base/Binary")" 201
check "of that type" has "$(body)" '<contentType value="text/plain"/>'
check "13 MiB: 413" is "$(head -c 13631488 /dev/zero | code -X POST -H "$png" --data-binary @- "$base/Binary")" 413
check "which names the limit" has "$(body)" 'binary-size'
check "12 MiB: 201" is "$(head -c 12000000 /dev/urandom | code -X PUT -H "$png" -H 'Prefer: return=minimal' --data-binary @- "$base/Binary/big")" 201
check "and back" is "$(part "$base/Binary/big")" '200 12000000'

echo "1..$n"
exit $((bad > 0))
