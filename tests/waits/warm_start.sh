#!/usr/bin/env bash
# A program that a server has served before waits for it a few times only: warm_start.sh OUTBOARD PROGRAM MOST
set -u
outboard=$1 program=$2 most=$3
work=$(mktemp -d) || exit 1
export XDG_CACHE_HOME=$work/cache XDG_STATE_HOME=$work/state
unset OUTBOARD_CACHE OUTBOARD_CHECK
"$outboard" serve --listen "unix:$work/socket" </dev/null >"$work/log" 2>&1 &
server=$!
trap 'kill $server; wait $server; rm -rf "$work"' EXIT
for _ in $(seq 200); do [ -S "$work/socket" ] && break; sleep 0.1; done
for turn in first warm; do
  OUTBOARD_TRACE=waits "$outboard" run --on "unix:$work/socket" -- "$program" >"$work/output" 2>"$work/$turn" ||
    { echo "$turn: exit $?"; cat "$work/output" "$work/$turn" "$work/log"; exit 1; }
done
grep '^outboard:' "$work/warm"
waits=$(sed -n 's/^outboard: \([0-9]*\) round trips$/\1/p' "$work/warm")
first=$(sed -n 's/^outboard: \([0-9]*\) round trips$/\1/p' "$work/first")
[ -n "$waits" ] && [ -n "$first" ] || { echo "no count of waits"; cat "$work/warm"; exit 1; }
[ "$waits" -le "$most" ] || { echo "$waits round trips, not $most"; exit 1; }
[ "$waits" -lt "$first" ] || { echo "the first start waited as often ($first): nothing was kept"; exit 1; }
[ -n "$(ls "$work/cache/outboard/modules")" ] || { echo "the server kept no module"; exit 1; }
# What is damaged on disk is sent again.
for file in "$work"/cache/outboard/modules/*; do printf x | dd of="$file" bs=1 seek=200 conv=notrunc 2>/dev/null; done
"$outboard" run --on "unix:$work/socket" -- "$program" >"$work/again" 2>"$work/errors" && cmp -s "$work/output" "$work/again" ||
  { echo "after its files were damaged:"; cat "$work/again"; exit 1; }
# Nor does a full disk matter: here, a folder that takes nothing.
rm -rf "$work/cache/outboard/modules" && : >"$work/cache/outboard/modules"
"$outboard" run --on "unix:$work/socket" -- "$program" >"$work/again" 2>"$work/errors" && cmp -s "$work/output" "$work/again" ||
  { echo "without room on the disk:"; cat "$work/again"; exit 1; }
exit 0
