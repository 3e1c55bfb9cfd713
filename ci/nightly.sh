#!/usr/bin/env bash
# The heavy part: the quick profile of every paper on real data, with a report that is kept.
# usage: ci/nightly.sh [REPORTS]   (default: reports/)
set -euo pipefail
cd "$(dirname "$0")/.."
reports="${1:-reports}"
if [ -z "${HARNESS_MIRROR:-}" ] && [ -d ../shared/data ]; then
    HARNESS_MIRROR="$(cd ../shared/data && pwd)"
    export HARNESS_MIRROR
fi

cargo build -p harness
cargo run -p harness -- --reports "$reports" doctor
cargo run -p harness -- verify all
cargo run -p harness -- --reports "$reports" reproduce all --profile quick --data real

# The verdicts keep what they promise, and the docs print what the command prints.
cargo run -p harness -- calibrate-verdicts > "$reports/calibration.md"
while IFS= read -r line; do
    [ -z "$line" ] || grep -qF -- "$line" docs/statistics.md || { echo "docs/statistics.md lacks: $line"; exit 1; }
done < "$reports/calibration.md"

# All notebooks, executed on this run; their pages go into the site.
REPORTS="$reports" bash ci/notebooks.sh "$reports/notebooks"

# The same as a site, looked at by a browser, and as an archive.
bash ci/site.sh "$reports" "$reports/screenshots"
cargo run -p harness -- --reports "$reports" export --zip "$reports/run.zip"
bash ci/sample.sh

# The same seeds give the same bits, whatever the number of workers.
one="$(mktemp -d)"
two="$(mktemp -d)"
cargo run -p harness -- --reports "$one" reproduce all --profile smoke --jobs 1
cargo run -p harness -- --reports "$two" reproduce all --profile smoke --jobs 2
bash ci/same-metrics.sh "$one" "$two"

# Killed at random, again and again, the smoke profile ends with the same results.
bash ci/survive-kills.sh 30
