#!/usr/bin/env bash
# What `outboard run` does to a program: gives it a device, keeps its exit code, says what went wrong.
set -u
outboard=$1 program=$2
fail() { echo "FAILED: $1"; exit 1; }
"$outboard" --version | grep -q '^outboard [0-9]' || fail "--version"
"$outboard" run -- sh -c 'exit 7' x y; [ $? -eq 7 ] || fail "the program's exit code"
"$outboard" run -- no-such-program 2>/dev/null; [ $? -eq 127 ] || fail "127 for a program that is not there"
"$outboard" run -- / 2>/dev/null; [ $? -eq 126 ] || fail "126 for what cannot be executed"
"$outboard" run --on tcp:there:1 -- true 2>/dev/null; [ $? -eq 2 ] || fail "an unknown target is refused"
[ "$("$outboard" run -- printf '%s|' --on a)" = '--on|a|' ] || fail "the program's own options"
[ -x "$program" ] || exit 0  # no nvcc: the configuration has said so
[ "$("$outboard" run --on cpu -- "$program")" = 'CUDA device ID: 0' ] || fail "a device for device_count"
if "$program" >/dev/null 2>&1; then echo "note: this machine has a GPU of its own"; fi
