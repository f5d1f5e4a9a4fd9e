#!/usr/bin/env bash
# A large campaign left alone, and the same one killed three times on the way (kill -9 of the parent, whose workers
# die with it): the results must be the same bytes. Prints times, the size of the result file and the time of a report.
#   bench/million_campaign.sh [EXPERIMENT] [OPTIONS OF fluence run]
# EXPERIMENT: default resnet20-cifar10-million (1,000,000 faults, 5 policies), which needs --data DIR. FAULTS=50000
# makes it short. FLUENCE: the program; KEEP=DIR keeps the results there. Exit code 0: identical.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FLUENCE=${FLUENCE:-$root/build/release/fluence}
experiment=${1:-resnet20-cifar10-million}
[ $# -ge 1 ] && shift
work=${KEEP:-$(mktemp -d /tmp/fluence-million.XXXXXX)}
mkdir -p "$work"
pid=
stop() {
    [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
    [ -n "${KEEP:-}" ] || rm -rf "$work"
}
trap stop EXIT
faults=()
[ -z "${FAULTS:-}" ] || faults=(--faults "$FAULTS")

start() { # OUTPUT: sets pid
    "$FLUENCE" run "$experiment" "${faults[@]}" "${options[@]}" -o "$1" >"$work/report.txt" 2>"$work/log" &
    pid=$!
}
finish() {
    wait "$pid" || { tail -3 "$work/log" >&2; exit 1; }
    pid=
}
# Share of the faults that are done, in percent, as the log's last line says.
percent() { tr '\r' '\n' <"$work/log" | sed -n 's/.*(\([0-9]*\) %).*/\1/p' | tail -1; }

options=("$@")
echo "$(date -u +%F) $(uname -n): $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
SECONDS=0
start "$work/alone"; finish
echo "left alone: $SECONDS s"

# Both ways work on one imported network.
mkdir -p "$work/killed"
for file in workload workload.stamp.json; do
    [ ! -e "$work/alone/$file" ] || cp -r "$work/alone/$file" "$work/killed/"
done
SECONDS=0
for share in 20 45 75; do
    start "$work/killed"
    while kill -0 "$pid" 2>/dev/null; do
        now=$(percent)
        [ "${now:-0}" -lt "$share" ] || break
        sleep 0.1
    done
    if ! kill -9 "$pid" 2>/dev/null; then
        echo "it ended before it could be killed at $share %; use more FAULTS" >&2
        exit 1
    fi
    wait "$pid" 2>/dev/null || true
    echo "killed at $(percent) % of the faults"
done
start "$work/killed"; finish
echo "killed three times: $SECONDS s"

SECONDS=0
begin=$(date +%s.%N)
"$FLUENCE" report "$work/alone/results.sqlite" >/dev/null
echo "report: $(echo "$(date +%s.%N) - $begin" | bc) s"
sha256sum "$work/alone/results.sqlite" "$work/killed/results.sqlite"
stat -c 'result file: %s bytes' "$work/alone/results.sqlite"
cmp "$work/alone/results.sqlite" "$work/killed/results.sqlite" && echo identical
