"""Programs that get a virtual GPU of their host: its quota and its share hold in the job."""
import os
import subprocess
import time

from host import OUTBOARD, Exec, free_port

QUOTA, BURN = os.environ["QUOTA"], os.environ["BURN"]


class VirtualGpu(Exec):
    def setUp(self):
        self.port = free_port()
        super().setUp()
        self.ask("vgpu", "create", "small", "--memory", "64MiB", "--compute", "25")
        self.ask("vgpu", "create", "big", "--memory", "64MiB", "--compute", "75")

    def start_server(self, *more):
        super().start_server("--listen", f"tls:127.0.0.1:{self.port}", "--exec", *more)

    def ask(self, *words):
        done = subprocess.run([OUTBOARD, *words], env=self.environment, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_its_quota_holds(self):
        code, out, err = self.exec("-q", "--vgpu", "small", "--", QUOTA, "64")
        self.assertEqual(code, 0, out + err)
        self.assertIn("so far: 1 sessions", self.ask("vgpu", "show", "small"))
        code, out, err = self.exec("-q", "--vgpu", "none", "--", QUOTA, "64")
        self.assertEqual(code, 125)
        self.assertIn("no virtual GPU of that name", err)

    def test_a_tokens_virtual_gpu_is_its_programs(self):
        line = self.ask("token", "create", "--exec", "--vgpu", "small", "--address", f"127.0.0.1:{self.port}")
        self.ask("join", "--name", "lab", line.strip())
        code, out, err = self.exec("-q", "--", QUOTA, "64", on="lab")
        self.assertEqual(code, 0, out + err)
        code, out, err = self.exec("-q", "--vgpu", "big", "--", QUOTA, "64", on="lab")
        self.assertEqual(code, 125)
        self.assertIn("is for the virtual GPU 'small' and no other", err)

    def share(self):
        """What small gets of small (25) and big (75), in percent of the launches."""
        start = str(int(time.time()) + 15)
        runs = [self.start("-q", "--vgpu", name, "--", BURN, "6", "64", "20000", "20", start) for name in ("small", "big")]
        ended = [(run.communicate(timeout=120), run.returncode) for run in runs]
        self.assertEqual([code for _, code in ended], [0, 0], ended)
        small, big = (float(out) for (out, _), _ in ended)
        return 100 * small / (small + big)

    def test_its_share_holds(self):
        # The bounds tell a weighted share from an equal one, as in tests/tenants.
        parts = []
        for _ in range(2):
            parts.append(self.share())
            if 13 < parts[-1] < 38:
                return
        self.fail(f"{parts} % instead of 25")
