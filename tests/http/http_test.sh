#!/usr/bin/env bash
# The server as clients see it: the binary on a temporary data folder, asked with curl. TAP output.
# Ports below 32768 on the loopback; only processes started here are ended, by their id.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh

check "the server starts" serve

# ---- interactions
patient='{"resourceType":"Patient","identifier":[{"system":"urn:t","value":"1"}],"name":[{"family":"Thử","given":["Một"]}]}'
check "create: 201" is "$(code -H "$json" -d "$patient" "$base/Patient")" 201
id=$(id_of "$tmp/body")
check "create answers the resource with its id and version" has "$(body)" '"versionId":"1"'
check "create: Location and ETag" has "$(head_of -H "$json" -d '{"resourceType":"Patient"}' "$base/Patient")" 'ETag: W/"1"'
check "read: 200" is "$(code "$base/Patient/$id")" 200
check "HEAD has no body" is "$(curl -sI "$base/Patient/$id" | tail -n +2 | grep -c '^{')" 0
check "If-None-Match: 304" is "$(code -H 'If-None-Match: W/"1"' "$base/Patient/$id")" 304
changed="{\"resourceType\":\"Patient\",\"id\":\"$id\",\"active\":true}"
check "update: 200" is "$(code -X PUT -H "$json" -d "$changed" "$base/Patient/$id")" 200
check "If-Match of an old version: 412" is "$(code -X PUT -H "$json" -H 'If-Match: W/"1"' -d "$changed" "$base/Patient/$id")" 412
check "If-Match of the newest: 200" is "$(code -X PUT -H "$json" -H 'If-Match: W/"2"' -d "$changed" "$base/Patient/$id")" 200
check "vread of the first version" has "$(curl -s "$base/Patient/$id/_history/1")" Thử
check "vread of no version: 404" is "$(code "$base/Patient/$id/_history/9")" 404
check "history of the resource: 3 entries" is "$(curl -s "$base/Patient/$id/_history" | grep -o '"versionId"' | wc -l)" 3
check "update as create: 201" is "$(code -X PUT -H "$json" -d '{"resourceType":"Patient","id":"mine"}' "$base/Patient/mine")" 201
check "delete: 204" is "$(code -X DELETE "$base/Patient/mine")" 204
check "read of what was deleted: 410" is "$(code "$base/Patient/mine")" 410
check "a deleted one can come back: 201" is "$(code -X PUT -H "$json" -d '{"resourceType":"Patient","id":"mine"}' "$base/Patient/mine")" 201
check "history of a type" is "$(code "$base/Patient/_history?_count=2")" 200
check "history of all" has "$(curl -s "$base/_history?_count=2")" '"relation":"next"'
check "_at of no time: 400" is "$(code "$base/_history?_at=x")" 400
check "If-None-Exist finds the old one: 200" is "$(code -X PUT -H "$json" -d '{"resourceType":"Patient","id":"tok","identifier":[{"system":"urn:t","value":"2"}]}' "$base/Patient/tok")$(code -H "$json" -H 'If-None-Exist: identifier=urn:t|2' -d "$patient" "$base/Patient")" 201200
check "If-None-Exist by an unknown parameter: 400" is "$(code -H "$json" -H 'If-None-Exist: nam=x' -d "$patient" "$base/Patient")" 400
check "conditional update" is "$(code -X PUT -H "$json" -d '{"resourceType":"Patient","identifier":[{"system":"urn:t","value":"2"}],"active":false}' "$base/Patient?identifier=urn:t%7C2")" 200
check "conditional delete with If-Match of an old version: 412" is "$(code -X DELETE -H 'If-Match: W/"1"' "$base/Patient?identifier=urn:t%7C2")" 412
check "conditional delete" is "$(code -X DELETE "$base/Patient?identifier=urn:t%7C2")" 204
check "Prefer: return=minimal" is "$(curl -s -H "$json" -H 'Prefer: return=minimal' -d '{"resourceType":"Patient"}' "$base/Patient" | wc -c)" 0
check "Prefer: return=OperationOutcome" has "$(curl -s -H "$json" -H 'Prefer: return=OperationOutcome' -d '{"resourceType":"Patient"}' "$base/Patient")" OperationOutcome
check "the capability statement" has "$(curl -s "$base/metadata")" '"fhirVersion":"4.0.1"'

# ---- errors
check "unknown type: 404" is "$(code "$base/Patent")" 404
check "unknown id: 404" is "$(code "$base/Patient/none")" 404
check "unknown parameter: 400" is "$(code "$base/Patient?colour=red")" 400
check "and it is named" has "$(body)" colour
check "unknown parameter of a read: 400" is "$(code "$base/Patient/$id?x=1")" 400
check "errors speak Vietnamese by default" has "$(curl -s "$base/Patient/none")" 'không có'
check "wrong method: 405" is "$(code -X POST "$base/Patient/$id")" 405
check "405 says what is allowed" has "$(head_of -X POST "$base/Patient/$id")" 'Allow: GET, HEAD, PUT, PATCH, DELETE'
check "the name of an interaction is no id" has "$(head_of -X DELETE "$base/Patient/_search")" 'Allow: POST'
check "metadata is no type" has "$(head_of -X POST "$base/metadata")" 'Allow: GET, HEAD'
check "the base answers GET with a search, PUT with 405" is "$(code "$base?_type=Patient&_count=1")$(code -X PUT "$base")" 200405
check "405 outside of FHIR, too" has "$(head_of -X DELETE "http://127.0.0.1:$port/import/claims")" 'Allow: POST'
check "an upload in chunks over the ceiling is 413" is "$(head -c 270000000 /dev/zero |
    code -H 'Transfer-Encoding: chunked' --data-binary @- "http://127.0.0.1:$port/import/claims")" 413
check "an empty upload is 400" is "$(code -X POST "http://127.0.0.1:$port/import/claims")" 400
check "an unknown operation: 404, no screen" is "$(code "$base/Patient/$id/\$evaluate")" 404
check "an unknown address of the screens' questions: 404" is "$(code "http://127.0.0.1:$port/api/none")" 404
check "wrong Content-Type: 415" is "$(code -d '{}' "$base/Patient")" 415
check "pictures asked for: 406" is "$(code -H 'Accept: image/png' "$base/Patient/$id")" 406
check "_format=ttl: 406" is "$(code "$base/Patient/$id?_format=ttl")" 406
check "no JSON: 400" is "$(code -H "$json" -d '{' "$base/Patient")" 400
check "another resourceType in the body: 400" is "$(code -H "$json" -d '{"resourceType":"Group"}' "$base/Patient")" 400
check "another id in the body: 400" is "$(code -X PUT -H "$json" -d '{"resourceType":"Patient","id":"b"}' "$base/Patient/a")" 400
check "an unknown member: 422 with its place" is "$(code -H "$json" -d '{"resourceType":"Patient","colour":"red"}' "$base/Patient")" 422
check "and the place is told" has "$(body)" Patient.colour
check "a patient that is not there: 422" is "$(code -H "$json" -d '{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/none"}}' "$base/Observation")" 422
check "a made-up page token: 400" is "$(code "$base/Patient?_page=1-2-3")" 400
check "and it is told in an OperationOutcome" has "$(curl -s -H 'Accept-Language: en' "$base/Patient?name=$(head -c 70000 /dev/zero | tr '\0' a)")" 'url-size'
check "URL of 70 kB: 414" is "$(code "$base/Patient?name=$(head -c 70000 /dev/zero | tr '\0' a)")" 414

# ---- bundles
cat >"$tmp/tx.json" <<'J'
{"resourceType":"Bundle","type":"transaction","entry":[
{"fullUrl":"urn:uuid:7e1f0000-0000-4000-8000-000000000001","resource":{"resourceType":"Patient","identifier":[{"system":"urn:t","value":"tx"}]},"request":{"method":"POST","url":"Patient"}},
{"fullUrl":"urn:uuid:7e1f0000-0000-4000-8000-000000000002","resource":{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"subject":{"reference":"urn:uuid:7e1f0000-0000-4000-8000-000000000001"}},"request":{"method":"POST","url":"Encounter"}},
{"resource":{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:c","code":"tx"}]},"subject":{"reference":"Patient?identifier=urn:t|9"},"encounter":{"reference":"urn:uuid:7e1f0000-0000-4000-8000-000000000002"}},"request":{"method":"POST","url":"Observation"}},
{"request":{"method":"GET","url":"Encounter?_summary=count"}}]}
J
curl -s -o /dev/null -H "$json" -d '{"resourceType":"Patient","identifier":[{"system":"urn:t","value":"9"}]}' "$base/Patient"
check "transaction: 200" is "$(code -H "$json" --data-binary @"$tmp/tx.json" "$base")" 200
check "its GET sees what it wrote" has "$(body)" '"total":1'
check "its references point to real ids" is "$(curl -s "$base/Observation?code=urn:c%7Ctx" | grep -c 'urn:uuid\|?identifier')" 0
check "its parts are found together" has "$(curl -s "$base/Observation?code=urn:c%7Ctx&_include=Observation:encounter")" '"mode":"include"'
sed 's/"Patient?identifier=urn:t|9"/"Patient?identifier=urn:t|none"/' "$tmp/tx.json" >"$tmp/tx2.json"
before=$(total 'Encounter?_summary=count')
check "a transaction that cannot be carried out: 412" is "$(code -H "$json" --data-binary @"$tmp/tx2.json" "$base")" 412
check "and nothing of it is there" is "$(total 'Encounter?_summary=count')" "$before"
batch='{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},{"resource":{"resourceType":"Patient","bad":1},"request":{"method":"POST","url":"Patient"}},{"request":{"method":"GET","url":"Patient/none"}}]}'
code -H "$json" -d "$batch" "$base" >/dev/null
check "batch: each entry has its own status" is "$(grep -o '"status":"[0-9]*"' "$tmp/body" | tr -d '\n')" '"status":"201""status":"422""status":"404"'
put() { code -X PUT -H "$json" -d "$2" "$base/$1"; }
read_in() { # read_in URL [MORE]: a transaction that creates a Basic and reads URL
    printf '{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Basic","code":{"text":"read"},"identifier":[{"system":"urn:t","value":"read"}]},"request":{"method":"POST","url":"Basic"}},{"request":{"method":"GET","url":"%s"%s}}%s]}' "$1" "${3:-}" "${2:-}" >"$tmp/read.json"
    code -H "$json" --data-binary @"$tmp/read.json" "$base"
}
gone=',{"request":{"method":"DELETE","url":"Patient/gone"}}'
made=',{"resource":{"resourceType":"Patient","id":"made"},"request":{"method":"PUT","url":"Patient/made"}}'
put Patient/gone '{"resourceType":"Patient","id":"gone"}' >/dev/null
check "a transaction with a read of nothing fails whole: 404" is "$(read_in Patient/nothing)" 404
check "and the entry is named" has "$(body)" 'Bundle.entry[1]'
check "with a search that is wrong: 400" is "$(read_in 'Patient?colour=red')" 400
check "with a read of what it deletes: 410" is "$(read_in Patient/gone "$gone")" 410
check "nothing of the three was written" is "$(total 'Basic?identifier=urn:t%7Cread&_summary=count')$(code "$base/Patient/gone")" 0200
check "a read of what it makes: 200" is "$(read_in Patient/made "$made")" 200
check "and shows it" has "$(body)" '"status":"200"'
check "ifNoneMatch of a read: 304 without resource" is "$(read_in Patient/made '' ',"ifNoneMatch":"W/\"1\""')$(grep -o '"status":"304"' "$tmp/body")$(grep -c '"resourceType":"Patient"' "$tmp/body")" '200"status":"304"0'

# ---- $everything
put Organization/o1 '{"resourceType":"Organization","id":"o1","name":"Một"}' >/dev/null
put Organization/o2 '{"resourceType":"Organization","id":"o2","name":"Hai","partOf":{"reference":"Organization/o3"}}' >/dev/null
put Organization/o3 '{"resourceType":"Organization","id":"o3","name":"Ba"}' >/dev/null
put Practitioner/d1 '{"resourceType":"Practitioner","id":"d1"}' >/dev/null
put Patient/other '{"resourceType":"Patient","id":"other"}' >/dev/null
put Patient/all '{"resourceType":"Patient","id":"all","managingOrganization":{"reference":"Organization/o1"},"link":[{"other":{"reference":"Patient/other"},"type":"seealso"}]}' >/dev/null
for i in 1 2 3 4 5; do
    put "Observation/all$i" "{\"resourceType\":\"Observation\",\"id\":\"all$i\",\"status\":\"final\",\"code\":{\"text\":\"x\"},\"subject\":{\"reference\":\"Patient/all\"},\"performer\":[{\"reference\":\"Organization/o$((i % 2 + 1))\"},{\"reference\":\"Practitioner/d1\"}]}" >/dev/null
done
entries() { grep -o '"fullUrl":"[^"]*"\|"mode":"[^"]*"' "$1" | sed 's/.*fhir.//; s/"mode":"\(.*\)"/ \1,/; s/"$//' | tr -d '\n'; }
curl -s "$base/Patient/all/\$everything" >"$tmp/all"
check "\$everything brings what the record directly refers to, once" is "$(entries "$tmp/all")" \
    'Patient/all match,Observation/all1 match,Observation/all2 match,Observation/all3 match,Observation/all4 match,Observation/all5 match,Organization/o1 include,Organization/o2 include,Practitioner/d1 include,'
check "its total counts the record" has "$(cat "$tmp/all")" '"total":6'
url="$base/Patient/all/\$everything?_count=4"
: >"$tmp/pages"
while [ -n "$url" ]; do
    curl -s "$url" >"$tmp/page"
    entries "$tmp/page" >>"$tmp/pages"
    echo >>"$tmp/pages"
    url=$(grep -o '"relation":"next","url":"[^"]*"' "$tmp/page" | cut -d'"' -f8)
done
check "and no total: a page reads no other page's records" is "$(curl -s "$base/Patient/all/\$everything?_count=4" | grep -c '"total"')" 0
check "each of its pages brings what its resources refer to" is "$(tr '\n' ';' <"$tmp/pages")" \
    'Patient/all match,Observation/all1 match,Observation/all2 match,Observation/all3 match,Organization/o1 include,Organization/o2 include,Practitioner/d1 include,;Observation/all4 match,Observation/all5 match,Organization/o1 include,Practitioner/d1 include,Organization/o2 include,;'
curl -s "$base/Patient/all/\$everything?_type=Practitioner,Patient" >"$tmp/all"
check "_type holds for both" is "$(entries "$tmp/all")" 'Patient/all match,Practitioner/d1 include,'
since=$(curl -s "$base/Observation/all5" | grep -o '"lastUpdated":"[^"]*"' | cut -d'"' -f4)
curl -s -G --data-urlencode "_since=$since" "$base/Patient/all/\$everything" >"$tmp/all"
check "_since: what is new with what it refers to" is "$(entries "$tmp/all")" 'Observation/all5 match,Organization/o2 include,Practitioner/d1 include,'
put Organization/o1 '{"resourceType":"Organization","id":"o1","name":"Một, mới"}' >/dev/null
curl -s -G --data-urlencode "_since=$since" "$base/Patient/all/\$everything" >"$tmp/all"
check "_since: also what changed while what refers to it did not" is "$(entries "$tmp/all")" 'Observation/all5 match,Organization/o2 include,Practitioner/d1 include,Organization/o1 include,'
check "an unknown patient: 404, a deleted one: 410" is "$(code "$base/Patient/nobody/\$everything")$(code -X DELETE "$base/Patient/other")$(code "$base/Patient/other/\$everything")" 404204410
check "\$everything holds the record" has "$(curl -s "$base/Patient/$(curl -s "$base/Patient?identifier=urn:t%7Ctx" | grep -o '"resourceType":"Patient","id":"[^"]*"' | cut -d'"' -f8)/\$everything")" Encounter
{
    printf '{"resourceType":"Bundle","type":"transaction","entry":['
    for i in $(seq 25000); do
        [ "$i" = 1 ] || printf ','
        printf '{"resource":{"resourceType":"Basic","code":{"coding":[{"system":"urn:big","code":"c"}]},"identifier":[{"system":"urn:big","value":"%d"}]},"request":{"method":"POST","url":"Basic"}}' "$i"
    done
    printf ']}'
} >"$tmp/big.json"
check "a transaction of 25,000 entries" is "$(code -H "$json" --data-binary @"$tmp/big.json" "$base")" 200
check "is there whole" is "$(total 'Basic?code=urn:big%7Cc&_summary=count')" 25000
sed 's/]}$/,{"resource":{"resourceType":"Basic","code":{"text":"x"}},"request":{"method":"POST","url":"Basic"}}]}/' "$tmp/big.json" >"$tmp/big2.json"
check "one more is refused: 413" is "$(code -H "$json" --data-binary @"$tmp/big2.json" "$base")" 413

# ---- pages while others write
observation='{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"urn:c","code":"page"}]}}'
for _ in $(seq 12); do
    printf 'url=%s/Observation\nheader="%s"\ndata=%s\noutput=/dev/null\nnext\n' "$base" "$json" "\"${observation//\"/\\\"}\""
done >"$tmp/twelve"
sed -i '$d' "$tmp/twelve"
for _ in $(seq 10); do curl -s -K "$tmp/twelve"; done
url="$base/Observation?code=urn:c%7Cpage&_count=7"
: >"$tmp/ids"
pages=0
while [ -n "$url" ] && [ $pages -lt 50 ]; do
    curl -s "$url" >"$tmp/page"
    grep -o '"resourceType":"Observation","id":"[^"]*"' "$tmp/page" >>"$tmp/ids"
    url=$(grep -o '"relation":"next","url":"[^"]*"' "$tmp/page" | cut -d'"' -f8)
    pages=$((pages + 1))
    curl -s -K "$tmp/twelve"
done
check "pages hold each of the 120 once while others write" is "$(wc -l <"$tmp/ids") $(sort -u "$tmp/ids" | wc -l)" "120 120"

# ---- many clients
for i in $(seq 64); do
    for k in $(seq 10); do
        printf 'url=%s/Patient\nheader="%s"\ndata="{\\"resourceType\\":\\"Patient\\",\\"identifier\\":[{\\"system\\":\\"urn:par\\",\\"value\\":\\"%s-%s\\"}],\\"active\\":true}"\noutput=/dev/null\nwrite-out="%%{http_code}\\n"\nnext\n' "$base" "$json" "$i" "$k"
    done | sed '$d' >"$tmp/client.$i"
    curl -s -K "$tmp/client.$i" >"$tmp/codes.$i" &
    clients[i]=$!
done
wait "${clients[@]}"
check "64 clients write 10 each: all 201" is "$(cat "$tmp"/codes.* | sort | uniq -c | tr -s ' ')" " 640 201"
check "and all are there" is "$(total 'Patient?active=true&identifier=urn:par%7C&_summary=count')" 640
rm -f "$tmp"/client.* "$tmp"/codes.*
race='{"resourceType":"Patient","identifier":[{"system":"urn:race","value":"1"}]}'
for i in $(seq 16); do
    curl -s -o /dev/null -w '%{http_code}\n' -H "$json" -H 'If-None-Exist: identifier=urn:race|1' -d "$race" "$base/Patient" >"$tmp/codes.$i" &
    clients[i]=$!
done
wait "${clients[@]}"
check "16 conditional creates at once: one 201" is "$(cat "$tmp"/codes.* | sort | uniq -c | tr -s ' ' | tr '\n' ';')" " 15 200; 1 201;"
check "and one resource" is "$(total 'Patient?identifier=urn:race%7C1&_summary=count')" 1

# ---- gzip
check "gzip when the client takes it" has "$(head_of -H 'Accept-Encoding: gzip' "$base/Patient?_count=50")" 'Content-Encoding: gzip'
check "the same content" is "$(curl -s --compressed "$base/metadata" | cksum)" "$(curl -s "$base/metadata" | cksum)"

# ---- graceful stop
curl -s -o "$tmp/late" -w '%{http_code}' -H "$json" --data-binary @"$tmp/big.json" "$base" >"$tmp/late.code" &
late=$!
sleep 0.3
stop
wait "$late"
check "a transaction under way is finished when stopping" is "$(cat "$tmp/late.code")" 200
check "the server ends with status 0" is "$rc" 0
check "and starts again" serve
check "with what it had acknowledged" is "$(total 'Basic?code=urn:big%7Cc&_summary=count')" 50000

# ---- kill -9 under writes
rounds=${ROUNDS:-50} acked=0 lost=0
: >"$tmp/acked"
for round in $(seq "$rounds"); do
    for i in 1 2 3 4 5 6 7 8; do
        for k in $(seq 400); do
            printf 'url=%s/Patient\nheader="%s"\nheader="Prefer: return=minimal"\ndata="{\\"resourceType\\":\\"Patient\\",\\"identifier\\":[{\\"system\\":\\"urn:kill\\",\\"value\\":\\"%s-%s-%s\\"}]}"\nwrite-out="%%{http_code} %s-%s-%s %%header{location}\\n"\nnext\n' "$base" "$json" "$round" "$i" "$k" "$round" "$i" "$k"
        done | sed '$d' >"$tmp/client.$i"
        curl -s -K "$tmp/client.$i" >"$tmp/codes.$i" 2>/dev/null &
        clients[i]=$!
    done
    sleep "0.$((RANDOM % 5 + 2))"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    wait "${clients[@]:0:9}" 2>/dev/null
    pid=0
    cat "$tmp"/codes.[1-8] | sed -n 's/^201 //p' >>"$tmp/acked"
    serve || break
done
acked=$(wc -l <"$tmp/acked")
while read -r _ location; do
    printf 'url=%s\noutput=/dev/null\nwrite-out="%%{http_code}\\n"\n' "${location%/_history/*}"
done <"$tmp/acked" >"$tmp/audit"
lost=$(curl -s -K "$tmp/audit" | grep -vc 200)
check "kill -9 under writes, $rounds rounds: something was acknowledged" [ "$acked" -gt "$rounds" ]
check "none of $acked acknowledged writes is lost" is "$lost" 0
curl -s "$base/Patient?identifier=urn:kill%7C&_count=1000" >"$tmp/page"
: >"$tmp/values"
while :; do
    grep -o '"system":"urn:kill","value":"[^"]*"' "$tmp/page" >>"$tmp/values"
    url=$(grep -o '"relation":"next","url":"[^"]*"' "$tmp/page" | cut -d'"' -f8)
    [ -n "$url" ] || break
    curl -s "$url" >"$tmp/page"
done
check "and none is doubled" is "$(sort "$tmp/values" | uniq -d | wc -l)" 0
check "all of them are found by search" [ "$(wc -l <"$tmp/values")" -ge "$acked" ]
stop
check "the chain is whole" "$nhip" verify --data "$tmp/data"

# ---- names as people type them
serve
code -X PUT -H "$json" -d '{"resourceType":"Patient","id":"lan","name":[{"text":"NGUYỄN THỊ THU LAN"}],"address":[{"text":"5 Lê Lợi, phường Phú Hội, Huế"}]}' "$base/Patient/lan" >/dev/null
for q in lan 'thu lan' 'THỊ THU' 'nguyễn thị thu lan' 'nguyen'; do
    found=$(curl -s -G --data-urlencode "q=$q" "http://127.0.0.1:$port/api/citizens")
    check "'$q' finds her on the screen" has "$found" '"id":"lan"'
    check "'$q' finds her by FHIR" has "$(curl -s -G --data-urlencode "name=$q" "$base/Patient")" '"id":"lan"'
done
check "the end of a word does not" is "$(total 'Patient?name=hu%20lan')" 0
check "her street does" has "$(curl -s -G --data-urlencode 'address=phu hoi' "$base/Patient")" '"id":"lan"'
stop

# ---- received files
printf '<khong-phai-ho-so/>' >"$tmp/kept.xml"
printf '<khong-luu/>' >"$tmp/unkept.xml"
sum() { sha256sum "$1" | cut -d' ' -f1; }
api="http://127.0.0.1:$port/api/received"
serve
code --data-binary @"$tmp/kept.xml" -H 'X-File-Name: kept.xml' "http://127.0.0.1:$port/import/claims" >/dev/null
check "a received file can be had again" is "$(code "$api/$(sum "$tmp/kept.xml")")" 200
check "unchanged" cmp "$tmp/body" "$tmp/kept.xml"
check "one that never came: 404" is "$(code "$api/$(sum "$tmp/unkept.xml")")" 404
stop
serve --no-received-keep
code --data-binary @"$tmp/unkept.xml" -H 'X-File-Name: unkept.xml' "http://127.0.0.1:$port/import/claims" >/dev/null
check "one that was not kept: 410" is "$(code "$api/$(sum "$tmp/unkept.xml")")" 410
check "it says why" has "$(body)" "were not kept"
check "also in Vietnamese" has "$(curl -s -H 'Accept-Language: vi' "$api/$(sum "$tmp/unkept.xml")")" "nội dung không được lưu"
check "the list shows which is kept" is "$(curl -s "$api" | grep -o '"bytes":"[a-z-]*"' | tail -2 | tr '\n' ' ')" '"bytes":"kept" "bytes":"not-kept" '
stop
check "nhip received does, too" has "$("$nhip" received --data "$tmp/data" --language en 2>&1)" "done, not kept"
check "nhip received show gives the bytes" is "$("$nhip" received show "$(sum "$tmp/kept.xml")" --data "$tmp/data")" '<khong-phai-ho-so/>'

# ---- limits, TLS
printf '{"type":"FeatureCollection","features":[]}' >"$tmp/map.json"
check "a server with small limits starts" serve --request-max-mib 1 --language en --geojson "$tmp/map.json"
check "body of 2 MiB: 413" is "$(code -H "$json" --data-binary @<(head -c 2097152 /dev/zero) "$base/Patient")" 413
check "413 comes with an OperationOutcome" has "$(body)" 'body-size'
check "the same in chunks: 413" is "$(code -H "$json" -H 'Transfer-Encoding: chunked' --data-binary @<(head -c 2097152 /dev/zero) "$base/Patient")" 413
check "who asks for no language gets the setting's" has "$(curl -s "$base/Patient/none")" 'there is no'
check "who asks for one gets that" has "$(curl -s -H 'Accept-Language: vi' "$base/Patient/none")" 'không có'
check "the configured boundaries" is "$(curl -s "http://127.0.0.1:$port/api/map")" "$(cat "$tmp/map.json")"
stop
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -keyout "$tmp/key.pem" -out "$tmp/cert.pem" 2>/dev/null
probe=https
check "a server with TLS starts" serve --tls-cert "$tmp/cert.pem" --tls-key "$tmp/key.pem"
check "TLS 1.3 and 1.2 answer" is "$(for v in 1.2 1.3; do curl -ks -o /dev/null -w '%{http_code}' --tlsv$v --tls-max $v "https://127.0.0.1:$port/fhir/Patient/none"; done)" 404404
check "TLS 1.1 does not" is "$(curl -ks -o /dev/null -w '%{http_code}' --tlsv1.1 --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 "https://127.0.0.1:$port/health")" 000
check "links are https" has "$(curl -ks "https://127.0.0.1:$port/fhir/Patient?_count=1")" "https://127.0.0.1:$port/fhir/Patient"
stop
probe=http
check "a certificate without its key is refused" has "$("$nhip" serve --data "$tmp/data" --port "$port" --tls-cert "$tmp/cert.pem" --language en 2>&1)" "private key"
check "a language that nobody speaks here is refused" has "$("$nhip" help --language fr 2>&1)" "vi hoặc en"
check "a command tells its help and does nothing" has "$(timeout 5 "$nhip" serve --help --data "$tmp/none" --language en)" "serve the FHIR interface"
check "another address than the loopback is refused" has "$("$nhip" serve --data "$tmp/data" --port "$port" --listen 0.0.0.0 --language en 2>&1)" "there is no sign-in yet"

# ---- a province packed with gzip
"$nhip" synth --out "$tmp/province" --citizens 40 --visits 60 --facilities 12 --years 1 \
    --errors-per-mille 0 --gz >"$tmp/synth.log" 2>&1
check "synth --gz packs every claim file" is "$(find "$tmp/province/claims" -type f ! -name '*.xml.gz' | wc -l)$(gzip -t "$tmp"/province/claims/*/*/*.gz && echo whole)" 0whole
check "and they are taken" has "$("$nhip" import --data "$tmp/packed" "$tmp/province/claims" --language en 2>/dev/null)" "(0 known already, 0 unreadable): 60 visits new"

# ---- an import that is cut off goes on
for i in $(seq 30000); do
    printf '{"resourceType":"Basic","code":{"coding":[{"system":"urn:cut","code":"c"}]},"author":{"reference":"Organization/cut"},"identifier":[{"system":"urn:cut","value":"%d"}]}\n' "$i"
done >"$tmp/cut.ndjson"
cuts=0
for _ in $(seq 6); do
    "$nhip" import --data "$tmp/data" "$tmp/cut.ndjson" >/dev/null 2>&1 &
    pid=$!
    sleep 0.25
    kill -9 "$pid" 2>/dev/null && cuts=$((cuts + 1))
    wait "$pid" 2>/dev/null
    pid=0
done
"$nhip" import --data "$tmp/data" "$tmp/cut.ndjson" >"$tmp/import.log" 2>&1
check "a FHIR import survives $cuts kill -9" is "$?" 0
serve || cat "$tmp/serve.log"
check "and doubles nothing" is "$(total 'Basic?code=urn:cut%7Cc&_summary=count')" 30000
code -X PUT -H "$json" -d '{"resourceType":"Organization","id":"cut","name":"Trạm cắt"}' "$base/Organization/cut" >/dev/null
curl -s -H 'Accept-Language: en' "$base/Organization?_id=cut&_revinclude=Basic:author" >"$tmp/page"
check "a page has 8000 included resources at most" is "$(grep -o '"mode":"include"' "$tmp/page" | wc -l)" 8000
check "and says that there are more" has "$(cat "$tmp/page")" '"mode":"outcome"'
check "and what to do" has "$(cat "$tmp/page")" 'ask with a smaller _count'
stop

echo "1..$n"
[ "$bad" = 0 ]
