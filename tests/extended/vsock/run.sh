#!/usr/bin/env bash
# vsock in a virtual machine: run.sh OUTBOARD FOLDER PROGRAM... boots Debian's kernel, emulated by QEMU (no KVM is needed), on
# this machine's own files, read-only, and runs the programs there through a server that listens on vsock. Most kernels of
# containers and of CI machines have no vsock of their own. Outside `make test`: it downloads a kernel (70 MB) into FOLDER.
set -euo pipefail
outboard=$(realpath "$1") folder=$2
here=$(cd "$(dirname "$0")" && pwd)
shift 2
mkdir -p "$folder"
cd "$folder"
for tool in qemu-system-x86_64 busybox cpio depmod; do
  command -v $tool >/dev/null || { echo "no $tool: apt-get install qemu-system-x86 busybox-static cpio kmod"; exit 1; }
done

if [ ! -e kernel/ready ]; then
  rm -rf kernel && mkdir kernel
  package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: //p' | head -n 1)
  apt-get download -qq "$package"
  dpkg -x "$package"_*.deb kernel
  rm "$package"_*.deb
  touch kernel/ready
fi
release=$(ls kernel/lib/modules)
depmod -b "$PWD/kernel" "$release"

modules="virtio_pci 9pnet_virtio 9p overlay vsock_loopback"
rm -rf first && mkdir -p first/{bin,proc,dev,low,rw,root} first/lib/modules/"$release"
cp "$(command -v busybox)" first/bin/busybox
for tool in sh mount mkdir modprobe switch_root; do ln -s busybox first/bin/$tool; done
cp kernel/lib/modules/"$release"/modules.* first/lib/modules/"$release"/
for module in $modules; do modprobe -d "$PWD/kernel" -S "$release" --show-depends "$module"; done |
  awk '$1 == "insmod" { print $2 }' | sort -u | while read -r file; do
  to=first/${file#"$PWD"/kernel/}
  mkdir -p "$(dirname "$to")"
  cp "$file" "$to"
done
cat >first/init <<END
#!/bin/sh
mount -t devtmpfs dev /dev
mount -t proc proc /proc
for module in $modules; do modprobe \$module; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576,cache=loose,ro host /low
mount -t tmpfs rw /rw
mkdir /rw/upper /rw/work
mount -t overlay -o lowerdir=/low,upperdir=/rw/upper,workdir=/rw/work over /root
mount -t proc proc /root/proc
mount -t devtmpfs dev /root/dev
mount -t tmpfs tmp /root/tmp
mount -t tmpfs run /root/run
exec switch_root /root /bin/bash $here/guest.sh $outboard $*
END
chmod +x first/init
(cd first && find . | cpio -o -H newc --quiet | gzip) >first.gz

timeout 900 qemu-system-x86_64 -machine q35 -cpu max -m 3G -smp 2 -accel tcg,thread=multi -nographic -no-reboot \
  -kernel kernel/boot/vmlinuz-"$release" -initrd first.gz -append "console=ttyS0 quiet panic=-1" \
  -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap >log 2>&1 || true
sed -n 's/^vsock: //p' log
grep -q '^vsock: all passed' log || { echo "FAILED; $PWD/log says more"; exit 1; }
