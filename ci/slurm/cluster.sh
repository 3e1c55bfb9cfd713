#!/usr/bin/env bash
# A Slurm of one node on this machine, without systemd and, once it is installed, without root: munged, slurmctld and
# slurmd with all that they write below a folder.
# usage: ci/slurm/cluster.sh install          Debian's slurm-wlm and munge, where they are missing; exit code 4 where it cannot
#        ci/slurm/cluster.sh start FOLDER     then `export SLURM_CONF=FOLDER/slurm.conf` for sbatch and the rest
#        ci/slurm/cluster.sh stop FOLDER
set -euo pipefail
PATH="$PATH:/usr/sbin:/sbin"

# Debian's packages lay their daemons in sbin; munged wants no group or world to write to any folder above its socket.
installed() { command -v slurmctld > /dev/null && command -v slurmd > /dev/null && command -v munged > /dev/null; }

install() {
    installed && return 0
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    if ! { timeout 120 "${as_root[@]}" apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive timeout 300 "${as_root[@]}" \
            apt-get install -y -qq --no-install-recommends slurm-wlm munge; } > /dev/null 2>&1 || ! installed; then
        echo "Slurm cannot be installed: apt-get gives no slurm-wlm and munge here" >&2
        return 4
    fi
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Waits until a command succeeds, for at most so many seconds.
wait_for() {
    local seconds="$1" until
    shift
    until=$((SECONDS + seconds))
    while ! "$@" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.2
    done
}

idle() { sinfo --noheader --format=%T | grep -qE '^(idle|mixed|allocated)$'; }

start() {
    local folder="$1" user cpus memory
    installed || { echo "slurmctld, slurmd or munged is missing: ci/slurm/cluster.sh install" >&2; return 4; }
    mkdir -p "$folder"/{munge,state,spool}
    chmod 700 "$folder/munge"
    user="$(id -un)"
    cpus="$(nproc)"
    memory="$(awk '/^MemTotal/ {print int($2 / 1024 * 0.95)}' /proc/meminfo)"
    cat > "$folder/slurm.conf" << CONF
ClusterName=single
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
# Without control groups, which need systemd or root.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# Few tasks to an array, so that a run needs several arrays.
MaxArraySize=${MAX_ARRAY_SIZE:-6}
JobRequeue=1
KillWait=5
MinJobAge=3600
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
ReturnToService=2
SlurmctldTimeout=120
SlurmdTimeout=120
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=$(hostname -s) Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
    export SLURM_CONF="$folder/slurm.conf"
    head -c 1024 /dev/urandom > "$folder/munge/key"
    chmod 400 "$folder/munge/key"
    munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" \
        --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" --num-threads=2
    slurmctld -f "$SLURM_CONF" < /dev/null > "$folder/slurmctld.out" 2>&1
    wait_for 30 scontrol ping || { tail -n 20 "$folder"/slurmctld.{out,log} >&2; stop "$folder"; return 1; }
    slurmd -f "$SLURM_CONF" -N "$(hostname -s)" < /dev/null > "$folder/slurmd.out" 2>&1
    wait_for 60 idle || { sinfo >&2; tail -n 20 "$folder"/slurmd.{out,log} >&2; stop "$folder"; return 1; }
    sinfo
}

stop() {
    local folder="$1" daemon pid
    export SLURM_CONF="$folder/slurm.conf"
    [ ! -s "$folder/slurmctld.pid" ] || timeout 20 scancel --user="$(id -un)" 2> /dev/null || true
    for daemon in slurmd slurmctld munge/pid; do
        pid="$folder/$daemon"
        [ "$daemon" = munge/pid ] || pid="$pid.pid"
        [ -s "$pid" ] || continue
        pid="$(cat "$pid")"
        kill "$pid" 2> /dev/null || continue
        wait_for 20 eval "! kill -0 $pid" || kill -9 "$pid" 2> /dev/null || true
    done
}

case "${1:-}" in
    install) install ;;
    start) start "$(realpath -m "$2")" ;;
    stop) stop "$(realpath -m "$2")" ;;
    *)
        echo "usage: ci/slurm/cluster.sh install | start FOLDER | stop FOLDER" >&2
        exit 2
        ;;
esac
