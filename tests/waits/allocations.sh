#!/usr/bin/env bash
# Allocations do not wait, whichever session asks: allocations.sh OUTBOARD PROGRAM MOST [DEVICE]
set -u
outboard=$1 program=$2 most=$3 device=${4:-cpu}
work=$(mktemp -d) || exit 1
export XDG_CACHE_HOME=$work/cache OUTBOARD_STATE=$work/state XDG_CONFIG_HOME=$work/config
"$outboard" vgpu create small --memory 256MiB --compute 25 || exit 1
"$outboard" serve --device "$device" --listen "unix:$work/socket" </dev/null >"$work/log" 2>&1 &
server=$!
trap 'kill $server; wait $server; rm -rf "$work"' EXIT
for _ in $(seq 200); do [ -S "$work/socket" ] && break; sleep 0.1; done
for session in "" "--vgpu small"; do
  OUTBOARD_TRACE=waits "$outboard" run --on "unix:$work/socket" $session -- "$program" >"$work/output" 2>"$work/errors" ||
    { echo "$session: exit $?"; cat "$work/output" "$work/errors" "$work/log"; exit 1; }
  grep '^outboard:' "$work/errors"
  grep -q ' obLease$' "$work/errors" || { echo "nothing was lent"; exit 1; }
  grep -q ' cuMemAlloc' "$work/errors" && { echo "an allocation waited"; exit 1; }
  waits=$(sed -n 's/^outboard: \([0-9]*\) round trips$/\1/p' "$work/errors")
  [ -n "$waits" ] && [ "$waits" -le "$most" ] || { echo "$waits round trips, not $most"; exit 1; }
done
exit 0
