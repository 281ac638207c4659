#!/usr/bin/env bash
# What http.html of FHIR R4 says and clients rely on: conditions as they are really sent, ETags in
# lists, parts of resources on every interaction, UTF-8, the entries of bundles.
set -u
. tests/http/server.inc.sh
serve || exit 1

patient() { printf '{"resourceType":"Patient","identifier":[{"system":"urn:t","value":"%s"}],"gender":"male"}' "$1"; }
named() { printf '{"resourceType":"Patient","id":"%s","identifier":[{"system":"urn:t","value":"%s"}]}' "$1" "$1"; }
post() { code -X POST -H "$json" "$@"; }
put() { code -X PUT -H "$json" "$@"; }

# ---- If-None-Exist: what stands behind '?', and what clients send ----
check "a conditional create" is "$(post -H 'If-None-Exist: identifier=urn:t|1' -d "$(patient 1)" "$base/Patient")" 201
for form in 'identifier=urn:t|1' '?identifier=urn:t|1' 'Patient?identifier=urn:t|1' '/Patient?identifier=urn:t|1' \
    "$base/Patient?identifier=urn:t|1"; do
    check "is there already: $form" is "$(post -H "If-None-Exist: $form" -d "$(patient 1)" "$base/Patient")" 200
done
for form in '?' 'Patient?' 'Group?identifier=urn:t|1' 'http://other.example/Patient?identifier=urn:t|1'; do
    check "no condition on patients: $form" is \
        "$(post -H "If-None-Exist: $form" -d "$(patient 1)" "$base/Patient")" 400
done
check "nothing was created beside it" is "$(total 'Patient?identifier=urn:t|1&_summary=count')" 1
bundle='{"resourceType":"Bundle","type":"transaction","entry":[{"resource":'"$(patient 1)"',
  "request":{"method":"POST","url":"Patient","ifNoneExist":"Patient?identifier=urn:t|1"}}]}'
check "the same in a transaction" is "$(post -d "$bundle" "$base")" 200
check "and it finds what is there" has "$(body)" '"status":"200"'

# ---- If-Match ----
put -d "$(named e1)" "$base/Patient/e1" >/dev/null
check "If-Match: * finds it there" is "$(put -H 'If-Match: *' -d "$(named e1)" "$base/Patient/e1")" 200
check "one of a list" is "$(put -H 'If-Match: W/"9", W/"2"' -d "$(named e1)" "$base/Patient/e1")" 200
check "none of a list" is "$(put -H 'If-Match: W/"9", W/"2"' -d "$(named e1)" "$base/Patient/e1")" 412
check "a tag that nobody gave" is "$(put -H 'If-Match: W/"abc"' -d "$(named e1)" "$base/Patient/e1")" 412
check "no tag at all" is "$(put -H 'If-Match: 3' -d "$(named e1)" "$base/Patient/e1")" 400
check "* where nothing is" is "$(put -H 'If-Match: *' -d "$(named e2)" "$base/Patient/e2")" 412
check "a delete of another version" is "$(code -X DELETE -H 'If-Match: W/"1"' "$base/Patient/e1")" 412
check "a version that is not there is named" is "$(code "$base/Patient/e1/_history/77")" 404
check "in words" has "$(body)" 'no version 77 of Patient/e1'

# ---- UTF-8 ----
check "another charset is refused" is "$(code -X POST -H 'Content-Type: application/fhir+json; charset=iso-8859-1' \
    -d "$(patient 2)" "$base/Patient")" 415
check "UTF-8 may be said" is "$(code -X POST -H 'Content-Type: application/fhir+json; charset="UTF-8"' \
    -d "$(patient 2)" "$base/Patient")" 201
printf '\xef\xbb\xbf%s' "$(patient 3)" >"$tmp/bom.json"
check "a byte order mark is passed over" is "$(post --data-binary "@$tmp/bom.json" "$base/Patient")" 201

# ---- _summary and _elements ----
check "create shows a part" is "$(post -d "$(patient 4)" "$base/Patient?_elements=identifier")" 201
check "without the rest" is "$(grep -c gender "$tmp/body")" 0
check "and says that it is one" has "$(body)" SUBSETTED
check "what is stored is whole" has "$(curl -s "$base/Patient?identifier=urn:t|4")" '"gender":"male"'
check "update shows a part" is "$(put -d "$(named e1)" "$base/Patient/e1?_summary=text")" 200
check "of it" has "$(body)" SUBSETTED
check "an element that is none is refused before" is "$(put -d "$(named e9)" "$base/Patient/e9?_elements=nope")" 400
check "and nothing is written" is "$(code "$base/Patient/e9")" 404
check "history shows parts" is "$(code "$base/Patient/e1/_history?_elements=gender&_count=1")" 200
check "of each version" has "$(body)" SUBSETTED
check "its next link keeps the wish" has "$(body)" '_history?_count=1&_elements=gender&_page='

# ---- headers ----
check "a request's id comes back" has "$(head_of -H 'X-Request-Id: r-17' "$base/Patient/e1")" 'X-Request-Id: r-17'
tag=$(head_of "$base/metadata" | tr -d '\r' | sed -n 's/^ETag: //p')
check "the capability statement has an ETag" is "$(code -H "If-None-Match: $tag" "$base/metadata")" 304

# ---- bundles ----
bundle='{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"HEAD","url":"Patient/e1"}},
  {"request":{"method":"GET","url":"Patient/e1"}},{"resource":'"$(patient 5)"'}]}'
check "a batch" is "$(post -d "$bundle" "$base")" 200
check "HEAD leaves the resource out" is "$(grep -o '"resourceType":"Patient"' "$tmp/body" | wc -l)" 1
check "an entry needs a request" has "$(body)" '"expression":["Bundle.entry[2].request"]'
urn=urn:uuid:6a5f2c1e-0000-4000-8000-000000000001
bundle='{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"'$urn'","resource":'"$(patient 6)"',
  "request":{"method":"POST","url":"Patient"}},{"resource":{"resourceType":"Basic","code":{"text":"t"},
  "subject":{"reference":"'$urn'"},"extension":[{"url":"urn:u","valueUri":"'$urn'"},{"url":"urn:c","valueCanonical":"'$urn'"}]},
  "request":{"method":"POST","url":"Basic"}}]}'
check "a transaction" is "$(post -H 'Prefer: return=representation' -d "$bundle" "$base")" 200
check "a canonical stays" has "$(body)" '"valueCanonical":"'$urn'"'
check "a uri follows" is "$(grep -c "\"valueUri\":\"$urn\"" "$tmp/body")" 0

# ---- references to versions, absolute addresses, other bundles ----
far=http://far.example/fhir
tx() { post -H 'Prefer: return=representation' -d '{"resourceType":"Bundle","type":"transaction","entry":['"$1"']}' "$base"; }
entry() { printf '{"fullUrl":"%s","resource":%s,"request":{"method":"%s","url":"%s"}}' "$1" "$2" "$3" "$4"; }
about() { printf '{"resourceType":"Basic","code":{"text":"t"},"subject":{"reference":"%s"}}' "$1"; }
check "the version that a new entry becomes" is "$(tx "$(entry "$far/Patient/7" "$(patient 7)" POST Patient),$(entry urn:uuid:b1 "$(about "$far/Patient/7/_history/1")" POST Basic)")" 200
check "is its first one" is "$(grep -cE '"reference":"Patient/[0-9a-f-]{36}/_history/1"' "$tmp/body")" 1
id=$(grep -oE '"reference":"Patient/[0-9a-f-]{36}' "$tmp/body" | cut -d/ -f2)
check "which is there" is "$(code "$base/Patient/$id/_history/1")" 200
check "and whose record it is in" is "$(total "Basic?subject=Patient/$id&_summary=count")" 1
check "by its address elsewhere, too" is "$(tx "$(entry "$far/Patient/9" "$(patient 8 | sed 's/,/,"meta":{"versionId":"4"},/')" POST Patient),$(entry "$far/Basic/1" "$(about Patient/9/_history/4)" POST Basic)")" 200
check "as the first one here" is "$(grep -cE '"reference":"Patient/[0-9a-f-]{36}/_history/1"' "$tmp/body")" 1
check "one that an update becomes is not known" is "$(tx "$(entry "$far/Patient/e1" "$(named e1)" PUT Patient/e1),$(entry "$far/Basic/1" "$(about "$far/Patient/e1/_history/4")" POST Basic)")" 422
check "and named" has "$(body)" "'$far/Patient/e1/_history/4' names the version that an entry of the bundle becomes"
check "one of ours stays as it is" is "$(tx "$(entry "$base/Patient/e1" "$(named e1)" PUT Patient/e1),$(entry "$base/Basic/1" "$(about "$base/Patient/e1/_history/1")" POST Basic)")" 200
check "without the base" has "$(body)" '"reference":"Patient/e1/_history/1"'
check "of a patient that comes with it, too" is "$(tx "$(entry urn:uuid:n1 "$(named n1)" PUT Patient/n1),$(entry urn:uuid:b2 "$(about Patient/n1/_history/1)" POST Basic)")" 200
check "an entry may name our own address" is "$(tx "$(entry urn:uuid:n2 "$(named n2)" PUT "$base/Patient/n2"),$(entry urn:uuid:n3 "$(patient 9)" POST "$base/Patient")")" 200
check "another server's is refused" is "$(tx "$(entry urn:uuid:n4 "$(named n4)" PUT "$far/Patient/n4")")" 422
check "by name" has "$(body)" "'$far/Patient/n4' is not on this server"
check "in a batch by its entry" has "$(post -d '{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"'"$far"'/Patient/e1"}},{"request":{"method":"GET","url":"'"$base"'/Patient/e1"}}]}' "$base"; body)" 'bundle-url-foreign'
check "and ours is read" has "$(body)" '"resourceType":"Patient"'
curl -s "$base/Patient/e1/_history" >"$tmp/history"
check "a history bundle is not taken" is "$(post --data-binary "@$tmp/history" "$base")" 400
check "by name" has "$(body)" 'a Bundle of type history is not taken'
check "nor a searchset" has "$(post -d '{"resourceType":"Bundle","type":"searchset"}' "$base"; body)" "a Bundle of type 'searchset' is not carried out"
check "nor what is no bundle" has "$(post -d '{"resourceType":"Patient"}' "$base"; body)" 'not a Patient'
check "an operation that is none is named" has "$(code -g "$base/\$closure"; body)" "404{"
check "by its name" has "$(body)" "there is no operation '\$closure' here"

# ---- searches ----
check "a sort key that is none is named" is "$(code "$base/Patient?_sort=-nope")" 400
check "by its name" has "$(body)" "'nope' unknown search parameter of Patient"
check "a parameter is named as one" has "$(body)" '"location":["http._sort"]'
put -d '{"resourceType":"Organization","id":"o1","name":"Org","active":true}' "$base/Organization/o1" >/dev/null
put -d '{"resourceType":"Patient","id":"w1","gender":"male","managingOrganization":{"reference":"Organization/o1"}}' \
    "$base/Patient/w1" >/dev/null
curl -s "$base/Patient?_id=w1&_include=Patient:organization&_elements=gender" >"$tmp/body"
check "_elements is for what was searched" has "$(body)" '"name":"Org"'
check "and not for more of that" is "$(grep -c managingOrganization "$tmp/body")" 0
check "an element that is wrong is named by its path" is \
    "$(post -d '{"resourceType":"Patient","gender":"m"}' "$base/Patient")" 422
check "as FHIRPath" has "$(body)" '"expression":["Patient.gender"]'
check "_contained=false is what is done" is "$(code "$base/Patient?_contained=false")" 200
check "_contained=true is not" is "$(code "$base/Patient?_contained=true")" 400

stop
check "stops in order" is "$rc" 0

# ---- while the index is made anew ----
"$nhip" synth --out "$tmp/province" --seed 3 --citizens 2000 --visits 3000 >"$tmp/synth.log" 2>&1
"$nhip" import --data "$tmp/data" "$tmp/province" >"$tmp/import.log" 2>&1
rm "$tmp"/data/view.db*
"$nhip" serve --data "$tmp/data" --port "$port" >"$tmp/serve.log" 2>&1 &
pid=$!
health=0 opening='' refused='' page='' retry=''
for _ in $(seq 1000); do # nothing else is waited for than /ready: 200
    curl -s -o /dev/null "http://127.0.0.1:$port/health" && health=$((health + 1))
    [ "$(code "http://127.0.0.1:$port/ready")" = 200 ] && break
    has "$(body)" '"records":' >/dev/null && opening=$(body)
    [ "$(code "$base/Patient/w1")" = 503 ] && refused=$(body)
    [ "$(code -H 'Accept: text/html' "http://127.0.0.1:$port/")" = 503 ] && page=$(body)
    [ -n "$retry" ] || retry=$(head_of -X POST -H "$json" -d "$(patient 1)" "$base/Patient" | grep -i '^Retry-After: [0-9]')
done
check "it listens at once" test "$health" -gt 1
check "it says how far it is" has "$opening" '{"status":"opening","indexed":'
check "what is asked meanwhile is refused in words" has "$refused" '"text":"the server is opening its data; come again in a moment'
check "and when to come again" test -n "$retry"
check "a browser loads the page again" has "$page" '<meta http-equiv="refresh"'
check "then everything is there" is "$(code "$base/Patient/w1")" 200
check "and found" is "$(total 'Patient?organization=o1&_summary=count')" 1
stop
check "and it stops" is "$rc" 0
rm "$tmp"/data/view.db*
"$nhip" serve --data "$tmp/data" --port "$port" >"$tmp/serve.log" 2>&1 &
pid=$!
until curl -s -o /dev/null "http://127.0.0.1:$port/health"; do sleep 0.01; done
stop
check "it stops while it opens" is "$rc" 0
echo "1..$n"
[ "$bad" = 0 ]
