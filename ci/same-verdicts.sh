#!/usr/bin/env bash
# Compares the verdicts of the latest runs of two folders of reports, line by line. Claims about measured times are left
# out: they may differ from run to run.
# usage: ci/same-verdicts.sh REPORTS-A REPORTS-B
set -euo pipefail
python3 - "$1" "$2" << 'PYTHON'
import csv
import json
import pathlib
import sys


def verdicts(reports):
    runs = sorted(path.parent for path in pathlib.Path(reports).glob("*/verdicts.csv"))
    if not runs:
        sys.exit(f"there is no report in {reports}")
    timed = set()
    for entry in json.loads((runs[-1] / "run.json").read_text())["papers"]:
        paper = entry["paper"]
        for claim in paper["claims"]:
            # Names of times end so by convention.
            if "_ms\"" in json.dumps(claim["test"]) or "_ms" in claim["measure"]:
                timed.add((paper["slug"], claim["id"]))
    with open(runs[-1] / "verdicts.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["paper"], row["claim"]): row for row in rows if (row["paper"], row["claim"]) not in timed}


a, b = (verdicts(reports) for reports in sys.argv[1:3])
different = sorted(claim for claim in a.keys() | b.keys() if a.get(claim) != b.get(claim))
if different:
    for claim in different:
        print(claim, a.get(claim), b.get(claim), sep="\n  ")
    sys.exit(f"{len(different)} verdicts differ")
print(f"{len(a)} verdicts agree")
PYTHON
