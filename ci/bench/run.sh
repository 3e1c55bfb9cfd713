#!/usr/bin/env bash
# Times our training steps against plain PyTorch, in turn on one core, and prints a table of ratios.
# usage: ci/bench/run.sh [OPTIONS OF compare.py]
# PyTorch is no dependency of this project: BENCH_PYTHON names an interpreter that has it; otherwise one is made in a
# temporary folder, which downloads some gigabytes from the package registry and is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."

python="${BENCH_PYTHON:-}"
if [ -z "$python" ]; then
    environment="$(mktemp -d)"
    trap 'rm -rf "$environment"' EXIT
    python3 -m venv "$environment"
    timeout 1800 "$environment/bin/pip" install --quiet --no-input torch numpy
    python="$environment/bin/python"
fi
"$python" -c 'import torch' || { echo "$python has no PyTorch: set BENCH_PYTHON to one that has" >&2; exit 3; }
cargo build -p harness
timeout 3600 python3 ci/bench/compare.py "$(bash ci/binary.sh)" --python "$python" "$@"
