#!/usr/bin/env bash
# Executes the notebooks without a browser, with a time limit per cell, and writes executed copies and pages of them.
# Fails with the name of the notebook and the number of the cell.
# usage: ci/notebooks.sh OUT [NOTEBOOK…]     all notebooks, or some: ci/notebooks.sh OUT 01-first-look
#        ci/notebooks.sh --stripped          only looks whether all outputs were taken out of the committed files
# REPORTS names the folder of reports that they read (default: reports/; a smoke run is made where there is none).
# CELL_S and BUILD_S are the limits in seconds: 120 for a cell, 2400 for one that builds crates.
set -euo pipefail
cd "$(dirname "$0")/.."
root="$PWD"

if [ "${1:-}" = --stripped ]; then
    tools="$root/target/nbstripout"
    [ -x "$tools/bin/nbstripout" ] || {
        python3 -m venv "$tools"
        "$tools/bin/pip" install --quiet --disable-pip-version-check "$(grep '^nbstripout' notebooks/requirements.txt)"
    }
    "$tools/bin/nbstripout" --verify notebooks/*.ipynb ||
        { echo "take the outputs out: $tools/bin/nbstripout notebooks/*.ipynb" >&2; exit 1; }
    exit
fi
[ $# -gt 0 ] || { sed -n '2,8s/^# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
out="$(cd "$1" && pwd)"
shift
[ $# -gt 0 ] || set -- notebooks/*.ipynb

bash notebooks/setup.sh
python="${HARNESS_NOTEBOOKS:-$root/notebooks/.env}/python/bin/python"

reports="${REPORTS:-reports}"
if ! compgen -G "$reports/*/run.json" > /dev/null; then
    cargo run --quiet -p harness -- --reports "$reports" reproduce all --profile smoke --data synthetic
fi

# Notebooks name things beside their own folder. Here that is a folder of links, so that any folder of reports will do.
beside="$(mktemp -d)"
trap 'rm -rf "$beside"' EXIT
ln -s "$(cd "$reports" && pwd)" "$beside/reports"
# The compiler is chosen by the folder that a kernel starts in.
ln -s "$root/rust-toolchain.toml" "$beside/rust-toolchain.toml"
mkdir "$beside/notebooks"
ln -s "$root"/notebooks/{evcxr.toml,reader,losses} "$beside/notebooks/"

for notebook in "$@"; do
    name="$(basename "$notebook" .ipynb)"
    [ -f "notebooks/$name.ipynb" ] || { echo "there is no notebook notebooks/$name.ipynb" >&2; exit 2; }
    cp "notebooks/$name.ipynb" "$beside/notebooks/"
    "$python" ci/notebooks.py "$beside/notebooks/$name.ipynb" "$out"
done
