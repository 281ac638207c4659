#!/usr/bin/env bash
# Makes the folder of web assets: web.sh 1 OUT bundles web/ with esbuild; web.sh 0 OUT writes a stub.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$2
rm -rf "${out:?}"/*
if [ "$1" = 0 ]; then
    printf '<!doctype html><meta charset="utf-8"><title>Nhịp</title><p>Nhịp: built without screens (WEB=0). FHIR: <a href="/fhir/metadata">/fhir/metadata</a>\n' >"$out/index.html"
    exit 0
fi
cd web
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-audit --no-fund --loglevel=error
fi
node build.mjs "../$out"
