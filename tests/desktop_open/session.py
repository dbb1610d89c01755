#!/usr/bin/env python3
"""Stands for lib/outboard/outboard-desktop: a session that needs neither X nor FreeRDP. Its RDP socket and its page's
port send back what they get. FAKE_SESSION says what goes wrong: refuse, silent, short."""
import fcntl, json, os, socket, sys, threading, time

what = os.environ.get("FAKE_SESSION", "")
if what == "refuse":
    print(json.dumps({"error": "there is no X server to start; install tigervnc-standalone-server"}), flush=True)
    sys.exit(1)
if what == "silent":
    sys.exit(3)

parent = os.environ["XDG_RUNTIME_DIR"] + "/outboard"
for folder in (parent, parent + "/desktop", parent + "/desktop/fake%d" % (os.getpid() % 100)):
    os.makedirs(folder, 0o700, exist_ok=True)
    os.chmod(folder, 0o700)
lock = os.open(folder + "/lock", os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(lock, fcntl.LOCK_EX)


def serve(listener, each):
    def loop():
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=each, args=(peer,), daemon=True).start()
    threading.Thread(target=loop, daemon=True).start()


def unix(name):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(folder + "/" + name)
    listener.listen()
    return listener


def echo(peer):
    while data := peer.recv(65536):
        peer.sendall(data)
    peer.close()


def leave():
    for name in os.listdir(folder):
        os.unlink(folder + "/" + name)
    os.rmdir(folder)
    os._exit(0)


def control(peer):
    asked = json.loads(peer.makefile().readline())["do"]
    answers = {"token": {"token": "one-time"}, "stop": {},
               "status": {"render": "nothing", "encode": "none", "size": "640x480", "sound": "none", "viewers": [
                   {"kind": "rdp", "client": "evil\x1b[2J", "stream": {"codec": "AVC420", "frames_per_second": 60.01,
                    "lag_ms": 10.5, "window": 3, "megabits_per_second": 7.5}}]}}
    peer.sendall((json.dumps(answers.get(asked, {"error": "what?"})) + "\n").encode())
    peer.close()
    if asked == "stop":
        leave()


serve(unix("rdp"), echo)
serve(unix("control"), control)
web = socket.create_server(("127.0.0.1", 0))
serve(web, echo)
program = next((word[10:] for word in sys.argv if word.startswith("--program=")), "")
entry = {"id": os.path.basename(folder), "process": os.getpid(), "started": int(time.time()), "display": ":99",
         "source": "made up", "program": program, "size": "640x480", "render": "nothing", "encode": "none", "sound": "none",
         "rdp_port": 0, "web_port": web.getsockname()[1], "rdp_socket": folder + "/rdp", "control_socket": folder + "/control",
         "folder": folder, "certificate": "aa:bb", "user": "viewer", "password": "se cret"}
with open(folder + "/session.json", "w") as file:
    json.dump(entry, file)
print(json.dumps(entry), flush=True)
if what == "short":
    time.sleep(1)
else:
    sys.stdin.read()
leave()
