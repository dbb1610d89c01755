#!/usr/bin/env bash
# Programs that are shipped through a real sshd: over_ssh.sh OUTBOARD
set -u
outboard=$1
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../reach/box.sh"
export XDG_STATE_HOME=$work/mine XDG_CACHE_HOME=$work/cache
fail() { echo "FAILED: $1"; tail -5 "$work/log"; exit 1; }
has() { grep -q -- "$2" <<<"$1" || fail "$3: $1"; }
wait_for() { for _ in $(seq 100); do eval "$1" && return 0; sleep 0.1; done; return 1; }
ship() { timeout 60 "$outboard" exec --on ssh://box "$@"; }
left() { pgrep -f -- "supervise-job|$far/.local/state/outboard/exec/jobs" | while read -r pid; do grep -qsz "^HOME=$far" /proc/$pid/environ && echo $pid; done; }

start_sshd "$work/far:/usr/bin:/bin"
mkdir "$work/here" && cd "$work/here" || exit 1
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

# The ssh connection ends in the middle: the run is taken up again over a new one.
ship -- sh -c 'for i in $(seq 40); do echo $i; sleep 0.1; done; echo over >over' >"$work/out" 2>"$work/err" & running=$!
wait_for 'grep -q "^5$" "$work/out"' || fail "it does not start: $(cat "$work/err")"
forget_connections
pkill -9 -f -- "^$work/far/outboard serve --stdio"
wait $running || fail "it is not taken up again: $(cat "$work/err")"
[ "$(cat "$work/out")" = "$(seq 40)" ] || fail "its output: $(cat "$work/out")"
[ "$(cat over)" = over ] || fail "its result"

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
wait_for '[ -z "$(left)" ]' || fail "something is left on the far side: $(left)"
