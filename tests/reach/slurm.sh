#!/usr/bin/env bash
# A real Slurm of one machine: slurm.sh OUTBOARD SESSION PART
set -u
outboard=$1 session=$2 part=$3
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /tmp/outboard-slurm.XXXXXX) && chmod 700 "$work"
export XDG_RUNTIME_DIR=$work/run XDG_CONFIG_HOME=$work/config XDG_CACHE_HOME=$work/cache OUTBOARD_CACHE=$work/kernels
mkdir -p "$XDG_RUNTIME_DIR"
export OUTBOARD_STATE=$work/state XDG_STATE_HOME=$work/state
unset OUTBOARD_TARGET OUTBOARD_DIRECT OUTBOARD_VERBOSE OUTBOARD_PLACE
. "$here/cluster.sh"
clean() { stop_cluster; rm -rf "$work"; }
trap clean EXIT
fail() { echo "FAILED: $1"; squeue 2>/dev/null; exit 1; }
has() { grep -q -- "$2" <<<"$1" || fail "$3: $1"; }
wait_for() { for _ in $(seq "${2:-100}"); do eval "$1" && return 0; sleep 0.1; done; return 1; }
run() { timeout 100 "$outboard" run "$@"; }
no_jobs() { wait_for '[ -z "$(squeue -h -t PD,R,CF)" ]' || fail "a job is left"; }
seconds() { date +%s.%N; }
# A session that goes on until $work/stop is there; its output in $work/out.
begin() {
  rm -f "$work/stop"; : >"$work/out"
  timeout 150 "$outboard" run -v --on "$1" -- "$session" 0 "$work/stop" >>"$work/out" 2>&1 & program=$!
  wait_for 'grep -q started "$work/out"' 200 || fail "the session does not start: $(cat "$work/out")"
}
told() {  # the seconds until a word is said
  words=$1; local from; from=$(seconds)
  wait_for 'grep -q "$words" "$work/out"' 150 || { fail "nothing is said of '$words': $(cat "$work/out")" >&2; }
  awk "BEGIN {print $(seconds) - $from}"
}
within_5_seconds() { awk "BEGIN {exit !($1 < 5)}" || fail "$2 after $1 s"; }

places() {
  said=$(run -v --on 'slurm://gpu?gres=vgpu:1,vgmem:20G&time=5' -- "$session" 20 2>&1) || fail "a session: $said"
  has "$said" 'good 20' "a session's result"
  has "$said" "slurm://gpu.*: directly, over TLS to" "which way it went"
  no_jobs
  said=$(OUTBOARD_DIRECT=off run --on 'slurm://?gres=gpu:1' -- sh -c "'$session' 5 & '$session' 5; wait" 2>&1)
  [ "$(grep -c 'good 5' <<<"$said")" = 2 ] || fail "two processes in one place: $said"
  no_jobs
  # A program that Outboard does not run: its driver library takes a place of its own.
  said=$(LD_LIBRARY_PATH=$(dirname "$outboard")/../lib/remote OUTBOARD_TARGET='slurm://gpu?gres=vgpu:1' timeout 60 "$session" 5 2>&1) || fail "by itself: $said"
  has "$said" 'good 5' "by itself"
  no_jobs
  run --on slurm://gpu -- sh -c 'exit 7' ; [ $? -eq 7 ] || fail "the program's exit code"
  # What was asked for reaches Slurm, which counts it.
  begin 'slurm://gpu?gres=vgpu:1,vgmem:150G&mem=600M&time=1:30:00&cpus=2&nodes=n1'; first=$program
  has "$(squeue -h -o '%m %l %C %b %N')" '600M 1:30:00 2 .*vgpu:1,.*vgmem:150G n1' "memory, time, processors, shares"
  waits_for_a_full_node() {
    rm -f "$work/waiting"
    timeout 60 "$outboard" run --on "slurm://gpu?nodes=n1&$1" -- "$session" 1 >"$work/waiting" 2>&1 & second=$!
    wait_for 'grep -q "waits: Resources" "$work/waiting"' || fail "$1 on a full node: $(squeue -o "%i %T %r %m %b"; cat "$work/waiting")"
    kill -TERM $second; wait $second
    wait_for '[ "$(squeue -h -t PD | wc -l)" = 0 ]' || fail "who stops waiting leaves no job"
  }
  waits_for_a_full_node mem=600M
  waits_for_a_full_node gres=vgmem:20G
  touch "$work/stop"; wait $first || fail "the session with memory: $(cat "$work/out")"
  no_jobs
  # Eight virtual GPUs a node: the seventeenth waits, and it is said what for.
  begin 'slurm://gpu?gres=vgpu:8'; first=$program
  sbatch -Q --output=/dev/null --gres=vgpu:8 --wrap 'sleep 300' || fail sbatch
  rm -f "$work/waiting"
  timeout 60 "$outboard" run --on 'slurm://gpu?gres=vgpu:1' -- "$session" 1 >"$work/waiting" 2>&1 & second=$!
  wait_for 'grep -q "waits: Resources" "$work/waiting"' || fail "a full cluster makes it wait: $(cat "$work/waiting")"
  kill -TERM $second; wait $second
  wait_for '[ "$(squeue -h -t PD | wc -l)" = 0 ]' || fail "who stops waiting leaves no job"
  touch "$work/stop"; wait $first || fail "the first session: $(cat "$work/out")"
  scancel --user "$(id -un)"; no_jobs
  # The program on a node without a GPU, its device on one that has them.
  said=$(run -v --on 'slurm://gpu?gres=vgpu:1&client=cpu' -- sh -c "echo on \$SLURMD_NODENAME; exec '$session' 5" 2>&1) || fail "a heterogeneous job: $said"
  has "$said" 'on c1' "the program's node"; has "$said" 'good 5' "a heterogeneous job"
  no_jobs
  "$outboard" join 'slurm://gpu?gres=vgpu:1' --name cluster >/dev/null || fail join
  has "$("$outboard" targets)" '^cluster  *ok *partition gpu: [0-9]* of 2 nodes idle, each with gpu:2,vgpu:8,vgmem:160G' "targets"
  run --on cluster -- "$session" 1 >/dev/null 2>&1 || fail "by its name"
  "$outboard" doctor --on cluster --quiet >/dev/null 2>"$work/error"; [ $? -ne 4 ] || fail "the doctor of a node: $(cat "$work/error")"
  no_jobs
}

# Programs that are sent to a node.
shipping() {
  mkdir "$work/here"; cd "$work/here" || exit 1
  ship() { timeout 60 "$outboard" exec -q --on 'slurm://gpu?gres=vgpu:1' "$@"; }
  cat >counts <<'END'
#!/bin/sh
trap 'echo interrupted; exit 5' INT
echo "on $SLURMD_NODENAME, given $1"
cat >copy
[ "$1" = stays ] && while sleep 0.1; do :; done
exit "$1"
END
  chmod +x counts
  said=$(echo carried | ship -- ./counts 7 2>"$work/error"); code=$?
  [ $code -eq 7 ] || fail "the program's exit code is $code: $(cat "$work/error")"
  has "$said" 'on n[12], given 7' "what it wrote"
  [ "$(cat copy)" = carried ] || fail "its input, and its results: $(cat copy)"
  no_jobs
  # An interrupt is the program's; its end is the job's.
  ship -- ./counts stays >"$work/said" 2>&1 </dev/null & program=$!
  wait_for 'grep -q "given stays" "$work/said"' || fail "a program that stays: $(cat "$work/said")"
  has "$("$outboard" jobs --on slurm://)" 'running .*counts stays (RUNNING on n[12]' "outboard jobs"
  kill -INT "$(pgrep -P $program)"
  wait $program; [ $? -eq 5 ] || fail "an interrupt: $(cat "$work/said")"
  has "$(cat "$work/said")" interrupted "an interrupt"
  no_jobs
  wait_for '"$outboard" jobs --on slurm:// | grep -q "[0-9]  *done  *0 .*counts 7 (COMPLETED on n"' || fail "a job that is over is listed: $("$outboard" jobs --on slurm://)"
  # Slurm's own cancelling is told, and nothing is left on the node.
  ship -- ./counts stays >"$work/said" 2>&1 </dev/null & program=$!
  wait_for 'grep -q "given stays" "$work/said"' || fail "a program that stays: $(cat "$work/said")"
  number=$("$outboard" jobs --on slurm:// --json | python3 -c 'import json,sys; print(next(job["job"] for job in json.load(sys.stdin) if job["state"] == "running"))')
  has "$("$outboard" cancel --on slurm:// "$number")" "$number is cancelled" "outboard cancel"
  wait $program; [ $? -eq 125 ] || fail "a job that is cancelled: $(cat "$work/said")"
  has "$(cat "$work/said")" 'was cancelled\|has failed' "a job that is cancelled"
  wait_for '! pgrep -f "counts stays" >/dev/null' 200 || fail "a program goes on without its job"
  cd "$here" || exit 1
}

# Programs that go on without us, and what is left of them when their job is over.
detached() {
  mkdir "$work/here"; cd "$work/here" || exit 1
  leave() { timeout 60 "$outboard" exec -q --detach --on 'slurm://gpu?gres=vgpu:1' "$@"; }
  jobs() { "$outboard" jobs; }
  cat >steps <<'END'
#!/bin/sh
echo "began on $SLURMD_NODENAME"
until [ -e "$2" ]; do sleep 0.1; done
echo ended; echo good >result; exit "$1"
END
  chmod +x steps
  job=$(leave -- ./steps 7 "$work/go" 2>"$work/error") || fail "exec --detach: $(cat "$work/error")"
  sleep 10  # longer than the lease of the server that took it in
  has "$(jobs)" "$job  *running .*steps 7 .* (RUNNING on n[12]" "outboard jobs"
  timeout 60 "$outboard" logs "$job" >"$work/log" 2>&1
  has "$(cat "$work/log")" 'began on n[12]' "outboard logs while it runs"
  timeout 60 "$outboard" wait "$job" 2>"$work/error" & waiting=$!
  timeout 60 "$outboard" logs -f "$job" >"$work/log" 2>&1 & following=$!
  sleep 3; touch "$work/go"
  wait $waiting; code=$?; [ $code -eq 7 ] || fail "outboard wait: $code, $(cat "$work/error")"
  wait $following; has "$(tr '\n' ' ' <"$work/log")" 'began on n[12] ended' "outboard logs -f"
  no_jobs
  wait_for 'jobs | grep -q "$job  *done  *7 "' || fail "a program that has ended: $(jobs)"
  timeout 60 "$outboard" fetch "$job" >"$work/said" 2>&1 || fail "outboard fetch: $(cat "$work/said")"
  has "$(cat "$work/said")" 'is over; another one goes to n[12]' "whom fetch asks"
  [ "$(cat result)" = good ] || fail "the result"
  no_jobs
  job=$(leave -- ./steps 0 "$work/never") || fail "exec --detach"
  has "$("$outboard" cancel "$job")" 'is cancelled' "outboard cancel"
  no_jobs
  wait_for '! pgrep -f "steps 0 $work" >/dev/null' 200 || fail "a program goes on without its job"
  wait_for 'jobs | grep -q "$job  *cancelled"' || fail "a program that was cancelled: $(jobs)"
  has "$("$outboard" exec --detach --on 'slurm://gpu?requeue=1' -- ./steps 0 2>&1)" 'does not go with --detach' "requeue=1"
  # What is not there is said, and its job goes.
  leave -- ./steps-not-there >/dev/null 2>&1; [ $? -eq 127 ] || fail "a program that is missing"
  no_jobs
  cd "$here" || exit 1
}

# A node without Outboard gets a copy, after a yes; whatever is cut on the way leaves neither a job nor half a copy.
bootstrap() {
  local cache=$XDG_CACHE_HOME/outboard way pids
  mkdir "$work/fake"  # commands of the node
  fake() { printf '#!/bin/sh\n%s\n' "$2" >"$work/fake/$1"; chmod +x "$work/fake/$1"; }
  boot() { PATH=$work/fake:$PATH timeout 100 "$outboard" run --bootstrap --yes --on 'slurm://gpu?gres=vgpu:1' -- "$@"; }
  nothing_left() {
    wait_for '[ -z "$(squeue -h)" ]' 250 || fail "$1 leaves a job"
    wait_for '[ -z "$(of_node n1; of_node n2)" ]' || fail "$1 leaves $(ps -o args= $(of_node n1; of_node n2))"
    [ -z "$(find "$cache" -mindepth 1 2>/dev/null)" ] || fail "$1 leaves $(find "$cache" | head -3)"
    [ -z "$(find "/tmp/outboard-$(id -u)" -name '*.alive' -newer "$SLURM_CONF" 2>/dev/null)" ] || fail "$1 leaves a sign of life"
  }
  refused() {  # what, words
    said=$(boot true 2>&1 </dev/null); code=$?
    [ $code -eq 2 ] || fail "$1: exit code $code: $said"
    has "$said" "$2" "$1"
    nothing_left "$1"; rm -f "$work"/fake/*
  }
  said=$(setsid -w "$outboard" run --bootstrap --on slurm://gpu -- true 2>&1 </dev/null)
  has "$said" 'nobody said yes' "nothing is copied without a yes"
  [ -z "$(squeue -h -t all)" ] || fail "a job is submitted without a yes"
  has "$(run --bootstrap --on 'slurm://gpu?client=cpu' -- true 2>&1)" 'does not go with client=PARTITION' "two nodes"
  fake uname 'case $* in -m) echo aarch64;; *) exec /usr/bin/uname "$@";; esac'
  refused "another architecture" 'n[12] of slurm://.*is Linux aarch64, and this Outboard is built for'
  fake getconf 'echo glibc 2.17'
  refused "an older C library" 'needs glibc 2\.[0-9]*, and that machine has 2.17'
  fake tar 'head -c 100000 >/dev/null; echo "tar: write error: No space left on device" >&2; exit 2'
  refused "a full disk" 'failed; it said: tar: .*No space left'
  fake tar '/usr/bin/tar "$@" && printf X | dd of="$3/bin/outboard" bs=1 seek=5000 conv=notrunc status=none'
  refused "a byte that has changed" 'what arrived is not what was sent'
  fake mktemp 'echo "mktemp: Permission denied" >&2; exit 1'
  refused "a cache that cannot be written" 'failed; it said: mktemp: Permission denied'
  # In the middle of the copy: interrupted, ended, its step killed, cancelled by somebody else.
  fake tar "head -c 100000 >/dev/null; echo >$work/begun.\$SLURM_JOB_ID; exec sleep 300"
  copying() { rm -f "$work"/begun.*; PATH=$work/fake:$PATH "$outboard" run --bootstrap --yes --on 'slurm://gpu?gres=vgpu:1' -- true >"$work/said.$1" 2>&1 & program=$!
    wait_for 'ls "$work"/begun.* >/dev/null 2>&1' || fail "the copy does not begin: $(cat "$work/said.$1")"; }
  for way in INT TERM step cancel; do
    copying $way
    case $way in
      INT | TERM) kill -$way $program ;;
      step) pkill -9 -P $program -f 'sha256sum -c manifest' ;;
      cancel) scancel --user "$(id -un)" ;;
    esac
    wait $program; code=$?
    [ $code -eq 2 ] || fail "$way in the middle of the copy: exit code $code: $(cat "$work/said.$way")"
    nothing_left "$way in the middle of the copy"
  done
  # Whoever says nothing more is not waited for: killed, killed with all that it started, stopped.
  copying killed; kill -9 $program
  copying all; kill -9 $program $(pgrep -P $program)
  copying stopped; kill -STOP $program
  nothing_left "a client that says nothing more"
  kill -CONT $program; wait $program; [ $? -eq 2 ] || fail "a client that was stopped: $(cat "$work/said.stopped")"
  rm "$work/fake/tar"
  # At last whole, in the job that serves.
  said=$("$here/type_in.py" 'if none is there' y "$outboard" run --bootstrap --on slurm://gpu -- "$session" 3) || fail "a copy for a node: $said"
  has "$said" 'copying outboard .* to n[12] of slurm://gpu' "what is copied"; has "$said" 'good 3' "a session of the copy"
  wait_for '[ "$(squeue -h -t CD | wc -l)" = 1 ]' || fail "one job that ends well: $(squeue -t all)"
  [ -x "$cache/"protocol-*/bin/outboard ] || fail "the copy is in its place"
  said=$(boot sh -c "pgrep -f '$cache/.*bin/outboard serve' >/dev/null && echo served by the copy; exec '$session' 3" 2>&1) || fail "the second time: $said"
  ! grep -q copying <<<"$said" || fail "it is copied again: $said"
  has "$(PATH=$work/fake:$PATH timeout 60 "$outboard" doctor --bootstrap --yes --on slurm://gpu --quiet; echo "code $?")" 'code [^4]' "the doctor of a node"
  rm -rf "$cache"
  cd "$work" || exit 1
  job=$(timeout 60 "$outboard" exec -q --detach --bootstrap --yes --on slurm://gpu -- sh -c 'exit 6' 2>"$work/error") || fail "exec --detach: $(cat "$work/error")"
  timeout 60 "$outboard" wait "$job"; [ $? -eq 6 ] || fail "exec --detach with a copy"
  cd "$here" || exit 1
}

failures() {
  has "$(run --on 'slurm://nowhere' -- true 2>&1)" 'no partition .nowhere.\|[Ii]nvalid partition' "a partition that is not there"
  has "$(run --on 'slurm://gpu?gres=vgpu:9' -- true 2>&1)" 'Slurm refuses (sbatch)' "more than a node has"
  has "$(run --on 'slurm://gpu?colour=red' -- true 2>&1)" "not asked for 'colour'" "an unknown key"
  has "$(run --on 'slurm://gpu?mem=20X' -- true 2>&1)" "'20X' is not a size" "a size that is none"
  has "$(run --on 'slurm://gpu?time=soon' -- true 2>&1)" "'soon' is not a time" "a time that is none"
  has "$(run --on 'slurm://gpu?mem=2T' -- true 2>&1)" 'Slurm refuses (sbatch)' "more memory than a node has"
  has "$(run --on 'slurm://gpu?gres=vgmem:much' -- true 2>&1)" 'Slurm refuses (sbatch)' "a share that is none"
  [ -z "$(squeue -h)" ] || fail "something was submitted all the same"
  has "$(PATH=/nonexistent "$outboard" run --on slurm://gpu -- true 2>&1)" "there is no 'sinfo' on this machine" "no Slurm"
  # The client goes without a word: the job goes, too.
  begin 'slurm://gpu?gres=vgpu:1'
  pkill -9 -P $program; wait $program 2>/dev/null
  wait_for '[ -z "$(squeue -h)" ]' 200 || fail "a client that was killed leaves its job"
  # Cancelled by somebody, or over its time.
  begin 'slurm://gpu?gres=vgpu:1'
  scancel --user "$(id -un)"
  took=$(told 'was cancelled\|has failed'); within_5_seconds "$took" "a cancelled job is told"
  wait $program; [ $? -eq 2 ] || fail "a cancelled job is an error of the device: $(cat "$work/out")"
  no_jobs
  # A node that dies as a whole.
  begin 'slurm://gpu?gres=vgpu:1&nodes=n1'
  victims=$(of_node n1 all)
  kill -9 ${node_daemon[n1]} $victims
  took=$(told 'has failed'); within_5_seconds "$took" "a dead node is told"
  echo "a dead node is told after $took s: $(grep 'has failed' "$work/out")"
  wait $program; [ $? -eq 2 ] || fail "a dead node is an error of the device: $(cat "$work/out")"
}

# Nobody serves beside his successor: whatever happens on the old node, its servers have ended, or end without a word,
# before the next generation's serve.
fencing() { fence agent_killed host_killed; }
fencing_more() { fence stopped link_cut; }
fence() {
  local here_node generation name="" place
  node_of() { squeue -h -o %N -t R | head -1; }
  servers_of() { pgrep -f -- "serve --stdio --exec --lease file:/tmp/outboard-[0-9]*/place-$1,"; }
  names() { pgrep -f -a -- 'serve --stdio --exec --lease file:/tmp/outboard' | grep -F "$outboard" | grep -o 'place-[0-9a-f]*-[0-9]*' | grep -F "${1:-}" | sort -u | cut -d- -f2-; }
  begin 'slurm://gpu?gres=vgpu:1&requeue=1'
  for way in "$@"; do
    here_node=$(node_of)
    [ -n "${name:-}" ] || name=$(names | head -1)
    place=${name%-*} generation=${name##*-}
    [ -n "$generation" ] || fail "$way: no server is there"
    old=$(servers_of "$name")
    case $way in
      agent_killed) victims="-9 ${node_daemon[$here_node]}" ;;  # the servers live on
      host_killed) victims="-9 ${node_daemon[$here_node]} $(of_node "$here_node" all)" ;;
      stopped) victims="-STOP $(of_node "$here_node" all)" ;;
      link_cut) victims="-STOP $(pgrep -f -- "srun --jobid=.*place keep .*place-$name")" ;;
    esac
    : >"$work/out"
    from=$(seconds)
    kill $victims
    wait_for 'grep -q "has failed\|was cancelled" "$work/out"' 400 || fail "$way: nothing is said: $(cat "$work/out")"
    took=$(awk "BEGIN {print $(seconds) - $from}")
    [ $way = agent_killed ] || within_5_seconds "$took" "$way is told"
    if [ $way = stopped ]; then  # the node wakes up when its lease is over: its servers must not serve, not even once
      sleep 9
      kill -CONT $(of_node "$here_node" all)
      for pid in $old; do wait_for '[ ! -d /proc/$pid ] || grep -q "^State:.*Z" /proc/$pid/status' 30 || fail "$way: server $pid serves again after it was stopped"; done
    fi
    wait_for 'grep -q "runs again, on" "$work/out"' 900 || fail "$way: the job does not run again: $(cat "$work/out")"
    # From here on the next generation may serve: of the old one nobody may.
    for pid in $old; do
      [ ! -d "/proc/$pid" ] || grep -q '^State:.*Z' "/proc/$pid/status" || fail "$way: server $pid of generation $generation is there while its successor serves"
    done
    wait_for 'grep -q started "$work/out"' 300 || fail "$way: the program does not start again: $(cat "$work/out")"
    name=$(names "$place-")
    [ "$(wc -w <<<"$name")" = 1 ] && [ "${name##*-}" -gt "$generation" ] || fail "$way: servers of $name after $generation"
    echo "$way: told after $took s; generation $generation, then ${name##*-}, on $(node_of)"
    case $way in agent_killed | host_killed) start_node "$here_node" ;; esac
  done
  touch "$work/stop"; wait $program || fail "the program ends well: $(cat "$work/out")"
  has "$(cat "$work/out")" good "the program ends well"
}

start_cluster
$part
exit 0
