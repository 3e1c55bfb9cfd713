#!/usr/bin/env bash
# Compares the metrics and series of two stores bit by bit; times and costs may differ.
# usage: ci/same-metrics.sh REPORTS-A REPORTS-B
set -euo pipefail
python3 - "$1" "$2" <<'PYTHON'
import json
import pathlib
import sys

def results(reports):
    found = {}
    for path in pathlib.Path(reports, "store").glob("*/*/*.json"):
        record = json.loads(path.read_text())["record"]
        found[str(path.relative_to(reports))] = {name: record[name] for name in ("outcome", "metrics", "series", "texts")}
    return found

a, b = (results(reports) for reports in sys.argv[1:3])
different = sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
if not a:
    sys.exit(f"there is no trial in {sys.argv[1]}")
if different:
    sys.exit("these trials differ:\n" + "\n".join(different))
print(f"{len(a)} trials agree bit for bit")
PYTHON
