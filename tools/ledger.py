#!/usr/bin/env python3
"""Runs a long test and writes one line about it into docs/ledger.jsonl:

    tools/ledger.py WHAT COMMAND [ARGUMENT...]

The last line that the command prints must be a JSON object with a number of `seeds`, `executions`, `kills` or `datagrams`,
and with `failures` or `violations`. Run it on a commit and not on changes: the line names the commit.
"""

import datetime
import json
import pathlib
import shlex
import subprocess
import sys
import time

COUNTS = ["seeds", "executions", "kills", "datagrams"]
ROOT = pathlib.Path(__file__).resolve().parent.parent
LEDGER = ROOT / "docs" / "ledger.jsonl"


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    what, command = sys.argv[1], sys.argv[2:]
    if git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/"):
        print("there are changes that are not committed; the line names the commit before them", file=sys.stderr)
    commit = git("rev-parse", "--short=12", "HEAD").strip()
    begun, last = time.monotonic(), ""
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in running.stdout:
        print(line, end="", flush=True)
        last = line.strip() or last
    status = running.wait()
    try:
        summary = json.loads(last)
        count = next(name for name in COUNTS if name in summary)
        failures = summary.get("failures", summary.get("violations", 0))
    except (ValueError, StopIteration, AttributeError):
        sys.exit(f"the last line is no summary: {last[:200]}")
    entry = {
        "date": datetime.date.today().isoformat(),
        "commit": commit,
        "what": what,
        count: summary[count],
        "hours": round((time.monotonic() - begun) / 3600, 2),
        "failures": max(failures, int(status != 0)),
        "command": shlex.join(command),
    }
    with LEDGER.open("a") as ledger:
        ledger.write(json.dumps(entry) + "\n")
    sys.exit(status)


main()
