#!/usr/bin/env bash
# Installs what the notebooks need, from the registries: Jupyter into a Python environment, and the Rust kernel. Nothing
# is put outside notebooks/.env; delete that folder to undo it. Called again, it does only what is missing.
# usage: notebooks/setup.sh
# HARNESS_NOTEBOOKS names another folder in place of notebooks/.env.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
home="${HARNESS_NOTEBOOKS:-$here/.env}"
kernel=0.22.0

missing() {
    echo "notebooks/setup.sh: $1" >&2
    exit 1
}
command -v cargo > /dev/null || missing "cargo is missing: install Rust from https://rustup.rs"
command -v flock > /dev/null || missing "flock is missing: install util-linux"
command -v python3 > /dev/null || missing "python3 is missing: install Python 3.10 or newer"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || missing "Python 3.10 or newer is needed, not $(python3 --version)"
python3 -c 'import ensurepip, venv' 2> /dev/null || missing "Python lacks venv: on Debian, apt install python3-venv"

mkdir -p "$home"
if ! cmp --silent "$here/requirements.txt" "$home/requirements.txt"; then
    echo "Jupyter: about a minute"
    python3 -m venv "$home/python"
    "$home/python/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$home/requirements.txt"
fi

echo "the Rust kernel: several minutes the first time"
# Locked: with the newest versions of its dependencies it does not build.
cargo install --quiet --locked --root "$home" --version "$kernel" evcxr_jupyter

# The same name as the kernel gives itself, so that the notebooks open with any installation of it.
spec="$home/python/share/jupyter/kernels/rust"
mkdir -p "$spec"
"$home/python/bin/python" - "$spec/kernel.json" "$here/kernel.sh" <<'PYTHON'
import json
import os
import pathlib
import sys

spec, kernel = sys.argv[1:]
home = os.environ.get("HARNESS_NOTEBOOKS")
content = {
    "argv": ["bash", kernel, "{connection_file}"],
    "display_name": "Rust",
    "language": "rust",
    "interrupt_mode": "message",
    **({"env": {"HARNESS_NOTEBOOKS": os.path.abspath(home)}} if home else {}),
}
pathlib.Path(spec).write_text(json.dumps(content, indent=2) + "\n")
PYTHON

# Cargo reads it for each folder below.
mkdir -p "$home/.cargo"
cp "$here/cargo.toml" "$home/.cargo/config.toml"

echo "the crates that notebooks build"
cargo fetch --locked --quiet --manifest-path "$here/../Cargo.toml"
echo "ready; now: $home/python/bin/jupyter lab $here"
