#!/usr/bin/env bash
# Makes, loads and serves the demonstration province. Called by `make demo`; a later call starts in seconds.
# Environment: DEMO_DIR (demo), DEMO_CITIZENS (50000), DEMO_VISITS (200000), DEMO_PORT (8080).
set -euo pipefail
cd "$(dirname "$0")/.."
nhip=build/release/nhip
dir=${DEMO_DIR:-demo}
port=${DEMO_PORT:-8080}
mkdir -p "$dir"

if [ ! -e "$dir/.loaded" ]; then
    if [ ! -e "$dir/files/truth.json" ]; then
        rm -rf "$dir/files"
        $nhip synth --out "$dir/files" --seed 46 --citizens "${DEMO_CITIZENS:-50000}" \
            --visits "${DEMO_VISITS:-200000}" --facilities 60 --years 3 --mistakes 3 --identity-errors-percent 20
    fi
    # An import that was interrupted goes on where it was: known files are passed over.
    $nhip import --data "$dir/data" "$dir/files/facilities.json" "$dir/files/claims"
    # With the province's catalogues the rules about prices, staff and machines are really asked.
    for table in "$dir"/files/catalogues/*.tsv; do
        $nhip catalog import "$(basename "$table" .tsv)" "$table" --data "$dir/data" \
            --who "make demo" --why "danh mục mô phỏng" | tail -1
    done
    # Records of one citizen: the certain ones are merged, the others wait to be looked at.
    $nhip mpi run --data "$dir/data"
    rm -rf "$dir/files"
    touch "$dir/.loaded"
fi

cat <<TXT

  Nhịp: http://127.0.0.1:$port/          trang điều hành · operations page
        http://127.0.0.1:$port/citizens   người dân · citizens
        http://127.0.0.1:$port/giam-dinh  hồ sơ giám định · insurance claims
        http://127.0.0.1:$port/fhir/metadata
  Chưa có đăng nhập: chỉ mở trên máy này. No sign-in yet: this machine only. Ctrl-C: dừng · stop.

TXT
exec $nhip serve --data "$dir/data" --port "$port"
