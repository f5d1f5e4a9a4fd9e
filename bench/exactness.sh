#!/usr/bin/env bash
# Random faults, each carried by the delta engine and by full re-execution of every layer (key self_check: 1): any
# difference ends it with exit code 1 and a reproducer. All fault models, so all storage of the machine, neurons, MAC
# outputs and weights. One inference of each is executed in full, layers in front of the first struck one once an image.
#   bench/exactness.sh NAME=BUNDLE …        bundles of trained networks (fluence import)
# FAULTS: of each network and fault model (default 15000, so that a network meets 105,000); MODELS: fault models
# (default all); POLICIES (default "none"); IMAGES (100); SEED (1); J: workers (0: all); FLUENCE: the program.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
FLUENCE=${FLUENCE:-$root/build/release/fluence}
[ $# -ge 1 ] || { sed -n '2,8s/^# \?//p' "$0" >&2; exit 2; }
work=$(mktemp -d /tmp/fluence-exactness.XXXXXX)
trap 'rm -rf "$work"' EXIT
echo "$(date -u +%F) $(uname -n): $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
for network in "$@"; do
    name=${network%%=*} bundle=$(realpath "${network#*=}")
    for model in ${MODELS:-$("$FLUENCE" list fault-models | awk '/^  [a-z]/ { print $1 }')}; do
        cat >"$work/$name-$model.json" <<END
{ "name": "$name-$model", "workload": { "bundle": "$bundle" }, "accelerator": "edge-16x16",
  "policies": [$(printf '"%s",' ${POLICIES:-none} | sed 's/,$//')], "fault_model": { "name": "$model" },
  "images": ${IMAGES:-100}, "faults": ${FAULTS:-15000}, "seed": ${SEED:-1}, "self_check": 1 }
END
        SECONDS=0
        if ! "$FLUENCE" run "$work/$name-$model.json" -j "${J:-0}" -o "$work/out-$name-$model" \
            >"$work/report.txt" 2>"$work/log"; then
            tail -2 "$work/log" >&2
            cp "$work/out-$name-$model"/*.self-check.* . 2>/dev/null || true
            exit 1
        fi
        echo "$name $model: $(grep -o 'Self-check: [0-9,]* of [0-9,]* faults' "$work/report.txt")," \
            "0 differences, $SECONDS s, $(tr '\r' '\n' <"$work/log" | grep -o '[0-9,.]* faults/s' | tail -1)"
    done
done
