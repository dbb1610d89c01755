"""Reads the pixels of a PNG of 8 bits a channel, as browsers write it (PNG specification, third edition, 5 and 9)."""
import struct, zlib

CHANNELS = {0: 1, 2: 3, 6: 4}  # by its colour type: grey, RGB, RGBA


def read(data):
    """Width, height, and rows of bytes with their number of channels; ValueError: it is none, or another kind."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    at, packed, header = 8, b"", None
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8:at + 8 + length]
        if zlib.crc32(kind + body) != struct.unpack_from(">I", data, at + 8 + length)[0]:
            raise ValueError("a wrong checksum")
        if kind == b"IHDR":
            header = struct.unpack(">IIBBBBB", body)
        if kind == b"IDAT":
            packed += body
        at += 12 + length
    width, height, bits, colour, _, _, interlaced = header
    if bits != 8 or colour not in CHANNELS or interlaced:
        raise ValueError("another kind of PNG")
    channels = CHANNELS[colour]
    return width, height, channels, rows(zlib.decompress(packed), width * channels, height, channels)


def rows(bytes_, stride, height, channels):
    found, above = [], bytearray(stride)
    for y in range(height):
        begin = y * (stride + 1)
        row = bytearray(bytes_[begin + 1:begin + 1 + stride])
        undo(bytes_[begin], row, above, channels)
        found.append(row)
        above = row
    return found


def undo(kind, row, above, channels):
    """A row's filter: each byte is a difference to what its neighbours foretell."""
    for i in range(len(row) if kind else 0):
        left = row[i - channels] if i >= channels else 0
        corner = above[i - channels] if i >= channels else 0
        foretold = (0, left, above[i], (left + above[i]) // 2, nearest(left, above[i], corner) if kind == 4 else 0)[kind]
        row[i] = (row[i] + foretold) & 255


def nearest(left, up, corner):
    """Paeth's choice."""
    guess = left + up - corner
    return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
