#!/usr/bin/env bash
# Opens the static site of the latest run in a headless browser: nothing is logged, sorting, filtering and the switch of
# themes work by mouse and keyboard, every link resolves, nothing is wider than a phone. Leaves screenshots to look at.
# Installs Debian's chromium where there is none; exit code 4 where that cannot be done.
# usage: ci/site.sh REPORTS SCREENSHOTS [cargo options of the build to use]
set -euo pipefail
cd "$(dirname "$0")/.."
reports="$1"
screenshots="$2"
shift 2

if ! command -v chromedriver > /dev/null || ! command -v chromium > /dev/null; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    { timeout 300 "${as_root[@]}" apt-get update -qq &&
        timeout 600 "${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium chromium-driver; } ||
        { echo "there is no chromium with its driver, and it cannot be installed"; exit 4; }
fi

site="$(mktemp -d)/site"
cargo run --quiet -p harness "$@" -- --reports "$reports" report --site "$site" > /dev/null
python3 ci/site.py "$site" "$screenshots"
