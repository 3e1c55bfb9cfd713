#!/usr/bin/env bash
# The committed sample of a report: the smoke profile of one paper, on generated data, without a socket. Compares it with
# a report made now; times, memory, machine, digests and dates are left out of it, and numbers are compared to two digits,
# since processors round differently.
# usage: ci/sample.sh [--write] [cargo options of the build to use]
#   --write   replace the sample instead of comparing with it
set -euo pipefail
cd "$(dirname "$0")/.."
write=0
if [ "${1:-}" = --write ]; then
    write=1
    shift
fi
reports="$(mktemp -d)"
trap 'rm -rf "$reports"' EXIT
cargo run --quiet -p harness "$@" -- --offline --reports "$reports" \
    reproduce lr_perceptron --profile smoke --data synthetic --device cpu > /dev/null
run="$(cargo run --quiet -p harness "$@" -- --reports "$reports" report --list)"
python3 - "$reports/$run" "$run" "$reports" reports/sample "$write" <<'PYTHON'
import pathlib
import re
import shutil
import sys

made, run, reports, sample, write = sys.argv[1:]
made, sample = pathlib.Path(made), pathlib.Path(sample)
CELL = r"[^|]*"


def redacted(text):
    text = text.replace(run, "sample").replace(f"--offline --reports {reports} ", "")
    for key in ["started", "took", "machine", "code digest", "harness"]:
        text = re.sub(rf"^\| {key} \|{CELL}\|$", f"| {key} | … |", text, flags=re.M)
    # What the trials took.
    text = re.sub(rf"^(\| \[{CELL}\]{CELL}\| `smoke` \|(?:{CELL}\|){{6}}){CELL}\|", r"\1 … |", text, flags=re.M)
    text = re.sub(r"; [^;|\n]* one after another", "; … one after another", text)
    # Pictures of a sample are SVG alone, and there is no table of all numbers.
    text = re.sub(r"\]\((figures/[^)]*)\.png\)", r"](\1.svg)", text)
    text = re.sub(r" \[SVG\]\([^)]*\) · \[numbers\]\([^)]*\)| \[numbers\]\([^)]*\)", "", text)
    # The costs: mean time, total time, peak memory, steps per second.
    head, cost, rest = text.partition("\n## Cost\n")
    table, after, tail = rest.partition("\n## ")
    table = re.sub(rf"^(\| `{CELL}` \| \d+) \|{CELL}\|{CELL}\|{CELL}\|{CELL}\|$", r"\1 | … | … | … | … |", table, flags=re.M)
    # Measured times among the numbers of the paper.
    text = head + cost + table + after + tail
    return re.sub(rf"^(\|{CELL}\| [a-z_]*(?:_ms|_s|_us) \|{CELL}\|){CELL}\|{CELL}\|", r"\1 … | … |", text, flags=re.M)


def rounded(text):
    def number(found):
        value = float(found.group())
        return "tiny" if 0 < abs(value) < 1e-5 else f"{value:.2g}"

    return re.sub(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", number, text)


pages = {path.name: redacted(path.read_text()) for path in sorted(made.glob("*.md"))}
pictures = {str(path.relative_to(made)): path for path in sorted(made.glob("figures/*/*.svg"))}
if write == "1":
    shutil.rmtree(sample, ignore_errors=True)
    for name, text in pages.items():
        (sample / name).parent.mkdir(parents=True, exist_ok=True)
        (sample / name).write_text(text)
    for name, path in pictures.items():
        (sample / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, sample / name)
    print(f"wrote {len(pages)} pages and {len(pictures)} figures to {sample}")
    sys.exit()

kept = {str(path.relative_to(sample)) for path in sample.rglob("*") if path.is_file()}
wrong = sorted(kept ^ (pages.keys() | pictures.keys()))
for name, text in pages.items():
    if name in kept:
        old = rounded((sample / name).read_text()).splitlines()
        new = rounded(text).splitlines()
        differing = [f"{name}:{at + 1}: {a!r} is now {b!r}" for at, (a, b) in enumerate(zip(old, new)) if a != b]
        wrong += differing[:5] or ([f"{name} has {len(new)} lines instead of {len(old)}"] if len(old) != len(new) else [])
if wrong:
    sys.exit("the sample is out of date; `ci/sample.sh --write` makes it again:\n" + "\n".join(wrong))
print(f"{sample} is up to date")
PYTHON
