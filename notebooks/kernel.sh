#!/usr/bin/env bash
# Starts the Rust kernel of one notebook. By itself the kernel compiles all crates anew in a folder that it throws away;
# here it gets one that stays, so that they are compiled once. Two kernels cannot share a folder, hence several, each
# with a lock that is held as long as its kernel lives.
# usage: kernel.sh CONNECTION-FILE   (called by Jupyter)
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
home="${HARNESS_NOTEBOOKS:-$here/.env}"

for slot in 1 2 3 4 5 6 7 8; do
    folder="$home/kernel-$slot"
    mkdir -p "$folder"
    exec 9> "$folder/lock"
    if flock --nonblock 9; then
        # The same versions as everywhere else; what a notebook brings of its own is added to them.
        if ! cmp --silent "$here/../Cargo.lock" "$folder/Cargo.lock.project"; then
            cp "$here/../Cargo.lock" "$folder/Cargo.lock"
            cp "$here/../Cargo.lock" "$folder/Cargo.lock.project"
        fi
        export EVCXR_TMPDIR="$folder"
        exec "$home/bin/evcxr_jupyter" --control_file "$1"
    fi
done
echo "eight Rust kernels are running: shut one down in Jupyter and try again" >&2
exit 1
