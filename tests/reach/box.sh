# A machine `box` that ssh reaches, for whoever sources this: a real sshd on the loopback, with keys and a configuration of
# its own. $work is a folder that ends with the shell, $far the home folder of the far side. start_sshd PATH; ssh box.
sshd=$(command -v sshd || echo /usr/sbin/sshd)
[ -x "$sshd" ] || { echo "openssh-server is missing; tools/setup installs it"; exit 1; }
work=$(mktemp -d /tmp/outboard-ssh.XXXXXX) && chmod 700 "$work"
export XDG_RUNTIME_DIR=$work/run XDG_CONFIG_HOME=$work/config OUTBOARD_CACHE=$work/kernels
mkdir -p "$XDG_RUNTIME_DIR" "$work"/{bin,home,far}
unset OUTBOARD_TARGET OUTBOARD_DIRECT OUTBOARD_VERBOSE SSH_AUTH_SOCK
far=$work/home    # the home folder of the far side
free_port() {
  local port
  while port=$((20000 + RANDOM % 30000)); (: <>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do :; done
  echo $port
}
port=$(free_port) daemons=()
forget_connections() { for master in "$XDG_RUNTIME_DIR"/ssh-*; do [ -S "$master" ] && /usr/bin/ssh -o ControlPath="$master" -O exit box 2>/dev/null; done; }
clean() { forget_connections; kill "${daemons[@]}" 2>/dev/null; wait "${daemons[@]}" 2>/dev/null; rm -rf "$work"; }
trap clean EXIT
# PATH of the far side; the sshd takes it for new connections.
start_sshd() {
  cat >"$work/sshd_config" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $work/host_key
AuthorizedKeysFile $work/authorized_keys
PidFile $work/pid
UsePAM no
StrictModes no
PasswordAuthentication ${passwords:-no}
KbdInteractiveAuthentication no
SetEnv HOME=$far XDG_CACHE_HOME=$far/.cache OUTBOARD_CACHE=$OUTBOARD_CACHE PATH=$1
END
  [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd  # sshd(8): for root's own separation of privileges
  rm -f "$work/pid"
  "$sshd" -D -f "$work/sshd_config" -E "$work/log" & daemons+=($!) daemon=$!
  for _ in $(seq 100); do [ -s "$work/pid" ] && return; sleep 0.05; done
  echo "sshd does not start:"; cat "$work/log"; exit 1
}
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key" || exit 1
ssh-keygen -q -t ed25519 -N '' -f "$work/id" || exit 1
ssh-keygen -q -t ed25519 -N secret -f "$work/locked" || exit 1
cat "$work/id.pub" "$work/locked.pub" >"$work/authorized_keys"
cat >"$work/ssh_config" <<END
Host box locked stranger
  HostName 127.0.0.1
  Port $port
  IdentityFile $work/id
  IdentitiesOnly yes
  UserKnownHostsFile $work/known
  StrictHostKeyChecking accept-new
  GlobalKnownHostsFile /dev/null
END
printf 'Host locked\n  IdentityFile %s\n' "$work/locked" | cat - "$work/ssh_config" >"$work/locked_config"
# The user's ssh, whose configuration is not in his home folder.
printf '#!/bin/sh\nexec /usr/bin/ssh -F "${TEST_SSH_CONFIG:-%s}" "$@"\n' "$work/ssh_config" >"$work/bin/ssh"
chmod +x "$work/bin/ssh"
export PATH=$work/bin:$PATH
# The box lets in `tester` of other_users.sh, by a password that ssh asks for: ssh person.
add_person() {
  chmod 755 "$work"; chown -R tester "$far"; install -d -o tester "$OUTBOARD_CACHE"
  cat >>"$work/ssh_config" <<END
Host person
  HostName 127.0.0.1
  Port $port
  User tester
  PreferredAuthentications password
  NumberOfPasswordPrompts 1
  UserKnownHostsFile $work/known
  StrictHostKeyChecking accept-new
END
}
forget_person() { for master in "$XDG_RUNTIME_DIR"/ssh-*; do [ -S "$master" ] && /usr/bin/ssh -o ControlPath="$master" -O exit person 2>/dev/null; done; }
