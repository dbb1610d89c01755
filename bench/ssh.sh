#!/usr/bin/env bash
# What driver calls cost over ssh's own pipe, beside what the pipe does without us: ssh.sh BUILD
set -eu
build=$(cd "$1" && pwd)
. "$(dirname "$0")/../tests/reach/box.sh"
ln -s "$build/bin/outboard" "$work/far/outboard"
start_sshd "$work/far:/usr/bin:/bin"
ssh -o ControlMaster=yes -o ControlPersist=yes -o ControlPath="$XDG_RUNTIME_DIR/ssh-%C" -fN box 2>/dev/null  # warm, as ours are
bare="ssh -o ControlPath=$XDG_RUNTIME_DIR/ssh-%C box"
OUTBOARD_DIRECT=off "$build/bin/outboard_bench" "$build" --over ssh_pipe ssh://box "$bare"
"$build/bin/outboard_bench" "$build" --over ssh_direct ssh://box "$bare"
