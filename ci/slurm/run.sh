#!/usr/bin/env bash
# Submits the smoke profile to a real Slurm of one node on this machine while its tasks are killed and requeued at random,
# submits again what is lost, and compares results and report with those of a run on one machine.
# usage: ci/slurm/run.sh [KILLS] [ARGUMENTS OF submit]   (default: 12 all --profile smoke)
# HARNESS names a binary to use in place of a fresh build, CALM a folder with the reports of the same run on one machine to
# compare with; SEED makes the choice of victims the same again, though not the moments at which they die. Exit code 4:
# Slurm cannot be had here.
set -euo pipefail
cd "$(dirname "$0")/../.."
kills="${1:-12}"
shift || true
[ $# -gt 0 ] || set -- all --profile smoke
limit=$((SECONDS + ${SLURM_LIMIT_S:-900}))

bash ci/slurm/cluster.sh install || exit $?
if [ -z "${HARNESS:-}" ]; then
    cargo build -p harness
    HARNESS="$(bash ci/binary.sh)"
fi
seed="${SEED:-$$}"
RANDOM="$seed"
echo "seed $seed"

# A short path: that of a socket may have about a hundred characters.
folder="$(mktemp -d /tmp/slurm.XXXXXX)"
finish() {
    bash ci/slurm/cluster.sh stop "$folder/slurm" || true
    rm -rf "$folder"
}
trap finish EXIT

if [ -z "${CALM:-}" ]; then
    CALM="$folder/calm"
    "$HARNESS" --reports "$CALM" reproduce "$@" > "$folder/calm.log" 2>&1 || { cat "$folder/calm.log"; exit 1; }
fi
# What is known of durations is all that the run on the cluster has of the other.
mkdir -p "$folder/cluster/store"
cp "$CALM/store/durations.json" "$folder/cluster/store/"

bash ci/slurm/cluster.sh start "$folder/slurm" || { echo "Slurm is installed, but does not start here"; exit 4; }
export SLURM_CONF="$folder/slurm/slurm.conf"
cluster() { "$HARNESS" --reports "$folder/cluster" "$@"; }
in_time() { [ "$SECONDS" -lt "$limit" ] || { echo "not done in time:"; squeue; cluster status; exit 1; }; }

# Tasks that last seconds, so that there are many to kill.
cluster submit "$@" --task-time 3s | tee "$folder/submit.log"
run="$(sed -n 's/^run \([^:]*\):.*/\1/p' "$folder/submit.log")"

done_kills=0
submissions=1
while :; do
    in_time
    # Slurm holds a requeued task back for two minutes, lest a node fails it again and again.
    for held in $(squeue --noheader --array --states=PENDING --format='%i %r' | awk '$2 == "BeginTime" {print $1}'); do
        scontrol update "JobId=$held" StartTime=now > /dev/null 2>&1 || true
    done
    mapfile -t running < <(squeue --noheader --array --states=RUNNING --format='%i %j' | grep -v -- '-report$' | cut -d' ' -f1)
    if [ "$done_kills" -lt "$kills" ] && [ "${#running[@]}" -gt 0 ]; then
        victim="${running[RANDOM % ${#running[@]}]}"
        case $((RANDOM % 3)) in
            0) how="killed" && scancel --full --signal=KILL "$victim" ;;
            1) how="requeued" && scontrol requeue "$victim" ;;
            2) how="asked to make room" && scancel --batch --signal=USR1 "$victim" ;;
        esac 2> /dev/null || continue
        done_kills=$((done_kills + 1))
        echo "$done_kills: task $victim $how"
        sleep "0.$((RANDOM % 9 + 1))"
        continue
    fi
    if [ -z "$(squeue --noheader)" ]; then
        if cluster status "$run" --json | python3 -c '
import json, sys
papers = json.load(sys.stdin)["papers"]
sys.exit(any(paper["failed"] + paper["missing"] for paper in papers))'; then
            break
        fi
        # A task that was killed is lost with what it had left to do.
        submissions=$((submissions + 1))
        [ "$submissions" -le 10 ] || { cluster status "$run"; exit 1; }
        cluster submit --resume
    fi
    sleep 0.3
done

cluster status "$run"
[ "$done_kills" -gt 0 ] || [ "$kills" = 0 ] || { echo "nothing was killed: all was over too soon"; exit 1; }
cluster store verify
bash ci/same-metrics.sh "$CALM" "$folder/cluster"
bash ci/same-verdicts.sh "$CALM" "$folder/cluster"
echo "$submissions submissions and $done_kills kills ended in the report of a run on one machine"
