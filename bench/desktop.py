#!/usr/bin/env python3
"""The desktop's figures beside their limits and beside other servers: desktop.py KEEPER PATTERN PROBE [SECONDS] [ROW ...].

A moving picture of 60 frames a second is drawn in the session and looked at on a stock client's screen; session, client,
both X servers, pattern and probe share this machine. With the right to (CAP_SYS_NICE) all of them run in real time, so
that a busy machine disturbs them less. What is not installed is left out and said.
"""
import json, os, shutil, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "desktop"))
from harness import *
from desktop_xrdp import Xrdp, missing

SECONDS = int(sys.argv[4]) if len(sys.argv) > 4 else 8
WANTED = sys.argv[5:]
HERTZ = os.sysconf("SC_CLK_TCK")
try:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    note = "in real time"
except PermissionError:
    note = "in the usual scheduling class: a busy machine shows"


def processor(numbers):
    """Seconds of processor time."""
    total = 0
    for number in numbers:
        try:
            words = open(f"/proc/{number}/stat").read().rsplit(")", 1)[1].split()
            total += int(words[11]) + int(words[12])
        except OSError:
            pass
    return total / HERTZ


def sent_bytes(port):
    text = subprocess.run(["ss", "-tinH", f"sport = :{port}"], capture_output=True, text=True).stdout
    return sum(int(number) for number in re.findall(r"bytes_sent:(\d+)", text))


def row(name, limit, screen, workers, port, keys):
    screen.probe("wait", 30)
    time.sleep(2)
    cpu, sent, begin = processor(workers()), sent_bytes(port), time.monotonic()
    seen = json.loads(screen.probe("watch", SECONDS, keys, timeout=SECONDS + 30)[1])
    took = time.monotonic() - begin
    print(f"| {name} | {seen['fps']:.1f} | {seen['lag_ms']:.1f} | {seen['input_ms']:.1f} | {(processor(workers()) - cpu) / took * 100:.0f} | "
          f"{(sent_bytes(port) - sent) * 8 / took / 1e6:.2f} | {limit} |", flush=True)


def own(name, limit, options, size, mode="scroll", extra=(), proxy=None, keys=40):
    if WANTED and not any(each in name for each in WANTED):
        return
    session = Session(*extra, program=f"{PATTERN} {mode}", size=size)
    port = session.entry["rdp_port"]
    way = Proxy(port, *proxy) if proxy else None
    client = Client(session, *options, screen=Screen(size), port=way.own_port if way else None)

    def worker():
        return [each for each in descendants(session.process.pid) if open(f"/proc/{each}/comm").read().strip() == "outboard-worker"]
    row(name, limit, client.screen, worker, port, keys)
    client.stop()
    session.stop()


def shadow(name, options, size):
    if WANTED and not any(each in name for each in WANTED):
        return
    if not shutil.which("freerdp-shadow-cli"):
        return print(f"| {name} | not installed (freerdp2-shadow-x11) |")
    host, port = Screen(size), 34567
    start([PATTERN, "scroll"], "pattern", host.environment)
    server = start(["freerdp-shadow-cli", f"/port:{port}", "/bind-address:127.0.0.1", "-auth"], "shadow", host.environment)
    time.sleep(3)
    client = Screen(size)
    viewer = start(["xfreerdp", f"/v:127.0.0.1:{port}", "/u:a", "/p:b", "/cert:ignore", f"/size:{size}", "/log-level:ERROR", *options],
                   "client", client.environment)
    row(name, "", client, lambda: [server.pid], port, 40)
    viewer.terminate()
    server.terminate()


def xrdp(name, options, size):
    if WANTED and not any(each in name for each in WANTED):
        return
    if why := missing():
        return print(f"| {name} | {why} |")
    server, screen = Xrdp(size), Screen(size)
    viewer = start(["xfreerdp", f"/v:127.0.0.1:{server.port}", "/u:a", "/p:b", "/sec:tls", "/cert:ignore", f"/size:{size}", "/bpp:32",
                    "/log-level:ERROR", *options], "client", screen.environment)
    time.sleep(5)  # it gives its display the client's size
    pattern = start([PATTERN, "scroll"], "pattern", server.environment)
    row(f"{name}, {server.back_end}", "", screen, lambda: [server.process.pid], server.port, 40)
    for each in (pattern, viewer, server.process, server.display):
        each.terminate()
        each.wait(20)


print(f"{SECONDS} seconds each, {os.cpu_count()} processors, {note}; load {os.getloadavg()[0]:.1f}\n")
print("| server | fps | lag ms | key to pixel ms | % of a core | Mbit/s | limit (issue) |\n|---|---|---|---|---|---|---|")
own("720p AVC420", ">= 60 fps, <= 13 ms, <= 35 %", ["/gfx:AVC420"], "1280x720")
own("1080p AVC420", ">= 60 fps, <= 28 ms", ["/gfx:AVC420"], "1920x1080")
own("1080p AVC420, gdi:hw", ">= 60 fps, <= 28 ms", ["/gfx:AVC420", "/gdi:hw"], "1920x1080")  # as outboard desktop open calls it
own("720p AVC444v2", ">= 60 fps", ["/gfx:AVC444"], "1280x720")
own("1080p AVC444v2", ">= 40 fps", ["/gfx:AVC444"], "1920x1080")
own("1080p AVC444v2, gdi:hw", ">= 40 fps", ["/gfx:AVC444", "/gdi:hw"], "1920x1080")
own("720p AVC420, x264", "", ["/gfx:AVC420"], "1280x720", extra=["--encoder", "libx264"])
own("720p AVC444v2, x264", "", ["/gfx:AVC444"], "1280x720", extra=["--encoder", "libx264"])
own("720p a quarter moves", "", ["/gfx:AVC420"], "1280x720", "quarter")
own("720p idle, 4 keys a second", "", ["/gfx:AVC420"], "1280x720", "idle")
own("720p idle", "<= 2 %, <= 0.1 Mbit/s", ["/gfx:AVC420"], "1280x720", "idle", keys=0)
own("720p, 40 ms, 50 Mbit/s", ">= 58 fps, lag <= 60 ms", ["/gfx:AVC420"], "1280x720", proxy=(0.02, 50))
own("720p, 40 ms, 5 Mbit/s", "", ["/gfx:AVC420"], "1280x720", proxy=(0.02, 5))
own("720p progressive", "", ["/gfx:RFX"], "1280x720")
shadow("freerdp2-shadow 720p AVC420", ["/gfx:AVC420"], "1280x720")
shadow("freerdp2-shadow 1080p AVC420", ["/gfx:AVC420"], "1920x1080")
shadow("freerdp2-shadow 1080p AVC420, gdi:hw", ["/gfx:AVC420", "/gdi:hw"], "1920x1080")
xrdp("xrdp 720p RemoteFX", ["/rfx"], "1280x720")
xrdp("xrdp 1080p RemoteFX", ["/rfx"], "1920x1080")
