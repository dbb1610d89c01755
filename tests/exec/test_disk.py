"""Disks that are full, on either side: small ones of their own, in a mount namespace (CMakeLists.txt)."""
import os
import subprocess

from host import Exec, wait_for


class Disk(Exec):
    def mount(self, folder, size):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "full", folder], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)

    def fill(self, folder):
        filler = folder / "filler"
        with open(filler, "wb", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    pass
        return filler


class There(Disk):
    def start_server(self, *more):
        self.disk = self.work / "state"
        self.mount(self.disk, "100m")
        super().start_server(*more)

    def test_what_is_sent_does_not_fit(self):
        self.write("large", os.urandom(40 << 20))
        code, out, err = self.exec("-q", "--in", "large", "--", "wc", "-c", "large")
        self.assertEqual((code, out), (125, ""), err)
        self.assertIn("the disk of the server is full", err)
        self.assertEqual(self.job_folders(), [])
        code, out, err = self.exec("-q", "--", "echo", "small")
        self.assertEqual((code, out), (0, "small\n"), err)

    def test_it_becomes_full_while_the_job_runs(self):
        """The job ends, says why, and leaves nothing; the next one runs when there is room."""
        self.script("app", "echo ready; read line; head -c 8000000 /dev/zero; sleep 600")
        running = self.start("-q", "--", "./app", stdin=subprocess.PIPE)
        self.assertEqual(running.stdout.readline(), b"ready\n")
        filler = self.fill(self.disk)
        os.truncate(filler, filler.stat().st_size - (1 << 20))
        _, err = running.communicate(b"go\n", timeout=60)
        self.assertEqual(running.returncode, 125, err)
        self.assertIn(b"is full", err)
        self.assertTrue(wait_for(lambda: not self.left_running()))
        filler.unlink()
        self.assertEqual(self.exec("-q", "--", "echo", "again"), (0, "again\n", ""))

    def test_the_programs_own_files_do_not_fit(self):
        self.script("app", "head -c 200000000 /dev/zero >large || rm large; echo kept >small; exit 3")
        code, out, err = self.exec("-q", "--", "./app")
        self.assertEqual(code, 3, err)
        self.assertIn("No space left on device", err)
        self.assertEqual(self.names(), ["app", "small"])


class Here(Disk):
    def test_the_results_do_not_fit(self):
        small = self.here / "results"
        self.mount(small, "1m")
        self.script("app", "echo a >a; head -c 3000000 /dev/urandom >large")
        code, _, err = self.exec("-q", "--to", "results", "--", "./app")
        self.assertEqual(code, 125)
        self.assertIn("is full", err)
        self.assertIn("the results are kept on", err)
        self.assertEqual(list(small.iterdir()), [])
        job = err.split("outboard fetch ")[1].split()[0]
        subprocess.run(["mount", "-o", "remount,size=8m", small], check=True)
        code, out, err = self.outboard("fetch", job)
        self.assertEqual(code, 0, err)
        self.assertEqual(sorted((path.name, path.stat().st_size) for path in small.iterdir()), [("a", 2), ("large", 3000000)])
