#!/usr/bin/env bash
# Everything that needs an NVIDIA GPU, in one go: conformance, smoke, quick and full runs, repeatability, cold and warm
# starts, trials side by side on one GPU, speed, and what the exact build costs. Leaves OUT/gpu.md with the tables, and what
# they are made of beside it. Each step has a time limit and none stops the next; the exit code is 1 if any failed.
# usage: ci/gpu.sh OUT
#   HARNESS_GPU_FULL="a b c"   papers of the full profile [default: lr_perceptron causal_pinn apre_outlier]
#   HARNESS_GPU_SCALE=2        all time limits times this [default: 1, about 90 minutes at most]
#   HARNESS_GPU_STEPS="doctor verify"   only these steps
#   BENCH_PYTHON=/path/to/python    an interpreter that has PyTorch with CUDA, to time beside it
# shellcheck disable=SC2016 # the commands of steps are expanded by the shells that run them
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 1 ] || { sed -n '2,9s/^# //p' "$0"; exit 2; }
mkdir -p "$1"
out="$(cd "$1" && pwd)"
full="${HARNESS_GPU_FULL:-lr_perceptron causal_pinn apre_outlier}"
scale="${HARNESS_GPU_SCALE:-1}"
only="${HARNESS_GPU_STEPS:-}"
if [ -z "${HARNESS_MIRROR:-}" ] && [ -d ../shared/data ]; then
    HARNESS_MIRROR="$(cd ../shared/data && pwd)"
    export HARNESS_MIRROR
fi
export CARGO_TERM_COLOR=never

command -v nvidia-smi > /dev/null || { echo "there is no nvidia-smi: this needs a machine with an NVIDIA GPU and its driver"; exit 3; }

log="$out/gpu.log"
steps="$out/steps.tsv"
: > "$log"
: > "$steps"

# Runs a step under its limit, keeps outcome and seconds, and never stops the script: step NAME MINUTES COMMAND…
step() {
    local name="$1" limit="$2"
    shift 2
    if [ -n "$only" ] && [[ " $only " != *" $name "* ]]; then return; fi
    printf '== %s\n' "$name" | tee -a "$log"
    local start="$SECONDS" code=0
    timeout --kill-after=30 "$(awk -v m="$limit" -v s="$scale" 'BEGIN { printf "%d", 60 * m * s }')" "$@" >> "$log" 2>&1 || code=$?
    local outcome=ok
    [ "$code" = 0 ] || outcome="failed with code $code"
    [ "$code" != 124 ] && [ "$code" != 137 ] || outcome="ran out of time"
    printf '%s\t%s\t%s\n' "$name" "$outcome" "$((SECONDS - start))" | tee -a "$steps"
}

# The two builds have folders of their own, so that neither replaces the other.
build() { CARGO_TARGET_DIR="target/gpu-$1" cargo build -p harness --features "$1"; }
fast="$PWD/target/gpu-cuda/debug/harness"
exact="$PWD/target/gpu-cuda-exact/debug/harness"
export -f build
export fast exact out full

step build 30 bash -c 'build cuda'
[ -x "$fast" ] || { echo "there is no build with CUDA in target/gpu-cuda; see $log"; exit 1; }
step doctor 1 bash -c '"$fast" doctor | tee "$out/doctor.txt"'

# The first start on a machine compiles kernels; the second reads them from the cache.
step cold-start 10 bash -c 'export XDG_CACHE_HOME="$out/cache"; rm -rf "$XDG_CACHE_HOME"; "$fast" verify all --device cuda'
step warm-start 5 bash -c 'export XDG_CACHE_HOME="$out/cache"; "$fast" verify all --device cuda'
step verify 5 bash -c '"$fast" verify all --device cuda --json > "$out/verify.json"'

step smoke 10 bash -c '"$fast" --reports "$out/smoke" reproduce all --profile smoke --device cuda'
# Which papers repeat bit for bit, and where the first difference comes from.
step audit 15 bash -c '
    for paper in $("$fast" list --json | grep -o "\"slug\":\"[a-z0-9_]*\"" | cut -d\" -f4); do
        timeout 180 "$fast" audit "$paper" --profile smoke --json > "$out/audit-$paper.json" || echo "$paper: code $?"
    done'
step quick 30 bash -c '"$fast" --reports "$out/quick" reproduce all --profile quick --data real --device cuda --jobs 4'
for paper in $full; do
    step "full-$paper" 20 "$fast" --reports "$out/full" reproduce "$paper" --profile full --data real --device cuda --jobs 4
done

# Several small trials side by side on one GPU, until it is full.
for jobs in 1 2 4 8; do
    step "side-by-side-$jobs" 5 "$fast" --reports "$out/jobs-$jobs" \
        reproduce contrastive_behaviour --profile quick --data real --device cuda --jobs "$jobs" --seeds 2
done
step memory 1 bash -c 'nvidia-smi --query-gpu=memory.used,memory.total,utilization.gpu --format=csv | tee "$out/memory.csv"'

step bench 10 "$fast" bench --device cuda --output "$out/bench.json"
# Beside PyTorch, eager and compiled, where an interpreter that has it with CUDA is named.
if [ -n "${BENCH_PYTHON:-}" ]; then
    for mode in eager compiled; do
        export mode
        step "pytorch-$mode" 15 bash -c '
            options=(--python "$BENCH_PYTHON" --device cuda --json "$out/pytorch-$mode.json")
            [ "$mode" = eager ] || options+=(--compile)
            python3 ci/bench/compare.py "$fast" "${options[@]}" > "$out/pytorch-$mode.md"'
    done
fi

step build-exact 30 bash -c 'build cuda-exact'
if [ -x "$exact" ]; then
    step verify-exact 5 "$exact" verify all --device cuda
    step audit-exact 15 bash -c '
        for paper in $("$exact" list --json | grep -o "\"slug\":\"[a-z0-9_]*\"" | cut -d\" -f4); do
            timeout 180 "$exact" audit "$paper" --profile smoke --json > "$out/audit-exact-$paper.json" || echo "$paper: code $?"
        done'
    step bench-exact 10 "$exact" bench --device cuda --output "$out/bench-exact.json"
fi

python3 - "$out" <<'PYTHON'
"""Puts the tables together."""

import json
import pathlib
import sys

out = pathlib.Path(sys.argv[1])
steps = [line.split("\t") for line in (out / "steps.tsv").read_text().splitlines()]
text = ["# On a GPU", ""]
if (out / "doctor.txt").is_file():
    text += ["```", (out / "doctor.txt").read_text().rstrip(), "```", ""]
text += ["| step | outcome | seconds |", "| --- | --- | ---: |", *(f"| {' | '.join(row)} |" for row in steps), ""]

if (out / "verify.json").is_file():
    try:
        verify = json.loads((out / "verify.json").read_text())
        text += [f"Conformance: {verify['passed']} passed, {verify['failed']} failed.", ""]
        for paper in verify["papers"]:
            for case in paper["cases"]:
                if case["status"] != "pass":
                    text.append(f"- {paper['slug']}, {case['op']}, {case['name']}: {case['message']}")
    except ValueError:
        text += ["Conformance: no result.", ""]


def repeats(prefix):
    rows = []
    for file in sorted(out.glob(f"{prefix}*.json")):
        try:
            found = json.loads(file.read_text())
        except ValueError:
            rows.append(f"| {file.stem.removeprefix(prefix)} | no result | |")
            continue
        for compared in found["comparisons"]:
            pair = compared["first"]["device"], compared["second"]["device"]
            if not any(device.startswith("cuda") for device in pair):
                continue
            differing = [trial for trial in compared["trials"] if trial["different"] or trial["other"]]
            first = next((trial["first"] for trial in differing if trial["first"]), None)
            where = "" if first is None else first[0] + ("" if first[1] is None else f" at {first[1]:g}")
            rows.append(
                f"| {found['paper']} | {pair[0]}, {pair[1]} | "
                f"{len(compared['trials']) - len(differing)} of {len(compared['trials'])} | {where} |"
            )
    head = ["| paper | runs | trials with equal bits | first difference |", "| --- | --- | --- | --- |"]
    return [*head, *rows, ""] if rows else ["No audit.", ""]


files = [path for path in out.glob("audit-*.json")]
for path in files:
    # Names must not nest: `audit-` would find `audit-exact-` as well.
    if not path.name.startswith("audit-exact-"):
        path.rename(path.with_name(path.name.replace("audit-", "repeat-", 1)))
text += ["## Repeatability, with fusion and autotune", "", *repeats("repeat-")]
text += ["## Repeatability, exact build", "", *repeats("audit-exact-")]


def medians(name):
    try:
        measured = json.loads((out / name).read_text())["measured"]
        return {one["name"]: 1000 * one["median_s"] for one in measured}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


fast, exact = medians("bench.json"), medians("bench-exact.json")
if fast:
    text += ["## Time per step (ms)", "", "| step | cuda | cuda-exact | ratio |", "| --- | ---: | ---: | ---: |"]
    for name, value in fast.items():
        other = exact.get(name)
        ratio = "" if other is None else f"{other / value:.2f}"
        text.append(f"| {name} | {value:.3f} | {'' if other is None else f'{other:.3f}'} | {ratio} |")
    text.append("")
for file in sorted(out.glob("pytorch-*.md")):
    text += [f"## Beside PyTorch, {file.stem.removeprefix('pytorch-')}", "", file.read_text().rstrip(), ""]
(out / "gpu.md").write_text("\n".join(text) + "\n")
print(out / "gpu.md")
PYTHON

! cut -f2 "$steps" | grep -qv '^ok$'
