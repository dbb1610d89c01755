#!/usr/bin/env bash
# Programs that are shipped through a real sshd: over_ssh.sh OUTBOARD GPU_PROGRAM PART
set -u
outboard=$1 gpu=$2 part=$3
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../reach/box.sh"
export XDG_STATE_HOME=$work/mine XDG_CACHE_HOME=$work/cache
fail() { echo "FAILED: $1"; tail -5 "$work/log"; exit 1; }
has() { grep -q -- "$2" <<<"$1" || fail "$3: $1"; }
wait_for() { for _ in $(seq 100); do eval "$1" && return 0; sleep 0.1; done; return 1; }
ship() { timeout 60 "$outboard" exec --on ssh://box "$@"; }
left() { pgrep -f -- "supervise-job|$far/.local/state/outboard/exec/jobs" | while read -r pid; do grep -qsz "^HOME=$far" /proc/$pid/environ && echo $pid; done; }

runs() {
  printf '#!/bin/sh\ncat data\ncat\necho result >result\necho wrong >&2\nexit 7\n' >app && chmod +x app
  echo numbers >data
  said=$(ship -q -- true 2>&1); code=$?
  [ $code -eq 125 ] || fail "exit code $code without an outboard there: $said"
  has "$said" 'no outboard is installed there' "what is missing is said"
  ln -sf "$outboard" "$work/far/outboard"

  out=$(echo typed | ship -q --in data -- ./app 2>"$work/err"); code=$?
  [ "$code:$out:$(cat "$work/err")" = "7:numbers
typed:wrong" ] || fail "a run: $code: $out: $(cat "$work/err")"
  [ "$(cat result)" = result ] || fail "its result"

  # A job that nobody waits for, and its results later.
  job=$(ship -q --detach -- sh -c 'echo begun; sleep 1; echo later >later; exit 3') || fail "detach"
  [ ! -e later ] || fail "it was detached"
  timeout 60 "$outboard" wait "$job"; [ $? -eq 3 ] || fail "wait"
  [ "$("$outboard" logs "$job")" = begun ] || fail "logs"
  "$outboard" fetch "$job" >/dev/null && [ "$(cat later)" = later ] || fail "fetch"
  "$outboard" jobs | grep -q "^$job  *done  *3 .*ssh://box" || fail "jobs: $("$outboard" jobs)"

  # What the session goes over ends in the middle, the pipe or the server: the run is taken up again.
  for way in off on; do
    rm -f over "$work/go"
    OUTBOARD_DIRECT=$way ship -- sh -c 'seq 20; until [ -e "$0" ]; do sleep 0.1; done; seq 21 40; echo over >over' "$work/go" >"$work/out" 2>"$work/err" & running=$!
    wait_for 'grep -q "^20$" "$work/out"' || fail "it does not start: $(cat "$work/err")"
    if [ $way = off ]; then forget_connections; else pkill -9 -f -- "^$work/far/outboard serve --stdio"; fi
    wait_for 'grep -q "coming back" "$work/err"' || fail "it is not said that the link broke: $(cat "$work/err")"
    touch "$work/go"
    wait $running || fail "it is not taken up again: $(cat "$work/err")"
    [ "$(cat "$work/out")" = "$(seq 40)" ] || fail "its output: $(cat "$work/out")"
    [ "$(cat over)" = over ] || fail "its result"
  done

  # ssh asks on the terminal; a key that has changed is told in OpenSSH's own words.
  forget_connections
  said=$(TEST_SSH_CONFIG=$work/locked_config "$here/../reach/type_in.py" 'Enter passphrase' secret \
    timeout 60 "$outboard" exec -q --on ssh://locked -- echo let in) || fail "a passphrase on the terminal: $said"
  has "$said" 'let in' "a passphrase on the terminal"
  forget_connections
  echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$work/id.pub")" >"$work/known"
  said=$(ship -q -- true 2>&1); code=$?
  [ $code -eq 125 ] || fail "exit code $code with another host key"
  has "$said" 'REMOTE HOST IDENTIFICATION HAS CHANGED' "OpenSSH's own words"
}

# The TCP connection beneath ssh is cut once, after so many bytes: while ssh signs in, while the bundle travels, while the
# program runs, while results come home.
cuts() {
  local codes=
  ln -sf "$outboard" "$work/far/outboard"
  export OUTBOARD_DIRECT=off TEST_SSH_CONFIG=$work/cut_config
  printf 'exec 3<>/dev/tcp/127.0.0.1/%s; cat <&3 & back=$!; cat >&3; kill $back\n' $port >"$work/passage"
  head -c 100000 /dev/urandom >input
  printf '#!/bin/sh\nfor i in $(seq 20); do echo line $i; sleep 0.02; done; cp input output\n' >app && chmod +x app
  for stage in out:10 out:2000 out:5000 out:9000 out:60000 out:115000 back:10 back:2500 back:4000 back:6000 back:8000 back:10000 back:60000; do
    forget_connections
    rm -f "$work/mark" output
    (echo "Host box"
     echo "  ProxyCommand python3 -B $here/cutting.py $work/mark ${stage%:*} ${stage#*:} bash $work/passage"
     cat "$work/ssh_config") >"$TEST_SSH_CONFIG"
    ship -q --in input -- ./app >"$work/out" 2>"$work/err"; code=$?; said=$(cat "$work/err")
    codes+=" $code"
    [ -e "$work/mark" ] || [ $code -eq 0 ] || fail "cut at $stage: it failed without a cut: $said"
    case $code in
      0) [ "$(cat "$work/out")" = "$(seq -f 'line %g' 20)" ] || fail "cut at $stage: its output: $(cat "$work/out")"
         cmp -s input output || fail "cut at $stage: its result";;
      125) has "$said" '^outboard: ' "cut at $stage: nothing is said"
         [ ! -e output ] || fail "cut at $stage: a result after a failure";;
      *) fail "cut at $stage: exit code $code: $said";;
    esac
    [ "$(ls -A)" = "$(ls -A | grep -v outboard)" ] || fail "cut at $stage: half a file is left: $(ls -A)"
    wait_for '[ -z "$(left)" ]' || fail "cut at $stage: something is left on the far side: $(left)"
  done
  has "$codes" ' 0' "some cuts do no harm"
  has "$codes" ' 125' "some cuts cannot be mended"
}

# By a password, which ssh asks for on the terminal; the terminal is the program's again afterwards.
password() {
  ln -sf "$outboard" "$work/far/outboard"
  add_person
  echo numbers >data
  said=$("$here/../reach/type_in.py" "'s password:" secret timeout 60 \
    "$outboard" exec -q -t --on ssh://person --in data -- sh -c 'tty >/dev/null && id -un && cat data && id -u >owner') \
    || fail "a password on the terminal: $said"
  has "$said" tester "who was let in"
  has "$said" numbers "what it printed"
  has "$said" "'s password:" "the question"
  [ "$(cat owner)" = 12345 ] || fail "its result: $(cat owner)"
  forget_person
  said=$("$here/../reach/type_in.py" "'s password:" wrong timeout 60 "$outboard" exec -q --on ssh://person -- true); code=$?
  [ $code -eq 125 ] || fail "exit code $code with a wrong password: $said"
  forget_person
  said=$(setsid -w timeout 60 "$outboard" exec -q --on ssh://person -- true 2>&1 </dev/null); code=$?
  [ $code -eq 125 ] || fail "exit code $code where nobody can be asked: $said"
  has "$said" 'Permission denied' "nobody there who could be asked"
}

# The command of docs/exec.md, as it is written there.
as_written() {
  ln -sf "$outboard" "$work/far/outboard"
  sed -i 's/^Host box/Host lab box/' "$work/ssh_config"
  . "$here/as_written.sh"
  run_as_written '--on ssh://lab ' "$gpu"
}

[ "$part" != password ] || passwords=yes
start_sshd "$work/far:/usr/bin:/bin"
mkdir "$work/here" && cd "$work/here" || exit 1
$part
wait_for '[ -z "$(left)" ]' || fail "something is left on the far side: $(left)"
