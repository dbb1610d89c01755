"""Results come home whole, inside the chosen folder, or not at all."""
import os
import resource
import signal
import subprocess
import time

from host import Exec, wait_for


class Results(Exec):
    def test_everything_new_or_changed_comes_back(self):
        self.write("old", "old\n")
        self.write("same", "same\n")
        self.script("app", "echo new >new; mkdir -p deep/er empty; echo x >deep/er/x; echo more >>old; cat same >s; mv s same; "
                           "chmod +x new; ln -s new link")
        self.assertEqual(self.exec("-q", "--in", "old", "--in", "same", "--", "./app"), (0, "", ""))
        self.assertEqual(self.names(), ["app", "deep", "deep/er", "deep/er/x", "empty", "link", "new", "old", "same"])
        self.assertEqual((self.here / "old").read_text(), "old\nmore\n")
        self.assertTrue(os.access(self.here / "new", os.X_OK))
        self.assertEqual(os.readlink(self.here / "link"), "new")
        self.assertEqual(self.outboard("jobs")[1].count("done"), 1)

    def test_globs_choose(self):
        self.script("app", "mkdir -p out/deep; echo a >out/a.txt; echo b >out/deep/b.txt; echo c >c.txt")
        self.assertEqual(self.exec("-q", "--out", "out/**/*.txt", "--", "./app"), (0, "", ""))
        self.assertEqual(self.names(), ["app", "out", "out/a.txt", "out/deep", "out/deep/b.txt"])
        code, _, err = self.exec("-q", "--out", "nothing*", "--", "./app")
        self.assertEqual(code, 125)
        self.assertIn("no output matches 'nothing*'", err)

    def test_large_results_and_another_folder(self):
        self.script("app", "head -c 30000000 /dev/urandom >large; sha256sum large")
        code, out, err = self.exec("-q", "--to", "there", "--", "./app")
        self.assertEqual(code, 0, err)
        done = subprocess.run(["sha256sum", "large"], cwd=self.here / "there", capture_output=True, text=True)
        self.assertEqual(done.stdout, out)

    def test_a_failing_program_brings_its_results_too(self):
        self.script("app", "echo log >log; exit 9")
        self.assertEqual(self.exec("-q", "--", "./app")[0], 9)
        self.assertEqual((self.here / "log").read_text(), "log\n")

    def test_a_link_that_leads_outside_stays_there(self):
        self.script("app", "ln -s /etc/passwd one; ln -s ../../x two; echo y >y")
        code, _, err = self.exec("-q", "--", "./app")
        self.assertEqual(code, 125)
        self.assertIn("not brought back: one: it is a link that leads outside, to /etc/passwd", err)
        self.assertIn("not brought back: two: it is a link that leads outside", err)
        self.assertEqual(self.names(), ["app", "y"])

    def test_a_link_here_does_not_lead_results_outside(self):
        (self.work / "elsewhere").mkdir()
        (self.here / "out").symlink_to(self.work / "elsewhere")
        self.script("app", "mkdir out; echo x >out/x; echo y >y")
        code, _, err = self.exec("-q", "--", "./app")
        self.assertEqual(code, 125)
        self.assertIn("would land outside", err)
        self.assertEqual(list((self.work / "elsewhere").iterdir()), [])
        self.assertEqual(self.names(), ["app", "out"])

    def test_two_runs_that_write_the_same(self):
        self.script("app", 'echo "$1" >result; sleep "$2"')
        slow = self.start("-q", "--", "./app", "slow", "3")
        time.sleep(1)
        self.assertEqual(self.exec("-q", "--", "./app", "fast", "0")[0], 0)
        _, err = slow.communicate(timeout=60)
        self.assertEqual(slow.returncode, 125)
        self.assertIn("result was written by another run", err.decode())
        self.assertEqual((self.here / "result").read_text(), "fast\n")
        job = err.decode().split("outboard fetch ")[1].split()[0]
        self.assertEqual(self.outboard("fetch", job, "--to", "mine")[0], 0)
        self.assertEqual((self.here / "mine/result").read_text(), "slow\n")

    def test_a_full_disk_here(self):
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        self.script("app", "echo a >a; head -c 3000000 /dev/zero >large")
        code, _, err = self.exec("-q", "--", "./app", preexec_fn=small_files)
        self.assertEqual(code, 125)
        self.assertIn("is full", err)
        self.assertIn("the results are kept on", err)
        self.assertEqual(self.names(), ["app"])
        job = err.split("outboard fetch ")[1].split()[0]
        self.assertEqual(self.outboard("fetch", job)[0], 0)
        self.assertEqual((self.here / "large").stat().st_size, 3000000)


class FullHost(Exec):
    def before_server(self):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))

    def test_what_is_sent_does_not_fit(self):
        self.write("large", os.urandom(8 << 20))
        code, _, err = self.exec("-q", "--in", "large", "--", "cat", "large")
        self.assertEqual(code, 125)
        self.assertIn("is full", err)
        self.assertTrue(wait_for(lambda: self.job_folders() == []))

    def test_the_output_does_not_fit(self):
        code, out, err = self.exec("-q", "--", "head", "-c", "8000000", "/dev/zero")
        self.assertEqual(code, 125)
        self.assertIn("is full", err)
