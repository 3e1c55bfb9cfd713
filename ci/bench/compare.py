#!/usr/bin/env python3
"""Times the training steps of `harness bench` and of plain PyTorch in turn on the same core, and prints ratios.

Each round times every step for a short while on either side, the sides in alternating order, so that whatever else the
machine does hits both alike. A round's ratio is our median by PyTorch's. Printed are the median of the rounds' ratios
with a 95 % bootstrap interval over rounds, and the geometric mean over steps.

usage: compare.py HARNESS --python PYTHON [--device cuda] [--compile] [--rounds N] [--seconds S] [--core K]
                  [--only STEP,…] [--json FILE]

PYTHON is one that has PyTorch. Needs nothing but the standard library itself.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import random
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LEVEL = 0.95


def timed(command, core):
    """The object that a command prints as JSON, computed on one core with one thread."""
    settings = {
        # As the scheduler starts a worker.
        "RAYON_NUM_THREADS": "1",
        "MIMALLOC_PURGE_DELAY": "1000",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    done = subprocess.run(
        ["taskset", "-c", str(core), *command], env={**os.environ, **settings}, stdout=subprocess.PIPE, timeout=600
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    return json.loads(done.stdout)


def interval(ratios):
    """Percentile bootstrap interval of the median over rounds; None for a single round."""
    if len(ratios) < 2:
        return None
    rng = random.Random(0)
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(2000))
    cut = int((1 - LEVEL) / 2 * len(medians))
    return [medians[cut], medians[-1 - cut]]


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def markdown(result):
    lines = [
        f"{result['date']}, {result['machine']}, load {result['load'][0]:.1f} before and {result['load'][1]:.1f} after; "
        f"PyTorch {result['torch']}, {result['device']}, one thread each, {result['rounds']} rounds.",
        "",
        "| step | harness, ms | PyTorch, ms | harness / PyTorch | 95 % interval |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, step in result["steps"].items():
        low_high = step["interval"]
        shown = f"{low_high[0]:.2f}–{low_high[1]:.2f}" if low_high else "—"
        lines.append(
            f"| {name} | {1e3 * step['ours_s']:.2f} | {1e3 * step['torch_s']:.2f} | {step['ratio']:.2f} | {shown} |"
        )
    lines.append(f"| geometric mean | | | {result['geometric_mean']:.2f} | |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("harness", help="the binary")
    parser.add_argument("--python", required=True, help="an interpreter that has PyTorch")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda on a machine with a GPU")
    parser.add_argument("--compile", action="store_true", help="PyTorch with torch.compile instead of eager")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--only", default="mlp,cnn,simclr,gpt,pgd,jets,condense,factored")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.rounds < 1 or not arguments.seconds > 0:
        parser.error("at least one round of more than 0 seconds")
    names = arguments.only.split(",")
    load = [os.getloadavg()[0]]
    ours, theirs, torch = {name: [] for name in names}, {name: [] for name in names}, None
    for turn in range(arguments.rounds):
        print(f"round {turn + 1} of {arguments.rounds}", file=sys.stderr)
        for name in names:
            seconds = ["--seconds", str(arguments.seconds), "--device", arguments.device]
            compiled = ["--compile"] if arguments.compile else []
            sides = [
                (ours, [arguments.harness, "bench", "one", name, *seconds]),
                (theirs, [arguments.python, str(HERE / "steps.py"), name, *seconds, *compiled]),
            ]
            for times, command in sides if turn % 2 == 0 else reversed(sides):
                printed = timed(command, arguments.core)
                if times is ours:
                    times[name].append(printed[0]["median_s"])
                else:
                    times[name].append(statistics.median(printed["seconds"]))
                    torch = printed["torch"]
    steps = {}
    for name in names:
        ratios = [mine / other for mine, other in zip(ours[name], theirs[name])]
        steps[name] = {
            "ours_s": statistics.median(ours[name]),
            "torch_s": statistics.median(theirs[name]),
            "ratio": statistics.median(ratios),
            "interval": interval(ratios),
            "ratios": ratios,
        }
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "load": load + [os.getloadavg()[0]],
        "torch": torch + (" compiled" if arguments.compile else " eager"),
        "device": arguments.device,
        "rounds": arguments.rounds,
        "seconds": arguments.seconds,
        "core": arguments.core,
        "steps": steps,
        "geometric_mean": geometric_mean([step["ratio"] for step in steps.values()]),
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    print(markdown(result))


def processor():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
