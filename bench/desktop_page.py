#!/usr/bin/env python3
"""The browser page's rows of make bench-desktop: a picture that moves 60 times a second, decoded by a headless Chromium on
the same machine. Prints pictures a second and how many of them the browser composed, lag from drawing on the host to the
page, the worker's part of a core, Mbit/s, each beside its limit. desktop_page.py BUILD [seconds]"""
import json, os, re, sys, time

build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.argv[1:] = [build + "/lib/outboard/outboard-desktop", build + "/bin/desktop_pattern", build + "/bin/desktop_probe"]
sys.path[:0] = [root + "/tests/desktop", root + "/tests/desktop_page"]
import browser as browsers
from harness import *

try:  # as bench/desktop.py does: a busy machine disturbs less
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
except PermissionError:
    pass

# Counts the pictures that came onto the screen, by their times, which differ: the compositor takes one 60 times a second,
# in no step with the host, so of two that come between its looks it shows the second.
counter = """(() => {
  const screen = document.getElementById('screen');
  let last = -1;
  window.seen = 0;
  const look = (now, {mediaTime}) => {
    window.seen += mediaTime !== last;
    last = mediaTime;
    screen.requestVideoFrameCallback(look);
  };
  screen.requestVideoFrameCallback(look);
})()"""

# Reads the barcode of tests/desktop/barcode.h off the page whenever a new picture is shown, 20 times a second at most:
# [performance.now(), tenths of a millisecond of the host's monotonic clock].
sampler = """(() => {
  const screen = document.getElementById('screen'), samples = window.samples = [];
  const canvas = Object.assign(document.createElement('canvas'), {width: 640, height: 16});
  const context = canvas.getContext('2d', {willReadFrequently: true});
  let at = 0;
  const look = () => {
    const now = performance.now();
    if (now - at > 50) {
      at = now;
      context.drawImage(screen, 0, 0);
      const row = context.getImageData(0, 8, 640, 1).data, parts = [0, 0, 0, 0, 0];
      for (let bit = 0; bit < 80; ++bit)
        parts[bit >> 4] = parts[bit >> 4] * 2 + (row[(bit * 8 + 4) * 4 + 1] > 127);
      let sum = 0x5a5a;
      for (const part of parts.slice(0, 4)) sum = (sum * 31 + part) & 0xffff;
      if (sum === parts[4]) samples.push([now, parts[0] * 65536 + parts[1]]);
    }
    screen.requestVideoFrameCallback(look);
  };
  screen.requestVideoFrameCallback(look);
})()"""


def clock_of(browser):
    """What to add to the page's clock, in milliseconds, for the monotonic one: by the quickest of some answers."""
    best = None
    for _ in range(30):
        before = time.monotonic()
        there = browser.value("performance.now()")
        after = time.monotonic()
        if best is None or after - before < best[0]:
            best = (after - before, (before + after) / 2 * 1000 - there)
    return best[1]


def processor_time(pid):
    words = open("/proc/%d/stat" % pid).read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def worker_of(session):
    for pid in descendants(session.process.pid):
        if open("/proc/%d/comm" % pid).read().strip() == "outboard-worker":
            return pid


def measure(width, height, limits):
    session = Session(size="%dx%d" % (width, height), program=PATTERN + " scroll")
    browser = browsers.Browser(width, height)
    try:
        token = session.ask(do="token")["token"]
        browser.go("http://127.0.0.1:%d/#%s" % (session.entry["web_port"], token))
        check(browser.wait("window.outboard?.frames > 60", 60), "pictures arrive")
        time.sleep(2)
        worker = worker_of(session)
        browser.value(counter)
        frames, seen, used, start = browser.value("outboard.frames"), browser.value("seen"), processor_time(worker), time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - start
        rate, shown = (browser.value("outboard.frames") - frames) / passed, (browser.value("seen") - seen) / passed
        share = (processor_time(worker) - used) / passed * 100
        viewer = session.viewers()[0]
        offset = clock_of(browser)
        browser.value(sampler)
        time.sleep(min(seconds, 5))
        lags = sorted((now + offset - mark / 10) % (2 ** 32 / 10) for now, mark in browser.value("samples"))
    finally:
        browser.end()
        session.stop()
    lag = lags[len(lags) // 2] if lags else float("nan")
    print("browser  %4dx%-4d  %5.1f fps (limit >= %g)   %5.1f composed   lag %6.1f ms   worker %5.1f %% of a core   %5.1f Mbit/s   %s" %
          (width, height, rate, limits, shown, lag, share, viewer["megabits_per_second"], viewer["encoder"]), flush=True)


browsers.find()  # or says that there is none
measure(1280, 720, 60)
measure(1920, 1080, 59)
