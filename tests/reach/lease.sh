#!/usr/bin/env bash
# A server without its lease serves nobody: lease.sh OUTBOARD SESSION
set -u
outboard=$1 session=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /tmp/outboard-lease.XXXXXX) && chmod 700 "$work"
export XDG_RUNTIME_DIR=$work XDG_CONFIG_HOME=$work/config OUTBOARD_CACHE=$work/kernels OUTBOARD_STATE=$work/state
unset OUTBOARD_TARGET
started=()
trap 'kill -CONT "${started[@]}" 2>/dev/null; kill -9 "${started[@]}" 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "FAILED: $1"; tail -5 "$work/log"; exit 1; }
wait_for() { for _ in $(seq 100); do eval "$1" && return 0; sleep 0.1; done; return 1; }
at=unix:$work/socket
serve() {
  rm -f "$work/socket"
  "$outboard" serve --listen "$at" "$@" <&0 2>>"$work/log" & server=$! started+=($!)
  wait_for '[ -S "$work/socket" ]' || fail "the server does not start"
}
renew() { (while touch "$work/lease"; do sleep 0.2; done) & renewing=$! started+=($!); }
no_more() { kill $renewing; wait $renewing 2>/dev/null; }
begin() {
  rm -f "$work/stop"; : >"$work/out"
  OUTBOARD_SHARED_MEMORY=${memory:-on} timeout 60 "$outboard" run --on "$at" -- "$session" 0 "$work/stop" >"$work/out" 2>&1 & program=$!
  wait_for 'grep -q started "$work/out"' || fail "a session: $(cat "$work/out")"
}
ended_with() { wait $server; code=$?; [ $code -eq "$1" ] || fail "$2: exit code $code"; }

"$outboard" serve --listen "$at" --lease "file:$work/lease,1" 2>&1 | grep -q 'is not renewed' || fail "no lease, no server"
"$outboard" serve --listen "$at" --lease "file:$work/lease" 2>&1 | grep -q 'is no lease; write' || fail "a lease without a length"
# While it is renewed it serves; afterwards nobody is served, and sessions end.
renew; serve --lease "file:$work/lease,2"
begin; sleep 2.5; kill -0 $server || fail "a renewed lease goes on"
no_more
ended_with 3 "the end of the lease"
wait $program; [ $? -eq 2 ] || fail "a session ends with the lease: $(cat "$work/out")"
grep -q 'lease-lost' "$work/log" || fail "the log says so"
# Removing it ends it at once.
renew; serve --lease "file:$work/lease,60"
no_more; rm "$work/lease"
wait_for '! kill -0 $server 2>/dev/null' || fail "a lease that is removed"; ended_with 3 "a lease that is removed"
# A server that was stopped meanwhile must not answer those who have knocked, nor go on with its sessions.
for memory in on off; do
  renew; serve --lease "file:$work/lease,2"
  begin
  worker=$(pgrep -P $server | while read -r pid; do grep -q "^PPid:.*$server" /proc/$pid/status && [ "$(readlink /proc/$pid/fd/0 2>/dev/null)" != x ] && echo "$pid"; done)
  kill -STOP $server $worker; no_more
  timeout 20 "$outboard" run --on "$at" -- "$session" 1 >"$work/late" 2>&1 & late=$!
  sleep 3
  served=$(grep -c 'info: client ' "$work/log")
  kill -CONT $worker $server
  ended_with 3 "stopped and continued"
  wait $late && fail "a server without its lease has served: $(cat "$work/late")"
  [ "$(grep -c 'info: client ' "$work/log")" = "$served" ] || fail "a client was let in after the lease's end"
  wait $program; [ $? -eq 2 ] || fail "a session went on after the lease's end: $(cat "$work/out")"
done
# The other sources.
serve --lease "command:test -e $work/lease,1"
begin; rm "$work/lease"; ended_with 3 "a command that fails"; wait $program
mkfifo "$work/pipe"
(while echo; do sleep 0.2; done) >"$work/pipe" & renewing=$! started+=($!)
serve --lease stdin,1 <"$work/pipe"
begin; no_more; ended_with 3 "a pipe that closes"; wait $program
# A client that has met a later generation is refused, and the server learns that it has been replaced.
serve --generation 7 --require-token
"$here/greet.py" "$work/socket" 8 | grep -q 'wants a token' || fail "a stranger with a later generation"
"$here/greet.py" "$work/socket" 0 | grep -q 'wants a token' || fail "a stranger's word must not end a server"
kill $server; wait $server
serve --generation 7
"$here/greet.py" "$work/socket" 0 | grep -q '^welcome, generation 7$' || fail "a client that has met nobody"
"$here/greet.py" "$work/socket" 7 | grep -q '^welcome, generation 7$' || fail "a client that has met this one"
"$here/greet.py" "$work/socket" 8 | grep -q 'generation 7, and you have met generation 8' || fail "a client that has met a later one"
ended_with 4 "a server that was replaced"
exit 0
