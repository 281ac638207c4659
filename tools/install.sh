#!/usr/bin/env bash
# Installs what is missing of Debian's packages; tools/web.sh fetches the npm packages of web/.
# Usage: tools/install.sh [build|test|bench|tidy|web]...   Groups add up; nothing is touched that is already there.
set -euo pipefail
cd "$(dirname "$0")/.."

build="gcc clang make libsqlite3-dev libzstd-dev libxxhash-dev libssl-dev libexpat1-dev
 libmicrohttpd-dev libgnutls28-dev libintelrdfpmath-dev libutf8proc-dev zlib1g-dev libzip-dev libpcre2-dev libcurl4-openssl-dev libxml2-dev libxmlsec1-dev libp11-dev"
web="nodejs npm"
test="libcmocka-dev libclang-rt-14-dev clang-format chromium curl openssl xz-utils softhsm2"
tidy="clang-tidy"
bench="libcjson-dev libjansson-dev wrk nginx-light xz-utils"

need=""
for group in "${@:-build}"; do
    case $group in
        build) need="$need $build" ;;
        web) command -v node >/dev/null && command -v npm >/dev/null || need="$need $web" ;;
        test) need="$need $test" ;;
        bench) need="$need $bench" ;;
        tidy) need="$need $tidy" ;;
        *) echo "install.sh: unknown group '$group' (build, web, test, bench, tidy)" >&2; exit 2 ;;
    esac
done

missing=""
for p in $need; do
    case $p in
        gcc | clang | make | curl | chromium) command -v "$p" >/dev/null && continue ;;
    esac
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -z "$missing" ] && exit 0

sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
echo "Installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
