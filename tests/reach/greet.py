#!/usr/bin/env python3
"""A client's greeting, byte for byte (PROTOCOL.md): greet.py SOCKET GENERATION prints what the server answers."""
import socket
import struct
import sys


def text(words):
    data = words.encode()
    return struct.pack("<Q", len(data)) + data + bytes(-len(data) % 8)


window_base, window_size = 0x7E8000000000, 0x4000000000  # api/window.h
hello = b"OUTBOARD" + struct.pack("<I4xI4xQQ", 1, 1 << 20, window_base, window_size)
hello += text("outboard test") + text("greet.py") + text("") + text("") + text("")
hello += struct.pack("<Q", 8) + text("") + text("") + struct.pack("<Q", int(sys.argv[2]))
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
link.sendall(struct.pack("<IIQ", len(hello), 1, 0) + hello)


def read(size):
    data = b""
    while len(data) < size:
        some = link.recv(size - len(data))
        if not some:
            sys.exit("the server closed")
        data += some
    return data


size, kind, number = struct.unpack("<IIQ", read(16))
answer = read(size)
version, = struct.unpack("<I", answer[8:12])
length, = struct.unpack("<Q", answer[16:24])
if version == 0:
    print("refused:", answer[24:24 + length].decode())
else:
    generation, connections = struct.unpack("<QQ", answer[-16:])
    if connections > 1:
        sys.exit("the server agreed to what was not asked for")
    print("welcome, generation", generation)
