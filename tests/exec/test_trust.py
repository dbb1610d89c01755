"""Who may run programs, and what programs may do."""
import os
import subprocess

from host import OUTBOARD, Exec, free_port, wait_for


class Elsewhere(Exec):
    """Over TLS, with a token."""

    def setUp(self):
        self.port = free_port()
        super().setUp()

    def start_server(self, *more):
        super().start_server("--listen", f"tls:127.0.0.1:{self.port}", "--listen", f"tcp:127.0.0.1:{self.port + 1}", *more)

    def join(self, *options):
        made = subprocess.run([OUTBOARD, "token", "create", "--address", f"127.0.0.1:{self.port}", *options],
                              env=self.environment, capture_output=True, text=True)
        joined = subprocess.run([OUTBOARD, "join", "--name", "lab", made.stdout.strip()], env=self.environment,
                                capture_output=True, text=True)
        self.assertEqual(joined.returncode, 0, made.stderr + joined.stderr)

    def test_a_server_that_was_not_told(self):
        self.join("--exec")
        code, _, err = self.exec("-q", "--", "cat", on="lab")
        self.assertEqual(code, 125)
        self.assertIn("start it with outboard serve --exec", err)

    def test_the_loopback_is_anybody(self):
        self.stop_server()
        self.start_server("--exec")
        code, _, err = self.exec("-q", "--", "cat", on=f"tcp:127.0.0.1:{self.port + 1}")
        self.assertEqual(code, 125)
        self.assertIn("outboard token create --exec", err)

    def test_a_token_for_calls_alone(self):
        self.stop_server()
        self.start_server("--exec")
        self.join()
        code, _, err = self.exec("-q", "--", "cat", on="lab")
        self.assertEqual(code, 125)
        self.assertIn("outboard token create --exec", err)

    def test_a_token_that_may(self):
        self.stop_server()
        self.start_server("--exec")
        self.join("--exec")
        self.write("input", os.urandom(9 << 20))
        code, _, err = self.exec("-q", "--in", "input", "--", "cp", "input", "output", on="lab")
        self.assertEqual(code, 0, err)
        self.assertEqual((self.here / "output").read_bytes(), (self.here / "input").read_bytes())
        # Nothing waits there for a client that has left for good.
        sessions = lambda: subprocess.run([OUTBOARD, "ps"], env=self.environment, capture_output=True, text=True).stdout
        self.assertTrue(wait_for(lambda: "exec" not in sessions(), 10), sessions())
        children = lambda: subprocess.run(["pgrep", "-P", str(self.server.pid)], capture_output=True, text=True).stdout
        self.assertTrue(wait_for(lambda: not children(), 10), children())

    def test_jobs_are_their_owners(self):
        self.stop_server()
        self.start_server("--exec")
        self.join("--exec")
        self.exec("-q", "--", "true", on="lab")
        self.exec("-q", "--", "false")
        self.assertIn("true", self.outboard("jobs", on="lab")[1])
        self.assertNotIn("false", self.outboard("jobs", on="lab")[1])
        both = self.outboard("jobs")[1]
        self.assertIn("true", both)
        self.assertIn("false", both)


class Pipes(Exec):
    def test_stdio_only_when_it_was_said(self):
        code, _, err = self.exec("-q", "--", "cat", on=f"via:{OUTBOARD} serve --stdio")
        self.assertEqual(code, 125)
        self.assertIn("--exec", err)
        self.assertEqual(self.exec("-q", "--", "echo", "yes", on=f"via:{OUTBOARD} serve --stdio --exec"), (0, "yes\n", ""))


class Confined(Exec):
    def test_what_a_program_may_not(self):
        secret = self.work / "home/secret"
        secret.parent.mkdir()
        secret.write_text("secret")
        for path in (secret, self.work / "state/exec/jobs.db", "/root/.profile"):
            self.script("app", f'cat "{path}" && echo READ; echo x >"{path}" && echo WRITTEN; exit 0')
            code, out, err = self.exec("-q", "--", "./app")
            self.assertEqual((code, out), (0, ""), f"{path}: {err}")
        self.script("app", f'echo x >"{self.here}/app" && echo WRITTEN; exit 0')
        self.assertEqual(self.exec("-q", "--", "./app")[:2], (0, ""))
        for command in ("mount -t tmpfs none /mnt", "kill -0 1", f"kill -0 {os.getpid()}", "touch /usr/x", "ls /home/*"):
            code, _, err = self.exec("-q", "--", "sh", "-c", command)
            self.assertNotEqual(code, 0, command)

    def test_ordinary_work(self):
        work = ("import multiprocessing, os, socket, subprocess, tempfile, threading\n"
                "def square(x): return x * x\n"
                "if __name__ == '__main__':\n"
                "  with multiprocessing.get_context('spawn').Pool(2) as pool: assert pool.map(square, [1, 2, 3]) == [1, 4, 9]\n"
                "  with tempfile.TemporaryFile() as file: file.write(b'x')\n"
                "  open('/tmp/scratch', 'w').write('x')\n"
                "  open('/dev/shm/outboard-test', 'w').write('x'); os.unlink('/dev/shm/outboard-test')\n"
                "  os.makedirs('a/b'); os.rename('a/b', 'b'); os.symlink('b', 'c'); os.link('work.py', 'hard')\n"
                "  assert subprocess.run(['ls', '/usr']).returncode == 0\n"
                "  s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); s.close()\n"
                "  open(os.path.expanduser('~/.rc'), 'w').write('x')\n"
                "  print('worked')\n")
        self.write("work.py", work)
        code, out, err = self.exec("-q", "--to", "there", "--", "python3", "work.py")
        self.assertTrue(out.endswith("worked\n"), err)
        self.assertEqual(code, 0, err)
