#!/usr/bin/env python3
"""outboard desktop open, list, status and stop as a person sees them: with a session that is made up (session.py), a
fake mstsc.exe under a WSL marker, fake clients of Linux; and nothing is left afterwards.

open_test.py OUTBOARD"""
import glob, json, os, re, shutil, signal, socket, stat, subprocess, sys, tempfile, time

here = os.path.dirname(os.path.abspath(__file__))
work = tempfile.mkdtemp(prefix="outboard-open-")
root = work + "/root"
os.makedirs(root + "/bin"), os.makedirs(root + "/lib/outboard"), os.makedirs(work + "/windows"), os.makedirs(work + "/linux")
os.makedirs(work + "/run", 0o700)
outboard = shutil.copy(sys.argv[1], root + "/bin/outboard")
for name in glob.glob(os.path.dirname(sys.argv[1]) + "/../lib/outboard/*.so"):
    os.symlink(os.path.abspath(name), root + "/lib/outboard/" + os.path.basename(name))
os.chmod(shutil.copy(here + "/session.py", root + "/lib/outboard/outboard-desktop"), 0o755)


def program(name, text):
    path = work + "/" + name
    with open(path, "w") as file:
        file.write("#!/usr/bin/env python3\nimport os, socket, sys, time\n" + text)
    os.chmod(path, 0o755)


# A client notes how it was called, says something to the port, and stays as long as CLIENT_STAYS says.
client = """
words = sys.argv[1:]
password = sys.stdin.readline() if "/from-stdin" in words else ""
with open(os.environ["WORK"] + "/called", "a") as file:
    file.write(repr([os.path.basename(sys.argv[0])] + words + [password]) + "\\n")
port = next(int(word.rsplit(":", 1)[1]) for word in words if "127.0.0.1:" in word)
peer = socket.create_connection(("127.0.0.1", port))
peer.sendall(b"ping" * 100000)
got = b""
while len(got) < 400000:
    more = peer.recv(65536)
    if not more: break
    got += more
with open(os.environ["WORK"] + "/heard", "w") as file:
    file.write("%d %d %d" % (port, len(got), os.getpid()))
time.sleep(float(os.environ.get("CLIENT_STAYS", "0")))
"""
note = 'open(os.environ["WORK"] + "/called", "a").write(repr([os.path.basename(sys.argv[0])] + sys.argv[1:]) + "\\n")\n'
program("windows/mstsc.exe", client)
program("windows/cmdkey.exe", note)
program("linux/xfreerdp", client)

environment = {"PATH": work + "/linux:/usr/bin:/bin", "HOME": work, "WORK": work, "XDG_RUNTIME_DIR": work + "/run",
               "XDG_STATE_HOME": work + "/state"}
linux = {**environment, "DISPLAY": ":77"}
windows = {**environment, "PATH": work + "/windows:/usr/bin:/bin", "WSL_DISTRO_NAME": "Fake"}
failures = []


def check(what, condition, seen=""):
    if not condition:
        failures.append(what)
        print("FAILED:", what, seen, flush=True)


def forget():
    for name in ("called", "heard"):
        if os.path.exists(work + "/" + name):
            os.unlink(work + "/" + name)


def read(name):
    try:
        return open(work + "/" + name).read()
    except FileNotFoundError:
        return ""


def run(*words, env=linux, **more):
    return subprocess.run([outboard, *words], env=env, capture_output=True, text=True, timeout=60, **more)


def wait_for(what, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


def sessions():
    return os.listdir(work + "/run/outboard/desktop") if os.path.exists(work + "/run/outboard/desktop") else []


def processes():
    """Those of this test that live still: by the copy of outboard, or by the made-up session."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(path).read()
        except OSError:
            continue
        if work in words and path.split("/")[2] != str(os.getpid()):
            found.append(words.replace("\0", " "))
    return found


def nothing_left(what, port=None):
    check(what + ": no session stays", wait_for(lambda: not sessions()), sessions())
    check(what + ": no process stays", wait_for(lambda: not processes()), processes())
    if port:
        with socket.socket() as probe:
            check(what + ": its port is free", probe.connect_ex(("127.0.0.1", port)) != 0)


def heard():
    words = read("heard").split()
    return [int(word) for word in words] if len(words) == 3 else [0, 0, 0]


# In WSL: mstsc.exe without an .rdp file, the password kept by Windows as long as it is good.
said = run("desktop", "open", "local", "--size", "1280x720", env=windows)
port, got, _ = heard()
calls = [eval(line) for line in read("called").splitlines()]
check("mstsc ends well", said.returncode == 0, said.stderr)
check("mstsc is called so", calls[1:2] == [["mstsc.exe", "/v:127.0.0.1:%d" % port, "/w:1280", "/h:720", ""]], calls)
check("Windows knows the password and forgets it", [call[1] for call in calls if call[0] == "cmdkey.exe"] ==
      ["/generic:TERMSRV/127.0.0.1", "/delete:TERMSRV/127.0.0.1"], calls)
check("no .rdp file", ".rdp" not in read("called") and not glob.glob(work + "/**/*.rdp", recursive=True))
check("bytes went there and back", got == 400000, got)
nothing_left("mstsc", port)

# xfreerdp, by a server of this user: the password comes by its input, the certificate is pinned.
forget()
server = subprocess.Popen([outboard, "serve", "--device", "null", "--listen", "unix:" + work + "/socket"], env=environment, stderr=subprocess.DEVNULL)
check("a server", wait_for(lambda: os.path.exists(work + "/socket")))
said = run("desktop", "open", "unix:" + work + "/socket", "--program", "xterm -e 'top'", "--client", "xfreerdp")
port, got, _ = heard()
words = eval(read("called") or "[]")
check("xfreerdp ends well", said.returncode == 0, said.stderr)
check("xfreerdp is called so", "/cert:fingerprint:sha256:aa:bb" in words and words[-1:] == ["se cret\n"] and
      not any("se cret" in word for word in words[:-1]), words)
check("bytes went through the server", got == 400000, got)
server.terminate(), server.wait(10)
nothing_left("xfreerdp", port)

# Pipes: any command that gives a byte stream. Only a server that was told so runs programs.
via = "via:%s serve --device null --stdio" % outboard
said = run("desktop", "open", via)
check("a server without --exec says so", said.returncode == 1 and "--exec" in said.stderr, said.stderr)
forget()
said = run("desktop", "open", via + " --exec")
check("through pipes", said.returncode == 0 and heard()[1] == 400000, said.stderr)
nothing_left("pipes", heard()[0])


def opened(env, *words):
    forget()
    process = subprocess.Popen([outboard, "desktop", "open", "local", *words], env=env, stderr=subprocess.PIPE, text=True)
    check("the client is there", wait_for(lambda: heard()[1] == 400000))
    return process


# Ctrl-C, and a terminal that closes: the client ends, the session ends.
for what in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    process = opened({**linux, "CLIENT_STAYS": "60"})
    port, _, pid = heard()
    process.send_signal(what)
    check(what.name, process.wait(20) == 0)
    check(what.name + ": the client ends", wait_for(lambda: not os.path.exists("/proc/%d" % pid)))
    nothing_left(what.name, port)

# While it lasts: list, status, stop; then the far side's end is the client's.
process = opened({**linux, "CLIENT_STAYS": "60"})
pid = heard()[2]
said = run("desktop", "list")
check("list", said.returncode == 0 and ":99" in said.stdout and "se cret" not in said.stdout, said.stdout)
check("list for machines", all("password" not in each for each in json.loads(run("desktop", "list", "--json").stdout)))
said = run("desktop", "status")
check("status", "render: nothing" in said.stdout and "60.0 fps" in said.stdout and "\x1b" not in said.stdout, said.stdout)
said = run("desktop", "stop")
check("stop", said.returncode == 0, said.stderr)
check("the far side's end", process.wait(20) == 1 and "the session has ended" in process.stderr.read())
check("the far side's end: the client ends", wait_for(lambda: not os.path.exists("/proc/%d" % pid)))
nothing_left("stop")

# The page: its address holds the token; the port leads to it.
forget()
process = subprocess.Popen([outboard, "desktop", "open", "local", "--client", "web"], env=environment, stderr=subprocess.PIPE, text=True)
line = process.stderr.readline() + process.stderr.readline()
address = re.search(r"http://127\.0\.0\.1:(\d+)/#one-time", line)
check("the page's address", address, line)
if address:
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", int(address.group(1)))) as peer:
            peer.sendall(b"GET /")
            check("the page answers", peer.recv(100) == b"GET /")
process.send_signal(signal.SIGINT)
check("the page ends", process.wait(20) == 0)
nothing_left("page", int(address.group(1)) if address else None)

# What goes wrong is a sentence.
for fake, words in (("refuse", "no X server"), ("silent", "did not start")):
    said = run("desktop", "open", "local", env={**linux, "FAKE_SESSION": fake})
    check(fake, said.returncode == 1 and words in said.stderr, said.stderr)
    nothing_left(fake)
said = run("desktop", "open", "local", env={**linux, "FAKE_SESSION": "short", "CLIENT_STAYS": "60"})
check("a session whose program ends at once", said.returncode == 1 and "has ended" in said.stderr, said.stderr)
nothing_left("short")
for words, env, sentence in ((["local", "--client", "mstsc"], linux, "mstsc"), (["local", "--client", "vnc"], linux, "no client 'vnc'"),
                             (["unix:/nowhere/at/all"], linux, "/nowhere/at/all")):
    said = run("desktop", "open", *words, env=env)
    check(str(words), said.returncode == 1 and sentence in said.stderr, said.stderr)
check("nothing to list", "no desktop session" in run("desktop", "list").stdout)
check("nothing to stop", run("desktop", "stop").returncode == 1)
nothing_left("the whole test")

shutil.rmtree(work, ignore_errors=True)
sys.exit(1 if failures else print("ok") or 0)
