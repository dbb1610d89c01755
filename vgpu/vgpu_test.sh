#!/usr/bin/env bash
# The C API through a real server: the example as C, as C++ and from Python, and everything done wrong.
set -u
build=$1 source=$2
work=$(mktemp -d)
export OUTBOARD_STATE=$work/state XDG_CONFIG_HOME=$work/config OUTBOARD_TARGET=unix:$work/socket OUTBOARD_CACHE=off
outboard=$build/bin/outboard
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
fail() { echo "FAILED: $1"; cat "$work/log"; exit 1; }
"$outboard" vgpu create my_vgpu_instance --memory 256MiB --compute 50 || fail "create"
"$outboard" serve --quiet --listen "unix:$work/socket" 2>"$work/log" & server=$!
for _ in $(seq 200); do [ -S "$work/socket" ] && break; sleep 0.05; done
for program in vgpu_example vgpu_example_cpp; do
  [ "$("$build/bin/$program")" = '262144 numbers doubled' ] || fail "$program"
done
[ "$(python3 "$source/example.py" "$build/lib/libvgpu.so.0")" = '64 numbers doubled' ] || fail "example.py"
"$build/bin/vgpu_misuse" || fail "misuse"
OUTBOARD_TARGET=unix:$work/nowhere "$build/bin/vgpu_example" 2>&1 | grep -q 'Error: Failed to connect to vGPU' || fail "no server"
"$outboard" vgpu delete my_vgpu_instance || fail "delete"
"$build/bin/vgpu_example" 2>&1 | grep -q 'no virtual GPU of that name' || fail "a deleted virtual GPU"
grep -q worker-killed "$work/log" && fail "a worker crashed"
exit 0
