"""A headless Chromium, driven by the Chrome DevTools Protocol over two pipes: messages are JSON, ended by a zero byte."""
import json, os, select, shutil, subprocess, sys, tempfile, time


class Browser:
    def __init__(self, width=1280, height=720):
        self.folder = tempfile.mkdtemp(prefix="outboard-browser-")
        to_browser, self.to_browser = os.pipe()
        self.from_browser, from_browser = os.pipe()
        words = [find(), "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--user-data-dir=" + self.folder,
                 "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--mute-audio",
                 "--disable-background-networking", "--window-size=%d,%d" % (width, height), "about:blank"]

        def wire():
            for fd, wanted in ((to_browser, 30), (from_browser, 31)):
                os.dup2(fd, wanted)
            for fd, wanted in ((30, 3), (31, 4)):
                os.dup2(fd, wanted, inheritable=True)
        self.process = subprocess.Popen(words, preexec_fn=wire, pass_fds=(3, 4), stdout=subprocess.DEVNULL,
                                        stderr=open(self.folder + "/log", "w"), start_new_session=True)
        os.close(to_browser), os.close(from_browser)
        self.number, self.buffer, self.events = 0, b"", []
        target = self.call("Target.createTarget", {"url": "about:blank"}, session=None)["targetId"]
        self.session = None
        self.session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self.call("Page.enable"), self.call("Runtime.enable")
        self.size(width, height)

    def call(self, method, parameters=None, session="own", seconds=30):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters or {}}
        if session == "own" and getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        end = time.time() + seconds
        while time.time() < end:
            answer = self.read(end - time.time())
            if answer is None:
                break
            if answer.get("id") != self.number:
                self.events.append(answer)
                continue
            if "error" in answer:
                raise RuntimeError("%s: %s" % (method, answer["error"]))
            return answer["result"]
        raise RuntimeError(method + ": the browser does not answer")

    def read(self, seconds):
        while b"\0" not in self.buffer:
            if not select.select([self.from_browser], [], [], max(0, seconds))[0]:
                return None
            more = os.read(self.from_browser, 1 << 20)
            if not more:
                return None
            self.buffer += more
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def go(self, address):
        self.call("Page.navigate", {"url": address})

    def value(self, expression):
        """What an expression gives; a promise is waited for."""
        answer = self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        if "exceptionDetails" in answer:
            return None
        return answer["result"].get("value")

    def wait(self, expression, seconds=30):
        end = time.time() + seconds
        while time.time() < end:
            seen = self.value(expression)
            if seen:
                return seen
            time.sleep(0.1)
        return None

    def key(self, code, key, number):
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", {"type": kind, "code": code, "key": key, "windowsVirtualKeyCode": number})

    def click(self, x, y, button="left"):
        self.call("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x, "y": y})
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": button, "clickCount": 1})

    def wheel(self, x, y, turned):
        self.call("Input.dispatchMouseEvent", {"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": turned})

    def picture(self):
        import base64
        return base64.b64decode(self.call("Page.captureScreenshot", {"format": "png"})["data"])

    def end(self):
        try:
            self.call("Browser.close", session=None, seconds=5)
            self.process.wait(5)
        except Exception:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        os.close(self.to_browser), os.close(self.from_browser)
        shutil.rmtree(self.folder, ignore_errors=True)


def find():
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    if not found:
        sys.exit("FAILED: no browser is installed (looked for %s); tools/setup installs chromium" % ", ".join(names))
    return found
