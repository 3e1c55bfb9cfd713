#!/usr/bin/env bash
# Kills workers and schedulers at random while the smoke profile runs, goes on with the same command each time, and
# compares what is stored at the end with an undisturbed run, bit by bit.
# usage: ci/survive-kills.sh [KILLS] [ARGUMENTS OF reproduce]   (default: 30 all --profile smoke)
# HARNESS names a binary to use in place of a fresh build; SEED makes the choice of victims the same again, though not
# the moments at which they die.
set -euo pipefail
cd "$(dirname "$0")/.."
kills="${1:-30}"
shift || true
[ $# -gt 0 ] || set -- all --profile smoke

if [ -z "${HARNESS:-}" ]; then
    cargo build -p harness
    HARNESS="$(bash ci/binary.sh)"
fi
seed="${SEED:-$$}"
RANDOM="$seed"
echo "seed $seed"

folder="$(mktemp -d)"
scheduler=""
finish() {
    [ -z "$scheduler" ] || kill -9 "$scheduler" 2> /dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

"$HARNESS" --reports "$folder/calm" reproduce "$@" > "$folder/calm.log" 2>&1 || { cat "$folder/calm.log"; exit 1; }

trials() { find "$1/store" -mindepth 3 -name '*.json' ! -name '*.failed.json' 2> /dev/null | wc -l; }
done_kills=0
while [ "$done_kills" -lt "$kills" ]; do
    # Once all is done it is done again, so that kills hit trials, and finished ones are at risk as well.
    force=""
    [ "$(trials "$folder/killed")" -lt "$(trials "$folder/calm")" ] || force="--force"
    # shellcheck disable=SC2086
    "$HARNESS" --reports "$folder/killed" reproduce "$@" $force > "$folder/killed.log" 2>&1 &
    scheduler=$!
    while [ "$done_kills" -lt "$kills" ]; do
        sleep "$((RANDOM % 2)).$((RANDOM % 10))5"
        kill -0 "$scheduler" 2> /dev/null || break
        victims=("$scheduler")
        while read -r worker; do victims+=("$worker"); done < <(pgrep -P "$scheduler" || true)
        victim="${victims[RANDOM % ${#victims[@]}]}"
        kill -9 "$victim" 2> /dev/null || continue
        done_kills=$((done_kills + 1))
        if [ "$victim" = "$scheduler" ]; then
            echo "$done_kills: killed the scheduler"
            break
        fi
        echo "$done_kills: killed a worker"
    done
    if [ "$done_kills" -lt "$kills" ]; then
        code=0
        wait "$scheduler" || code=$?
        # 1: a trial whose worker was killed twice has failed, and is run again. 137: the scheduler was killed.
        case "$code" in
            0 | 1 | 137) ;;
            *) cat "$folder/killed.log"; echo "exit code $code"; exit 1 ;;
        esac
    fi
done 2> /dev/null # where bash says of each scheduler that it was killed
kill -9 "$scheduler" 2> /dev/null || true
wait "$scheduler" 2> /dev/null || true
scheduler=""

"$HARNESS" --reports "$folder/killed" reproduce "$@" > "$folder/killed.log" 2>&1 || { cat "$folder/killed.log"; exit 1; }
"$HARNESS" --reports "$folder/killed" store verify
bash ci/same-metrics.sh "$folder/calm" "$folder/killed"
echo "survived $kills kills"
