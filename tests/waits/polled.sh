#!/usr/bin/env bash
# A program that polls is told when what it waits for is reached: polled.sh OUTBOARD PROGRAM MOST, over a plain socket.
set -u
outboard=$1 program=$2 most=$3
work=$(mktemp -d) || exit 1
export XDG_CACHE_HOME=$work/cache XDG_STATE_HOME=$work/state OUTBOARD_SHARED_MEMORY=off
"$outboard" serve --listen "unix:$work/socket" </dev/null >"$work/log" 2>&1 &
server=$!
trap 'kill $server; wait $server; rm -rf "$work"' EXIT
for _ in $(seq 200); do [ -S "$work/socket" ] && break; sleep 0.1; done
OUTBOARD_TRACE=waits "$outboard" run --on "unix:$work/socket" -- "$program" >"$work/output" 2>"$work/errors" ||
  { echo "exit $?"; cat "$work/output" "$work/errors" "$work/log"; exit 1; }
grep '^outboard:' "$work/errors"
waits=$(sed -n 's/^outboard: \([0-9]*\) round trips$/\1/p' "$work/errors")
[ -n "$waits" ] && [ "$waits" -le "$most" ] || { echo "$waits round trips, not $most"; exit 1; }
exit 0
