"""Stages about keys and the wheel, as a program in the session sees them."""
import os

from harness import *

Q, Y, MINUS = 24, 29, 20  # X keycodes of positions, named as they are engraved in the US
LOCKS = ("key 66 ", "key 77 ")


def said(session):
    """What the pattern says that it has seen, without the lock keys, by which the client's state is taken over."""
    with open(os.path.join(session.entry["folder"], "program.log"), errors="replace") as file:
        lines = [line.strip() for line in file if line.startswith(("key", "button"))]
    return [line for line in lines if not line.startswith(LOCKS)]


def sees(session, screen, action, expected):
    before = len(said(session))
    screen.probe(*action)
    check(until(lambda: said(session)[before:] == [expected]), f"{' '.join(map(str, action))}: {expected}, seen: {said(session)[before:]}")


def keyboard():
    """A key means what it does in the client's layout, whatever the display had before."""
    session, screen = Session(program=PATTERN + " keys"), Screen()
    for layout, keys in (("German", {Y: "z", MINUS: "ß"}), ("0x40c", {Q: "a"}), ("0x409", {Y: "y", MINUS: "-", Q: "q"})):
        client = Client(session, "/gfx:AVC420", f"/kbd:{layout}", screen=screen)
        check(screen.probe("wait", 30)[0] == 0, layout + ": a picture arrives")
        for key, meaning in keys.items():
            sees(session, screen, ("key", key), f"key {key} {ord(meaning):#x}")  # Latin-1 stands for itself
        client.stop()
        check(until(lambda: not session.viewers()), layout + ": it left")
    session.stop()


def wheel():
    session = Session(program=PATTERN + " keys")
    client = Client(session, "/gfx:AVC420")
    check(client.screen.probe("wait", 30)[0] == 0, "a picture arrives")
    for button, name in ((4, "up"), (5, "down"), (4, "up again"), (1, "left"), (3, "right"), (2, "middle"), (6, "to the left"), (7, "to the right")):
        print(name)
        sees(session, client.screen, ("click", 300, 200, button), f"button {button} at 300,200")
    session.stop()
