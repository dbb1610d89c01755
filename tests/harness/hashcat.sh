#!/usr/bin/env bash
# Debian's hashcat on the software GPU: hashcat.sh OUTBOARD FOLDER direct|through HASHCAT
set -u
outboard=$1 folder=$2 way=$3 hashcat=$4
target=cpu
[ "$way" = direct ] || target="unix:$folder/socket"
HOME=$(mktemp -d) || exit 1
export HOME XDG_DATA_HOME=$HOME XDG_CACHE_HOME=$HOME
trap 'rm -rf "$HOME"' EXIT
hash=$(printf 'abc1' | md5sum | cut -d' ' -f1)
cd "$HOME" || exit 1
"$outboard" run --on "$target" -- "$hashcat" -m 0 -a 3 --backend-ignore-opencl --potfile-disable --force "$hash" '?l?l?l?d' >log 2>&1 </dev/null
code=$?
grep -aq "$hash:abc1" log && grep -aq 'Outboard software GPU\|Finished self-test' log && exit 0
echo "hashcat ended with $code:"; tail -c 3000 log
exit 1
