#!/usr/bin/env bash
# Prints where cargo puts the binary of the default profile, whatever the target folder.
# usage: ci/binary.sh
set -euo pipefail
cd "$(dirname "$0")/.."
echo "$(cargo metadata --format-version 1 --no-deps | grep -o '"target_directory":"[^"]*"' | cut -d'"' -f4)/debug/harness"
