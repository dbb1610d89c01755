#!/usr/bin/env bash
# Runs a program direct (software GPU in its own process) and through (client, link, server) and compares what it
# prints and its exit code: through.sh OUTBOARD FOLDER PROGRAM
set -u
outboard=$1 folder=$2 program=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
"$outboard" run --on cpu -- "$program" >"$work/direct" 2>"$work/direct.err"; direct=$?
"$outboard" run --on "unix:$folder/socket" -- "$program" >"$work/through" 2>"$work/through.err"; through=$?
cat "$work/through"
if [ $direct -ne 0 ]; then echo "direct: exit $direct"; cat "$work/direct.err"; exit 1; fi
if [ $through -ne 0 ]; then echo "through: exit $through"; cat "$work/through.err"; exit 1; fi
diff "$work/direct" "$work/through" || { echo "outputs differ"; exit 1; }
