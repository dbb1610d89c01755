"""xrdp of the distribution on a port and with a folder of its own, beside whose figures ours stand.

Neither its service nor its session manager (PAM, logins) takes part: xrdp itself is told where its X server is. That is
Xorg with xorgxrdp, which hands pictures over in shared memory, or Xvnc where that is not installed.
"""
import os, shutil, socket, subprocess

from harness import SCRATCH, check, probe, start, until

SETTINGS = """[Globals]
ini_version=1
fork=false
port=tcp://127.0.0.1:{port}
security_layer=tls
certificate={folder}/certificate.pem
key_file={folder}/key.pem
max_bpp=32
autorun=Here
allow_channels=true
use_fastpath=both
bitmap_compression=true
tcp_nodelay=true
[Logging]
LogFile={folder}/xrdp-own.log
LogLevel=INFO
EnableSyslog=false
[Channels]
drdynvc=true
[Here]
name=Here
lib={library}
username=none
password=none
ip=127.0.0.1
port={display_port}
code={code}
"""


def missing():
    """Why it cannot run here; empty: it can."""
    if not shutil.which("xrdp"):
        return "not installed (xrdp, xorgxrdp)"
    if os.getuid() != 0:
        return "not run: xrdp needs root"
    if not os.path.exists("/etc/xrdp/rsakeys.ini"):  # without it xrdp ends, whatever security its settings name
        return "not run: /etc/xrdp/rsakeys.ini, which its package makes, is missing"
    return ""


class Xrdp:
    """The server and its display; .process encodes, .environment names the display."""

    def __init__(self, size):
        self.folder = os.path.join(SCRATCH, "xrdp")
        os.makedirs(self.folder, exist_ok=True)
        number = next(each for each in range(70, 200) if not os.path.exists(f"/tmp/.X{each}-lock"))
        self.environment = {"DISPLAY": f":{number}", "XRDP_SOCKET_PATH": self.folder}
        with_xorg = os.path.exists("/usr/lib/xorg/modules/libxorgxrdp.so") and shutil.which("Xorg")
        self.back_end = "Xorg" if with_xorg else "Xvnc"
        display = self.start_xorg(number) if with_xorg else self.start_xvnc(number, size)
        self.start_xrdp(display, *(("libxup.so", 20) if with_xorg else ("libvnc.so", 0)))

    def start_xorg(self, number):
        self.display = start(["Xorg", f":{number}", "-config", "/etc/X11/xrdp/xorg.conf", "-noreset", "-nolisten", "tcp", "-ac", "-logfile",
                              self.folder + "/Xorg.log"], "xorg", self.environment)
        return f"{self.folder}/xrdp_display_{number}"

    def start_xvnc(self, number, size):
        port = free_port()
        self.display = start(["Xvnc", f":{number}", "-geometry", size, "-depth", "24", "-localhost", "-rfbport", str(port), "-SecurityTypes", "None", "-ac"],
                             "xvnc", self.environment)
        return port

    def start_xrdp(self, display_port, library, code):
        check(until(lambda: probe(self.environment, "size")[0] == 0, 20), f"xrdp's {self.back_end} starts")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bench", "-keyout", "key.pem", "-out",
                        "certificate.pem"], cwd=self.folder, check=True, capture_output=True)
        self.port = free_port()
        with open(self.folder + "/xrdp.ini", "w") as file:
            file.write(SETTINGS.format(port=self.port, folder=self.folder, library=library, code=code, display_port=display_port))
        self.process = start(["xrdp", "--nodaemon", "--config", self.folder + "/xrdp.ini"], "xrdp", self.environment)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]
