#!/usr/bin/env bash
# Inside the virtual machine of run.sh, as its first process: guest.sh OUTBOARD PROGRAM...
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp XDG_RUNTIME_DIR=/run
outboard=$1
shift
say() { echo "vsock: $*"; }
end() {
  cat /tmp/server.log
  say "$*"
  exec busybox poweroff -f
}
mkdir -p /dev/shm && mount -t tmpfs shm /dev/shm
"$outboard" serve --require-token --listen vsock://any:4770 >/tmp/server.log 2>&1 &
for _ in $(seq 60); do grep -q listening /tmp/server.log && break; sleep 1; done

"$outboard" targets --probe host | grep -q 'wants a token' || end "FAILED: came in without a token"
line=$("$outboard" token create --address vsock://1:4770 2>/dev/null)
"$outboard" join "$line" --name here || end "FAILED: join"
for program in "$@"; do
  timeout 200 "$outboard" run --on here -- "$program" >/tmp/out 2>&1 || end "FAILED: $program: $(tail -n 1 /tmp/out)"
  say "$(tail -n 1 /tmp/out)"
done
wrong=outboard-join:v1:vsock/1:4770:-:$(head -c 32 /dev/zero | base64 | tr -d =)
for _ in 1 2 3 4 5; do "$outboard" join "$wrong" --name wrong >/dev/null; done
"$outboard" join "$wrong" --name wrong | grep -q 'too many wrong tokens came from vsock 1' || end "FAILED: wrong tokens"
end "all passed"
