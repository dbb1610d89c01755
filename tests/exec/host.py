"""What the tests have in common: a host (a real server with a state of its own), a machine beside it, and looking for
what is left over."""
import hashlib
import os
import pathlib
import pty
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import zipfile

OUTBOARD = os.environ["OUTBOARD"]
SCRATCH = pathlib.Path(os.environ["SCRATCH"])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def wheel(folder, version):
    """A package with nothing in it but its version (PEP 427); its hash as pip writes it."""
    name = f"outboard_answer-{version}"
    files = {"outboard_answer.py": f"version = '{version}'\n",
             f"{name}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: outboard-answer\nVersion: {version}\n",
             f"{name}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    files[f"{name}.dist-info/RECORD"] = "".join(f"{each},,\n" for each in files)
    path = folder / f"{name}-py3-none-any.whl"
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as packed:
        for each, text in files.items():
            packed.writestr(each, text)
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


class Exec(unittest.TestCase):
    serve_options = ()
    without = []  # a command that takes something from the client

    def setUp(self):
        SCRATCH.mkdir(parents=True, exist_ok=True)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="x", dir=SCRATCH))
        self.here = self.work / "here"
        self.here.mkdir()
        self.environment = {**os.environ, "OUTBOARD_STATE": str(self.work / "state"), "HOME": str(self.work / "home"),
                            "XDG_STATE_HOME": str(self.work / "mine"), "XDG_CONFIG_HOME": str(self.work / "config"),
                            "XDG_CACHE_HOME": str(self.work / "cache")}
        for name in ("OUTBOARD_TARGET", "OUTBOARD_VGPU", "OUTBOARD_JOB"):
            self.environment.pop(name, None)
        self.socket = self.work / "s"
        self.target = f"unix:{self.socket}"
        self.server = None
        self.start_server()

    def tearDown(self):
        self.stop_server()
        wait_for(lambda: not self.left_running(), 15)
        left = self.left_running()
        for process in left:
            os.kill(process, signal.SIGKILL)
        shutil.rmtree(self.work, ignore_errors=True)
        self.assertEqual(left, [], "processes of jobs are left")

    def start_server(self, *more):
        log = open(self.work / "log", "a")
        self.server = subprocess.Popen([OUTBOARD, "serve", "--listen", self.target, *self.serve_options, *more],
                                       env=self.environment, stderr=log, stdin=subprocess.DEVNULL,
                                       preexec_fn=self.before_server)
        log.close()
        self.assertTrue(wait_for(lambda: "listening" in (self.work / "log").read_text()), (self.work / "log").read_text())

    def before_server(self):
        pass

    def stop_server(self, how=signal.SIGTERM):
        if self.server:
            self.server.send_signal(how)
            self.server.wait()
            self.server = None
        (self.work / "log").write_text("")

    def write(self, name, text, mode=0o644):
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    def script(self, name, body):
        return self.write(name, "#!/bin/sh\n" + body + "\n", 0o755)

    def command(self, *words, on=None):
        return [*self.without, OUTBOARD, words[0], "--on", on or self.target, *words[1:]]

    def outboard(self, *words, on=None, given=b"", seconds=120, **more):
        """Exit code, standard output, standard error."""
        done = subprocess.run(self.command(*words, on=on), cwd=self.here, env=self.environment, input=given,
                              capture_output=True, timeout=seconds, **more)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def exec(self, *words, **more):
        return self.outboard("exec", *words, **more)

    def start(self, *words, on=None, **more):
        return subprocess.Popen(self.command("exec", *words, on=on), cwd=self.here, env=self.environment,
                                stdin=more.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, **more)

    def terminal(self, *words, on=None):
        """Runs on a terminal of our own; the process and the terminal's other end."""
        ours, theirs = pty.openpty()
        running = subprocess.Popen(self.command("exec", *words, on=on), cwd=self.here, env=self.environment,
                                   stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        return running, ours

    def names(self):
        return sorted(str(path.relative_to(self.here)) for path in self.here.rglob("*"))

    def left_running(self):
        """Processes of this test's jobs, and their supervisors."""
        left = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            ours = str(self.work).encode() in environment
            if ours and (b"OUTBOARD_JOB=" in environment or b"supervise-job" in command):
                left.append(int(entry.name))
        return left

    def job_folders(self):
        jobs = self.work / "state/exec/jobs"
        return sorted(path.name for path in jobs.iterdir()) if jobs.exists() else []
