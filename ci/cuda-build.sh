#!/usr/bin/env bash
# The CPU side of CUDA: the feature builds without a CUDA toolkit, and on a machine without a GPU `--device cuda` is refused
# with one clear line and exit code 3 while `auto` computes on the CPU and says so. Takes half an hour on two cores.
# usage: ci/cuda-build.sh
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target/cuda}" CARGO_TERM_COLOR=never
cargo build -p harness --features cuda
harness="$CARGO_TARGET_DIR/debug/harness"

if ldd "$harness" | grep -E 'libcuda|libnvrtc|libcudart'; then
    echo "the binary links CUDA, and would not start without it"
    exit 1
fi
doctor="$("$harness" doctor)"
echo "$doctor"
grep -q 'CUDA in this build' <<< "$doctor" || { echo "doctor does not say that this build has CUDA"; exit 1; }

if grep -q 'use --device cuda' <<< "$doctor"; then
    echo "this machine has a GPU: what happens without one is not looked at"
    "$harness" verify all --device cuda
    exit
fi
reports="$(mktemp -d)"
trap 'rm -rf "$reports"' EXIT
for command in "verify lr_perceptron" "reproduce lr_perceptron --profile smoke --data synthetic"; do
    code=0
    # shellcheck disable=SC2086 # the words of a command
    told="$("$harness" --reports "$reports" --offline $command --device cuda 2>&1)" || code=$?
    [ "$code" = 3 ] || { echo "\`$command --device cuda\` ends with $code instead of 3: $told"; exit 1; }
    [ "$(wc -l <<< "$told")" = 1 ] || { echo "\`$command --device cuda\` says more than one line: $told"; exit 1; }
    grep -q -- '--device cpu' <<< "$told" || { echo "what to do is not said: $told"; exit 1; }
done
told="$("$harness" --reports "$reports" --offline reproduce lr_perceptron --profile smoke --data synthetic 2>&1)"
grep -q 'computing on the CPU' <<< "$told" || { echo "auto does not say that it uses the CPU: $told"; exit 1; }
run="$("$harness" --reports "$reports" report --list)"
grep -q '^| device | cpu |$' "$reports/$run/README.md" || { echo "the report does not name the CPU"; exit 1; }
echo "the build with CUDA is sound on a machine without a GPU"
