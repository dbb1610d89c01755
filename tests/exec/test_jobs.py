"""Runs that outlive us."""
import json
import os
import pathlib
import signal
import sqlite3
import time

from host import Exec, wait_for


class Jobs(Exec):
    def job(self, *words):
        code, out, err = self.exec("--detach", "-q", *words)
        self.assertEqual(code, 0, err)
        return out.strip()

    def state(self, job):
        for each in json.loads(self.outboard("jobs", "--json")[1]):
            if each["job"] == job:
                return each
        return None

    def ask(self, *words):
        """Without --on: this machine knows where its jobs are."""
        import subprocess
        from host import OUTBOARD
        done = subprocess.run([OUTBOARD, *words], cwd=self.here, env=self.environment, capture_output=True, text=True,
                              timeout=60)
        return done.returncode, done.stdout, done.stderr

    def test_detached(self):
        self.script("app", "echo first; sleep 1; echo last; echo result >result; exit 4")
        job = self.job("--", "./app")
        self.assertEqual(self.state(job)["state"], "running")
        code, out, _ = self.ask("fetch", job)
        self.assertEqual(code, 125)
        self.assertEqual(self.ask("wait", job)[0], 4)
        self.assertEqual(self.ask("logs", job)[:2], (0, "first\nlast\n"))
        self.assertEqual(self.ask("logs", "-f", job[:4])[:2], (0, "first\nlast\n"))
        code, out, err = self.ask("fetch", job)
        self.assertEqual((code, (self.here / "result").read_text()), (0, "result\n"), err)
        self.assertEqual((self.state(job)["state"], self.state(job)["code"]), ("done", 4))

    def test_logs_follow(self):
        self.script("app", "for i in 1 2 3; do echo $i; sleep 0.3; done; echo e >&2")
        job = self.job("--", "./app")
        self.assertEqual(self.ask("logs", "-f", job), (0, "1\n2\n3\n", "e\n"))

    def test_cancel(self):
        self.script("app", "trap '' TERM; (sleep 600; :) & echo stubborn; sleep 600; sleep 600")
        job = self.job("--", "./app")
        self.assertTrue(wait_for(lambda: self.ask("logs", job)[1] == "stubborn\n"))
        begin = time.monotonic()
        self.assertEqual(self.ask("cancel", job), (0, f"{job} is cancelled\n", ""))
        self.assertLess(time.monotonic() - begin, 20)
        self.assertTrue(wait_for(lambda: not self.left_running()))  # the supervisor ends behind its last word
        self.assertIn("is over already", self.ask("cancel", job)[2])

    def test_it_outlives_the_server(self):
        self.script("app", "echo one; sleep 2; echo two >result")
        job = self.job("--", "./app")
        self.stop_server(signal.SIGKILL)
        self.start_server()
        self.assertEqual(self.ask("wait", job)[0], 0)
        self.assertEqual(self.ask("fetch", job)[0], 0)
        self.assertEqual((self.here / "result").read_text(), "two\n")

    def test_a_killed_supervisor_is_reported_and_nothing_runs_on(self):
        job = self.job("--", "sh", "-c", "setsid sleep 600 & sleep 600")
        self.assertTrue(wait_for(lambda: len(self.left_running()) >= 3))
        for process in self.left_running():
            if b"supervise-job" in pathlib.Path(f"/proc/{process}/cmdline").read_bytes():
                os.kill(process, signal.SIGKILL)
        self.assertTrue(wait_for(lambda: self.state(job)["state"] == "lost"))
        self.assertIn("supervisor was killed", self.state(job)["why"])
        self.assertTrue(wait_for(lambda: not self.left_running()))
        code, _, err = self.ask("wait", job)
        self.assertEqual(code, 125)

    def test_a_host_that_restarted_is_reported_as_that(self):
        job = self.job("--", "sleep", "600")
        self.assertTrue(wait_for(lambda: len(self.left_running()) >= 2))
        left = self.left_running()
        with sqlite3.connect(self.work / "state/exec/jobs.db", timeout=10) as database:
            database.execute("UPDATE jobs SET boot = 'of yesterday' WHERE id = ?", (job,))
        for process in left:
            os.kill(process, signal.SIGKILL)
        self.assertEqual(self.state(job)["why"], "the host restarted while it ran")
        self.assertIn("the host restarted while it ran", self.ask("wait", job)[2])

    def test_results_are_kept_for_as_long_as_was_asked(self):
        job = self.job("--keep", "1s", "--", "sh", "-c", "echo x >x")
        self.ask("wait", job)
        self.assertEqual(self.job_folders(), [job])
        time.sleep(2)
        self.assertIsNone(self.state(job))
        self.assertEqual(self.job_folders(), [])

    def test_what_expires_goes_while_nobody_asks(self):
        job = self.job("--keep", "1s", "--", "true")
        self.ask("wait", job)
        self.stop_server()
        time.sleep(2)
        self.assertEqual(self.job_folders(), [job])
        self.start_server()  # which tends its jobs at once, and every minute
        self.assertTrue(wait_for(lambda: self.job_folders() == []))

    def test_unknown_ones(self):
        code, _, err = self.ask("wait", "none")
        self.assertEqual(code, 2)
        self.assertIn("this machine started no job 'none'", err)
        code, _, err = self.outboard("wait", "none")
        self.assertEqual(code, 125)
        self.assertIn("there is no job 'none' of yours", err)
