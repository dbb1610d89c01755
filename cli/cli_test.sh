#!/usr/bin/env bash
# What `outboard run` does to a program: gives it a device, keeps its exit code, says what went wrong.
set -u
outboard=$1 program=$2 fake_driver=$3
fail() { echo "FAILED: $1"; exit 1; }
"$outboard" --version | grep -q '^outboard [0-9]' || fail "--version"
"$outboard" run -- sh -c 'exit 7' x y; [ $? -eq 7 ] || fail "the program's exit code"
"$outboard" run -- no-such-program 2>/dev/null; [ $? -eq 127 ] || fail "127 for a program that is not there"
"$outboard" run -- / 2>/dev/null; [ $? -eq 126 ] || fail "126 for what cannot be executed"
"$outboard" run --on tcp:there:1 -- true 2>/dev/null; [ $? -eq 2 ] || fail "an unknown target is refused"
[ "$("$outboard" run -- printf '%s|' --on a)" = '--on|a|' ] || fail "the program's own options"
[ "$("$outboard" run --on cpu --cc 8.6 -- sh -c 'echo $OUTBOARD_CC')" = 8.6 ] || fail "--cc reaches the program's driver"
for wrong in 8 4.0 14.0 x.y; do
  "$outboard" run --cc $wrong -- true 2>/dev/null; [ $? -eq 2 ] || fail "--cc $wrong is refused"
done
"$outboard" run --check=everything -- true 2>&1 | grep -q 'what can be checked is memory' || fail "an unknown check is named"
[ "$("$outboard" run --on cpu --check=races -- sh -c 'echo $OUTBOARD_CHECK' 2>/dev/null)" = races ] || fail "--check reaches the program's driver"
"$outboard" run --on cpu --check -- sh -c 'exit 7' 2>/dev/null; [ $? -eq 7 ] || fail "the exit code of a program without errors"
"$outboard" run --on cpu --check -- sh -c 'kill -TERM $$' 2>/dev/null; [ $? -eq 143 ] || fail "the signal that ended a program"
"$outboard" run --on cpu --check -- true 2>&1 | grep -q 'ERROR SUMMARY: 0 errors' || fail "the summary"
"$outboard" run --on cpu --check -- no-such-program 2>/dev/null; [ $? -eq 127 ] || fail "127 for a program that is not there, checked"
"$outboard" help serve | grep -q -- --stdio || fail "help of a command"
"$outboard" help nothing 2>/dev/null; [ $? -eq 2 ] || fail "help of no command"
"$outboard" serve --listen tcp:0.0.0.0:9 2>&1 | grep -q 'neither encrypted' || fail "tcp beyond this machine is refused"
"$outboard" serve --memory much 2>&1 | grep -q 'is no size' || fail "a bad size is named"
for shell in bash zsh; do "$outboard" completion $shell | grep -q '_outboard' || fail "completion for $shell"; done
bash -c 'source /dev/stdin <<<"$1"; COMP_WORDS=(outboard ru) COMP_CWORD=1; _outboard; [ "${COMPREPLY[*]}" = run ]' _ "$("$outboard" completion bash)" \
  || fail "bash completes a command"
said=$("$outboard" run --on unix:/nonexistent/socket -- true 2>&1); code=$?
[ $code -eq 2 ] && [[ $said == *"is \`outboard serve\` running"* ]] || fail "a target that does not answer: $said"
[[ $said == *"outboard doctor says more." ]] || fail "a failure ends with the doctor's verdict: $said"
OUTBOARD_TARGET=unix:/nonexistent/socket "$outboard" targets | grep -q '^cpu  *ok' || fail "targets"
OUTBOARD_TARGET=unix:/nonexistent/socket "$outboard" run --verbose -- true 2>&1 | grep -q 'using cpu' || fail "auto falls back to cpu"
"$outboard" run --devices 17 -- true 2>/dev/null; [ $? -eq 2 ] || fail "too many devices"
"$outboard" run --on cpu -- sh -c 'echo "$LD_PRELOAD"' | grep -q liboutboard_compilers || fail "a stand-in for NVRTC and nvJitLink"
own=$(mktemp -d) && cp "$fake_driver" "$own/libcuda.so.1"
with_gpu() { FAKE=${FAKE:-free} LD_LIBRARY_PATH=$own "$outboard" run "$@"; }
with_gpu --verbose -- true 2>&1 | grep -q 'using local: ' || fail "auto takes the machine's own GPU"
[ "$(with_gpu -- sh -c 'echo $LD_LIBRARY_PATH')" = "$own" ] || fail "nothing stands in for the machine's own driver"
FAKE=none with_gpu --verbose -- true 2>&1 | grep -q 'using cpu' || fail "a driver without a device"
FAKE=none with_gpu --on local -- true 2>&1 | grep -q 'answers cuInit with 100' || fail "what the machine's own driver says"
FAKE=busy_with_others with_gpu --on local -- true 2>&1 | grep -q 'error 46' || fail "a driver that makes no context"
FAKE=crash with_gpu --verbose -- true 2>&1 | grep -q 'using cpu' || fail "a driver that crashes"
with_gpu --check --verbose -- true 2>&1 | grep -q 'using cpu' || fail "checking is the software GPU's"
rm -rf "$own"
[ -x "$program" ] || exit 0  # no nvcc: the configuration has said so
[ "$("$outboard" run --on cpu -- "$program")" = 'CUDA device ID: 0' ] || fail "a device for device_count"
several=$(dirname "$program")/several_devices
"$outboard" run --on cpu --devices 2 -- "$several" >/dev/null || fail "two devices"
"$outboard" run --on cpu -- "$several" 2>&1 | grep -q '^1 devices' || fail "one device by default"
two="via:$outboard serve --stdio --devices 2"
"$outboard" run --on "$two" -- "$several" >/dev/null || fail "two devices over pipes"
"$outboard" run --on "$two" --devices 2 -- true 2>&1 | grep -q 'serve --devices 2' || fail "a server's devices are its own"
[ "$("$outboard" run --on "via:$outboard serve --stdio" -- "$program")" = 'CUDA device ID: 0' ] || fail "a device over pipes"
work=$(mktemp -d)
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
while port=$((20000 + RANDOM % 30000)); (: <>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do :; done
"$outboard" serve --quiet --listen "unix:$work/socket" --listen tcp:127.0.0.1:$port & server=$!
for _ in $(seq 100); do [ -S "$work/socket" ] && break; sleep 0.05; done
for target in unix:$work/socket tcp:127.0.0.1:$port tcp://localhost:$port; do
  [ "$("$outboard" run --on "$target" -- "$program")" = 'CUDA device ID: 0' ] || fail "a device through $target"
done
"$outboard" serve --listen "unix:$work/socket" 2>&1 | grep -q 'another server is there' || fail "two servers on one socket"
kill -TERM $server; wait $server; [ $? -eq 0 ] || fail "SIGTERM ends a server with 0"
[ ! -e "$work/socket" ] || fail "a server removes its socket"
