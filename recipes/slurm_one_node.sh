#!/usr/bin/env bash
# A SLURM cluster of this one machine, to try recipes/slurm.sh on: munge, slurmctld and slurmd without systemd, as root.
#   apt-get install slurm-wlm munge
#   recipes/slurm_one_node.sh FOLDER        starts it; settings, state and logs lie in FOLDER
#   export SLURM_CONF=FOLDER/slurm.conf     for sbatch, squeue and sacct
#   kill $(cat FOLDER/*.pid)                ends it
set -euo pipefail
folder=$(realpath -m "$1") host=$(hostname -s)
mkdir -p "$folder/state" "$folder/spool"
cat >"$folder/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
SlurmUser=root
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=4096 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF="$folder/slurm.conf"
install -d -m 700 -o munge "$folder/munge"
dd if=/dev/urandom of="$folder/munge/key" bs=1024 count=1 status=none
chown munge "$folder/munge/key" && chmod 400 "$folder/munge/key"
runuser -u munge -- munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
    --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
ln -sf "$folder/munge/socket" "$folder/munge.socket"
ln -sf "$folder/munge/pid" "$folder/munged.pid"
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
for _ in $(seq 30); do
    sinfo -h -o %T | grep -q idle && exec sinfo
    sleep 1
done
echo "the node did not come up; see $folder/slurmd.log" >&2
exit 1
