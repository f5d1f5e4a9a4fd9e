#!/bin/sh
# The delta engine against dense re-inference through oneDNN: one process, one thread, one core, processor time.
#   bench/engine_ratio.sh [NETWORK | NETWORK=BUNDLE] …    of resnet20, resnet18, vgg16; random weights without a bundle;
#                                                         without arguments all three
# FLUENCE_BUILD: the build folder (default build/release); CORE: the core (default 0).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
export OMP_NUM_THREADS=1
exec taskset -c "${CORE:-0}" "${FLUENCE_BUILD:-$root/build/release}/bench/engine_ratio" \
    "$root/configs/accelerators/edge-16x16.json" "$@"
