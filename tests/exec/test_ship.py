"""What travels, and what is refused before anything does."""
import contextlib
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import venv

from host import OUTBOARD, SCRATCH, Exec, wheel


class Ship(Exec):
    def patched(self, name, change):
        """A real program, changed."""
        path = SCRATCH / "exec_test_uses_library"
        return self.write(name, change(path.read_bytes()), 0o755)

    def refused(self, code, text, *words):
        got, out, err = self.exec(*words)
        self.assertEqual((got, out), (code, ""), err)
        self.assertIn(text, err)
        self.assertEqual(self.job_folders(), [])
        self.assertEqual(len(err.strip().splitlines()), 1, err)

    def test_a_missing_program(self):
        self.refused(127, "there is no program ./none", "--", "./none")
        self.refused(127, "has no command none-of-these", "--", "none-of-these")

    def test_what_is_no_program(self):
        self.write("text", "hello", 0o755)
        self.refused(126, "is neither a program (ELF) nor a script", "--", "./text")
        self.write("app", "#!/bin/sh\n", 0o644)
        self.refused(126, "is not executable; chmod +x ./app", "--", "./app")
        (self.here / "folder").mkdir()
        self.refused(126, "is no plain file", "--", "./folder")

    def test_another_architecture(self):
        self.patched("app", lambda program: program[:18] + (183).to_bytes(2, "little") + program[20:])
        self.refused(126, "is a program for aarch64 and", "--", "./app")

    def test_a_newer_c_library(self):
        self.patched("app", lambda program: re.sub(rb"GLIBC_2\.34\0", b"GLIBC_2.99\0", program))
        self.refused(126, "needs glibc 2.99 and", "--", "./app")

    def test_a_newer_cuda(self):
        self.write("libcudart.so.99", (SCRATCH / "away/libexec_test_answer.so").read_bytes())
        old, new = b"libexec_test_answer.so\0", b"libcudart.so.99\0"
        self.patched("app", lambda program: program.replace(old, new + bytes(len(old) - len(new))))
        self.environment["LD_LIBRARY_PATH"] = str(self.here)
        self.refused(126, "was built with CUDA 99.0", "--", "./app")

    def test_a_missing_library(self):
        self.patched("app", lambda program: program.replace(b"exec_test_answer", b"exec_test_nowher"))
        self.refused(127, "needs libexec_test_nowher.so, which is neither here nor on", "--", "./app")

    def test_a_missing_interpreter(self):
        self.write("app", "#!/opt/none/bin/python\n", 0o755)
        self.refused(127, "is a script for /opt/none/bin/python, which", "--", "./app")

    def test_an_input_that_cannot_be_read(self):
        self.script("app", "true")
        self.refused(2, "--in none: ", "--in", "none", "--", "./app")
        os.mkfifo(self.here / "pipe")
        self.refused(2, "is neither a file nor a folder", "--in", "pipe", "--", "./app")

    def test_what_nobody_may_read(self):
        """Root reads all files by two capabilities (capabilities(7)); without them the client is like everybody."""
        self.without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
        self.script("app", "true")
        self.write("secret", "x", 0)
        self.write("data/secret", "x", 0)
        self.write("closed/file", "x")
        (self.here / "closed").chmod(0)
        self.refused(2, "--in secret: ", "--in", "secret", "--", "./app")
        self.refused(2, "secret cannot be read: Permission denied", "--in", "data", "--", "./app")
        self.refused(2, "--in closed: ", "--in", "closed", "--", "./app")
        self.refused(2, "--in closed/file: ", "--in", "closed/file", "--", "./app")
        self.refused(2, "--cwd: ", "--cwd", "--", "./app")
        (self.here / "app").chmod(0o111)
        self.refused(126, "the program ./app cannot be read: Permission denied", "--", "./app")
        self.refused(126, "the program closed/app cannot be read: Permission denied", "--", "closed/app")
        self.write("script.py", "", 0)
        self.refused(126, "script.py cannot be read: Permission denied", "--", "python3", "script.py")
        (self.here / "closed").chmod(0o755)  # or it could not be removed

    def test_outputs_outside_are_refused(self):
        self.script("app", "true")
        for name in ("../x", "/tmp/x", "a/../../x"):
            self.refused(2, "leads outside of the program's folder", "--out", name, "--", "./app")

    def test_wrong_words(self):
        self.refused(2, "is no time", "--keep", "soon", "--", "cat")
        self.refused(2, "needs a terminal", "-t", "--", "cat")
        self.refused(2, "write NAME=VALUE", "--env", "NOT_SET_ANYWHERE", "--", "cat")

    def test_a_library_that_the_host_lacks_travels(self):
        program = SCRATCH / "exec_test_uses_library"
        code, out, err = self.exec("--", str(program))
        self.assertEqual((code, out), (0, "the answer is 42\n"), err)
        self.assertIn("lacks libexec_test_answer.so, which travels", err)

    def test_neither_the_c_library_nor_the_driver_travels(self):
        """The host keeps what came under the hash of its content: that is all that travelled."""
        program, library = SCRATCH / "exec_test_uses_driver", SCRATCH / "away/libexec_test_answer.so"
        self.environment["LD_LIBRARY_PATH"] = f"{SCRATCH / 'driver'}:{SCRATCH / 'away'}"
        loaded = subprocess.run(["ldd", program], env=self.environment, capture_output=True, text=True).stdout
        for name in (f"libcuda.so.1 => {SCRATCH}/driver/", "libc.so.6 => /", "libexec_test_answer.so => "):
            self.assertIn(name, loaded)
        code, out, err = self.exec("--", str(program))
        self.assertEqual(code, 0, out + err)
        got = dict(line.split() for line in out.splitlines())
        self.assertNotIn("/exec/jobs/", got["libc"] + got["driver"])
        self.assertIn("/software/libcuda.so", got["driver"])
        self.assertIn("/exec/jobs/", got["library"])
        self.assertIn("lacks libexec_test_answer.so, which travels", err)
        kept = {path.name for path in (self.work / "state/exec/store").rglob("*") if path.is_file()}
        self.assertEqual(kept, {hashlib.sha256(path.read_bytes()).hexdigest() for path in (program, library)})

    def slowly(self):
        return f"via:{sys.executable} -B {pathlib.Path(__file__).with_name('slow.py')} {OUTBOARD} serve --stdio --exec"

    def shown_on_a_terminal(self, *words):
        running, terminal = self.terminal(*words, on=self.slowly())
        shown = b""
        with contextlib.suppress(OSError):  # EIO: nobody has its other end any more
            while some := os.read(terminal, 4096):
                shown += some
        os.close(terminal)
        self.assertEqual(running.wait(60), 0, shown)
        return shown.decode()

    def test_progress_is_shown_on_a_terminal_alone(self):
        words = ("--in", "input", "--", "echo", "over")
        self.write("input", os.urandom(12 << 20))
        shown = self.shown_on_a_terminal(*words)
        done = [int(percent) for percent in re.findall(r"\rsending \[#+ *\] +(\d+) %  \d+ MB/s ", shown)]
        self.assertGreater(len(done), 1, shown)
        self.assertEqual(done, sorted(done))
        self.assertRegex(shown, r"\r\x1b\[Koutboard: sending 12.6 MB \(12.6 MB on the way\) in [\d.]+ s\r\nover\r\n$")
        self.write("input", os.urandom(12 << 20))
        self.assertEqual(self.shown_on_a_terminal("-q", *words), "over\r\n")
        self.write("input", os.urandom(12 << 20))
        code, out, err = self.exec(*words, on=self.slowly())
        self.assertEqual((code, out), (0, "over\n"), err)
        self.assertNotIn("\r", err)
        self.assertNotIn("[#", err)
        self.assertEqual(self.exec("-q", *words, on=self.slowly()), (0, "over\n", ""))

    def test_inputs_keep_their_places(self):
        run = self.here / "project/run"
        run.mkdir(parents=True)
        self.write("project/data/set.txt", "numbers\n")
        self.script("project/run/app", "cat ../data/set.txt notes/a; ls")
        self.write("project/run/notes/a", "note\n")
        self.write("project/run/not", "")
        done = subprocess.run(self.command("exec", "-q", "--in", "../data", "--in", "notes", "--", "./app"), cwd=run,
                              env=self.environment, capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (0, b"numbers\nnote\napp\nnotes\n"), done.stderr)

    def test_the_working_folder_without_what_is_ignored(self):
        self.write(".gitignore", "*.o\nbuild/\n!keep.o\n/top\n")
        for name in ("a.c", "a.o", "keep.o", "build/x", "src/b.o", "src/top", "top", ".git/config", "src/.gitignore"):
            self.write(name, "*.tmp\n")
        self.write("src/c.tmp", "")
        code, out, err = self.exec("-q", "--cwd", "--", "find", ".", "-type", "f")
        self.assertEqual(sorted(out.split()), ["./.gitignore", "./a.c", "./keep.o", "./src/.gitignore", "./src/top"], err)

    def test_links_inside_travel_as_links_and_others_as_what_they_lead_to(self):
        self.write("data/real", "real\n")
        (self.here / "data/inside").symlink_to("real")
        (self.here / "data/outside").symlink_to("/etc/hostname")
        code, out, err = self.exec("-q", "--in", "data", "--", "sh", "-c",
                                   "readlink data/inside; test -L data/outside || cat data/outside")
        self.assertEqual((code, out), (0, "real\n" + pathlib.Path("/etc/hostname").read_text()), err)

    def test_only_what_is_lacking_travels(self):
        self.write("large", os.urandom(20 << 20))
        sent = lambda: sum(path.stat().st_size for path in (self.work / "state/exec/store").rglob("*") if path.is_file())
        self.assertEqual(self.exec("-q", "--in", "large", "--", "sha256sum", "large")[0], 0)
        before = sent()
        self.assertGreaterEqual(before, 20 << 20)
        large = self.here / "large"
        changed = bytearray(large.read_bytes())
        changed[5] ^= 1
        large.write_bytes(changed)
        code, out, err = self.exec("-q", "--in", "large", "--", "sha256sum", "large")
        here = subprocess.run(["sha256sum", "large"], cwd=self.here, capture_output=True, text=True)
        self.assertEqual((code, out), (0, here.stdout), err)
        self.assertEqual(sent() - before, 4 << 20)

    def test_a_python_script_and_what_it_imports(self):
        self.write("train.py", "import model, sys\nopen('weights', 'w').write(model.weights())\nprint(sys.executable)\n")
        self.write("model.py", "def weights(): return 'good'\n")
        code, out, err = self.exec("--", "python3", "train.py")
        self.assertIn("train.py imports model.py, which does not travel; add --in model.py", err.replace("./", ""))
        self.assertEqual(code, 1)
        code, out, err = self.exec("--in", "model.py", "--", "python3", "train.py")
        self.assertEqual(code, 0, err)
        self.assertIn("train.py travels and is run by the host's python3 (/", err)
        self.assertEqual((self.here / "weights").read_text(), "good")
        self.assertEqual(self.names(), ["model.py", "train.py", "weights"])

    def test_an_environment_needs_its_list(self):
        self.write("venv/pyvenv.cfg", "")
        self.write("x.py", "")
        self.refused(2, "beside venv is no requirements.txt, and no lock file", "--venv", "venv", "--", "python3", "x.py")
        self.refused(2, "is no virtual environment", "--venv", ".", "--", "python3", "x.py")

    def test_an_environment_by_its_list(self):
        self.write("venv/pyvenv.cfg", "")
        self.write("requirements.txt", "# nothing from elsewhere\n")
        self.write("x.py", "import sys\nprint(sys.prefix != sys.base_prefix)\n")
        code, out, err = self.exec("--venv", "venv", "--", "python3", "x.py", seconds=200)
        self.assertEqual((code, out), (0, "True\n"), err)
        self.assertIn("installing the packages of requirements.txt", err)
        code, out, err = self.exec("--venv", "venv", "--", "python3", "x.py")
        self.assertEqual((code, out), (0, "True\n"), err)
        self.assertNotIn("installing", err)

    def test_an_environment_whose_packages_travel_with_their_hashes(self):
        """Without any network: the list names a folder of wheels beside it."""
        venv.create(self.here / "venv")
        self.write("x.py", "import outboard_answer, sys\nprint(outboard_answer.version, sys.prefix)\n")
        lock = "--no-index\n--find-links wheels\noutboard-answer==1.5 --hash={}\n"
        words = ("--venv", "venv", "--in", "wheels", "--", "python3", "x.py")
        self.write("requirements.txt", lock.format(wheel(self.here / "wheels", "1.5")))
        code, out, err = self.exec(*words, seconds=200)
        self.assertEqual(code, 0, err)
        self.assertRegex(out, f"^1.5 {self.work}/state/exec/environments/")
        self.assertIn(f"the host installs what {self.here}/requirements.txt lists, for its own python3", err)
        self.write("requirements.txt", lock.format("sha256:" + "0" * 64))
        code, out, err = self.exec(*words, seconds=200)
        self.assertEqual((code, out), (125, ""), err)
        self.assertIn("DO NOT MATCH THE HASHES", err)
        self.assertIn("installing the packages of requirements.txt failed", err)
