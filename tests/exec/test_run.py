"""Streams, signals, exit codes, terminals."""
import os
import pathlib
import re
import select
import signal
import subprocess
import time

from host import OUTBOARD, SCRATCH, Exec, wait_for


class Run(Exec):
    def test_output_and_exit_code_are_the_programs_own(self):
        self.script("app", 'echo out; echo err >&2; exit 7')
        self.assertEqual(self.exec("-q", "--", "./app"), (7, "out\n", "err\n"))

    def test_input_reaches_the_program_and_ends(self):
        self.assertEqual(self.exec("-q", "--", "cat", given=b"a\nb\n"), (0, "a\nb\n", ""))
        large = os.urandom(3 << 20)
        done = subprocess.run(self.command("exec", "-q", "--", "sha256sum"), input=large, capture_output=True,
                              env=self.environment, cwd=self.here)
        here = subprocess.run(["sha256sum"], input=large, capture_output=True)
        self.assertEqual(done.stdout, here.stdout)

    def test_arguments_and_environment_travel_as_they_are(self):
        self.script("app", 'printf "[%s]" "$@"; echo "$COLOUR $HERE"')
        self.environment["HERE"] = "there"
        self.assertEqual(self.exec("-q", "--env", "COLOUR=deep blue", "--env", "HERE", "--", "./app", "a b", "", "c'\"*"),
                         (0, "[a b][][c'\"*]deep blue there\n", ""))

    def test_a_signal_that_ends_it_is_told_as_shells_do(self):
        self.script("app", "kill -SEGV $$")
        self.assertEqual(self.exec("-q", "--", "./app")[0], 128 + signal.SIGSEGV)

    def test_our_signals_are_the_programs(self):
        self.script("app", 'trap "echo hup; exit 3" HUP\ntrap "echo int" INT\necho ready\nwhile :; do sleep 0.05; done')
        running = self.start("-q", "--", "./app")
        self.assertEqual(running.stdout.readline(), b"ready\n")
        running.send_signal(signal.SIGINT)
        self.assertEqual(running.stdout.readline(), b"int\n")
        running.send_signal(signal.SIGHUP)
        self.assertEqual(running.stdout.readline(), b"hup\n")
        self.assertEqual(running.wait(30), 3)
        running.communicate()

    def test_a_reader_that_leaves_ends_the_program(self):
        running = self.start("-q", "--", "yes")
        running.stdout.read(10)
        running.stdout.close()
        self.assertEqual(running.wait(30), 128 + signal.SIGPIPE)
        running.stderr.close()

    def test_a_flood_flows_with_bounded_memory_and_disk(self):
        running = self.start("-q", "--", "head", "-c", str(1 << 30), "/dev/zero")
        size = 0
        while block := running.stdout.read1(1 << 20):
            size += len(block)
        self.assertEqual((running.wait(60), size, running.stderr.read()), (0, 1 << 30, b""))
        running.communicate()
        state = self.work / "state/exec/jobs"
        disk = sum(path.stat().st_blocks * 512 for path in state.rglob("*") if path.is_file())
        self.assertLess(disk, 100 << 20)

    def peak_memory(self, running):
        """The most that each process of a run had, by its part: the client, the server and its workers, the supervisor."""
        peaks = {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                environment, command = (entry / "environ").read_bytes(), (entry / "cmdline").read_bytes().split(b"\0")
                peak = re.search(r"VmHWM:\s+(\d+) kB", (entry / "status").read_text())
            except OSError:
                continue
            ours = str(self.work).encode() in environment
            if ours and (command[0] == OUTBOARD.encode() or b"supervise-job" in command):
                part = "client" if entry.name == str(running.pid) else command[1].decode()
                peaks[part] = max(peaks.get(part, 0), int(peak[1]) << 10)
        return peaks

    def test_a_flood_before_a_slow_reader_takes_no_memory(self):
        running = self.start("-q", "--", "head", "-c", str(1 << 30), "/dev/zero")
        taken = len(running.stdout.read(1 << 20))
        time.sleep(2)  # nobody reads: whoever keeps what comes meanwhile shows now
        while taken < 900 << 20:
            taken += len(running.stdout.read(10 << 20))
            time.sleep(0.01)
        peaks = self.peak_memory(running)
        self.assertEqual(sorted(peaks), ["client", "serve", "supervise-job"])
        self.assertLess(max(peaks.values()), 200 << 20, peaks)
        print(", ".join(f"{part} {peak / 1e6:.0f} MB" for part, peak in sorted(peaks.items())))
        taken += len(running.stdout.read())
        self.assertEqual((running.wait(60), taken), (0, 1 << 30))
        running.communicate()

    def test_a_slow_reader_holds_the_program_back(self):
        self.script("app", "head -c 200000000 /dev/zero; touch finished")
        running = self.start("-q", "--", "./app")
        running.stdout.read(1000)
        time.sleep(2)
        self.assertEqual(list(self.work.rglob("state/exec/jobs/*/files/**/finished")), [])
        logs = list(self.work.rglob("state/exec/jobs/*/out"))
        self.assertLess(logs[0].stat().st_size, 64 << 20)
        running.stdout.read()
        self.assertEqual(running.wait(60), 0)
        running.communicate()
        self.assertIn("finished", self.names())

    def test_what_a_program_leaves_behind_ends_with_it(self):
        self.script("app", "setsid sleep 600 & (sleep 601 &) ; echo started")
        code, out, err = self.exec("-q", "--", "./app")
        self.assertEqual((code, out), (0, "started\n"), err)
        self.assertTrue(wait_for(lambda: not self.left_running(), 10))

    def test_nothing_of_our_folder_is_written_while_it_runs_and_tmp_is_its_own(self):
        code, out, err = self.exec("-q", "--", "sh", "-c", "echo x >/tmp/outboard-test-mine && ls /tmp && echo $TMPDIR")
        self.assertEqual(code, 0, err)
        self.assertFalse(os.path.exists("/tmp/outboard-test-mine"))

    def read_until(self, terminal, text, seconds=30):
        seen, end = b"", time.monotonic() + seconds
        while text not in seen and time.monotonic() < end:
            if select.select([terminal], [], [], 0.5)[0]:
                try:
                    seen += os.read(terminal, 4096)
                except OSError:
                    break
        self.assertIn(text, seen)
        return seen

    def test_a_real_terminal(self):
        self.script("app", 'tty >/dev/null && echo it is one\nstty size\ntrap "stty size" WINCH\n'
                           'trap "echo stopped; exit 5" INT\nread line\necho "got $line"\nwhile :; do sleep 0.05; done')
        running, terminal = self.terminal("-q", "-t", "--", "./app")
        self.read_until(terminal, b"it is one\r\n24 80")
        os.write(terminal, b"hello\n")
        self.read_until(terminal, b"got hello")
        os.write(terminal, b"\x03")  # the far terminal makes the signal
        self.read_until(terminal, b"stopped")
        self.assertEqual(running.wait(30), 5)
        os.close(terminal)

    def test_a_terminal_is_shown_how_much_has_gone(self):
        self.write("large", os.urandom(40 << 20))
        running, terminal = self.terminal("--in", "large", "--", "true")
        seen = self.read_until(terminal, b"outboard: sending 41.9 MB")
        self.assertRegex(seen, rb"\rsending \[#* *\] +\d+ %  \d+ MB/s")
        self.assertEqual(running.wait(30), 0)
        os.close(terminal)

    def test_the_windows_size_goes_with_it(self):
        self.script("app", 'trap "stty size; exit 0" WINCH\necho ready\nwhile :; do sleep 0.05; done')
        running, terminal = self.terminal("-q", "-t", "--", "./app")
        self.read_until(terminal, b"ready")
        import fcntl, struct, termios
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 132, 0, 0))
        running.send_signal(signal.SIGWINCH)
        self.read_until(terminal, b"50 132")
        self.assertEqual(running.wait(30), 0)
        os.close(terminal)

    def test_a_gpu_program_computes_there(self):
        code, out, err = self.exec("-q", "--", str(SCRATCH / "exec_test_gpu"))
        self.assertEqual(code, 0, out + err)
        self.assertRegex(out, "^1: .")
