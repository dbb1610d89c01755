"""A TLS link that is cut again and again: the run is the same as over one that holds."""
import os
import subprocess

from host import OUTBOARD, SCRATCH, Exec, free_port, wait_for


class Cut(Exec):
    def setUp(self):
        self.port = free_port()
        super().setUp()
        self.proxy = None

    def tearDown(self):
        if self.proxy:
            self.proxy.communicate()
        super().tearDown()

    def start_server(self, *more):
        super().start_server("--listen", f"tls:127.0.0.1:{self.port}", "--exec", *more)

    def join_through_proxy(self, seed):
        self.proxy = subprocess.Popen([SCRATCH / "exec_test_proxy", str(self.port), str(seed)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        port = self.proxy.stdout.readline().strip()
        made = subprocess.run([OUTBOARD, "token", "create", "--exec", "--address", f"127.0.0.1:{port}"],
                              env=self.environment, capture_output=True, text=True)
        def join():
            return subprocess.run([OUTBOARD, "join", "--name", "lab", made.stdout.strip()], env=self.environment,
                                  capture_output=True).returncode == 0
        self.assertTrue(wait_for(join, 30), made.stderr)

    def cuts(self):
        self.proxy.stdin.close()
        cuts = int(self.proxy.stdout.read())
        self.proxy.wait()
        self.proxy.stdout.close()
        self.proxy = None
        return cuts

    def test_the_run_does_not_notice(self):
        self.write("input", os.urandom(3 << 20))
        self.script("app", "for i in $(seq 200); do echo line $i; done; cp input output; exec sha256sum")
        given = os.urandom(1 << 20)
        expected = subprocess.run(["./app"], cwd=self.here, input=given, capture_output=True).stdout.decode()
        self.join_through_proxy(20261126)
        whole = turn = 0
        while whole < 4:  # about every second one is cut before there is a session
            turn += 1
            self.assertLess(turn, 30, "nearly every run is cut before there is a session")
            (self.here / "output").unlink(missing_ok=True)
            code, out, err = self.exec("-q", "--in", "input", "--env", f"TURN={turn}", "--", "./app", on="lab", given=given)
            self.assertEqual([name for name in self.names() if "outboard" in name], [], err)
            if code == 125:  # cut before there was a session to come back to
                self.assertIn("outboard: ", err)
                continue
            whole += 1
            self.assertEqual((code, out), (0, expected), err)
            self.assertEqual((self.here / "output").read_bytes(), (self.here / "input").read_bytes())
        self.assertGreater(self.cuts(), 20)
        self.assertTrue(wait_for(lambda: not self.left_running()))
