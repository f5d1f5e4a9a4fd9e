#!/usr/bin/env bash
# Two workers against one, and the resident memory of a campaign against its number of faults.
#   bench/campaign_scale.sh EXPERIMENT [OPTIONS OF fluence run]
# FAULTS (default 20000) for the speed; FEW and MANY (10000, 1000000) for the memory; FLUENCE: the program.
# Rates are those that fluence run states for the faults alone (no import, no timing of the machine, no final copy
# of the rows); memory is VmHWM of the parent and of the largest worker, polled until the last batch.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FLUENCE=${FLUENCE:-$root/build/release/fluence}
[ $# -ge 1 ] || { sed -n '2,4s/^# \?//p' "$0" >&2; exit 2; }
work=$(mktemp -d /tmp/fluence-scale.XXXXXX)
trap 'rm -rf "$work"' EXIT

high_water() { sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$1/status" 2>/dev/null || true; }

# run FAULTS WORKERS ARGUMENTS…: sets parent, worker (KB), rate (faults/s) and seconds.
run() {
    local faults=$1 workers=$2 begin value child
    shift 2
    # A network that an earlier run imported need not be imported again.
    mkdir -p "$work/out"
    rm -rf "$work/out"/results.sqlite* "$work/out/shards"
    begin=$(date +%s.%N)
    "$FLUENCE" run "$@" --faults "$faults" -j "$workers" -o "$work/out" >/dev/null 2>"$work/log" &
    local pid=$!
    parent=0 worker=0
    while kill -0 "$pid" 2>/dev/null; do
        # Behind the last batch the parent copies rows and writes the report; its high-water mark stays.
        value=$(high_water "$pid"); [ "${value:-0}" -gt "$parent" ] && parent=$value
        for child in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null || true); do
            value=$(high_water "$child"); [ "${value:-0}" -gt "$worker" ] && worker=$value
        done
        sleep 0.2
    done
    wait "$pid" || { cat "$work/log" >&2; exit 1; }
    seconds=$(echo "$(date +%s.%N) - $begin" | bc)
    rate=$(tr '\r' '\n' <"$work/log" | sed -n 's/.* \([0-9,]*\) faults\/s.*/\1/p' | tail -1 | tr -d ,)
    printf '%12s %8s %12s %10.0f %14s %14s\n' "$faults" "$workers" "$rate" "$seconds" "$parent" "$worker"
}

echo "$(date -u +%F) $(uname -n): $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
printf '%12s %8s %12s %10s %14s %14s\n' faults workers faults/s 'seconds' 'parent, KB' 'worker, KB'
run "${FAULTS:-20000}" 1 "$@"; one=$rate
run "${FAULTS:-20000}" 2 "$@"; two=$rate
echo "two workers / one: $(echo "scale=2; $two / $one" | bc)"
run "${FEW:-10000}" 2 "$@"; few_parent=$parent few_worker=$worker
run "${MANY:-1000000}" 2 "$@"
echo "memory, many / few faults: parent $(echo "scale=2; $parent / $few_parent" | bc)," \
    "worker $(echo "scale=2; $worker / $few_worker" | bc)"
