"""Runs a command with its standard input and output passed on, and cuts both, once, after so many bytes of one of them:
cutting.py MARK DIRECTION BYTES COMMAND... The mark is a file that is there after the cut."""
import os
import pathlib
import select
import subprocess
import sys

mark, direction, left = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
command = subprocess.Popen(sys.argv[4:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
ways = {0: (command.stdin.fileno(), "out"), command.stdout.fileno(): (1, "back")}
while ways:
    for source in select.select(list(ways), [], [])[0]:
        to, way = ways[source]
        count = 1 << 16 if mark.exists() or way != direction else min(1 << 16, left)
        data = os.read(source, count) if count else b""
        if way == direction and not mark.exists():
            left -= len(data)
        if not data and count:
            del ways[source]
            if to != 1:
                command.stdin.close()
            else:
                ways = {}
            continue
        try:
            while data:
                data = data[os.write(to, data):]
        except BrokenPipeError:
            ways = {}
        if left == 0 and not mark.exists():
            mark.touch()
            os._exit(1)
command.wait()
