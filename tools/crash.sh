#!/usr/bin/env bash
# Runs the crash tests (docs/TESTING.md) TIMES times as often as CI does, from another SEED on:
#   tools/crash.sh [--ledger] [TIMES, 10] [SEED, the day's]
# Ends with one line of JSON; --ledger writes it into docs/ledger.jsonl.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --ledger ]; then
    shift
    exec tools/ledger.py "crash tests" tools/crash.sh "${1:-10}" "${2:-$(date +%Y%m%d)}"
fi
export PIRUSHKA_CRASH_TIMES=${1:-10} PIRUSHKA_CRASH_SEED=${2:-$(date +%Y%m%d)}
mkdir -p target
log=target/crash.log
cargo nextest run --workspace --release --profile long --success-output final \
    -E 'test(/crash::/) + test(/killed::whoever/)' 2>&1 | tee "$log" | grep -E 'kills|FAIL|Summary' || true
failures=$(sed -n 's/.*Summary.* \([0-9]*\) failed.*/\1/p' "$log" | tail -1)
failures=${failures:-0}
grep -q 'Summary' "$log" || failures=1
kills=$(awk 'match($0, /[0-9]+ kills/) { sum += substr($0, RSTART) } END { print sum + 0 }' "$log")
echo "{\"kills\":$kills,\"times\":$PIRUSHKA_CRASH_TIMES,\"seed\":$PIRUSHKA_CRASH_SEED,\"failures\":$failures}"
[ "$failures" = 0 ]
