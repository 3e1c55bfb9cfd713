"""What ci/nightly.sh asks of runs.

usage: ci/nightly.py latest REPORTS PROFILE        the latest run of a profile that did not add seeds
       ci/nightly.py sets PROFILE PAPER...          data sets of papers; standard input: harness list --json
       ci/nightly.py summary REPORTS LOGS LAST THIS the night in Markdown
"""

import json
import pathlib
import sys


def manifest(reports, run):
    return json.loads(pathlib.Path(reports, run, "run.json").read_text())


def latest(reports, profile):
    for path in sorted(pathlib.Path(reports).glob("*/run.json"), reverse=True):
        try:
            run = json.loads(path.read_text())
        except ValueError:
            continue
        if run.get("profile") == profile and not any(paper.get("until_decided") for paper in run["papers"]):
            print(path.parent.name)
            return


def sets(profile, *names):
    wanted = set()
    for paper in json.load(sys.stdin):
        if "all" in names or paper["slug"] in names or paper["family"] in names:
            wanted.update(paper["data"][profile])
    print(" ".join(sorted(wanted)))


def inputs(reports, run):
    """By paper: digests of code and of the description, and the number of planned trials."""
    found = {}
    described = manifest(reports, run)
    for entry in described["papers"]:
        slug = entry["paper"]["slug"]
        code = set()
        for key in entry["keys"]:
            path = pathlib.Path(reports, "store", slug, described["profile"], f"{key}.json")
            try:
                code.add(json.loads(path.read_text())["record"]["provenance"]["code"])
            except (OSError, ValueError, KeyError):
                continue
        found[slug] = {"code": code, "paper": entry["paper"], "keys": set(entry["keys"])}
    return found


def events(path):
    if path.is_file():
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def listed(names):
    return ", ".join(f"`{name}`" for name in names) if names else "none"


def summary(reports, logs, last, this):
    logs = pathlib.Path(logs)
    rows = [line.split("\t") for line in (logs / "outcomes.tsv").read_text().splitlines()]
    bad = [row for row in rows if row[1] in ("failed", "timed out")]
    skipped = [row for row in rows if row[1] == "skipped"]
    took = sum(int(row[2]) for row in rows)
    print("# Nightly\n")
    word = f"{len(bad)} of {len(rows)} steps failed" if bad else f"{len(rows) - len(skipped)} steps went well"
    print(f"**{word}**, {len(skipped)} were skipped, in {took // 60} min {took % 60} s.\n")

    print("## What changed\n")
    if not this:
        print("No run of this night.\n")
    else:
        now = inputs(reports, this)
        before = inputs(reports, last) if last else {}
        if not last:
            print(f"Run `{this}`; there is no earlier one to compare with.\n")
        elif last == this:
            print(f"Nothing: all trials of `{this}` were in the store, and its report stands.\n")
        else:
            print(f"Run `{this}`, compared with `{last}`.\n")
        both = [slug for slug in now if slug in before]
        code = [slug for slug in both if now[slug]["code"] != before[slug]["code"]]
        description = [slug for slug in both if now[slug]["paper"] != before[slug]["paper"]]
        print(f"- papers whose code changed: {listed(code)}")
        print(f"- papers whose `paper.yaml` changed: {listed(description)}")
        if last:
            print(f"- papers that are new: {listed([slug for slug in now if slug not in before])}")
            print(f"- papers that are gone: {listed([slug for slug in before if slug not in now])}")
        for name, what in (("reproduce", "trials run"), ("decide", "trials run for further seeds")):
            counts, failed = {}, []
            for event in events(logs / f"{name}.json"):
                if event.get("event") == "ended":
                    trial = event["trial"]
                    counts[trial["paper"]] = counts.get(trial["paper"], 0) + 1
                    if isinstance(event["outcome"], dict) and "failed" in event["outcome"]:
                        failed.append(f"{trial['paper']}/{trial['arm']} seed {trial['seed']}")
            each = ", ".join(f"`{slug}` {count}" for slug, count in sorted(counts.items()))
            print(f"- {what}: {sum(counts.values())}" + (f" ({each})" if each else ""))
            if failed:
                print(f"- of these failed: {', '.join(failed[:20])}" + (" …" if len(failed) > 20 else ""))
        compared = logs / "compare.json"
        if compared.is_file() and compared.stat().st_size:
            comparison = json.loads(compared.read_text())
            changed = [claim for claim in comparison["claims"] if claim["change"] in ("worse", "better")]
            print(f"- verdicts that changed: {len(changed) or 'none'}")
            for claim in changed:
                side = lambda at: f"`{claim[at]['verdict']}`" if claim.get(at) else "—"
                why = "; ".join(claim.get("why", []))
                print(f"  - `{claim['paper']}` {claim['claim']} {claim['change']}: {side('before')} → {side('after')} ({why})")
            print(f"- metrics that moved beyond noise: {len(comparison['metrics']['moved']) or 'none'}")
        print()

    print("## Steps\n")
    print("| step | outcome | seconds | |\n| --- | --- | ---: | --- |")
    for name, outcome, seconds, about in rows:
        about = about.replace("|", "\\|")
        print(f"| {name} | {f'**{outcome}**' if outcome in ('failed', 'timed out') else outcome} | {seconds} | {about} |")


if __name__ == "__main__":
    command, *arguments = sys.argv[1:] or [""]
    commands = {"latest": latest, "sets": sets, "summary": summary}
    if command not in commands:
        sys.exit(__doc__)
    commands[command](*arguments)
