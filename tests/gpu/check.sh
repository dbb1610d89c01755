#!/usr/bin/env bash
# Does Outboard serve this machine's NVIDIA GPU? Builds what needs no LLVM, runs tests/programs with the vendor's driver
# (direct) and through a server of it, compares, measures, and prints one summary: check.sh BUILD [--built]
#   --built: BUILD is complete, nothing is compiled (for a machine without compilers)
# Exit codes: 0 all well; 1 something differs or fails; 3 there is no GPU here; 4 it cannot be built here.
set -u
build=${1:?usage: check.sh BUILD [--built]} built=${2:-}
source=$(cd "$(dirname "$0")/../.." && pwd)
stop() { echo "gpu-check: $2" >&2; exit "$1"; }
# A test of this script: the driver is the software GPU, and the summary says so.
rehearsal=$([ "${OUTBOARD_VENDOR_STAND_IN:-}" = accept ] && echo yes)

if [ -z "$rehearsal" ]; then
  [ -e /dev/nvidiactl ] || [ -e /dev/dxg ] || stop 3 "there is no NVIDIA GPU here: neither /dev/nvidiactl nor /dev/dxg exists. Nothing was checked."
fi
if [ "$built" != --built ]; then
  for tool in cmake ninja c++ pkg-config; do command -v $tool >/dev/null || stop 4 "$tool is missing; install it, or bring a build along and say --built"; done
  nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null)
  cmake -S "$source" -B "$build" -G Ninja -DSOFTWARE_GPU=OFF ${nvcc:+-DNVCC="$nvcc"} >"$build.log" 2>&1 && ninja -C "$build" >>"$build.log" 2>&1 \
    || { tail -20 "$build.log"; stop 4 "it does not build here; the whole log is $build.log"; }
fi
build=$(cd "$build" && pwd) outboard=$build/bin/outboard
[ -x "$outboard" ] || stop 4 "$outboard is missing"
work=$build/gpu-check
rm -rf "$work"; mkdir -p "$work"
socket=$(mktemp -u /tmp/outboard-gpu-check-XXXXXX)
direct_library=${DIRECT_LIBRARY:-}

if [ -z "$rehearsal" ]; then
  "$outboard" targets >"$work/targets" 2>&1
  grep -q '^local  *ok' "$work/targets" || { grep '^local' "$work/targets"; "$outboard" doctor 2>&1 | head -20; stop 3 "the GPU of this machine does not work even without Outboard. Nothing was checked."; }
fi
"$outboard" serve --device nvidia --listen "unix:$socket" >"$work/server.log" 2>&1 & server=$!
trap 'kill $server 2>/dev/null; rm -f "$socket"' EXIT
for _ in $(seq 300); do [ -S "$socket" ] && break; kill -0 $server 2>/dev/null || break; sleep 0.1; done
[ -S "$socket" ] || { cat "$work/server.log"; echo "gpu-check: FAILED: the server does not start"; exit 1; }
gpu=$(OUTBOARD_TARGET=unix:$socket "$outboard" targets 2>/dev/null | grep -F "unix:$socket" | sed 's/^[^ ]* *ok *//')
[ -n "$gpu" ] || { cat "$work/server.log"; echo "gpu-check: FAILED: the server has no device"; exit 1; }

same=0 failed=() left_out=()
for program in "$build"/programs/*; do
  [ -x "$program" ] || continue
  name=$(basename "$program")
  if reason=$(grep "^$name " "$source/tests/gpu/left_out.txt"); then left_out+=("$reason"); continue; fi
  LD_LIBRARY_PATH=$direct_library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} timeout 120 "$program" >"$work/$name.direct" 2>"$work/$name.direct.err" </dev/null; direct=$?
  timeout 240 "$outboard" run --on "unix:$socket" -- "$program" >"$work/$name.through" 2>"$work/$name.through.err" </dev/null; through=$?
  if [ $direct -ne 0 ]; then failed+=("$name: fails with the vendor's driver alone (exit $direct; through: $through)")
  elif [ $through -ne 0 ]; then failed+=("$name: exit $through through the server")
  elif ! cmp -s "$work/$name.direct" "$work/$name.through"; then failed+=("$name: its outputs differ")
  else same=$((same + 1)); fi
done
grep -q worker-killed "$work/server.log" && failed+=("a worker crashed: $work/server.log")
timeout 900 "$build/bin/outboard_bench" "$build" nvidia ${BENCH_PARTS:-} >"$work/bench" 2>&1 || failed+=("the measurements: $work/bench")
kill -TERM $server; wait $server || failed+=("the server does not end cleanly")

{
  echo "gpu-check of $(date -u +%Y-%m-%d)${rehearsal:+ -- A REHEARSAL WITHOUT A GPU: the driver is the software GPU of Outboard}"
  echo "device: $gpu"
  command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  echo "kernel: $(uname -r); processors: $(nproc); $(git -C "$source" log -1 --format='commit %h' 2>/dev/null)"
  echo "programs that ran direct and through alike: $same"
  [ $same -gt 0 ] || echo "  (none: build them with nvcc, or bring $build/programs along)"
  for line in "${left_out[@]}"; do echo "  left out: $line"; done
  for line in "${failed[@]}"; do echo "  FAILED: $line"; done
  cat "$work/bench"
} | tee "$work/summary"
[ $same -gt 0 ] || { echo "gpu-check: FAILED: no program was compared"; exit 1; }
[ ${#failed[@]} -eq 0 ] || { echo "gpu-check: FAILED: ${#failed[@]}"; exit 1; }
echo "gpu-check: all well"
