#!/usr/bin/env bash
# A program that is shipped to a node of a real Slurm: over_slurm.sh OUTBOARD GPU_PROGRAM
set -u
outboard=$1 program=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /tmp/outboard-slurm.XXXXXX) && chmod 700 "$work"
export XDG_RUNTIME_DIR=$work/run XDG_CONFIG_HOME=$work/config XDG_CACHE_HOME=$work/cache OUTBOARD_CACHE=$work/kernels
export XDG_STATE_HOME=$work/mine OUTBOARD_STATE=$work/state
mkdir -p "$XDG_RUNTIME_DIR" "$work/here"
unset OUTBOARD_TARGET OUTBOARD_DIRECT OUTBOARD_VERBOSE OUTBOARD_PLACE
. "$here/../reach/cluster.sh"
. "$here/as_written.sh"
clean() { stop_cluster; rm -rf "$work"; }
trap clean EXIT
fail() { echo "FAILED: $1"; squeue 2>/dev/null; exit 1; }
no_jobs() { for _ in $(seq 100); do [ -z "$(squeue -h -t PD,R,CF)" ] && return; sleep 0.1; done; fail "a job is left"; }

start_cluster
cd "$work/here" || exit 1
run_as_written "--on 'slurm://gpu?" "$program"
no_jobs
printf '#!/bin/sh\ncat; exit 7\n' >app && chmod +x app
out=$(echo typed | timeout 60 "$outboard" exec -q --on 'slurm://gpu?gres=vgpu:1' -- ./app 2>"$work/err"); code=$?
[ "$code" = 7 ] && [ "$out" = typed ] || fail "streams and exit code: $code: $out: $(cat "$work/err")"
no_jobs
exit 0
