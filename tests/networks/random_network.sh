#!/bin/sh
# random_network.sh FLUENCE NETWORK: a listed network with random weights goes the whole way. The machine must compute
# the golden activations, and a campaign must account for all of its 100 faults (in DRAM and PEs: most of this
# machine's buffers is empty).
set -eu
fluence=$1
network=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$fluence" import "$network" --random-weights 1 --output "$folder/bundle"
"$fluence" simulate "$folder/bundle" --accelerator cloud-32x32 --image 0 | tee "$folder/simulate.txt" | tail -n 1
grep -q "equal the bundle's golden activations" "$folder/simulate.txt"
cat >"$folder/experiment.json" <<JSON
{ "name": "$network", "workload": { "bundle": "$folder/bundle" }, "accelerator": "cloud-32x32", "policies": ["none"],
  "fault_model": { "name": "seu",
    "cross_section": { "weight_buffer": 0, "activation_buffer": 0, "output_buffer": 0 } }, "images": 4, "faults": 100, "seed": 1 }
JSON
"$fluence" run "$folder/experiment.json" -o "$folder/results" -j 1 >"$folder/run.txt" 2>&1 ||
    { cat "$folder/run.txt"; exit 1; }
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
         NR == 2 { sum = $at["masked_count"] + $at["benign_count"] + $at["sdc_count"] + $at["due_count"]
                   print "faults: " sum ", of them dead " $at["dead_count"] ", SDC " $at["sdc_count"]
                   if (sum != 100) exit 1 }' "$folder/results/policies.csv"
