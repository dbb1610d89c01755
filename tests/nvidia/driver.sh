#!/usr/bin/env bash
# Which library the NVIDIA device takes for the vendor's, and what a context counts: driver.sh OUTBOARD DRIVER NVML QUOTA
set -u
outboard=$1 driver=$2 nvml=$3 quota=$4
work=$(mktemp -d)
export OUTBOARD_STATE=$work/state OUTBOARD_CACHE=$work/cache
unset OUTBOARD_TARGET OUTBOARD_VENDOR_DRIVER OUTBOARD_VENDOR_STAND_IN
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
server=
fail() { echo "FAILED: $1"; cat "$work/log" 2>/dev/null; exit 1; }
serve() {  # with these settings
  env "$@" "$outboard" serve --device nvidia --listen "unix:$work/socket" >"$work/log" 2>&1 & server=$!
  for _ in $(seq 200); do [ -S "$work/socket" ] && return; kill -0 $server 2>/dev/null || return; sleep 0.05; done
}
stop() { kill $server; wait $server 2>/dev/null; rm -f "$work/socket"; }
left() { "$outboard" run --on "unix:$work/socket" --vgpu small -- "$quota" 256 left | grep -o '[0-9]* MiB' | cut -d' ' -f1; }
fake=(OUTBOARD_VENDOR_DRIVER="$driver" OUTBOARD_VENDOR_STAND_IN=accept OUTBOARD_WINDOW_BASE=7d0000000000)

# Our own stand-in is not taken for the vendor's driver, neither by name nor by path.
said=$(OUTBOARD_VENDOR_DRIVER=$driver timeout 20 "$outboard" serve --device nvidia --listen "unix:$work/socket" 2>&1); code=$?
[ $code -eq 1 ] && [[ $said == *"$driver is Outboard's own stand-in"* ]] || fail "a stand-in by path: $code $said"
said=$(LD_LIBRARY_PATH=$(dirname "$driver") OUTBOARD_VENDOR_STAND_IN=accept timeout 20 "$outboard" serve --device nvidia \
  --listen "unix:$work/socket" 2>&1); code=$?
[ $code -eq 1 ] || fail "a stand-in by name: $code $said"
said=$(OUTBOARD_VENDOR_DRIVER=/nonexistent/libcuda.so.1 timeout 20 "$outboard" serve --device nvidia --listen "unix:$work/socket" 2>&1)
[[ $said == *"/nonexistent/libcuda.so.1"* ]] || fail "a driver that is not there: $said"
said=$("$outboard" serve --device none 2>&1); [ $? -eq 2 ] && [[ $said == *"cpu, nvidia, auto or null"* ]] || fail "no such device: $said"
# Both at the same addresses: a sentence, not a crash.
serve OUTBOARD_VENDOR_DRIVER="$driver" OUTBOARD_VENDOR_STAND_IN=accept
"$outboard" run --on "unix:$work/socket" -- true 2>&1 | grep -q "the server's device does not start" || fail "two windows in one place"
grep -q 'does not reserve the address window' "$work/log" || fail "why it does not start"
stop
# auto: the GPU where a driver finds one, else the software GPU.
"$outboard" serve --device auto --listen "unix:$work/socket" >"$work/log" 2>&1 & server=$!
for _ in $(seq 400); do grep -q listening "$work/log" && break; sleep 0.05; done
grep -q 'listening.*device=cpu' "$work/log" || fail "auto without a GPU"
stop
env "${fake[@]}" "$outboard" serve --device auto --listen "unix:$work/socket" >"$work/log" 2>&1 & server=$!
for _ in $(seq 400); do grep -q listening "$work/log" && break; sleep 0.05; done
grep -q 'listening.*device=nvidia' "$work/log" || fail "auto with a GPU"
stop
# What a context takes by itself counts against the quota: as said, as measured, as assumed.
"$outboard" vgpu create small --memory 256MiB --compute 50 || fail create
serve "${fake[@]}" OUTBOARD_CONTEXT_MEMORY=$((32 << 20)); [ "$(left)" = 224 ] || fail "a context of 32 MiB leaves $(left)"; stop
serve "${fake[@]}" OUTBOARD_VENDOR_NVML="$nvml"; [ "$(left)" = 208 ] || fail "a context of 48 MiB leaves $(left)"; stop
serve "${fake[@]}"; "$outboard" run --on "unix:$work/socket" --vgpu small -- "$quota" 256 left >"$work/out" 2>&1 && fail "a context that does not fit"
grep -q '2$\|memory' "$work/out" || fail "what is said of it: $(cat "$work/out")"; stop
exit 0
