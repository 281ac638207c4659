# What the tests of the running server share: sourced by tests/http/*_test.sh from the project's root.
# The binary on a temporary data folder, on a port below 32768 of the loopback; TAP lines; only processes
# that the test started are ended, by their id.
nhip=${NHIP:-build/release/nhip}
tmp=$(mktemp -d /tmp/nhip-http-XXXXXX)
port=${NHIP_TEST_PORT:-$((20000 + RANDOM % 9000))}
base="http://127.0.0.1:$port/fhir"
json='Content-Type: application/fhir+json'
pid=0 n=0 bad=0
export LC_ALL=C.UTF-8

finish() {
    [ "$pid" != 0 ] && kill -9 "$pid" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$tmp"
}
trap finish EXIT

check() { # check NAME CONDITION…: one TAP line
    local name=$1
    shift
    n=$((n + 1))
    if "$@"; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        echo "#   $*" | head -c 2000
        echo
        bad=$((bad + 1))
    fi
}
is() { [ "$1" = "$2" ] || { echo "#   got '$1', want '$2'" | head -c 800; echo; return 1; }; }
has() { grep -qF -- "$2" <<<"$1" || { echo "#   '$2' is not in '$(head -c 800 <<<"$1")'"; return 1; }; }

serve() { # serve [FLAG…]: starts and waits until it answers
    "$nhip" serve --data "$tmp/data" --port "$port" "$@" >"$tmp/serve.log" 2>&1 &
    pid=$!
    for _ in $(seq 200); do
        curl -ksf -o /dev/null "${probe:-http}://127.0.0.1:$port/ready" && return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    cat "$tmp/serve.log"
    return 1
}
stop() { # graceful; leaves the status in $rc
    kill -TERM "$pid"
    wait "$pid"
    rc=$?
    pid=0
}
code() { curl -s -o "$tmp/body" -w '%{http_code}' -H 'Accept-Language: en' "$@"; }
body() { cat "$tmp/body"; }
head_of() { curl -s -D - -o /dev/null "$@"; }
id_of() { grep -o '"id":"[^"]*"' "$1" | head -1 | cut -d'"' -f4; }
total() { curl -s "$base/$1" | grep -o '"total":[0-9]*' | head -1 | cut -d: -f2; }
await() { # await TEXT COMMAND…: until it prints that
    local want=$1 got=
    shift
    for _ in $(seq 150); do
        got=$("$@")
        [ "$got" = "$want" ] && return 0
        sleep 0.1
    done
    echo "#   got '$got', want '$want'"
    return 1
}
claim_file() { # claim_file SED FILE: the test's claim with its tables changed by the expression
    sed "s#<NOIDUNGFILE>[^<]*#<NOIDUNGFILE>@#g" tests/case/claims/GIAMDINHHS.xml >"$tmp/frame"
    grep -o '<NOIDUNGFILE>[^<]*' tests/case/claims/GIAMDINHHS.xml | cut -d'>' -f2 | while read -r table; do
        base64 -d <<<"$table" | sed "$1" | base64 -w0
        echo
    done >"$tmp/tables"
    awk 'BEGIN { i = 0 } NR == FNR { t[n + 0] = $0; n++; next } { while (sub(/@/, t[i])) i++; print }' "$tmp/tables" "$tmp/frame" >"$2"
}
