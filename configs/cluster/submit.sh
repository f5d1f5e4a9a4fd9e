#!/usr/bin/env bash
# A campaign as a Slurm job array of shards, and a job that merges them when all have ended well.
#   FLUENCE=build/release/fluence SBATCH_OPTIONS="--cpus-per-task=8 --time=4:00:00" \
#       configs/cluster/submit.sh COUNT OUTPUT EXPERIMENT [options of fluence run]
# OUTPUT must be on a file system that all nodes see. Submitting again resumes shards that are not finished.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "usage: submit.sh COUNT OUTPUT EXPERIMENT [options of fluence run]" >&2
    exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
count=$1 output=$2
shift 2
FLUENCE=$(realpath "${FLUENCE:-$here/../../build/release/fluence}")
export FLUENCE
read -r -a extra <<<"${SBATCH_OPTIONS:-}"
mkdir -p "$output"
array=$(sbatch --parsable --array="1-$count" --chdir="$PWD" "${extra[@]}" "$here/shard.sbatch" "$@" -o "$output")
merge=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes --chdir="$PWD" "$here/merge.sbatch" \
    "$output" "$count")
echo "array job $array, merge job $merge; results will be in $output/results.sqlite"
