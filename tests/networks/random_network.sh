#!/bin/sh
# random_network.sh FLUENCE NETWORK: a listed network with random weights goes the whole way in every number format:
# import, an inference on a machine of the format, and a campaign that must account for all of its 100 faults.
#   int8, fxp8  the tile-level machine must compute the golden activations; upsets in DRAM and PEs (most of this
#               machine's buffers is empty)
#   words       (fxp16, fxp32, bf16, fp32) cycles of the machine; upsets in all of it, resolved exactly
set -eu
fluence=$1
network=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# quietly COMMAND...: its output, if it fails.
quietly() {
    "$@" >"$folder/log.txt" 2>&1 || { cat "$folder/log.txt"; exit 1; }
}

codes() {
    quietly "$fluence" simulate "$bundle" --accelerator cloud-32x32 --image 0
    tail -n 1 "$folder/log.txt"
    grep -q "equal the bundle's golden activations" "$folder/log.txt"
    cat >"$folder/experiment.json" <<JSON
{ "name": "$network", "workload": { "bundle": "$bundle" }, "accelerator": "cloud-32x32", "policies": ["none"],
  "fault_model": { "name": "seu",
    "cross_section": { "weight_buffer": 0, "activation_buffer": 0, "output_buffer": 0 } }, "images": 4, "faults": 100, "seed": 1 }
JSON
    quietly "$fluence" run "$folder/experiment.json" -o "$folder/results-$format" -j 1
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
             NR == 2 { sum = $at["masked_count"] + $at["benign_count"] + $at["sdc_count"] + $at["due_count"]
                       print "faults: " sum ", of them dead " $at["dead_count"] ", SDC " $at["sdc_count"]
                       if (sum != 100) exit 1 }' "$folder/results-$format/policies.csv"
}

words() {
    quietly "$fluence" simulate "$bundle" --accelerator "edge-16x16-$format"
    grep '^total' "$folder/log.txt"
    quietly "$fluence" inject "$bundle" --model seu --accelerator "edge-16x16-$format" --faults 100 --images 1 -j 1 \
        -o "$folder/results-$format"
    awk -F, 'NR > 1 { faults += 1; changed += $0 ~ /,(benign|sdc),/ }
             END { print "faults: " faults ", other logits in " changed
                   if (faults != 100) exit 1 }' "$folder/results-$format/faults.csv"
}

for format in int8 fxp8 fxp16 fxp32 bf16 fp32; do
    echo "$network in $format"
    bundle=$folder/bundle-$format
    quietly "$fluence" import "$network" --random-weights 1 --images 4 --format "$format" --output "$bundle"
    case $format in
        int8 | fxp8) codes ;;
        *) words ;;
    esac
    rm -rf "$bundle"
done
