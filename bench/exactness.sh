#!/usr/bin/env bash
# Random faults, each carried by the delta engine and by full re-execution of every layer (key self_check: 1): any
# difference ends it with exit code 1 and a reproducer. All storage of the machine (seu) and neurons (neuron-flip),
# under a policy that changes nothing and one that restricts ranges.
#   bench/exactness.sh NAME=BUNDLE …        bundles of trained networks (fluence import)
# FAULTS: of each network and fault model (default 50000, so that a network meets 100,000); J: workers (0: all);
# FLUENCE: the program.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FLUENCE=${FLUENCE:-$root/build/release/fluence}
[ $# -ge 1 ] || { sed -n '2,7s/^# \?//p' "$0" >&2; exit 2; }
work=$(mktemp -d /tmp/fluence-exactness.XXXXXX)
trap 'rm -rf "$work"' EXIT
echo "$(date -u +%F) $(uname -n): $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
for network in "$@"; do
    name=${network%%=*} bundle=$(realpath "${network#*=}")
    for model in seu neuron-flip; do
        cat >"$work/$name-$model.json" <<END
{ "name": "$name-$model", "workload": { "bundle": "$bundle" }, "accelerator": "edge-16x16",
  "policies": ["none", "ranger-channel"], "fault_model": { "name": "$model" },
  "images": ${IMAGES:-100}, "faults": ${FAULTS:-50000}, "seed": ${SEED:-1}, "self_check": 1 }
END
        SECONDS=0
        if ! "$FLUENCE" run "$work/$name-$model.json" -j "${J:-0}" -o "$work/out-$name-$model" \
            >"$work/report.txt" 2>"$work/log"; then
            tail -2 "$work/log" >&2
            cp "$work/out-$name-$model"/*.self-check.* . 2>/dev/null || true
            exit 1
        fi
        echo "$name $model: $(grep -o 'Self-check: [0-9,]* of [0-9,]* faults' "$work/report.txt")," \
            "0 differences, $SECONDS s, $(tr '\r' '\n' <"$work/log" | grep -o '[0-9,]* faults/s' | tail -1)"
    done
done
