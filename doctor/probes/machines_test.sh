#!/usr/bin/env bash
# Makes machines in namespaces of their own, with real mounts, device nodes and a device cgroup that says no, and lets
# `outboard doctor` look at them from inside: machines_test.sh OUTBOARD FAKE_DRIVER.
# Exit 77: namespaces, overlays or device nodes cannot be made here.
set -u
if [ "${1:-}" != inside ]; then
  unshare --mount --pid --fork true 2>/dev/null || { echo "no namespaces here"; exit 77; }
  exec unshare --mount --pid --fork --kill-child "$0" inside "$(realpath "$1")" "$(realpath "$2")"
fi
outboard=$2 driver=$3
failures=0
work=$(mktemp -d)
mount --make-rprivate / && mount -t tmpfs none "$work" || exit 77
trap 'umount -l "$work" 2>/dev/null; rmdir "$work" 2>/dev/null' EXIT

# A root that is this machine's files with changes, and nothing of its devices.
new_machine() {
  root=$work/$1/root
  mkdir -p "$work/$1/changes" "$work/$1/work" "$root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$work/$1/changes,workdir=$work/$1/work" "$root" || exit 77
  rm -f "$root/.dockerenv"
  mount -t proc none "$root/proc" && mount -t tmpfs none "$root/sys" && mount -t tmpfs none "$root/dev" || exit 77
  mknod -m 666 "$root/dev/null" c 1 3 || exit 77
  mkdir -p "$root/test" "$root/sys/firmware/acpi"
  cp "$outboard" "$root/test/outboard"
}
# put PATH TEXT: below the machine's root; files of /proc are laid over.
put() {
  if [ -e "$root$1" ] && [[ $1 == /proc/* ]]; then
    printf '%s' "$2" > "$work/over" && cp "$work/over" "$work/over$RANDOM$RANDOM" && last=$(ls -t "$work"/over[0-9]* | head -1)
    mount --bind "$last" "$root$1" || exit 77
  else
    mkdir -p "$(dirname "$root$1")"
    printf '%s' "$2" > "$root$1"
  fi
}
library() { mkdir -p "$root$(dirname "$1")" && cp "$driver" "$root$1"; }
# look ARGUMENTS...: as the user that $as names, with the variables in $with.
look() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin $with timeout 60 chroot "$root" \
    setpriv --reuid="${as:-0}" --regid="${as:-0}" --clear-groups /test/outboard doctor "$@"
}
expect() {  # NAME WANTED GOT
  [[ $3 == $2 ]] && return
  echo "FAILED: $1: '$2' was expected, it is '$3'"
  failures=$((failures + 1))
}
fact() { look --bundle - | sed -n "s|^ *\"$1\": \"\(.*\)\",\{0,1\}\$|\1|p"; }

wsl() {  # NAME WINDOWS_BUILD
  new_machine "$1"
  put /proc/version 'Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x) (gcc 11) #1 SMP'
  put /proc/sys/kernel/osrelease '5.15.153.1-microsoft-standard-WSL2'
  mount -t tmpfs none "$root/proc/sys/fs/binfmt_misc" || exit 77
  put /proc/sys/fs/binfmt_misc/WSLInterop $'enabled\ninterpreter /init\n'
  put /etc/ld.so.conf.d/ld.wsl.conf '/usr/lib/wsl/lib'
  mkdir -p "$root/usr/lib/wsl/lib" "$root/usr/lib/wsl/drivers"
  mount -t tmpfs drivers "$root/usr/lib/wsl/lib" && mount -t tmpfs drivers "$root/usr/lib/wsl/drivers" || exit 77
  library /usr/lib/wsl/lib/libcuda.so.1
  library /usr/lib/wsl/lib/libnvidia-ml.so.1
  library /usr/lib/wsl/lib/libdxcore.so
  library /usr/lib/wsl/drivers/nvltwi.inf_amd64_8899aabbccddeeff/libcuda.so.1.1
  chroot "$root" /sbin/ldconfig
  windows=/mnt/c/Windows/System32
  put $windows/WindowsPowerShell/v1.0/powershell.exe "#!/bin/sh
printf 'CurrentBuild=$2\r\nUBR=1415\r\nInstallationType=Client\r\narch=AMD64\r\ncomputer=Dell XPS\r\n'
printf 'device=PCI\\\\\\\\VEN_10DE&DEV_2786\\\\\\\\4|NVIDIA GeForce RTX 4070|OK|0\r\nend=yes\r\n'
"
  put $windows/wsl.exe "#!/bin/sh
printf 'W\0S\0L\0 \0v\0:\0 \0002\0.\0004\0.\00011\0.\0000\0\r\0\n\0'
"
  put $windows/nvidia-smi.exe "#!/bin/sh
printf 'WDDM, 552.44, NVIDIA GeForce RTX 4070, 8.9\r\n'
"
  chmod -R 755 "$root/mnt/c" "$root$windows"
  with='WSL_DISTRO_NAME=Debian FAKE=none FAKE_NVML=17'
}

# Windows 10 20H2: too old, and no device.
wsl old 19042
as=0
expect 'old Windows: build' 19042 "$(fact w:CurrentBuild)"
expect 'old Windows: the loader takes' /usr/lib/wsl/lib/libcuda.so.1 "$(fact p:cuda.path)"
expect 'old Windows: NVML' 17 "$(fact p:nvml.init)"
expect 'old Windows: device' ENOENT "$(fact p:dxg.open)"
expect 'old Windows: GPU' 'NVIDIA GeForce RTX 4070' "$(fact w:gpu.name)"
expect 'old Windows: maker' 10DE "$(fact w:gpu.vendor)"
expect 'old Windows: verdict' 'WSL-02*' "$(look --quiet)"

# A new Windows, and a device that only root may open.
wsl closed 22631
mknod "$root/dev/dxg" c 1 3 && chmod 600 "$root/dev/dxg"
as=65534
expect 'closed device: node' 'c 1:3 0600 root:root open=EACCES' "$(fact n:/dev/dxg)"
expect 'closed device: verdict' 'WSL-43*' "$(look --quiet)"

# Interop off: the Windows side is not checked, nothing is said about it.
wsl alone 19042
umount "$root/proc/sys/fs/binfmt_misc"
as=0
expect 'no interop: build' '' "$(fact w:CurrentBuild)"
expect 'no interop: why' 'Windows cannot be asked*' "$(fact 'u:w:\*')"

# A container whose device cgroup was rewritten under it.
new_machine container
put /proc/version 'Linux version 6.8.0-49-generic (buildd@x) #49-Ubuntu SMP'
put /proc/sys/kernel/osrelease '6.8.0-49-generic'
put /.dockerenv ''
put /sys/bus/pci/devices/0000:65:00.0/vendor 0x10de
put /sys/bus/pci/devices/0000:65:00.0/class 0x030200
put /sys/module/nvidia/version 550.127.05
library /usr/lib/x86_64-linux-gnu/libcuda.so.550.127.05
ln -s libcuda.so.550.127.05 "$root/usr/lib/x86_64-linux-gnu/libcuda.so.1"
library /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1
for node in nvidiactl nvidia0 nvidia-uvm; do mknod -m 666 "$root/dev/$node" c 1 5; done
with='NVIDIA_VISIBLE_DEVICES=all FAKE=none FAKE_NVML=999'
as=0
expect 'container: node' 'c 1:5 0666 root:root open=ok' "$(fact n:/dev/nvidiactl)"
mkdir "$work/cgroup"
if mount -t cgroup -o devices none "$work/cgroup" 2>/dev/null && mkdir "$work/cgroup/outboard-$$"; then
  echo 'c 1:5 rwm' > "$work/cgroup/outboard-$$/devices.deny"
  here=$(sed -n 's/.*:devices://p' /proc/self/cgroup)
  echo 0 > "$work/cgroup/outboard-$$/tasks"
  expect 'cgroup: node' 'c 1:5 0666 root:root open=EPERM' "$(fact n:/dev/nvidiactl)"
  expect 'cgroup: version' '*550.127.05' "$(fact f:/usr/lib/x86_64-linux-gnu/libcuda.so.1)"
  expect 'cgroup: verdict' 'DOCK-18*' "$(look --quiet)"
  echo 0 > "$work/cgroup$here/tasks"
  rmdir "$work/cgroup/outboard-$$"
else
  echo "not shown: there is no device cgroup of version 1 here"
fi

[ $failures -eq 0 ] && echo "all machines were seen for what they are"
exit $((failures > 0))
