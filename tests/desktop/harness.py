"""A session, X servers and stock clients for tests; everything that is started ends with the test."""
import atexit, json, os, re, select, shutil, signal, socket, subprocess, sys, tempfile, threading, time

KEEPER, PATTERN, PROBE = (sys.argv + [""] * 3)[1:4]
RESIZER = os.path.join(os.path.dirname(PROBE), "desktop_resizer")
SCRATCH = tempfile.mkdtemp(prefix="outboard-desktop-test-")
RUNTIME = os.path.join(SCRATCH, "runtime")
os.mkdir(RUNTIME, 0o700)
ENVIRONMENT = {**os.environ, "XDG_RUNTIME_DIR": RUNTIME, "HOME": SCRATCH, "LC_ALL": "C.UTF-8"}
ENVIRONMENT.pop("DISPLAY", None)
ENVIRONMENT.pop("XAUTHORITY", None)
started = []


def end_all():
    for process in reversed(started):
        if process.poll() is None:
            process.terminate()
    for process in reversed(started):
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    shutil.rmtree(SCRATCH, ignore_errors=True)


atexit.register(end_all)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def check(holds, what):
    if not holds:
        print("FAILED:", what, flush=True)
        for name in os.listdir(SCRATCH):
            if name.endswith(".log"):
                text = open(os.path.join(SCRATCH, name), errors="replace").read().strip()
                if text:
                    print(f"--- {name}\n{text[-3000:]}", flush=True)
        sys.exit(1)
    print("ok:", what, flush=True)


def start(command, name, environment=None, **more):
    log = open(os.path.join(SCRATCH, name + ".log"), "ab")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=more.pop("stdout", log), stderr=log,
                               env={**ENVIRONMENT, **(environment or {})}, **more)
    started.append(process)
    return process


def until(condition, seconds=20, pause=0.1):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(pause)
    return condition()


class Screen:
    """An X server for a client."""

    def __init__(self, size="1280x720"):
        reading, writing = os.pipe()
        self.process = start(["Xvfb", "-displayfd", str(writing), "-screen", "0", size + "x24", "-nolisten", "tcp", "-noreset"], "xvfb",
                             pass_fds=[writing])
        os.close(writing)
        check(select.select([reading], [], [], 20)[0], "the client's X server starts")
        with os.fdopen(reading) as file:
            self.environment = {"DISPLAY": ":" + file.readline().strip()}

    def probe(self, *arguments, timeout=60):
        return probe(self.environment, *arguments, timeout=timeout)


def probe(environment, *arguments, timeout=60):
    done = subprocess.run([PROBE, *map(str, arguments)], env={**ENVIRONMENT, **environment}, capture_output=True, text=True,
                          timeout=timeout)
    return done.returncode, done.stdout.strip() or done.stderr.strip()


def log_of(name):
    with open(os.path.join(SCRATCH, name + ".log"), errors="replace") as file:
        return file.read()


class Session:
    def __init__(self, *options, size="1280x720", program=None, environment=None):
        command = [KEEPER, "--json", "--size", size, *options]
        if program:
            command += ["--program", program]
        self.process = start(command, "session", {"OUTBOARD_LOG": "info", **(environment or {})}, stdout=subprocess.PIPE)
        self.line = self.process.stdout.readline().decode() if select.select([self.process.stdout], [], [], 60)[0] else ""
        check(self.line, "the session says how it is")
        self.entry = json.loads(self.line)

    @property
    def environment(self):
        return {"DISPLAY": self.entry["display"], "XAUTHORITY": self.entry["folder"] + "/Xauthority",
                "PULSE_SERVER": "unix:" + self.entry["folder"] + "/pulse"}

    def ask(self, **question):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(10)
            peer.connect(self.entry["control_socket"])
            peer.sendall((json.dumps(question) + "\n").encode())
            answer = b""
            while not answer.endswith(b"\n"):
                part = peer.recv(65536)
                if not part:
                    break
                answer += part
        return json.loads(answer)

    def viewers(self):
        return self.ask(do="status")["viewers"]

    def stop(self):
        self.ask(do="stop")
        self.process.wait(20)


class Client:
    """xfreerdp on a screen of its own."""

    def __init__(self, session, *options, screen=None, port=None, user=None, password=None, size=None):
        self.screen = screen or Screen()
        entry = session.entry
        self.process = start(arguments(entry, port, user, password) + list(options) + [f"/size:{size or session.entry['size']}"],
                             "client", self.screen.environment)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


def arguments(entry, port=None, user=None, password=None):
    return ["xfreerdp", f"/v:127.0.0.1:{port or entry['rdp_port']}", f"/u:{user or entry['user']}",
            f"/p:{password or entry['password']}", f"/cert:fingerprint:sha256:{entry['certificate']}", "/log-level:ERROR",
            "-grab-keyboard", "/timeout:15000"]


def knock(session, *options, user=None, password=None):
    """Whether a client gets in; it leaves at once. It then says that it cancels; its exit status is another in FreeRDP 3."""
    command = arguments(session.entry, None, user, password) + ["+auth-only", *options]
    if not hasattr(session, "door"):
        session.door = Screen("640x480")  # without an X server the client does not even try
    done = subprocess.run(command, env={**ENVIRONMENT, **session.door.environment}, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)
    return "ERRCONNECT_CONNECT_CANCELLED" in done.stdout + done.stderr


def listens(port):
    """Addresses that somebody on this machine listens on with this port."""
    found = []
    for name in ("tcp", "tcp6"):
        for line in open("/proc/net/" + name).readlines()[1:]:
            words = line.split()
            address, number = words[1].split(":")
            if words[3] == "0A" and int(number, 16) == port:
                found.append(address)
    return found


def descendants(process):
    """Processes below one, by their numbers."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parent = int(open(f"/proc/{name}/stat").read().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    found, waiting = [], [process]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.append(child)
            waiting.append(child)
    return found


def worker_of(session):
    """The process that talks to clients."""
    found = [each for each in descendants(session.process.pid) if open(f"/proc/{each}/comm").read().strip() == "outboard-worker"]
    check(len(found) == 1, "there is one worker")
    return found[0]


def held_by(process):
    """How many descriptors and threads a process has."""
    return len(os.listdir(f"/proc/{process}/fd")), len(os.listdir(f"/proc/{process}/task"))


def alive(numbers):
    def runs(number):
        try:
            return open(f"/proc/{number}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False
    return [number for number in numbers if runs(number)]


class Proxy:
    """A way to a port with a delay each way and a capacity; can be cut."""

    def __init__(self, port, delay=0.0, megabits=1000.0):
        self.delay, self.rate, self.port = delay, megabits * 1e6 / 8, port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.own_port = self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.port))
            self.sockets += [near, far]
            for each in (near, far):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pump(near, far, 1e12)
            self.pump(far, near, self.rate)

    def pump(self, source, sink, rate):
        import queue
        line = queue.Queue(64)

        def take():
            free = 0.0
            while True:
                try:
                    data = source.recv(16384)
                except OSError:
                    data = b""
                free = max(free, time.monotonic()) + len(data) / rate
                line.put((free + self.delay, data))
                if free - time.monotonic() > 0.1:  # a router's buffer
                    time.sleep(free - time.monotonic() - 0.1)
                if not data:
                    return

        def give():
            while True:
                when, data = line.get()
                time.sleep(max(0, when - time.monotonic()))
                try:
                    if not data:
                        sink.shutdown(socket.SHUT_RDWR)
                        return
                    sink.sendall(data)
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        threading.Thread(target=give, daemon=True).start()

    def cut(self):
        for each in self.sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
