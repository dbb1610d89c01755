#!/usr/bin/env bash
# Starts a server on the software GPU, runs an unmodified CUDA program through it, shows the result: run.sh BUILD
set -eu
build=$1
outboard=$build/bin/outboard
work=$(mktemp -d)
trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT
"$outboard" serve --quiet --listen "unix:$work/socket" &
server=$!
for _ in $(seq 100); do [ -S "$work/socket" ] && break; sleep 0.05; done
[ -S "$work/socket" ] || { echo "demo: the server did not start" >&2; exit 1; }
if [ -x "$build/bin/demo_cuda" ]; then
  echo "\$ outboard run -- ./demo_cuda          (built by nvcc, unmodified; calls go through a local server)"
  "$outboard" run --verbose --on "unix:$work/socket" -- "$build/bin/demo_cuda" "$build/mandelbrot.png"
else
  echo "nvcc is not here, so the demonstration is the form that g++ builds: the driver API and kernels.ptx"
  "$outboard" run --verbose --on "unix:$work/socket" -- "$build/bin/demo_driver" "$(dirname "$0")/kernels.ptx" "$build/mandelbrot.png"
fi
