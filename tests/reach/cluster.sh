# A Slurm cluster of one machine, for the test that sources this: start_cluster, $work/slurm, stop_cluster.
# Two nodes with pretended GPUs (n1, n2) and one without (c1), each a slurmd of its own; munge with a key of its own; no
# root, no cgroups, no systemd. Failures are noticed in seconds, where Slurm's defaults are minutes.
declare -A node_daemon=()
cluster_daemons=()

cluster_ports() {  # five ports that nobody listens on, in a row
  local try
  while base=$((20000 + RANDOM % 30000)); do
    for try in 0 1 2 3; do (: <>/dev/tcp/127.0.0.1/$((base + try))) 2>/dev/null && continue 2; done
    return
  done
}

write_cluster() {
  local me host
  me=$(id -un) host=$(hostname -s)
  mkdir -p "$slurm"/{state,spool/n1,spool/n2,spool/c1,log,dev/n1,dev/n2,munge,socket}
  chmod 700 "$slurm/munge"
  for node in n1 n2; do for gpu in 0 1; do ln -s /dev/null "$slurm/dev/$node/nvidia$gpu"; done; done
  cat >"$slurm/slurm.conf" <<END
ClusterName=outboardtest
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$base
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$slurm/socket/munge,cred_expire=5
StateSaveLocation=$slurm/state
SlurmdSpoolDir=$slurm/spool/%n
SlurmctldPidFile=$slurm/slurmctld.pid
SlurmdPidFile=$slurm/slurmd-%n.pid
SlurmctldLogFile=$slurm/log/slurmctld
SlurmdLogFile=$slurm/log/slurmd-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=1
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
SlurmdTimeout=4
KillWait=1
MinJobAge=60
TCPTimeout=2
MessageTimeout=5
BatchStartTimeout=5
ReturnToService=2
GresTypes=gpu,vgpu,vgmem
PropagateResourceLimitsExcept=ALL
MailProg=/bin/true
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + 1)) CPUs=8 RealMemory=1000 Gres=gpu:2,vgpu:8,vgmem:160G State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + 2)) CPUs=8 RealMemory=1000 Gres=gpu:2,vgpu:8,vgmem:160G State=UNKNOWN
NodeName=c1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + 3)) CPUs=8 RealMemory=1000 State=UNKNOWN
PartitionName=gpu Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
PartitionName=cpu Nodes=c1 MaxTime=INFINITE State=UP
END
  for node in n1 n2; do
    echo "NodeName=$node Name=gpu File=$slurm/dev/$node/nvidia[0-1]"
    echo "NodeName=$node Name=vgpu Count=8 Flags=CountOnly"
    echo "NodeName=$node Name=vgmem Count=160G Flags=CountOnly"
  done >"$slurm/gres.conf"
  printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$slurm/cgroup.conf"
}

start_node() {
  slurmd -D -N "$1" >>"$slurm/log/$1.out" 2>&1 & node_daemon[$1]=$!
}

idle_nodes() { sinfo -h -N -t idle -o %N 2>/dev/null | sort -u | wc -l; }

start_cluster() {
  local tool
  for tool in slurmctld slurmd munged srun sbatch; do
    PATH=$PATH:/usr/sbin command -v $tool >/dev/null || { echo "$tool is missing; tools/setup installs it"; exit 1; }
  done
  export PATH=$PATH:/usr/sbin
  slurm=$work/slurm
  cluster_ports
  write_cluster
  export SLURM_CONF=$slurm/slurm.conf
  head -c 128 /dev/urandom >"$slurm/munge/key"; chmod 400 "$slurm/munge/key"
  munged --force --foreground --key-file="$slurm/munge/key" --socket="$slurm/socket/munge" --pid-file="$slurm/munge/pid" \
    --log-file="$slurm/munge/log" --seed-file="$slurm/munge/seed" --num-threads=2 >"$slurm/log/munged" 2>&1 & cluster_daemons+=($!)
  for _ in $(seq 100); do [ -S "$slurm/socket/munge" ] && break; sleep 0.02; done
  slurmctld -D -i >"$slurm/log/slurmctld.out" 2>&1 & cluster_daemons+=($!)
  for node in n1 n2 c1; do start_node $node; done
  for _ in $(seq 200); do [ "$(idle_nodes)" = 3 ] && return 0; sleep 0.1; done
  echo "the cluster does not start:"; sinfo -N -l; tail -n 3 "$slurm"/log/*
  exit 1
}

# Processes that a node runs for jobs: the tasks, and with "all" the daemons of their steps.
of_node() {
  local pid
  grep -lszx "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ | xargs -r grep -lszx "SLURMD_NODENAME=$1" | while IFS=/ read -r _ _ pid _; do
    echo "$pid"
    [ "${2:-}" = all ] && awk '/^PPid/ {print $2}' "/proc/$pid/status" 2>/dev/null
  done | sort -un | while read -r pid; do [ "$pid" -gt 1 ] && [ "$pid" != $$ ] && [ "$pid" != "${node_daemon[$1]}" ] && echo "$pid"; done
}

stop_cluster() {
  scancel --user "$(id -un)" 2>/dev/null
  for node in n1 n2; do kill -CONT $(of_node $node all) 2>/dev/null; kill -9 $(of_node $node all) 2>/dev/null; done
  kill "${node_daemon[@]}" "${cluster_daemons[@]}" 2>/dev/null
  for _ in $(seq 30); do kill -0 "${node_daemon[@]}" "${cluster_daemons[@]}" 2>/dev/null || break; sleep 0.1; done
  kill -9 "${node_daemon[@]}" "${cluster_daemons[@]}" 2>/dev/null  # slurmd waits for ever for some steps that were killed
  wait "${node_daemon[@]}" "${cluster_daemons[@]}" 2>/dev/null
}
