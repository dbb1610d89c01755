#!/usr/bin/env python3
"""An Outboard of another version, as far as its greeting goes: refuses, or takes a version that was not offered."""
import struct
import sys

if sys.argv[1:2] != ["serve"]:
    print("outboard 0.0.1")
    sys.exit(0)


def read(size):
    return sys.stdin.buffer.read(size)


def text(words):
    data = words.encode()
    return struct.pack("<Q", len(data)) + data + bytes(-len(data) % 8)


size, kind, number = struct.unpack("<IIQ", read(16))
hello = read(size)
oldest, newest = struct.unpack("<I4xI", hello[8:20])
refusal = "the server speaks protocol versions 1 to 1, this client %d to %d; update Outboard on the server" % (oldest, newest)
payload = b"OUTBOARD" + struct.pack("<I", 0) + bytes(4) + text(refusal) + text("outboard 0.0.1")
sys.stdout.buffer.write(struct.pack("<IIQ", len(payload), 2, 0) + payload)
sys.stdout.buffer.flush()
