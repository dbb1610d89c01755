#!/usr/bin/env python3
"""The browser page in a headless Chromium: pictures arrive and are the host's, keys and pointer reach it, it takes the
window's size; nobody gets in without the token. Last it takes the picture of the README, into the folder of the build;
with --picture it does that alone, into a file of your choice. page_test.py OUTBOARD PAINT [--picture FILE]"""
import collections, json, os, re, shutil, socket, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser as browsers
import png

outboard, paint = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
failures = []


def check(what, condition, seen=""):
    print("ok " if condition else "FAILED:", what, "" if condition else seen, flush=True)
    if not condition:
        failures.append(what)


class Session:
    """outboard desktop serve, which ends with its standard input."""

    def __init__(self, program, size="1280x720"):
        self.run = tempfile.mkdtemp(prefix="outboard-page-")
        os.chmod(self.run, 0o700)
        environment = {**os.environ, "XDG_RUNTIME_DIR": self.run, "HOME": self.run}
        environment.pop("DISPLAY", None)
        self.log = open(self.run + "/log", "w+")
        self.process = subprocess.Popen([outboard, "desktop", "serve", "--json", "--until-eof", "--no-sound", "--size=" + size,
                                         "--program=" + program], env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.entry = json.loads(self.process.stdout.readline() or "{}")
        if "web_port" not in self.entry:
            print("no session:", self.entry, open(self.run + "/log").read())
            sys.exit(1)
        self.port = self.entry["web_port"]

    def ask(self, what):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(self.entry["control_socket"])
            peer.sendall(json.dumps({"do": what}).encode() + b"\n")
            return json.loads(peer.makefile().readline())

    def address(self, token=None):
        return "http://127.0.0.1:%d/%s" % (self.port, "#" + token if token else "")

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            check("the session ends", False)
        shutil.rmtree(self.run, ignore_errors=True)


def request(port, text, most=65536):
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        peer.sendall(text.replace("\n", "\r\n").encode())
        peer.settimeout(10)
        got = b""
        try:
            while len(got) < most and b"\r\n\r\n" not in got:
                more = peer.recv(65536)
                if not more:
                    break
                got += more
        except OSError:
            pass
        return got.decode(errors="replace")


def status_of(answer):
    return answer.split(" ")[1] if answer.startswith("HTTP/1") else "closed"


def enter(port, token, host=None, origin=None):
    host = host or "127.0.0.1:%d" % port
    return request(port, "POST /enter HTTP/1.1\nHost: %s\nOrigin: %s\nContent-Length: %d\n\n%s" %
                   (host, origin or "http://" + host, len(token), token))


def upgrade(port, cookie="", origin=None, most=1000):
    host = "127.0.0.1:%d" % port
    return request(port, "GET /desktop HTTP/1.1\nHost: %s\nOrigin: %s\nUpgrade: websocket\nConnection: Upgrade\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n"
                   "Sec-WebSocket-Protocol: outboard-desktop\n%s\n" % (host, origin or "http://" + host,
                   "Cookie: %s\n" % cookie if cookie else ""), most)


def check_door(session):
    port = session.port
    check("the page itself is no secret", status_of(request(port, "GET / HTTP/1.1\nHost: 127.0.0.1:%d\n\n" % port)) == "200")
    check("another host's name", status_of(request(port, "GET / HTTP/1.1\nHost: evil.example\n\n")) == "403")
    check("another path", status_of(request(port, "GET /../../etc/passwd HTTP/1.1\nHost: 127.0.0.1\n\n")) in ("404", "403", "400", "closed"))
    check("another method", status_of(request(port, "PUT / HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 0\n\n")) in ("405", "403", "closed", "404"))
    check("no WebSocket without a cookie", status_of(upgrade(port)) != "101")
    check("no WebSocket with a made-up cookie", status_of(upgrade(port, "outboard-00000000=0123")) != "101")
    check("a wrong token", status_of(enter(port, "wrong")) == "403")
    check("a token that is too long", status_of(enter(port, "x" * 5000)) in ("403", "413", "closed", "400"))
    check("half a request", request(port, "GET / HT") == "")
    token = session.ask("token")["token"]
    check("a right token from another page", status_of(enter(port, token, origin="http://evil.example")) == "403")
    answer = enter(port, token)
    cookie = re.search(r"(?i)set-cookie: ([^;\r]+)", answer)
    check("a right token", status_of(answer) == "200" and cookie, answer)
    check("the same token again", status_of(enter(port, token)) == "403")
    if cookie:
        check("another page with our cookie", status_of(upgrade(port, cookie.group(1), "http://evil.example")) != "101")
        check("a WebSocket with the cookie", status_of(upgrade(port, cookie.group(1))) == "101")
    return cookie.group(1) if cookie else ""


# The cells of paint.cpp, as the page shows them, on a video or a canvas; null while the checksum is wrong.
read_cells = """(() => {
  const screen = document.getElementById('screen');
  if (screen.width < 576) return null;
  window.looked ??= Object.assign(document.createElement('canvas'), {width: 576, height: 32}).getContext('2d', {willReadFrequently: true});
  window.looked.drawImage(screen, 0, 0);
  const data = window.looked.getImageData(0, 0, 576, 32).data;
  const bytes = [];
  for (let at = 0; at < 72; ++at) {
    const x = at % 36 * 16 + 8, y = Math.floor(at / 36) * 16 + 8, lit = data[(y * 576 + x) * 4 + 1] > 127;
    bytes[at >> 3] = (bytes[at >> 3] ?? 0) * 2 + lit;
  }
  const sum = bytes.slice(0, 8).reduce((all, each) => (all + each + 1) & 255, 0);
  if (sum !== bytes[8]) return null;
  return {events: bytes[0] * 256 + bytes[1], key: bytes[2], button: bytes[3], x: bytes[4] * 256 + bytes[5], y: bytes[6] * 256 + bytes[7]};
})()"""


def check_page(session, browser):
    browser.go(session.address())
    time.sleep(2)
    check("no pictures before the token", (browser.value("outboard.frames") or 0) == 0)
    browser.go("about:blank")
    browser.go(session.address(session.ask("token")["token"]))
    check("pictures arrive", browser.wait("window.outboard?.frames > 30"), browser.value("document.body.innerText"))
    check("they are the host's", browser.wait(read_cells) is not None)
    check("on a video", browser.value("document.getElementById('screen').tagName") == "VIDEO")
    check("the token left the address", "#" not in browser.value("location.href"))
    check("H.264 by its own parameter set", str(browser.value("outboard.codec")).startswith("avc1."))
    browser.key("KeyA", "a", 65)
    check("a key reaches the host", browser.wait("(%s)?.key === 38" % read_cells), browser.value(read_cells))
    browser.key("ArrowLeft", "ArrowLeft", 37)
    check("a key of the extended ones", browser.wait("(%s)?.key === 113" % read_cells), browser.value(read_cells))
    box = browser.value("(() => { const b = document.getElementById('screen').getBoundingClientRect(); return [b.left, b.top, b.width / document.getElementById('screen').width]; })()")
    browser.click(box[0] + 300 * box[2], box[1] + 400 * box[2])
    seen = browser.wait("(() => { const s = %s; return s?.button === 1 && s; })()" % read_cells)
    check("a click, in its place", seen and abs(seen["x"] - 300) <= 1 and abs(seen["y"] - 400) <= 1, seen)
    browser.click(box[0] + 20, box[1] + 200, "right")
    check("the right button", browser.wait("(%s)?.button === 3" % read_cells))
    browser.wheel(box[0] + 300, box[1] + 300, 240)
    check("the wheel", browser.wait("(%s)?.button === 5" % read_cells), browser.value(read_cells))
    browser.size(1400, 800)
    check("the display takes the window's size", browser.wait("screen_size() === '1400x800'".replace(
        "screen_size()", "((c) => c.width + 'x' + c.height)(document.getElementById('screen'))")),
        browser.value("((c) => c.width + 'x' + c.height)(document.getElementById('screen'))"))
    check("and shows its picture", browser.wait(read_cells) is not None)
    browser.value("document.getElementById('figures').click()")
    check("statistics", browser.wait("document.getElementById('statistics').innerText.includes('pictures/s')"))
    viewers = session.ask("status").get("viewers", [])
    check("status names the browser", any(v.get("kind") == "web" and "Chrom" in v.get("client", "") for v in viewers), viewers)
    browser.call("Page.reload")
    check("the cookie lets in again", browser.wait("window.outboard?.frames > 10"), browser.value("document.body.innerText"))


def check_clipboard(session, browser):
    environment = {**os.environ, "DISPLAY": session.entry["display"], "XAUTHORITY": session.entry["folder"] + "/Xauthority"}
    copy = ["xclip", "-selection", "clipboard"]
    browser.call("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}, session=None)
    subprocess.run(copy, env=environment, input="from the host: é中".encode(), timeout=20, stdout=subprocess.DEVNULL)
    check("what the host copies is in the browser", browser.wait(
        "navigator.clipboard.readText().then(text => text === 'from the host: é中')"), browser.value("navigator.clipboard.readText()"))
    browser.value("""(() => { const data = new DataTransfer(); data.setData('text/plain', 'from the page: é中');
                     window.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data})); })()""")
    end, seen = time.time() + 20, b""
    while time.time() < end and seen.decode(errors="replace") != "from the page: é中":
        seen = subprocess.run(copy + ["-o"], env=environment, capture_output=True, timeout=20).stdout
        time.sleep(0.2)
    check("what the page pastes is on the host", seen.decode() == "from the page: é中", seen)


def check_slow(session, browser, cookie):
    """Two that never read and never acknowledge: the page goes on."""
    stuck = []
    for _ in range(2):
        peer = socket.create_connection(("127.0.0.1", session.port))
        host = "127.0.0.1:%d" % session.port
        peer.sendall(("GET /desktop HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Protocol: outboard-desktop\r\nCookie: %s\r\n\r\n" % (host, host, cookie)).encode())
        stuck.append(peer)
    time.sleep(1)
    before = browser.value("outboard.frames")
    check("who does not read holds nobody up", browser.wait("outboard.frames > %d" % (before + 30)))
    # A frame with a mask, of a kind that there is not: it is dropped, and the others go on.
    stuck[0].sendall(bytes([0x82, 0x81, 0, 0, 0, 0, 99]))
    time.sleep(0.5)
    before = browser.value("outboard.frames")
    check("who talks nonsense is dropped alone", browser.wait("outboard.frames > %d" % (before + 10)))
    # A thousand sizes in a row, the last one sensible: they become few changes, and the picture goes on.
    for number in range(1000):
        width, height = (1280, 720) if number == 999 else (200 + 7 * number, 8192 - 8 * number)
        stuck[1].sendall(bytes([0x82, 0x85, 0, 0, 0, 0, 9]) + width.to_bytes(2, "little") + height.to_bytes(2, "little"))
    check("a thousand sizes", browser.wait("((c) => c.width + 'x' + c.height)(document.getElementById('screen')) === '1280x720'", 60),
          browser.value("((c) => c.width + 'x' + c.height)(document.getElementById('screen'))"))
    before = browser.value("outboard.frames")
    check("and pictures after them", browser.wait("outboard.frames > %d" % (before + 10)))
    for peer in stuck:
        peer.close()


def check_guessing(session):
    answers = [status_of(enter(session.port, "guess%d" % number)) for number in range(100)]
    check("who guesses tokens has to wait", answers[0] == "403" and "429" in answers and "200" not in answers, set(answers))
    check("and everybody with him", status_of(enter(session.port, session.ask("token")["token"])) == "429")


def check_canvas(session, browser):
    browser.call("Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.MediaStreamTrackGenerator"})
    browser.go("about:blank")
    browser.go(session.address(session.ask("token")["token"]))
    check("a browser whose videos take no pictures draws them on a canvas",
          browser.wait("window.outboard?.frames > 10 && document.getElementById('screen').tagName === 'CANVAS'"))
    check("and they are the host's", browser.wait(read_cells) is not None)


def check_old_browser(session, browser):
    browser.call("Page.addScriptToEvaluateOnNewDocument", {"source": "delete window.VideoDecoder"})
    browser.go("about:blank")
    browser.go(session.address())
    check("a browser without WebCodecs is told", browser.wait("document.getElementById('message')?.innerText.includes('no WebCodecs')"))


def check_full_screen(browser):
    """As far as a browser without a screen goes: its own idea of what is shown, after true clicks and keys."""
    def press(button):
        box = browser.value("(b => [b.left + b.width / 2, b.bottom - 2])(document.getElementById('%s').getBoundingClientRect())" % button)
        browser.click(box[0], 2)  # the bar looks out a little, and comes down
        box = browser.wait("(b => b.top >= 0 && [b.left + b.width / 2, b.top + b.height / 2])(document.getElementById('%s').getBoundingClientRect())" % button)
        browser.click(*box)

    def pressed(button, until):  # on a busy machine the bar may have gone back up
        return any(press(button) or browser.wait(until) for _ in range(3))

    check("no full screen without a click", browser.value(
        "document.documentElement.requestFullscreen().then(() => 'granted', () => 'refused')") == "refused")
    check("a click fills the screen", pressed("full", "document.fullscreenElement === document.documentElement"))
    check("the desktop has the focus", browser.wait("document.activeElement.id === 'screen'"), browser.value("document.activeElement.id"))
    browser.key("KeyB", "b", 66)
    check("keys reach the host in full screen", browser.wait("(%s)?.key === 56" % read_cells), browser.value(read_cells))
    before = browser.value("outboard.frames")
    check("and pictures the page", browser.wait("outboard.frames > %d" % (before + 10)))
    check("another click ends it", pressed("full", "!document.fullscreenElement"))


def take_picture(file):
    """glxgears in the page, with the statistics; the picture is looked at before it is called one."""
    before = len(failures)
    session, browser = Session("glxgears -geometry 1280x720"), browsers.Browser()
    try:
        browser.go(session.address(session.ask("token")["token"]))
        check("glxgears arrives", browser.wait("window.outboard?.frames > 60", 60))
        browser.value("document.getElementById('figures').click()")
        browser.wait("document.getElementById('statistics').innerText.includes('pictures/s')")
        time.sleep(3)
        data = browser.picture()
    finally:
        browser.end(), session.end()
    width, height, channels, rows = png.read(data)
    check("a picture of 1280x720", (width, height) == (1280, 720), (width, height))
    colours = collections.Counter(bytes(row[at:at + 3]) for row in rows for at in range(0, width * channels, channels))
    for at, name in enumerate(("red", "green", "blue")):
        area = sum(count for colour, count in colours.items() if colour[at] > 2 * max(40, *colour[:at], *colour[at + 1:]))
        check("the %s gear is in it" % name, area > width * height // 50, area)
    if len(failures) == before:
        with open(file, "wb") as out:
            out.write(data)
        print("the picture:", file)


def main():
    browsers.find()  # before anything is started
    if "--picture" in sys.argv:
        take_picture(sys.argv[sys.argv.index("--picture") + 1])
        return 1 if failures else 0
    session = Session(paint)
    browser = browsers.Browser()
    try:
        cookie = check_door(session)
        check_page(session, browser)
        check_full_screen(browser)
        check_clipboard(session, browser)
        check_slow(session, browser, cookie)
        ended = threading.Thread(target=session.end)
        ended.start()
        check("the session's end is told", browser.wait("/ended|does not come back|trying again/.test(document.getElementById('message').innerText)"))
        ended.join()
        session = Session(paint)
        check_canvas(session, browser)
        check_old_browser(session, browser)
        check_guessing(session)
    finally:
        browser.end()
        session.end()
    take_picture(os.path.join(os.path.dirname(os.path.dirname(paint)), "desktop.png"))
    return 1 if failures else 0


sys.exit(main())
