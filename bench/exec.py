#!/usr/bin/env python3
"""make bench: what shipping a program costs beside what ssh does alone, over an sshd of its own on the loopback.
exec.py OUTBOARD"""
import getpass
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

outboard = os.path.abspath(sys.argv[1])
size = 500_000_000
turns = 5

# Passes standard input on to a command and writes down how many bytes that were.
counting = """
import os, select, subprocess, sys
command, moved = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE), 0
while select.select([0], [], []) and (data := os.read(0, 65536)):
    command.stdin.write(data)
    command.stdin.flush()
    moved += len(data)
    open(sys.argv[1], "w").write(str(moved))
"""


def seconds(words, **more):
    begin = time.monotonic()
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    if done.returncode:
        sys.exit(f"bench: {words[:4]}... failed: {done.stderr.decode()}")
    return time.monotonic() - begin


def seconds_to_first_line(words, **more):
    begin = time.monotonic()
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    line = running.stdout.readline()
    taken = time.monotonic() - begin
    _, said = running.communicate()
    if running.returncode or not line:
        sys.exit(f"bench: {words[:4]}... failed: {said.decode()}")
    return taken


class Sshd:
    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        (folder / "authorized").write_text((folder / "key.pub").read_text())
        os.makedirs("/run/sshd", exist_ok=True)
        self.daemon = subprocess.Popen(
            [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-p", str(port), "-h", folder / "host",
             "-o", f"AuthorizedKeysFile={folder / 'authorized'}", "-o", "StrictModes=no", "-o", "ListenAddress=127.0.0.1",
             "-o", f"PidFile={folder / 'pid'}"], stderr=subprocess.DEVNULL)
        self.words = ["ssh", "-F", "/dev/null", "-q", "-i", str(folder / "key"), "-o", "StrictHostKeyChecking=no", "-o",
                      "UserKnownHostsFile=/dev/null", "-o", "ControlMaster=auto", "-o", f"ControlPath={folder / 'c'}", "-o",
                      "ControlPersist=60", "-p", str(port), f"{getpass.getuser()}@127.0.0.1"]
        for _ in range(100):
            if subprocess.run([*self.words, "true"], stdout=subprocess.DEVNULL).returncode == 0:
                return
            time.sleep(0.1)
        sys.exit("bench: sshd does not start")

    def stop(self):
        subprocess.run([*self.words[:-1], "-O", "exit", self.words[-1]], stderr=subprocess.DEVNULL)
        self.daemon.terminate()
        self.daemon.wait()


def row(name, value, unit, limit, which, goal, met):
    print(f"{name:<26}{value:>10.3f} {unit:<5}{limit:>10.3f}  {which:<22}{value / limit:>7.2f}  {goal:<16}{'yes' if met else 'NO'}")


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="outboard-bench"))
    os.environ.update(OUTBOARD_STATE=str(folder / "state"), XDG_STATE_HOME=str(folder / "mine"),
                      XDG_CACHE_HOME=str(folder / "cache"))
    sshd = Sshd(folder)
    serve = f"OUTBOARD_STATE={folder}/state {outboard} serve --stdio --exec"
    target = "via:" + " ".join(sshd.words) + f" '{serve}'"
    exec_ = [outboard, "exec", "-q", "--on", target]
    try:
        print(f"{'figure':<26}{'value':>10} {'unit':<5}{'limit':>10}  {'which is':<22}{'ratio':>7}  {'goal':<16}met")
        # Half of it compresses, as programs and data do; the other half is noise.
        bundle = folder / "bundle"
        with open(bundle, "wb") as file:
            for _ in range(size // 2_000_000):
                file.write(os.urandom(1_000_000) + b"weights and words " * 55_556)
        length = bundle.stat().st_size
        alone, first = [], []
        for _ in range(3):
            with open(bundle, "rb") as file:
                alone.append(length / seconds([*sshd.words, "cat >/dev/null"], stdin=file) / 1e6)
            shutil.rmtree(folder / "state", ignore_errors=True)
            shutil.rmtree(folder / "cache", ignore_errors=True)
            first.append(length / seconds([*exec_, "--in", str(bundle), "--", "true"], cwd=folder) / 1e6)
        value, limit = statistics.median(first), statistics.median(alone)
        row("exec.first_time", value, "MB/s", limit, "ssh HOST 'cat >/dev/null'", ">= 0.8 x limit", value >= 0.8 * limit)
        (folder / "count.py").write_text(counting)
        counted = f"via:{sys.executable} {folder}/count.py {folder}/bytes {' '.join(sshd.words)} \"{serve}\""
        seconds([outboard, "exec", "-q", "--on", counted, "--in", str(bundle), "--", "true"], cwd=folder)
        time.sleep(0.5)
        moved = int((folder / "bytes").read_text()) / 1e6
        row("exec.second_time_moves", moved, "MB", length / 1e6, "the bundle", "< 1", moved < 1)
        # Most of either may be the host's own shell, which starts before anything of ours does.
        ssh, ours, whole = [], [], []
        for _ in range(turns * 3):
            ssh.append(seconds([*sshd.words, "true"]) * 1e3)
            ours.append(seconds_to_first_line([*exec_, "--", "echo", "ready"], cwd=folder) * 1e3)
            whole.append(seconds([*exec_, "--", "true"], cwd=folder) * 1e3)
        limit = statistics.median(ssh)
        for name, each in (("exec.warm_start", ours), ("exec.warm_run", whole)):
            value = statistics.median(each)
            row(name, value, "ms", limit, "ssh HOST true", "<= 1.3 x limit", value <= 1.3 * limit)
    finally:
        sshd.stop()
        shutil.rmtree(folder, ignore_errors=True)


main()
