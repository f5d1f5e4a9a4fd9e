#!/usr/bin/env bash
# Starts a Slurm of one node on this machine, runs a small campaign as a job array with one shard killed on the
# way, merges it and compares it with the campaign run in one. Needs root and the packages slurmd, slurmctld,
# slurm-client and munge; all of its files are in a temporary folder and all of its processes end with it.
#   configs/cluster/try-slurm.sh [build/release/fluence]
# Exit code 0: identical bytes; 77: Slurm is not installed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FLUENCE=$(realpath "${1:-$here/../../build/release/fluence}")
export FLUENCE
for tool in munged slurmctld slurmd sbatch; do
    if ! command -v "$tool" >/dev/null; then
        echo "SKIPPED: $tool is not installed; the Slurm job array was not tried" >&2
        exit 77
    fi
done

work=$(mktemp -d /tmp/fluence-slurm.XXXXXX)
pids=()
stop() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT

host=$(hostname -s)
export SLURM_CONF=$work/slurm.conf
cat >"$SLURM_CONF" <<END
ClusterName=fluence
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge.socket
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,batch_sched_delay=1
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
mkdir -p "$work/state" "$work/spool" "$work/out"
chmod 755 "$work"
head -c 1024 /dev/urandom >"$work/munge.key"
chmod 600 "$work/munge.key"
munged --foreground --force --key-file="$work/munge.key" --socket="$work/munge.socket" \
    --pid-file="$work/munge.pid" --log-file="$work/munge.log" --seed-file="$work/munge.seed" 2>"$work/munged.err" &
pids+=($!)
slurmctld -D -f "$SLURM_CONF" >"$work/ctld.out" 2>&1 &
pids+=($!)
slurmd -D -f "$SLURM_CONF" >"$work/slurmd.out" 2>&1 &
pids+=($!)
show_logs() {
    tail -n 20 "$work"/*.err "$work"/*.log "$work"/*.out "$work"/out/*.log >&2 || true
}
for _ in $(seq 60); do
    sinfo -h -o %t 2>/dev/null | grep -q idle && break
    sleep 1
done
sinfo -h -o %t | grep -q idle || { show_logs; echo "Slurm did not start" >&2; exit 1; }
echo "Slurm $(sinfo --version | cut -d' ' -f2): one node, $(nproc) processors"

campaign=(lenet5-glyphs --faults 20000 --images 100)
shards=7
cd "$work/out"
start=$(date +%s)
"$here/submit.sh" "$shards" "$work/out/campaign" "${campaign[@]}"
# Shard 1 dies on the way; Slurm is told to run it again, as after the loss of its node.
job=$(squeue -h -o %A -S i | sort -n | head -1)
for _ in $(seq 300); do
    [ -s "$work/out/campaign/shards/1-of-$shards.sqlite.partial" ] && break
    sleep 0.2
done
scontrol requeue "${job}_1" && echo "shard 1 was killed by Slurm and requeued"
while [ -n "$(squeue -h)" ]; do
    sleep 1
done
echo "all jobs ended after $(($(date +%s) - start)) s"
"$FLUENCE" run "${campaign[@]}" -o "$work/out/alone" >/dev/null 2>&1
sha256sum "$work/out/campaign/results.sqlite" "$work/out/alone/results.sqlite" || { show_logs; exit 1; }
cmp "$work/out/campaign/results.sqlite" "$work/out/alone/results.sqlite"
echo "identical"
