#!/usr/bin/env python3
"""One stage of the desktop's tests: stages.py KEEPER PATTERN PROBE STAGE. Nothing is timed; everything has a limit."""
import concurrent.futures, json, os, socket, subprocess, sys, time

from harness import *
from input_stages import *
from picture_stages import *


def harness():
    screen = Screen()
    start([PATTERN, "scroll", "30"], "pattern", screen.environment)
    check(screen.probe("wait", 15)[0] == 0, "the pattern is seen")
    seen = json.loads(screen.probe("watch", 3, 4)[1])
    print(seen)
    check(seen["frames"] > 15 and seen["backwards"] == 0, "frames come in order")
    check(seen["inputs"] > 0 and seen["inputs_lost"] == 0, "keys are answered")


def avc420():
    session = Session(program=PATTERN + " scroll")
    client = Client(session, "/gfx:AVC420")
    check(client.screen.probe("wait", 30)[0] == 0, "a picture arrives")
    seen = json.loads(client.screen.probe("watch", 4, 6)[1])
    print(seen)
    check(seen["frames"] > 15 and seen["backwards"] == 0, "frames come in order")
    check(seen["inputs"] > 2 and seen["inputs_lost"] == 0, "keys reach the program and are seen")
    status = session.ask(do="status")
    print(json.dumps(status))
    viewer = status["viewers"][0]
    check(viewer["codec"] == "AVC420" and viewer["encoder"] in status["encode"], "status tells codec and encoder")
    check(status["render"] and "Xvnc" in status["source"], "status tells what draws and where")
    state = open(f"/proc/{worker_of(session)}/status").read()
    check("NoNewPrivs:\t1" in state and "Seccomp:\t2" in state, "the worker that does it is in its sandbox")
    client.stop()
    check(until(lambda: not session.viewers()), "the viewer is gone with its client")
    again = Client(session, "/gfx:AVC420", screen=client.screen)
    check(until(lambda: session.viewers() and session.viewers()[0]["frames"] > 5), "it may come again")
    port, below = session.entry["rdp_port"], descendants(session.process.pid)
    session.stop()
    check(session.process.returncode == 0, "it ends when it is asked to")
    check(again.process.wait(20) is not None, "and its client with it")
    check(not listens(port) and not alive(below), "no port and no process is left")
    check(not os.path.exists(session.entry["folder"]), "nor its folder")


def password():
    session = Session(program=PATTERN + " idle")
    check(knock(session), "the right password lets in")
    check(session.ask(do="status")["wrong_passwords"] == 0, "and is not counted as a wrong one, though the client leaves at once")
    check(not knock(session, password="wrong"), "a wrong one does not")
    check(session.ask(do="status")["wrong_passwords"] > 0, "and is")
    check(not knock(session, user="nobody"), "nor another user's name")
    check(not knock(session, "/sec:tls"), "TLS without NLA is refused")
    check(not knock(session, "/sec:rdp"), "RDP's own security is refused")
    check(listens(session.entry["rdp_port"]) == ["0100007F"], "only the loopback is listened on")
    once = session.ask(do="credential", uses=1, seconds=60)
    check(knock(session, **once), "a password for one use lets in")
    check(not knock(session, **once), "once")
    check(knock(session), "the session's own still does")
    for _ in range(7):
        knock(session, password="wrong")
    check("turned-away" in log_of("session"), "after many wrong ones nobody is listened to for a while")
    check(until(lambda: knock(session), 40, 1), "and then again")
    check(session.ask(do="status")["wrong_passwords"] >= 7, "status counts them")
    session.stop()


def guesses():
    session = Session(program=PATTERN + " idle")
    check(knock(session), "the right password lets in")
    check(until(lambda: not session.viewers()), "and leaves")
    time.sleep(1)
    worker = worker_of(session)
    before = held_by(worker)
    with concurrent.futures.ThreadPoolExecutor(7) as pool:  # more than eight strangers at once are not even listened to
        entered = list(pool.map(lambda i: knock(session, password=f"wrong{i}"), range(100)))
    check(not any(entered), "none of 100 wrong ones does")
    status, log = session.ask(do="status"), log_of("session")
    check(5 <= status["wrong_passwords"] < 50, f"{status['wrong_passwords']} of them were listened to")
    check("why=\"too many wrong passwords; try again in a moment\"" in log, "and the log says why the others were not")
    check(log.count("wrong-password") == status["wrong_passwords"], "each that was is in the log")
    check(until(lambda: knock(session), 45, 1), "the right one lets in again")
    check(worker_of(session) == worker and until(lambda: held_by(worker) <= before),
          f"the worker is the same, with the descriptors and threads it had: {before}, {held_by(worker)}")
    session.stop()


def reconnect():
    """What a sanitizer finds ends the worker, and another takes its place: the worker must stay the same."""
    session = Session(program=PATTERN + " scroll", size="640x480")
    worker, before = worker_of(session), None
    kinds = (["/gfx:AVC444", "+clipboard", "/sound:sys:fake"], ["/gfx:AVC420", "/dynamic-resolution"], ["/gfx:RFX", "+clipboard"], ["/rfx"], [])
    screens = [Screen("800x600") for _ in kinds]  # on one and the same FreeRDP's clients fall over each other
    for turn in range(10):  # five at a time: half of a client's life is its own start
        clients = [Client(session, *kind, screen=screen) for kind, screen in zip(kinds, screens)]
        if not until(lambda: sum(viewer["frames"] > 2 for viewer in session.viewers()) == len(kinds), 60):
            check(False, f"the five of turn {turn} are shown pictures")
        for i, client in enumerate(clients):
            if (turn + i) % 2:
                client.process.kill()
            client.stop()
        if not until(lambda: not session.viewers(), 30):
            check(False, f"the five of turn {turn} are gone with their clients")
        if turn == 1:
            time.sleep(1)
            before = held_by(worker)
    check(worker_of(session) == worker, "fifty clients come and go, every other one killed, and the worker stays")
    check(until(lambda: held_by(worker) <= before), f"with the descriptors and threads it had after ten: {before}, {held_by(worker)}")
    check("Sanitizer" not in log_of("session") and "runtime error" not in log_of("session"), "a sanitizer has nothing to say")
    session.stop()


def full_disk():
    """The session's folder on a file system of 64 KiB, in a mount namespace of this test's own."""
    if not os.environ.get("IN_NAMESPACE"):
        shutil.rmtree(SCRATCH)
        rights = [] if os.getuid() == 0 else ["--map-root-user"]
        os.execvpe("unshare", ["unshare", *rights, "--mount", *sys.argv], {**os.environ, "IN_NAMESPACE": "1"})
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "full", RUNTIME], check=True)
    waste = os.path.join(RUNTIME, "waste")

    def fill(pages):
        """So that this many are left."""
        with open(waste, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)) == 4096:
                    pass
            except OSError as error:
                check(error.errno == 28, "the disk is full")  # ENOSPC
        os.truncate(waste, os.path.getsize(waste) - 4096 * pages)

    for pages in (0, 1):
        fill(pages)
        done = subprocess.run([KEEPER, "--program", PATTERN + " idle"], env={**ENVIRONMENT, "OUTBOARD_LOG": "error"}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        check(done.returncode == 1 and "cannot write" in done.stderr, f"with {pages} pages left it says so: {done.stderr.strip()}")
        check(not os.listdir(os.path.join(RUNTIME, "outboard", "desktop")), "and leaves no folder")
    os.unlink(waste)
    session = Session(program=PATTERN + " scroll")
    fill(0)
    client = Client(session, "/gfx:AVC420", "/sound:sys:fake", "+clipboard")
    check(client.screen.probe("wait", 30)[0] == 0, "a disk that fills up later does not matter: a picture arrives")
    check(json.loads(client.screen.probe("watch", 3, 4)[1])["inputs"] > 0, "keys are answered")
    os.kill(worker_of(session), signal.SIGKILL)
    check(until(lambda: client.process.poll() is not None, 20), "its worker is killed")
    client = Client(session, "/gfx:AVC420", screen=client.screen)
    check(until(lambda: session.viewers() and session.viewers()[0]["frames"] > 5, 30), "the next one needs no disk either")
    below = descendants(session.process.pid)
    session.stop()
    check(session.process.returncode == 0 and not alive(below), "it ends as always")
    check(not os.path.exists(session.entry["folder"]), "and leaves no folder")


def resize():
    session = Session(program=PATTERN + " scroll")
    client = Client(session, "/gfx:AVC420", "/dynamic-resolution", screen=Screen("1920x1200"), size="1280x720")
    check(client.screen.probe("wait", 30)[0] == 0, "a picture arrives")
    for size in ("1600x900", "1000x700", "1360x768"):
        time.sleep(1)  # the client leaves out what follows too fast
        client.screen.probe("window", *size.split("x"))
        check(until(lambda: probe(session.environment, "size")[1] == size), "the display becomes " + size)
        check(until(lambda: session.viewers() and f'{session.viewers()[0]["width"]}x{session.viewers()[0]["height"]}' == size),
              "and the stream")
        check(client.screen.probe("wait", 20)[0] == 0, "and is seen")
    check(client.screen.probe("windows", 1000)[0] == 0, "its window takes 1,000 sizes")
    time.sleep(1)
    client.screen.probe("window", 1280, 720)
    check(until(lambda: probe(session.environment, "size")[1] == "1280x720"), "after 1,000 sizes of its window it has the last")
    check(client.screen.probe("wait", 20)[0] == 0, "and is seen")
    check(len(session.viewers()) == 1 and client.process.poll() is None, "in one connection")
    client.stop()
    small = Client(session, "/gfx:AVC420", screen=client.screen, size="1024x768")
    check(until(lambda: probe(session.environment, "size")[1] == "1024x768"), "a client's size is taken when it comes")


def thousand_sizes():
    session = Session(program=PATTERN + " scroll")
    worker, entry = worker_of(session), session.entry
    done = subprocess.run([RESIZER, str(entry["rdp_port"]), entry["user"], entry["password"], "1000", "700"], env=ENVIRONMENT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=130)
    check(done.returncode == 0, "a client asks for 1,000 sizes and is given the last: " + done.stderr[-1000:])
    check(probe(session.environment, "size")[1] == "1000x700", "the display has it")
    client = Client(session, "/gfx:AVC420", size="1280x720")
    check(client.screen.probe("wait", 30)[0] == 0, "the next client sees a picture")
    check(worker_of(session) == worker, "of the same worker")
    session.stop()


def paste(environment):
    done = subprocess.run(["xclip", "-selection", "clipboard", "-o"], env={**ENVIRONMENT, **environment}, capture_output=True, timeout=10)
    return done.stdout.decode("utf-8", "replace")


def copy(environment, text):
    process = subprocess.Popen(
        ["xclip", "-selection", "clipboard", "-i", "-quiet"], env={**ENVIRONMENT, **environment}, stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started.append(process)
    process.stdin.write(text.encode())
    process.stdin.close()


def clipboard():
    session = Session(program=PATTERN + " idle")
    client = Client(session, "/gfx:AVC420", "+clipboard")
    check(until(lambda: session.viewers() and session.viewers()[0]["clipboard"] and session.viewers()[0]["frames"]), "the channel is open")
    here, there = client.screen.environment, session.environment
    for text in ("plain", "é中𝄞\nsecond line", "x" * 300000):
        copy(there, text)
        check(until(lambda: paste(here) == text, 10, 0.3), f"{text[:12]!r} from the session to the client")
    for text in ("back", "ü中𝄞\nzwei", "y" * 300000):
        copy(here, text)
        check(until(lambda: paste(there) == text, 10, 0.3), f"{text[:12]!r} from the client to the session")


def sound():
    session = Session(program=PATTERN + " idle")
    client = Client(session, "/gfx:AVC420", "/sound:sys:fake")
    check(until(lambda: session.viewers() and session.viewers()[0]["sound"]), "the channel is open")
    noise = os.path.join(SCRATCH, "noise")
    with open(noise, "wb") as file:
        file.write(os.urandom(48000 * 4 * 3))
    played = subprocess.run(["pacat", "--rate=48000", "--format=s16le", "--channels=2", noise], env={**ENVIRONMENT, **session.environment},
                            capture_output=True, timeout=60)
    check(played.returncode == 0, "a program plays three seconds: " + played.stderr.decode()[:200])
    check(until(lambda: session.viewers()[0]["sound_confirmed"] >= 96), "its blocks are confirmed")
    print(session.viewers()[0]["sound_confirmed"])


def clients():
    session = Session(program=PATTERN + " scroll", size="800x600")
    both = [Client(session, "/gfx:AVC420", screen=Screen("800x600"), size="800x600"),
            Client(session, "/gfx:RFX", screen=Screen("800x600"), size="800x600")]
    for client in both:
        check(client.screen.probe("wait", 30)[0] == 0, "a picture arrives")
    for client in both:
        seen = json.loads(client.screen.probe("watch", 3, 4)[1])
        print(seen)
        check(seen["frames"] > 5 and seen["backwards"] == 0 and seen["inputs"] > 0, "frames come in order and keys are answered")
    both[0].process.kill()
    check(until(lambda: len(session.viewers()) == 1), "one is killed")
    check(json.loads(both[1].screen.probe("watch", 2)[1])["frames"] > 3, "the other goes on")


def slow():
    session = Session(program=PATTERN + " scroll")
    proxy = Proxy(session.entry["rdp_port"], 0.02, 5)
    client = Client(session, "/gfx:AVC420", port=proxy.own_port)
    check(client.screen.probe("wait", 40)[0] == 0, "a picture arrives over 5 Mbit/s and 40 ms")
    first = json.loads(client.screen.probe("watch", 4)[1])
    later = json.loads(client.screen.probe("watch", 8, 8)[1])
    print(first, later, session.viewers())
    check(later["frames"] > 10 and later["lag_ms"] < 1500, "the picture does not fall behind")
    proxy.cut()
    check(until(lambda: not session.viewers(), 30), "a cut link ends the viewer")
    client = Client(session, "/gfx:AVC420", screen=client.screen)
    check(until(lambda: session.viewers() and session.viewers()[0]["frames"] > 5, 30), "and not the session")


def refused():
    def fails(*options, environment=None):
        done = subprocess.run([KEEPER, *options], env={**ENVIRONMENT, "OUTBOARD_LOG": "error", **(environment or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        print(done.stderr.strip())
        return done.returncode != 0, done.stderr
    bin_only = os.path.join(SCRATCH, "bin")
    os.mkdir(bin_only)
    os.symlink("/bin/sh", os.path.join(bin_only, "sh"))
    failed, text = fails("--program", "true", environment={"PATH": bin_only})
    check(failed and "no X server could be started" in text and "Xvnc is not installed" in text, "no X server: says so")
    failed, text = fails("--program", "echo the reason >&2; exit 7")
    check(failed and "ended at once" in text and "the reason" in text and "7" in text, "a program that ends at once: says so")
    failed, text = fails("--size", "100x100000")
    check(failed and "200 to 8192" in text, "a size that is none")
    failed, text = fails("--display", ":4711")
    check(failed and "cannot reach the X display :4711" in text, "a display that is not there")
    taken = socket.create_server(("127.0.0.1", 0))
    failed, text = fails("--port", str(taken.getsockname()[1]))
    check(failed and "cannot listen" in text, "a port that is taken")
    left = [name for name in os.listdir(os.path.join(RUNTIME, "outboard", "desktop"))]
    check(not left, "nothing is left of them")
    ending = subprocess.Popen([KEEPER, "--json", "--until-eof", "--program", PATTERN + " idle"], env=ENVIRONMENT, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    started.append(ending)
    check("rdp_port" in json.loads(ending.stdout.readline()), "with --until-eof it begins")
    below = descendants(ending.pid)
    ending.stdin.close()
    check(ending.wait(20) == 0 and not alive(below), "and ends with its input, with all that it started")


def unruly():
    session = Session(program=PATTERN + " scroll")
    port = session.entry["rdp_port"]
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    for i, each in enumerate(silent):
        try:
            each.sendall(os.urandom(1 + i * 40) if i % 2 else b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00")
        except OSError:
            pass
    for each in silent:
        each.close()
    client = Client(session, "/gfx:AVC420")
    check(client.screen.probe("wait", 40)[0] == 0, "after strangers a client is shown a picture")
    client.process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    frames = session.viewers()[0]["frames"]
    time.sleep(1)
    check(session.viewers()[0]["frames"] <= frames + 2, "a client that acknowledges nothing is sent nothing")
    client.process.send_signal(signal.SIGCONT)
    check(until(lambda: session.viewers()[0]["frames"] > frames + 10), "until it does again")
    os.kill(worker_of(session), signal.SIGKILL)
    check(until(lambda: client.process.poll() is not None, 20), "a killed worker ends its clients")
    client = Client(session, "/gfx:AVC420", screen=client.screen)
    check(until(lambda: session.viewers() and session.viewers()[0]["frames"] > 5, 30), "the session goes on with another")
    below = descendants(session.process.pid)
    session.process.kill()
    check(until(lambda: not alive(below)), "a killed keeper leaves no process")


globals()[sys.argv[4]]()
