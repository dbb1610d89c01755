#!/usr/bin/env bash
# A system with one more user, `tester`, whose password is `secret`, for one command: other_users.sh [--as-tester] COMMAND...
# In a mount namespace (mount_namespaces(7)), so that nobody else sees him. Takes root; for others the test is skipped.
[ "$(id -u)" -eq 0 ] || { echo "only root can have other users: run it as root (sudo make test)"; exit 77; }
[ -n "${OTHER_USERS:-}" ] || OTHER_USERS=$(mktemp -d /tmp/outboard-users.XXXXXX) exec unshare --mount "$0" "$@"
trap 'umount /etc/passwd /etc/shadow; rm -rf "$OTHER_USERS"' EXIT
chmod 755 "$OTHER_USERS"
user=12345
install -d -o $user -g $user "$OTHER_USERS/home"
(cat /etc/passwd; echo "tester:x:$user:$user::$OTHER_USERS/home:/bin/bash") >"$OTHER_USERS/passwd"
(umask 077; (cat /etc/shadow; echo "tester:$(openssl passwd -6 secret):19000:0:99999:7:::") >"$OTHER_USERS/shadow")
for file in passwd shadow; do mount --bind "$OTHER_USERS/$file" /etc/$file || exit 1; done
if [ "$1" = --as-tester ]; then
  shift
  HOME=$OTHER_USERS/home USER=tester LOGNAME=tester setpriv --reuid $user --regid $user --clear-groups "$@"
else
  "$@"
fi
