#!/usr/bin/env python3
"""outboard desktop open with a real session: xfreerdp shows it, with the certificate pinned and the password by its
input; a browser shows it through the tunnel. clients_test.py OUTBOARD PATTERN PROBE"""
import os, re, signal, subprocess, sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here + "/../desktop", here + "/../desktop_page"]
import browser as browsers
from harness import *

OUTBOARD = os.path.abspath(sys.argv[1])


def opened(environment, *options):
    return start([OUTBOARD, "desktop", "open", "local", "--size", "1280x720", "--program", PATTERN + " scroll", *options],
                 "open", environment, start_new_session=True)


def sessions():
    folder = RUNTIME + "/outboard/desktop"
    return os.listdir(folder) if os.path.isdir(folder) else []


def end(process, what):
    below = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    check(process.wait(40) == 0, what + ": Ctrl-C ends it")
    check(until(lambda: not sessions() and not alive(below), 20), what + ": no session and no process stays")


def said():
    return open(os.path.join(SCRATCH, "open.log"), errors="replace").read()


def xfreerdp():
    screen = Screen()
    process = opened(screen.environment, "--client", "xfreerdp")
    check(screen.probe("wait", 60, timeout=90)[0] == 0, "xfreerdp shows the session")
    check(screen.probe("watch", 3, 4)[0] == 0, "and its keys reach it")
    status = subprocess.run([OUTBOARD, "desktop", "status"], env=ENVIRONMENT, capture_output=True, text=True).stdout
    check("codec: AVC" in status and "openh264" in status, "status tells codec and encoder: " + status)
    check("password" not in said(), "the password is not shown")
    end(process, "xfreerdp")


def web():
    process = opened({}, "--client", "web")
    address = until(lambda: re.search(r"http://127\.0\.0\.1:\d+/#\S+", said()), 60)
    check(address, "the page has an address")
    browser = browsers.Browser()
    try:
        browser.go(address.group(0))
        check(browser.wait("window.outboard?.frames > 20", 60), "the page shows pictures through the tunnel")
    finally:
        browser.end()
    end(process, "web")


xfreerdp()
web()
