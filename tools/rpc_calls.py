#!/usr/bin/env python3
"""How fast `pirushka rpc` is, for the profile of PIRUSHKA_HOME, whose engine should run: one JSON object.

    tools/rpc_calls.py [PROGRAM]

`first_ms`: from the start of the process to the first answer. `calls_per_second`: calls written one behind the other without
waiting for answers. `by_turns_per_second`: each after the answer to the one before.
"""

import json
import subprocess
import sys
import threading
import time

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else "pirushka"
CALLS, TURNS = 40_000, 5_000
CALL = b'{"jsonrpc":"2.0","id":1,"method":"contacts"}\n'


def start():
    return subprocess.Popen([PROGRAM, "rpc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def turn(process):
    process.stdin.write(CALL)
    process.stdin.flush()
    process.stdout.readline()


def first():
    begun = time.monotonic()
    process = start()
    turn(process)
    took = time.monotonic() - begun
    process.communicate()
    return took


def rate(calls, run):
    process = start()
    turn(process)
    begun = time.monotonic()
    run(process, calls)
    took = time.monotonic() - begun
    process.communicate()
    return round(calls / took)


def stream(process, calls):
    writing = threading.Thread(target=process.stdin.write, args=(CALL * calls,))
    writing.start()
    for _ in range(calls):
        process.stdout.readline()
    writing.join()


def turns(process, calls):
    for _ in range(calls):
        turn(process)


firsts = sorted(first() for _ in range(21))
print(json.dumps({
    "first_ms": round(firsts[10] * 1000, 1),
    "calls_per_second": rate(CALLS, stream),
    "by_turns_per_second": rate(TURNS, turns),
}))
