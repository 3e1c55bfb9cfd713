#!/usr/bin/env bash
# The heavy part: real data for every paper, what changed since the last night, and the checks that take long. A step that
# fails or hangs costs none of the others; the exit code says whether one did, and a summary in Markdown what changed.
# usage: ci/nightly.sh [REPORTS]   (default: reports/)
#
# REPORTS is the folder of the last night: trials that are in its store are not run again. The summary is
# REPORTS/nightly.md, on standard output, and in GITHUB_STEP_SUMMARY; what each step printed is in REPORTS/nightly/.
#
#   NIGHTLY_PAPERS    slugs or families (default: all)      NIGHTLY_PROFILE  smoke, quick or full (default: quick)
#   NIGHTLY_DATA      real, auto or synthetic (default: real)
#   NIGHTLY_BUDGET    time for seeds beyond the profile's, where claims are open (default: 1h; 0 for none)
#   NIGHTLY_STEPS     names of the steps to take (default: all; `build` always)
#   NIGHTLY_CARGO     options of the build, such as --release
#   HARNESS_MIRROR    folders or URLs that are asked for data first
set -euo pipefail
cd "$(dirname "$0")/.."
reports="$(mkdir -p "${1:-reports}" && cd "${1:-reports}" && pwd)"
profile="${NIGHTLY_PROFILE:-quick}"
data="${NIGHTLY_DATA:-real}"
budget="${NIGHTLY_BUDGET:-1h}"
read -r -a papers <<< "${NIGHTLY_PAPERS:-all}"
read -r -a options <<< "${NIGHTLY_CARGO:-}"
if [ -z "${HARNESS_MIRROR:-}" ] && [ -d ../shared/data ]; then
    HARNESS_MIRROR="$(cd ../shared/data && pwd)"
    export HARNESS_MIRROR
fi
logs="$reports/nightly"
rm -rf "$logs"
mkdir -p "$logs"
outcomes="$logs/outcomes.tsv"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
export HARNESS_REPORTS="$reports"

# A line of the table of steps: name, outcome, seconds, a word on it.
note() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >> "$outcomes"; }

# step NAME SECONDS NEEDS COMMAND… takes a step within a time limit, unless one that it needs (or -) did not succeed. Exit
# code 4 of a command means that this machine lacks something for it, which its last line tells.
step() {
    local name="$1" limit="$2" needs="$3" code=0 before="$SECONDS" last
    shift 3
    if [ "$name" != build ] && [ -n "${NIGHTLY_STEPS:-}" ] && [[ " $NIGHTLY_STEPS " != *" $name "* ]]; then
        return 0
    fi
    if [ "$needs" != - ] && ! grep -qP "^$needs\tok\t" "$outcomes" 2> /dev/null; then
        note "$name" skipped 0 "it needs the step $needs"
        return 0
    fi
    echo "== $name"
    timeout --kill-after=30 "$limit" "$@" > "$logs/$name.log" 2>&1 < /dev/null || code=$?
    last="$(tail -n 1 "$logs/$name.log" | tr '\t' ' ' | cut -c1-200)"
    case "$code" in
        0) note "$name" ok $((SECONDS - before)) "" ;;
        4) note "$name" skipped $((SECONDS - before)) "$last" ;;
        124 | 137) note "$name" "timed out" $((SECONDS - before)) "after $limit s" ;;
        *) note "$name" failed $((SECONDS - before)) "exit code $code: $last" ;;
    esac
    if [ "$code" != 0 ] && [ "$code" != 4 ]; then
        tail -n 30 "$logs/$name.log"
    fi
}

# Runs a command only where something is there; exit code 4 otherwise.
lacking() {
    echo "$1"
    return 4
}

fetch() {
    local sets
    [ "$data" != synthetic ] || lacking "data are generated"
    # The data sets of the selected papers, as the papers name them.
    sets="$("$HARNESS" list --json | python3 ci/nightly.py sets "$profile" "${papers[@]}")"
    # shellcheck disable=SC2086
    [ -z "$sets" ] || "$HARNESS" data fetch $sets
}

reproduce() { "$HARNESS" reproduce "${papers[@]}" --profile "$profile" --data "$data" --json > "$logs/reproduce.json"; }

decide() {
    [ "$budget" != 0 ] || lacking "NIGHTLY_BUDGET is 0"
    "$HARNESS" reproduce "${papers[@]}" --profile "$profile" --data "$data" --until-decided --budget "$budget" \
        --json > "$logs/decide.json"
}

compare() {
    local code=0
    [ -n "$last_run" ] || lacking "there is no earlier run to compare with"
    "$HARNESS" compare "$last_run" "$this_run" --json > "$logs/compare.json" || code=$?
    "$HARNESS" compare "$last_run" "$this_run" || true
    [ "$code" = 0 ] || echo "a verdict got worse, or trial files are damaged"
    return "$code"
}

# The verdicts keep what they promise, and the docs print what the command prints.
calibration() {
    "$HARNESS" calibrate-verdicts > "$reports/calibration.md"
    while IFS= read -r line; do
        [ -z "$line" ] || grep -qF -- "$line" docs/statistics.md || { echo "docs/statistics.md lacks: $line"; return 1; }
    done < "$reports/calibration.md"
}

# What steps cost, and beside plain PyTorch where an interpreter that has it is named.
bench() {
    "$HARNESS" bench --output "$reports/bench.json"
    if [ -n "${BENCH_PYTHON:-}" ]; then
        bash ci/bench/run.sh --json "$reports/pytorch.json" | tee "$reports/pytorch.md"
    fi
}

# All notebooks, executed on this run; their pages go into the site. Installs Jupyter and the Rust kernel on the first night.
notebooks() { REPORTS="$reports" bash ci/notebooks.sh "$reports/notebooks"; }


# The same seeds give the same bits, whatever the number of workers.
determinism() {
    "$HARNESS" --reports "$scratch/one" reproduce "${papers[@]}" --profile smoke --jobs 1
    "$HARNESS" --reports "$scratch/two" reproduce "${papers[@]}" --profile smoke --jobs 2
    bash ci/same-metrics.sh "$scratch/one" "$scratch/two"
}

gpu() {
    [ -e ci/gpu.sh ] || lacking "there is no ci/gpu.sh"
    nvidia-smi > /dev/null 2>&1 || lacking "there is no GPU"
    bash ci/gpu.sh "$reports/gpu"
}

# Known holes of dependencies; the database comes from the network. Licences and sources are checked with every change.
advisories() {
    bash ci/tools.sh cargo-deny || lacking "cargo-deny cannot be had"
    bash ci/tools.sh run cargo-deny fetch db || lacking "the advisory database cannot be fetched"
    bash ci/tools.sh run cargo-deny check advisories
}

# What later steps are run with. As functions they are called by a shell of their own, so that the time limit holds.
export -f fetch reproduce decide compare calibration bench notebooks determinism gpu advisories lacking
inside() { echo "papers=(${papers[*]@Q}); $(declare -p logs reports profile data budget scratch last_run this_run | tr '\n' ';') set -euo pipefail; $1"; }

last_run="" this_run=""
step build 3600 - cargo build -p harness "${options[@]}"
built=debug
[[ " ${options[*]} " != *" --release "* ]] || built=release
HARNESS="$(bash ci/binary.sh "$built")"
# The binary of this night, whatever is built meanwhile.
if [ -x "$HARNESS" ]; then
    cp "$HARNESS" "$scratch/harness"
    HARNESS="$scratch/harness"
fi
export HARNESS
last_run="$(python3 ci/nightly.py latest "$reports" "$profile")"

step doctor 120 build "$HARNESS" doctor
step fetch 3600 build bash -c "$(inside fetch)"
step verify 1800 build "$HARNESS" verify "${papers[@]}"
step reproduce 14400 build bash -c "$(inside reproduce)"
this_run="$(python3 ci/nightly.py latest "$reports" "$profile")"
step compare 600 reproduce bash -c "$(inside compare)"
step decide 14400 reproduce bash -c "$(inside decide)"
step export 600 reproduce "$HARNESS" export "$this_run" --zip "$reports/run.zip"
step notebooks 5400 reproduce bash -c "$(inside notebooks)"
step site 600 reproduce "$HARNESS" report --site "$reports/site"
step browser 600 site bash ci/site.sh "$reports" "$reports/screenshots" "${options[@]}"
step calibration 1800 build bash -c "$(inside calibration)"
step bench 1800 build bash -c "$(inside bench)"
step sample 600 build bash ci/sample.sh "${options[@]}"
step determinism 1800 build bash -c "$(inside determinism)"
# Killed at random, again and again, the smoke profile ends with the same results, here and on a cluster.
step survive-kills 1800 build bash ci/survive-kills.sh 30 "${papers[@]}" --profile smoke
step slurm 1800 build bash ci/slurm/run.sh 12 "${papers[@]}" --profile smoke
step gpu 3600 build bash -c "$(inside gpu)"
step advisories 600 - bash -c "$(inside advisories)"

python3 ci/nightly.py summary "$reports" "$logs" "$last_run" "$this_run" > "$reports/nightly.md"
cat "$reports/nightly.md"
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$reports/nightly.md" >> "$GITHUB_STEP_SUMMARY"
! grep -qP "^[^\t]*\t(failed|timed out)\t" "$outcomes"
