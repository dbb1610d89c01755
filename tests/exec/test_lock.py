"""Python environments by the lock files of uv, poetry, pdm and pipenv, and PEP 751's."""
import json
import pathlib
import subprocess
import tempfile
import unittest
import venv

from host import SCRATCH, Exec, wheel

READER = pathlib.Path(__file__).resolve().parents[2] / "exec/far/lock_list.py"
A, B, C = ("sha256:" + digit * 64 for digit in "abc")
WINDOWS, LINUX = "sys_platform == 'win32'", "sys_platform == 'linux'"


class Lists(unittest.TestCase):
    """What is read from them, for the interpreter of this machine."""

    @classmethod
    def setUpClass(cls):
        SCRATCH.mkdir(parents=True, exist_ok=True)
        cls.folder = tempfile.TemporaryDirectory(prefix="x", dir=SCRATCH)
        cls.addClassCleanup(cls.folder.cleanup)
        cls.here = pathlib.Path(cls.folder.name)
        venv.create(cls.here / "venv", with_pip=True)

    def read(self, name, text):
        (self.here / name).write_text(text)
        done = subprocess.run([self.here / "venv/bin/python3", READER, self.here / name, self.here / "list"],
                              capture_output=True, text=True, timeout=60)
        (self.here / name).unlink()
        return done.returncode, (self.here / "list").read_text() if done.returncode == 0 else done.stderr

    def lists(self, name, text, *lines):
        self.assertEqual(self.read(name, text), (0, "".join(line + "\n" for line in lines)))

    def refused(self, name, text, words):
        code, said = self.read(name, text)
        self.assertEqual((code, said.count("\n")), (1, 1), said)
        self.assertIn(f"outboard: {name}: ", said)
        self.assertIn(words, said)

    def uv(self, needs, *packages):
        return f"version = 1\n[[package]]\nname = 'mine'\nversion = '1'\nsource = {{ virtual = '.' }}\n{needs}\n" + "".join(
            "[[package]]\n" + package for package in packages)

    def uv_package(self, name, version="1.0", hashes=(A,), source="registry = 'https://pypi.org/simple'", more=""):
        wheels = ", ".join(f"{{ url = 'https://x/{name}.whl', hash = '{each}' }}" for each in hashes)
        return f"name = '{name}'\nversion = '{version}'\nsource = {{ {source} }}\nwheels = [{wheels}]\n{more}\n"

    def test_uv(self):
        needs = ("dependencies = [{ name = 'one' }, { name = 'torch' }, { name = 'forked' }, "
                 f"{{ name = 'pywin', marker = \"{WINDOWS}\" }}]\n"
                 "[package.dev-dependencies]\ndev = [{ name = 'tests' }]")
        self.lists("uv.lock", self.uv(
            needs,
            self.uv_package("one", hashes=(B, A), more="dependencies = [{ name = 'two', extra = ['fast'] }]"),
            self.uv_package("two", more="[package.optional-dependencies]\nfast = [{ name = 'three' }]\nslow = [{ name = 'tests' }]"),
            self.uv_package("three", "2.5"), self.uv_package("tests"), self.uv_package("pywin"),
            self.uv_package("torch", "2.4.0+cu124", source="registry = 'https://download.pytorch.org/whl/cu124'"),
            self.uv_package("forked", "1", more=f"resolution-markers = [\"{WINDOWS}\"]"),
            self.uv_package("forked", "2", more=f"resolution-markers = [\"{LINUX}\"]")),
            "--extra-index-url https://download.pytorch.org/whl/cu124", f"forked==2 --hash={A}", f"one==1.0 --hash={A} --hash={B}",
            f"three==2.5 --hash={A}", f"torch==2.4.0+cu124 --hash={A}", f"two==1.0 --hash={A}")

    def test_what_uv_cannot_vouch_for(self):
        needs = "dependencies = [{ name = 'one' }]"
        self.refused("uv.lock", self.uv(needs, self.uv_package("one", hashes=())), "it has no hash of one==1.0")
        for source, words in (("git = 'https://x/y#12'", "one comes from git https://x/y#12"),
                              ("editable = '../one'", "one comes from editable ../one"),
                              ("registry = 'wheels'", "one==1.0 comes from wheels")):
            self.refused("uv.lock", self.uv(needs, self.uv_package("one", source=source)), words)
        self.refused("uv.lock", self.uv(needs), "it has 0 entries for one")
        self.refused("uv.lock", self.uv("dependencies = [{ name = 'one', marker = 'nonsense' }]"), "cannot be decided")
        self.refused("uv.lock", self.uv(needs, self.uv_package("one", version="1 --index-url http://x")), "no name and version")
        self.assertIn("is not as its tool writes it", self.read("uv.lock", "[[package")[1])

    def test_poetry(self):
        package = "[[package]]\nname = '{}'\nversion = '1.0'\noptional = {}\n{}\nfiles = [{{file = 'x.whl', hash = '" + A + "'}}]\n"
        self.lists("poetry.lock", package.format("One.Two", "false", "groups = ['main', 'dev']")
                   + package.format("win", "false", f"groups = ['main']\nmarkers = \"{WINDOWS}\"")
                   + package.format("some", "false", f"groups = ['main', 'dev']\nmarkers = {{main = \"{LINUX}\", dev = \"{WINDOWS}\"}}")
                   + package.format("dev", "false", "groups = ['dev']") + package.format("extra", "true", "groups = ['main']")
                   + "[metadata]\nlock-version = '2.1'\n", f"One.Two==1.0 --hash={A}", f"some==1.0 --hash={A}")
        git = "[package.source]\ntype = 'git'\nurl = 'https://x/y'\n"
        self.refused("poetry.lock", package.format("one", "false", "groups = ['main']") + git, "one comes from git https://x/y")

    def test_poetry_before_2(self):
        package = "[[package]]\nname = '{}'\nversion = '1.0'\noptional = false\nfiles = [{{file = 'x.whl', hash = '" + A + "'}}]\n"
        lock = (package.format("one") + "[package.dependencies]\ntwo = {version = '*', markers = \"" + LINUX + "\"}\n"
                "win = {version = '*', markers = \"" + WINDOWS + "\"}\n"
                + package.format("two") + package.format("win") + package.format("tests") + "[metadata]\nlock-version = '2.0'\n")
        self.refused("poetry.lock", lock, "no pyproject.toml came with it")
        project = self.here / "pyproject.toml"
        self.addCleanup(project.unlink)
        project.write_text("[tool.poetry.dependencies]\npython = '^3.8'\none = '^1'\n[tool.poetry.group.dev.dependencies]\ntests = '*'\n")
        self.lists("poetry.lock", lock, f"one==1.0 --hash={A}", f"two==1.0 --hash={A}")
        project.write_text("[project]\ndependencies = ['two>=1']\n")
        self.lists("poetry.lock", lock, f"two==1.0 --hash={A}")

    def test_pdm(self):
        package = "[[package]]\nname = '{}'\nversion = '1.0'\n{}\nfiles = [{{file = 'x.whl', hash = '" + A + "'}}]\n"
        self.lists("pdm.lock", package.format("one", "groups = ['default']") + package.format("one", "groups = ['default']\nextras = ['x']")
                   + package.format("win", f"groups = ['default']\nmarker = \"{WINDOWS}\"") + package.format("dev", "groups = ['dev']"),
                   f"one==1.0 --hash={A}")
        self.refused("pdm.lock", package.format("one", ""), "pdm lock --strategy inherit_metadata")
        self.refused("pdm.lock", package.format("one", "groups = ['default']\ngit = 'https://x/y'"), "one comes from git https://x/y")

    def test_pipenv(self):
        lock = {"_meta": {"sources": [{"name": "pypi", "url": "https://pypi.org/simple"}, {"name": "own", "url": "https://own/simple"}]},
                "default": {"one": {"version": "==1.0", "hashes": [A, B], "index": "pypi"},
                            "two": {"version": "==2.0", "hashes": [C], "index": "own", "markers": LINUX},
                            "win": {"version": "==1.0", "hashes": [A], "markers": WINDOWS}},
                "develop": {"tests": {"version": "==1.0", "hashes": [A]}}}
        self.lists("Pipfile.lock", json.dumps(lock), "--extra-index-url https://own/simple", f"one==1.0 --hash={A} --hash={B}",
                   f"two==2.0 --hash={C}")
        lock["default"]["one"] = {"git": "https://x/y", "ref": "12"}
        self.refused("Pipfile.lock", json.dumps(lock), "one comes from git https://x/y")

    def test_pylock(self):
        package = "[[packages]]\nname = '{}'\nversion = '1.0'\n{}\n"
        wheels = "wheels = [{url = 'https://x/one.whl', hashes = {sha256 = '" + "a" * 64 + "'}}]"
        self.lists("pylock.toml", package.format("one", wheels) + package.format("win", f"marker = \"{WINDOWS}\"\n" + wheels)
                   + package.format("far", "archive = {url = 'https://x/far.zip', hashes = {sha256 = '" + "b" * 64 + "'}}"),
                   f"far @ https://x/far.zip --hash={B}", f"one==1.0 --hash={A}")
        self.refused("pylock.toml", package.format("one", "vcs = {type = 'git', url = 'https://x/y'}"), "one comes from vcs https://x/y")


class Installed(Exec):
    def test_without_any_network(self):
        """The index is a folder of wheels that travels."""
        lock = ("version = 1\n[[package]]\nname = 'mine'\nversion = '1'\nsource = {{ virtual = '.' }}\ndependencies = [{{ name = 'outboard-answer' }}]\n"
                "[[package]]\nname = 'outboard-answer'\nversion = '1.5'\nsource = {{ registry = 'https://pypi.org/simple' }}\n"
                "wheels = [{{ url = 'https://x/x.whl', hash = '{}' }}]\n")
        self.write("venv/pyvenv.cfg", "")
        self.write("x.py", "import outboard_answer, sys\nprint(outboard_answer.version, sys.prefix)\n")
        words = ("--env", "PIP_NO_INDEX=1", "--env", "PIP_FIND_LINKS=wheels", "--in", "wheels", "--venv", "venv", "--", "python3", "x.py")
        self.write("uv.lock", lock.format(wheel(self.here / "wheels", "1.5")))
        code, out, err = self.exec(*words, seconds=200)
        self.assertEqual(code, 0, err)
        self.assertRegex(out, f"^1.5 {self.work}/state/exec/environments/")
        self.assertIn(f"installs what {self.here}/uv.lock lists, for its own python3, without extras and groups", err)
        self.assertIn("reading uv.lock", err)
        # The file by its own name, and another hash in it.
        self.write("other/uv.lock", lock.format(A))
        code, out, err = self.exec(*[word if word != "venv" else "other/uv.lock" for word in words], seconds=200)
        self.assertEqual((code, out), (125, ""), err)
        self.assertIn("DO NOT MATCH THE HASHES", err)

    def test_what_is_refused(self):
        self.write("x.py", "")
        self.write("pack.json", "{}")
        code, _, err = self.exec("--venv", "pack.json", "--", "python3", "x.py")
        self.assertEqual(code, 2)
        self.assertIn("is neither a virtual environment nor a lock file that is known", err)
