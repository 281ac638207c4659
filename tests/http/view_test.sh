#!/usr/bin/env bash
# ViewDefinitions (SQL-on-FHIR) as clients see them: stored, run, kept as tables. TAP.
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

check "the server starts" serve

view() { # view ID PATHS…: a definition with the columns id and what is given as name=path
    local id=$1 columns='{"name":"id","path":"getResourceKey()"}'
    shift
    for c in "$@"; do columns+=",{\"name\":\"${c%%=*}\",\"path\":\"${c#*=}\"}"; done
    echo "{\"resourceType\":\"ViewDefinition\",\"id\":\"$id\",\"name\":\"$id\",\"status\":\"active\",\"resource\":\"Patient\",\"select\":[{\"column\":[$columns]}]}"
}
rows() { curl -s "$base/ViewDefinition/$1"; }
for i in $(seq 30); do
    curl -s -o /dev/null -X PUT -H "$json" -d "{\"resourceType\":\"Patient\",\"id\":\"p$i\",\"gender\":\"$([ $((i % 2)) = 0 ] && echo male || echo female)\",\"name\":[{\"text\":\"Người thử, số $i\"}]}" "$base/Patient/p$i"
done

# ---- as resources
check "a view is stored: 201" is "$(code -X PUT -H "$json" -d "$(view people gender=gender)" "$base/ViewDefinition/people")" 201
check "and can be read" has "$(rows people)" '"resourceType":"ViewDefinition"'
check "with id and version" has "$(rows people)" '"id":"people","meta":{"versionId":"1"'
check "POST makes an id: 201" is "$(code -H "$json" -d "$(view other)" "$base/ViewDefinition")" 201
check "both are listed" has "$(curl -s "$base/ViewDefinition")" '"total":2'
check "and found by name" has "$(curl -s "$base/ViewDefinition?name=people")" '"total":1'
check "it is a Library inside" is "$(total 'Library?_summary=count')" 2
check "a view that is wrong: 422" is "$(code -X PUT -H "$json" -d "$(view bad 'x=name.(')" "$base/ViewDefinition/bad")" 422
check "with its place" has "$(body)" 'select[0].column[1].path'
check "another resource: 400" is "$(code -X PUT -H "$json" -d '{"resourceType":"Patient"}' "$base/ViewDefinition/bad")" 400
check "an unknown one: 404" is "$(code "$base/ViewDefinition/none")" 404
check "a Library is no view: 404" is "$(curl -s -o /dev/null -X PUT -H "$json" -d '{"resourceType":"Library","id":"lib","status":"active","type":{"text":"x"}}' "$base/Library/lib")$(code "$base/ViewDefinition/lib")" 404

# ---- run
check "CSV: a line of names and 30 rows" is "$(rows 'people/$viewdefinition-run?_format=csv' | wc -l)" 31
check "CSV: names" is "$(rows 'people/$run?_format=csv' | head -1 | tr -d '\r')" 'id,gender'
check "header=false" is "$(rows 'people/$run?_format=csv&header=false' | wc -l)" 30
check "NDJSON" is "$(rows 'people/$run?_format=ndjson' | python3 -c 'import sys,json; print(len([json.loads(l) for l in sys.stdin]))')" 30
check "JSON is one array" is "$(rows 'people/$run?_format=json' | python3 -c 'import sys,json; print(len(json.load(sys.stdin)))')" 30
check "_limit" is "$(rows 'people/$run?_limit=7' | wc -l)" 7
check "Accept says the format, too" has "$(curl -sD - -o /dev/null -H 'Accept: text/csv' "$base/ViewDefinition/people/\$run")" 'text/csv'
check "of one patient" is "$(rows 'people/$run?patient=Patient/p7')" '{"id":"Patient/p7","gender":"female"}'
check "of a patient that is not there: 404" is "$(code "$base/ViewDefinition/people/\$run?patient=Patient/none")" 404
check "Parquet is refused by name" has "$(code "$base/ViewDefinition/people/\$run?_format=parquet")$(body)" 400
check "an unknown parameter: 400" is "$(code "$base/ViewDefinition/people/\$run?source=s3")" 400
given="{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"viewResource\",\"resource\":$(view x 'n=name.text')},{\"name\":\"_format\",\"valueCode\":\"csv\"},{\"name\":\"resource\",\"resource\":{\"resourceType\":\"Patient\",\"id\":\"q\",\"name\":[{\"text\":\"Một, Hai\"}]}}]}"
check "a view and resources in the body" is "$(curl -s -H "$json" -d "$given" "$base/ViewDefinition/\$viewdefinition-run" | tail -1 | tr -d '\r')" 'Patient/q,"Một, Hai"'
check "none of the two: 400" is "$(code -H "$json" -d '{"resourceType":"Parameters"}' "$base/ViewDefinition/\$run")" 400
check "a row that cannot be: 422" is "$(curl -s -o /dev/null -X PUT -H "$json" -d "$(view many 'n=(1 | 2)')" "$base/ViewDefinition/many")$(code "$base/ViewDefinition/many/\$run")" 422
begin -H "$later" "$base/ViewDefinition/people/\$run?_format=csv"
await
check "behind its answer, as a Binary" has "$(body)" '"contentType":"text/csv; charset=utf-8"'

# ---- exported
file() { grep -o '"url":"[^"]*"' "$tmp/body" | cut -d'"' -f4; }
check "export: 202 with an address" begin "$base/ViewDefinition/people/\$viewdefinition-export?_format=csv"
check "it ends" await
check "CSV: a line of names and 30 rows" is "$(curl -s "$(file)" | wc -l)" 31
check "as text/csv" has "$(curl -sI "$(file)")" 'text/csv'
begin "$base/ViewDefinition/people/\$viewdefinition-export?_format=json"
await
check "JSON is one array" is "$(curl -s --compressed "$(file)" | python3 -c 'import sys,json; print(len(json.load(sys.stdin)))')" 30
begin "$base/ViewDefinition/people/\$viewdefinition-export?_format=ndjson&patient=Patient/p3&patient=Patient/p4"
await
check "NDJSON of two patients" is "$(curl -s "$(file)" | sort | sha256sum)" "$(rows 'people/$run?patient=Patient/p3&patient=Patient/p4' | sort | sha256sum)"
begin -H "$json" -d "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"viewResource\",\"resource\":$(view none 'x=name.text')},{\"name\":\"_format\",\"valueCode\":\"json\"},{\"name\":\"_since\",\"valueInstant\":\"2099-01-01T00:00:00Z\"}]}" "$base/ViewDefinition/\$viewdefinition-export"
await
check "without rows: an empty array" is "$(curl -s "$(file)" | tr -d '\n')" '[]'
begin "$base/ViewDefinition/many/\$viewdefinition-export"
await
check "a row that cannot be ends the job: 422" is "$status" 422

# ---- kept as a table
behind() { curl -sI "$base/ViewDefinition/people/\$rows" | tr -d '\r' | sed -n 's/^X-Records-Behind: //p'; }
fresh() {
    for _ in $(seq 200); do
        [ "$(behind)" = 0 ] && return 0
        sleep 0.05
    done
    return 1
}
check "no table yet: 404" is "$(code "$base/ViewDefinition/people/\$rows")" 404
check "materialize: 200" is "$(code -X POST "$base/ViewDefinition/people/\$viewdefinition-materialize")" 200
check "it becomes fresh" fresh
check "and has all rows" is "$(rows 'people/$rows' | sort | sha256sum)" "$(rows 'people/$run' | sort | sha256sum)"
check "it says how many" has "$(curl -sI "$base/ViewDefinition/people/\$rows")" 'X-Rows: 30'
page="$base/ViewDefinition/people/\$rows?_count=8&_format=ndjson"
n_rows=0
while [ -n "$page" ]; do
    curl -s -D "$tmp/head" -o "$tmp/page" "$page"
    n_rows=$((n_rows + $(wc -l <"$tmp/page")))
    page=$(tr -d '\r' <"$tmp/head" | sed -n 's/^Link: <\(.*\)>.*/\1/p')
done
check "page by page, too" is "$n_rows" 30
curl -s -o /dev/null -X PUT -H "$json" -d '{"resourceType":"Patient","id":"p1","gender":"other"}' "$base/Patient/p1"
curl -s -o /dev/null -X DELETE "$base/Patient/p2"
check "after changes it is fresh again" fresh
check "with the new row" has "$(rows 'people/$rows')" '{"id":"Patient/p1","gender":"other"}'
check "and without the deleted one" is "$(rows 'people/$rows' | grep -c '"Patient/p2"')" 0
curl -s -o /dev/null -X PUT -H "$json" -d "$(view people 'sex=gender')" "$base/ViewDefinition/people"
for _ in $(seq 100); do rows 'people/$rows' | grep -q '"sex"' && break; sleep 0.05; done
check "another definition makes it anew" fresh
check "with the new column" is "$(rows 'people/$rows' | grep -c '"sex"')" 29
kill -9 "$pid"
wait "$pid" 2>/dev/null
check "the server starts again" serve
check "the table is still there" fresh
check "and right" is "$(rows 'people/$rows' | sort | sha256sum)" "$(rows 'people/$run' | sort | sha256sum)"
check "a page of another view's token: 400" is "$(code "$base/ViewDefinition/people/\$rows?_page=1-2-3")" 400
check "enabled=false: 200" is "$(code -X POST "$base/ViewDefinition/people/\$viewdefinition-materialize?enabled=false")" 200
for _ in $(seq 100); do [ "$(code "$base/ViewDefinition/people/\$rows")" = 404 ] && break; sleep 0.05; done
check "the table goes" is "$(code "$base/ViewDefinition/people/\$rows")" 404
check "a view is deleted: 204" is "$(code -X DELETE "$base/ViewDefinition/people")" 204
check "and gone: 410" is "$(code "$base/ViewDefinition/people")" 410
check "operations stand in the capability statement" has "$(curl -s "$base/metadata")" '"name":"viewdefinition-run"'
echo "1..$n"
exit $bad
