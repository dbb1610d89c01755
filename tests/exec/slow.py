"""Runs a command with its standard input and output passed on, the input at 10 MB/s: slow.py COMMAND..."""
import subprocess
import sys
import time

command = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
while data := sys.stdin.buffer.raw.read(1 << 16):
    command.stdin.write(data)
    command.stdin.flush()
    time.sleep(len(data) / 10e6)
command.stdin.close()
sys.exit(command.wait())
