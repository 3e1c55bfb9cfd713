#!/usr/bin/env bash
# Looks at the report of the latest run below a folder: every listed paper and claim is in it, every figure it
# embeds is there, and a second run finds nothing to do and gives the same verdicts.
# usage: ci/check-report.sh REPORTS [cargo options of the build to use]
set -euo pipefail
cd "$(dirname "$0")/.."
reports="$1"
shift
harness() { cargo run --quiet -p harness "$@"; }

run="$(harness "$@" -- --reports "$reports" report --list | tail -n 1)"
folder="$reports/$run"
for slug in $(harness "$@" -- list --json | grep -o '"slug":"[a-z0-9_]*"' | cut -d'"' -f4); do
    grep -q "$slug" "$folder/README.md" || { echo "$slug is not in $folder/README.md"; exit 1; }
    [ -s "$folder/$slug.md" ] || { echo "$folder/$slug.md is missing or empty"; exit 1; }
    for figure in $(grep -o "(figures/[^)]*)" "$folder/$slug.md" | tr -d '()'); do
        [ -s "$folder/$figure" ] || { echo "$slug.md embeds $figure, which is missing"; exit 1; }
    done
done
for file in results.parquet verdicts.csv run.json; do
    [ -s "$folder/$file" ] || { echo "$folder/$file is missing or empty"; exit 1; }
done

before="$(cksum < "$folder/verdicts.csv")"
again="$(harness "$@" -- --reports "$reports" reproduce all --profile smoke --json)"
echo "$again" | grep -q '"event":"planned".*"pending":0' || { echo "a second run found something to do"; exit 1; }
[ "$(harness "$@" -- --reports "$reports" report --list | wc -l)" = 1 ] || { echo "a second run made a second report"; exit 1; }
harness "$@" -- --reports "$reports" report > /dev/null
[ "$before" = "$(cksum < "$folder/verdicts.csv")" ] || { echo "the report made again differs"; exit 1; }
echo "report of run $run is complete"
