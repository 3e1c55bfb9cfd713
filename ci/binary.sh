#!/usr/bin/env bash
# Prints where cargo puts the binary, whatever the target folder.
# usage: ci/binary.sh [PROFILE-FOLDER]   (debug, the default, or release)
set -euo pipefail
cd "$(dirname "$0")/.."
echo "$(cargo metadata --format-version 1 --no-deps | grep -o '"target_directory":"[^"]*"' | cut -d'"' -f4)/${1:-debug}/harness"
