#!/usr/bin/env bash
# Asynchronous requests and Bulk Data as clients see them: kick-off, poll, download, cancel. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/http/server.inc.sh
later='Prefer: respond-async'

code() { curl -s -o "$tmp/body" -w '%{http_code}' "$@"; }
begin() { # begin CURL-ARGUMENT…: leaves the job's address in $job
    job=$(curl -s -D - -o "$tmp/body" "$@" | tr -d '\r' | sed -n 's/^Content-Location: //p')
    [ -n "$job" ]
}
await() { # until the job is through; leaves its status in $status, its answer in body
    for _ in $(seq 400); do
        status=$(code "$job")
        [ "$status" != 202 ] && return 0
        sleep 0.02
    done
    return 1
}
urls() { # urls TYPE: of the manifest in body
    python3 -c "import json,sys
m=json.load(open('$tmp/body'))
print('\n'.join(f['url'] for part in ('output','deleted','error') for f in m[part] if f['type']=='$1'))"
}
lines() { # lines TYPE: of all its files
    local u
    for u in $(urls "$1"); do curl -s "$u"; done | wc -l
}

check "the server starts" serve

# ---- a small population
python3 - "$tmp" <<'P'
import json, sys
for b in range(6):
    entries = []
    for i in range(20):
        who = f"urn:uuid:00000000-0000-4000-8000-0000000{b:02d}{i:03d}"
        entries.append({"fullUrl": who, "request": {"method": "PUT", "url": f"Patient/p{b}-{i}"},
                        "resource": {"resourceType": "Patient", "id": f"p{b}-{i}", "gender": "female" if i % 2 else "male",
                                     "identifier": [{"system": "urn:synthetic", "value": f"{b}-{i}"}]}})
        for k in range(5):
            entries.append({"request": {"method": "POST", "url": "Observation"},
                            "resource": {"resourceType": "Observation", "status": "final" if k else "amended",
                                         "code": {"text": f"thử {k}"}, "subject": {"reference": who}}})
    json.dump({"resourceType": "Bundle", "type": "transaction", "entry": entries}, open(f"{sys.argv[1]}/tx{b}.json", "w"))
json.dump({"resourceType": "Group", "id": "k", "type": "person", "actual": True, "member": [
    {"entity": {"reference": "Patient/p3-4"}}, {"entity": {"reference": "Patient/p4-1"}}]}, open(f"{sys.argv[1]}/k.json", "w"))
P
for b in 0 1 2 3 4 5; do curl -s -o /dev/null -H "$json" -d @"$tmp/tx$b.json" "$base"; done
check "there are 120 patients and 600 observations" is "$(total 'Patient?_summary=count') $(total 'Observation?_summary=count')" "120 600"
curl -s -o /dev/null -X PUT -H "$json" -d @"$tmp/k.json" "$base/Group/k"
curl -s -o /dev/null -H "$json" -d '{"resourceType":"Organization","name":"Trạm thử"}' "$base/Organization"

# ---- any request behind its answer
check "a search with respond-async: 202" is "$(code -H "$later" "$base/Observation?status=amended&_count=7")" 202
begin -H "$later" "$base/Observation?status=amended&_count=7"
check "it ends" await
check "as a batch-response" has "$(body)" '"type":"batch-response"'
check "with the search's own answer" has "$(body)" '"type":"searchset"'
check "and its status" has "$(body)" '"status":"200"'
begin -H "$later" -H "$json" -d '{"resourceType":"Organization","name":"Trạm sau"}' "$base/Organization"
await
check "a create behind its answer" has "$(body)" '"status":"201"'
check "has its Location" has "$(body)" "/Organization/"
begin -H "$later" -H "$json" -d @"$tmp/tx0.json" "$base"
await
check "a transaction behind its answer" has "$(body)" 'transaction-response'
begin -H "$later" "$base/Patient/none"
await
check "a refusal stands in the entry's response" has "$(body)" '"status":"404"'
check "DELETE of a job: 202" is "$(code -X DELETE "$job")" 202
check "and it is gone: 404" is "$(code "$job")" 404
check "an unknown job: 404" is "$(code "$base/\$async/abc")" 404

# ---- export
check "system export: 202 with an address" begin -H "$later" "$base/\$export"
check "it ends" await
check "with 200" is "$status" 200
check "the manifest says what was asked" has "$(body)" "\"request\":\"$base/\$export\""
check "it expires" has "$(curl -sI "$job")" 'Expires: '
check "lines of observations equal the search's total" is "$(lines Observation)" "$(total 'Observation?_summary=count')"
check "and of patients" is "$(lines Patient)" "$(total 'Patient?_summary=count')"
check "every line is a resource" is "$(curl -s "$(urls Patient)" | python3 -c 'import sys,json; print(all(json.loads(l)["resourceType"]=="Patient" for l in sys.stdin))')" True
check "and equals what a read answers" is "$(curl -s "$(urls Organization | head -1)" | head -1 | sed 's/.*"id":"\([^"]*\)".*/\1/' | xargs -I{} curl -s "$base/Organization/{}")" "$(curl -s "$(urls Organization | head -1)" | head -1)"
file=$(urls Observation)
check "files are packed for who takes gzip" has "$(curl -sI -H 'Accept-Encoding: gzip' "$file")" 'Content-Encoding: gzip'
check "as NDJSON" has "$(curl -sI "$file")" 'application/fhir+ndjson'
check "both ways the same" is "$(curl -s --compressed "$file" | sha256sum)" "$(curl -s "$file" | sha256sum)"
curl -s -H 'Accept-Encoding: gzip' "$file" >"$tmp/whole.gz"
check "what is sent is gzip" gzip -t "$tmp/whole.gz"
curl -s -H 'Accept-Encoding: gzip' -r 0-99 "$file" >"$tmp/part"
curl -s -H 'Accept-Encoding: gzip' -r 100- "$file" >>"$tmp/part"
check "a download in two ranges is the same" cmp "$tmp/part" "$tmp/whole.gz"
check "a range behind the end: 416" is "$(code -H 'Accept-Encoding: gzip' -r 99999999- "$file")" 416
check "a range: 206" is "$(code -H 'Accept-Encoding: gzip' -r 5-9 "$file")" 206
check "no file of that name: 404" is "$(code "$job/None.1.ndjson")" 404
check "no way out of the folder: 404" is "$(code --path-as-is "$job/..%2F..%2Fdata.db")" 404
since=$(python3 -c "import json; print(json.load(open('$tmp/body'))['transactionTime'])" 2>/dev/null || { await; python3 -c "import json; print(json.load(open('$tmp/body'))['transactionTime'])"; })

begin "$base/Patient/\$export?_type=Patient,Observation"
await
check "patient export has the patients" is "$(lines Patient)" 120
check "and nothing of other types" is "$(grep -o '"type":"[A-Za-z]*"' "$tmp/body" | sort -u | tr '\n' ' ')" '"type":"Observation" "type":"Patient" '
begin "$base/Group/k/\$export"
await
check "group export: two patients" is "$(lines Patient)" 2
check "and their observations" is "$(lines Observation)" 10
check "POST with Parameters: 202" is "$(code -H "$json" -d '{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/p4-1"}},{"name":"_type","valueString":"Observation"}]}' "$base/Patient/\$export")" 202
begin -H "$json" -d '{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/p4-1"}},{"name":"_type","valueString":"Observation"}]}' "$base/Patient/\$export"
await
check "of that patient only" is "$(lines Observation)" 5
begin -G --data-urlencode '_typeFilter=Observation?status=amended,Patient?gender=male' --data-urlencode '_type=Observation,Patient,Organization' "$base/\$export"
await
check "filters: observations" is "$(lines Observation)" "$(total 'Observation?status=amended&_summary=count')"
check "filters: patients" is "$(lines Patient)" 60
check "types without a filter come whole" is "$(lines Organization)" 2
begin "$base/\$export?_elements=gender&_type=Patient"
await
check "_elements leaves the rest out" is "$(curl -s "$(urls Patient)" | grep -c identifier)" 0

# ---- since, deletes
curl -s -o /dev/null -X DELETE "$base/Patient/p5-1"
gone=$(curl -s "$base/Observation?status=amended&_count=1&_elements=status" | grep -o '"id":"[^"]*"' | head -1 | cut -d'"' -f4)
curl -s -o /dev/null -X DELETE "$base/Observation/$gone"
curl -s -o /dev/null -X PUT -H "$json" -d '{"resourceType":"Patient","id":"p5-2","active":true}' "$base/Patient/p5-2"
begin -G --data-urlencode "_since=$since" "$base/\$export"
await
check "_since: only what changed" has "$(for u in $(urls Patient); do curl -s "$u"; done)" '"id":"p5-2"'
check "and what was deleted" has "$(curl -s "$(urls Bundle)")" "Observation/$gone"
check "as transactions" has "$(curl -s "$(urls Bundle)")" '"method":"DELETE"'

# ---- refusals
check "an unknown parameter: 400" is "$(code "$base/\$export?includeAssociatedData=LatestProvenanceResources")" 400
check "and it is named" has "$(body)" includeAssociatedData
check "handling=lenient leaves it out: 202" is "$(code -H 'Prefer: handling=lenient' "$base/\$export?includeAssociatedData=LatestProvenanceResources")" 202
check "an unknown type: 400" is "$(code "$base/\$export?_type=Patent")" 400
check "a wrong filter: 400" is "$(code "$base/\$export?_typeFilter=Patient%3Fcolour=red")" 400
check "another format: 400" is "$(code "$base/\$export?_outputFormat=application/parquet")" 400
check "a time that is none: 400" is "$(code "$base/\$export?_since=yesterday")" 400
check "an unknown group: 404" is "$(code "$base/Group/none/\$export")" 404
curl -s -o /dev/null -X PUT -H "$json" -d @"$tmp/k.json" "$base/Group/k"
check "operations stand in the capability statement" has "$(curl -s "$base/metadata")" '"name":"export"'

# ---- import
lines='Content-Type: application/fhir+ndjson'
for i in 1 2 3; do echo "{\"resourceType\":\"Patient\",\"id\":\"imp$i\",\"gender\":\"female\"}"; done >"$tmp/in.ndjson"
echo '{"resourceType":"Patient","id":"imp4","gender":"none such"}' >>"$tmp/in.ndjson"
echo '{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/imp2"}}' >>"$tmp/in.ndjson"
check "import: 202 with an address" begin -H "$lines" -H 'X-File-Name: in.ndjson' --data-binary @"$tmp/in.ndjson" "$base/\$import"
check "it ends" await
check "and says how many came in" has "$(body)" '"count":4,"rejected":1'
check "the refused line comes as an OperationOutcome" has "$(curl -s "$(grep -o '"url":"[^"]*"' "$tmp/body" | cut -d'"' -f4)")" 'in.ndjson:4:Patient.gender'
check "they are there" is "$(code "$base/Patient/imp3")$(total 'Observation?subject=Patient/imp2&_summary=count')" 2001
check "and stands in the work list with its line" has "$(curl -s "http://127.0.0.1:$port/api/rejects")" '"line":4'
begin -H "$lines" --data-binary @"$tmp/in.ndjson" "$base/\$import"
await
check "the same file again changes nothing" has "$(body)" '"count":0,"rejected":0,"known":true'
check "no second version" has "$(curl -s "$base/Patient/imp1")" '"versionId":"1"'
echo '{"resourceType":"Patient","id":"zip1"}' | gzip >"$tmp/in.gz"
begin -H "$lines" --data-binary @"$tmp/in.gz" "$base/\$import"
await
check "gzip is unpacked" is "$(code "$base/Patient/zip1")" 200
hash=$(sha256sum <"$tmp/in.ndjson" | cut -d' ' -f1)
given="{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"input\",\"part\":[{\"name\":\"url\",\"valueUrl\":\"http://127.0.0.1:$port/api/received/$hash\"}]}]}"
begin -H "$json" -d "$given" "$base/\$import"
await
check "a file that was received is known" has "$(body)" '"known":true'
check "another server's address: 400" is "$(code -H "$json" -d "${given//127.0.0.1:$port/example.org}" "$base/\$import")" 400
check "and why" has "$(body)" import-url
check "an unknown file: 404" is "$(code -H "$json" -d "${given//$hash/${hash//[0-9]/0}}" "$base/\$import")" 404
check "nothing to import: 400" is "$(code -H "$json" -d '{"resourceType":"Parameters"}' "$base/\$import")" 400
check "an empty body: 400" is "$(code -X POST -H "$lines" "$base/\$import")" 400

# ---- cancel, restart
begin "$base/\$export"
check "cancel: 202" is "$(code -X DELETE "$job")" 202
check "a cancelled job is gone: 404" is "$(code "$job")" 404
for _ in $(seq 100); do [ -e "$tmp/data/jobs/${job##*/}" ] || break; sleep 0.05; done
check "and so are its files" test ! -e "$tmp/data/jobs/${job##*/}"
begin "$base/\$export?_type=Patient"
await
kept=$job
begin "$base/\$export?_type=Observation"
await
mid=${job##*/}
kill -9 "$pid"
wait "$pid" 2>/dev/null
sed -i 's/"state":"done"/"state":"running"/' "$tmp/data/jobs/$mid/state.json"
check "the server starts again" serve
check "a finished job can still be had: 200" is "$(code "$kept")" 200
check "with its files" is "$(lines Patient)" 123
check "one that was cut off says so: 500" is "$(code "$job")" 500
check "in words" has "$(body)" async-restarted

# ---- memory
# A large one is unpacked line by line: 320 MB from 5 MB, while the server grows by far less.
python3 - "$tmp/large.gz" <<'PY'
import gzip, random, sys
random.seed(1)
with gzip.open(sys.argv[1], 'wb', 3) as f:
    for i in range(320):
        text = ''.join(random.choices('abcdefghijklmnopqrstuvwxyz', k=8000)) * 125
        f.write(b'{"resourceType":"Basic","id":"large%d","code":{"text":"%s"}}\n' % (i, text.encode()))
PY
echo 5 >"/proc/$pid/clear_refs"
mark() { sed -n "s/^$1: *\([0-9]*\) kB/\1/p" "/proc/$pid/status"; }
calm=$(mark VmRSS)
begin -H "$lines" --data-binary @"$tmp/large.gz" "$base/\$import"
await
check "a large gzip file comes in" has "$(body)" '"count":320,"rejected":0'
check "in bounded memory" test $(($(mark VmHWM) - calm)) -le 163840
rm "$tmp/large.gz"
echo "1..$n"
exit $bad
