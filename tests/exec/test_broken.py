"""Connections that break at every stage, hosts that die."""
import os
import pathlib
import signal
import subprocess
import sys
import time

from host import OUTBOARD, Exec, wait_for


class Broken(Exec):
    def cut(self, direction, after):
        (self.work / "mark").unlink(missing_ok=True)
        cutting = pathlib.Path(__file__).with_name("cutting.py")
        return "via:" + " ".join([sys.executable, "-B", str(cutting), str(self.work / "mark"), direction, str(after),
                                  OUTBOARD, "serve", "--stdio", "--exec"])

    def program(self):
        self.write("input", os.urandom(100_000))
        self.script("app", "i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i+1)); sleep 0.02; done; cp input output; wc -c")

    expected = "".join(f"line {i}\n" for i in range(20)) + "11\n"

    def check(self, direction, after):
        (self.here / "output").unlink(missing_ok=True)
        code, out, err = self.exec("-q", "--in", "input", "--", "./app", on=self.cut(direction, after), given=b"hello\nworld")
        self.assertIn(code, (0, 125), err)
        if code == 0:
            self.assertEqual((out, err), (self.expected, ""), f"{direction} {after}")
            self.assertEqual((self.here / "output").read_bytes(), (self.here / "input").read_bytes())
        else:
            self.assertEqual(sum(line.startswith("outboard: ") for line in err.splitlines()), 1, err)
            self.assertNotIn("output", self.names())
        self.assertEqual([name for name in self.names() if "outboard" in name], [])
        self.assertTrue(wait_for(lambda: not self.left_running()), f"{direction} {after}")
        return code

    def test_cut_at_every_stage(self):
        self.program()
        codes = [self.check("back", after) for after in (10, 200, 700, 1000, 1300, 1600, 2500, 4000, 50_000)]
        codes += [self.check("out", after) for after in (10, 300, 900, 5000, 60_000, 105_000, 107_000)]
        self.assertIn(0, codes)
        self.assertIn(125, codes)

    def test_a_lost_link_is_taken_up_again(self):
        """The server, and with it the connection, dies and comes back while the program runs."""
        self.script("app", "for i in $(seq 60); do echo $i; sleep 0.05; done; cat; echo done >result")
        running = self.start("--", "./app", stdin=subprocess.PIPE)
        running.stdout.readline()
        self.stop_server(signal.SIGKILL)
        time.sleep(0.5)
        self.start_server()
        out, err = running.communicate(b"input\n", timeout=60)
        self.assertEqual(running.returncode, 0, err)
        self.assertEqual(out.decode(), "".join(f"{i}\n" for i in range(2, 61)) + "input\n")
        self.assertIn("coming back", err.decode())
        self.assertEqual((self.here / "result").read_text(), "done\n")

    def test_a_client_that_is_killed_leaves_a_job(self):
        self.script("app", "for i in $(seq 20); do echo $i; sleep 0.05; done; echo r >result")
        running = self.start("-q", "--", "./app")
        running.stdout.readline()
        running.kill()
        running.communicate()
        jobs = [line for line in self.outboard("jobs")[1].splitlines() if "./app" in line]
        self.assertEqual(len(jobs), 1)
        job = jobs[0].split()[0]
        self.assertEqual(self.outboard("wait", job)[0], 0)
        self.assertEqual(self.outboard("fetch", job)[0], 0)
        self.assertEqual((self.here / "result").read_text(), "r\n")

    def test_with_a_grace_nothing_runs_on(self):
        running = self.start("-q", "--grace", "1s", "--", "sh", "-c", "echo ready; setsid sleep 600 & sleep 600")
        running.stdout.readline()
        running.kill()
        running.communicate()
        self.assertTrue(wait_for(lambda: not self.left_running(), 20))
        self.assertIn("cancelled", self.outboard("jobs")[1])

    def test_a_host_that_does_not_come_back(self):
        self.assertEqual(self.exec("-q", "--", "cat", on=f"unix:{self.work}/none")[0], 125)
        code, _, err = self.exec("-q", "--", "cat", on="via:false")
        self.assertEqual((code, len(err.strip().splitlines())), (125, 1), err)
