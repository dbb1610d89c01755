#!/usr/bin/env python3
"""Writes ldmatrix.ptx, stmatrix.ptx, movmatrix.ptx, wmma.ptx and wgmma.ptx: instructions on matrices that lie in shared
memory. See expected_matrix.py.

    python3 expected_matrix_memory.py
"""
from expected_matrix import (RNG, a_words, bits_of, braces, c_words, case, encode, matrix, name_of, names, thinned, times, word, write)


def fill(image, threads):
    """Code by which the threads write the image to shared memory, and each thread's words of it."""
    each = (len(image) + 4 * threads - 1) // (4 * threads)
    image = bytes(image) + bytes(4 * each * threads - len(image))
    words = [[int.from_bytes(image[4 * (each * t + i):4 * (each * t + i) + 4], 'little') for i in range(each)] for t in range(threads)]
    code = 'mad.lo.u32 %%at, %%i, %d, 0; mov.u32 %%to32, box; add.u32 %%at, %%at, %%to32;' % (4 * each)
    code += ''.join(' st.shared.b32 [%%at+%d], %%n%d;' % (4 * i, i) for i in range(each)) + ' bar.sync 0;'
    return code, words


def read_back(size, threads):
    """The same the other way round: words of shared memory to the outputs."""
    each = size // (4 * threads)
    code = 'bar.sync 0; mad.lo.u32 %%at, %%i, %d, 0; mov.u32 %%to32, box; add.u32 %%at, %%at, %%to32;' % (4 * each)
    return code + ''.join(' ld.shared.b32 %%o%d, [%%at+%d];' % (i, 4 * i) for i in range(each)), each


def box(size):
    return '.shared .align 1024 .b8 box[%d];' % size


def put(image, at, value, bits):
    """`at` and `bits` in bits."""
    for i in range(bits):
        byte, bit = (at + i) // 8, (at + i) % 8
        image[byte] = image[byte] & ~(1 << bit) | (value >> i & 1) << bit


# --- ldmatrix, stmatrix, movmatrix
def ldmatrix():
    def load(name, matrices, rows, bits, registers, value):
        """value(rows of numbers of all matrices, lane, register)"""
        image = bytearray(RNG.getrandbits(8) for _ in range(512))
        order = RNG.sample(range(32), 32)  # which 16 bytes lane i names
        per = 128 // bits if bits >= 8 else 16
        table = [[sum((image[16 * order[i] + (j * bits + b) // 8] >> (j * bits + b) % 8 & 1) << b for b in range(bits)) for j in range(per)] for i in range(32)]
        code, words = fill(image, 32)
        body = code + ' mov.u32 %%at, box; mad.lo.u32 %%at, %%n4, 16, %%at; ldmatrix.sync.aligned.%s %s, [%%at];' % (name, braces(names('o', 0, registers)))
        rows_of = [(words[lane] + [order[lane]], [value(table, lane, r) for r in range(registers)]) for lane in range(32)]
        case('ldmatrix', 'ldmatrix_' + name_of(name), body, ['b32'] * 5, ['b32'] * registers, rows_of, box(512))
    for n in (1, 2, 4):
        load('m8n8.x%d.shared.b16' % n, n, 8, 16, n, lambda t, l, r: word(t[8 * r + l // 4][l % 4 * 2:l % 4 * 2 + 2], 16))
        load('m8n8.x%d.trans.shared.b16' % n, n, 8, 16, n, lambda t, l, r: word([t[8 * r + l % 4 * 2 + i][l // 4] for i in (0, 1)], 16))
        for form, bits in (('b6x16_p32', 6), ('b4x16_p64', 4)):
            load('m8n16.x%d.shared.b8x16.%s' % (n, form), n, 8, bits, n, lambda t, l, r: word(t[8 * r + l // 4][l % 4 * 4:l % 4 * 4 + 4], 8))
    # PTX ISA, "ldmatrix", .m16n16: a register has two rows of a matrix at two columns 8 apart, the next the two rows below.
    square = lambda t, l, r: word([t[16 * (r // 2) + l % 4 * 4 + 2 * (r % 2) + i % 2][l // 4 + 8 * (i // 2)] for i in range(4)], 8)
    for n in (1, 2):
        load('m16n16.x%d.trans.shared.b8' % n, n, 16, 8, 2 * n, square)
        for form, bits in (('b6x16_p32', 6), ('b4x16_p64', 4)):
            load('m16n16.x%d.trans.shared.b8x16.%s' % (n, form), n, 16, bits, 2 * n, square)


def stmatrix():
    def store(name, n, place):
        """place(lane, register, byte) = (row, byte of the row)"""
        order = RNG.sample(range(8 * n), 8 * n)
        words = [[RNG.getrandbits(32) for _ in range(n)] for _ in range(32)]
        image = bytearray(128 * n)
        for lane in range(32):
            for r in range(n):
                for byte in range(4):
                    row, at = place(lane, r, byte)
                    image[16 * order[row] + at] = words[lane][r] >> 8 * byte & 255
        code, each = read_back(128 * n, 32)
        body = 'mov.u32 %%at, box; mad.lo.u32 %%at, %%n%d, 16, %%at; stmatrix.sync.aligned.%s [%%at], %s; ' % (n, name, braces(names('n', 0, n))) + code
        rows = [(words[lane] + [order[lane % (8 * n)]], [int.from_bytes(image[4 * (each * lane + i):4 * (each * lane + i) + 4], 'little') for i in range(each)])
                for lane in range(32)]
        case('stmatrix', 'stmatrix_' + name_of(name), body, ['b32'] * (n + 1), ['b32'] * each, rows, box(128 * n))
    for n in (1, 2, 4):
        store('m8n8.x%d.shared.b16' % n, n, lambda l, r, b: (8 * r + l // 4, l % 4 * 4 + b))
        store('m8n8.x%d.trans.shared.b16' % n, n, lambda l, r, b: (8 * r + l % 4 * 2 + b // 2, l // 4 * 2 + b % 2))
        store('m16n8.x%d.trans.shared.b8' % n, n, lambda l, r, b: (8 * r + l % 4 * 2 + b % 2, l // 4 + 8 * (b // 2)))
    M = [[RNG.getrandbits(16) for _ in range(8)] for _ in range(8)]
    rows = [([word(M[l // 4][l % 4 * 2:l % 4 * 2 + 2], 16)], [word([M[l % 4 * 2 + i][l // 4] for i in (0, 1)], 16)]) for l in range(32)]
    case('movmatrix', 'movmatrix_m8n8', 'movmatrix.sync.aligned.m8n8.trans.b16 %o0, %n0;', ['b32'], ['b32'], rows)


# --- wmma: everything lies in shared memory, so that no layout of fragments shows
def wmma(shape, a, b, c, d, a_layout='row', b_layout='col', c_layout='row', d_layout='row', flags='', pad=0):
    m, n, k = [int(x) for x in shape.replace('m', ' ').replace('n', ' ').replace('k', ' ').split()]
    A, B, C = matrix(m, k, a), matrix(k, n, b), matrix(m, n, c)
    combine, finish = lambda x, y: x * y, lambda x: x
    if a == 'b1':
        combine = (lambda x, y: x & y) if 'and' in flags else (lambda x, y: x ^ y)
    if 'satfinite' in flags:
        C[0][0], C[m - 1][n - 1] = 2 ** 31 - 5, -2 ** 31 + 3
        finish = lambda x: min(max(x, -2 ** 31), 2 ** 31 - 1)
    D = times(A, B, C, combine, finish)
    image, places = bytearray(), []
    def lay(M, kind, layout, extra):
        rows, columns, bits = len(M), len(M[0]), bits_of(kind)
        stride = (columns if layout == 'row' else rows) + extra
        start = len(image)
        image.extend(bytes((stride * (rows if layout == 'row' else columns) * bits + 7) // 8))
        for i in range(rows):
            for j in range(columns):
                put(image, 8 * start + (i * stride + j if layout == 'row' else j * stride + i) * bits, encode(M[i][j], kind), bits)
        places.append((start, stride))
        image.extend(bytes(-len(image) % 128))
    lay(A, a, a_layout, pad)
    lay(B, b, b_layout, pad)
    lay(C, c, c_layout, 0)
    size = len(image)
    code, words = fill(image, 32)
    counts = {'f16': (8, 8), 'bf16': (m // 4, n // 4), 's8': (m // 8, n // 8), 'u8': (m // 8, n // 8), 'tf32': (4, 4)}
    na, nb = counts.get(a, (1, 1))
    letter = 'N' if a == 'f64' else 'o'
    sums = lambda kind: m * n // 64 if kind == 'f16' else m * n // 32
    fa, fb = braces(names(letter, 0, na)), braces(names(letter, 20, nb))
    fc, fd = braces(names(letter, 40, sums(c))), braces(names(letter, 56, sums(d)))
    of = {'f64': '.rn' if flags == '.rn' else ''}.get(a, '')
    types = '%s.%s' % (d, c) if a == 'f16' else '%s.%s.%s.%s' % (d, a, b, c)
    sat = '.satfinite' if 'satfinite' in flags else ''
    op = flags if a == 'b1' else ''
    load = lambda part, layout, kind, regs, i: 'wmma.load.%s.sync.aligned.%s.%s.shared.%s %s, [%%at+%d], %d; ' % (part, layout, shape, kind, regs, places[i][0], places[i][1])
    body = code + ' mov.u32 %at, box; ' + load('a', a_layout, a, fa, 0) + load('b', b_layout, b, fb, 1) + load('c', c_layout, c, fc, 2)
    body += 'wmma.mma%s.sync.aligned.%s.%s.%s%s.%s%s %s, %s, %s, %s; ' % (op, a_layout, b_layout, shape, of, types, sat, fd, fa, fb, fc)
    stride = n if d_layout == 'row' else m
    body += 'bar.sync 0; wmma.store.d.sync.aligned.%s.%s.shared.%s [%%at], %s, %d; ' % (d_layout, shape, d, fd, stride)
    out = bytearray(m * n * bits_of(d) // 8)
    for i in range(m):
        for j in range(n):
            put(out, (i * stride + j if d_layout == 'row' else j * stride + i) * bits_of(d), encode(D[i][j], d), bits_of(d))
    back, each = read_back(len(out), 32)
    rows = [(words[l], [int.from_bytes(out[4 * (each * l + i):4 * (each * l + i) + 4], 'little') for i in range(each)]) for l in range(32)]
    name = 'wmma_%s_%s_%s_%s_%s_%s_%s_%s%s' % (shape, a_layout, b_layout, c_layout, d_layout, a, b, name_of(types), '_p%d' % pad if pad else '')
    case('wmma', name + name_of(op + sat), body + back, ['b32'] * len(words[0]), ['b32'] * each, rows, box(4 * 32 * len(words[0])))


def wmmas():
    for shape in ('m16n16k16', 'm8n32k16', 'm32n8k16'):
        wmma(shape, 'f16', 'f16', 'f32', 'f32')
        wmma(shape, 'f16', 'f16', 'f16', 'f16', 'col', 'row', 'col', 'col')
        wmma(shape, 'bf16', 'bf16', 'f32', 'f32', 'row', 'row', 'row', 'col')
        wmma(shape, 's8', 's8', 's32', 's32', 'row', 'col', 'col', 'row', '.satfinite')
        wmma(shape, 'u8', 'u8', 's32', 's32', 'col', 'row')
    wmma('m16n16k16', 'f16', 'f16', 'f16', 'f32', 'row', 'row', pad=8)
    wmma('m16n16k16', 'f16', 'f16', 'f32', 'f16', 'col', 'col', pad=8)
    wmma('m16n16k8', 'tf32', 'tf32', 'f32', 'f32')
    wmma('m16n16k8', 'tf32', 'tf32', 'f32', 'f32', 'col', 'row', 'col', 'col')
    wmma('m8n8k4', 'f64', 'f64', 'f64', 'f64')
    wmma('m8n8k4', 'f64', 'f64', 'f64', 'f64', 'col', 'row', 'col', 'col', '.rn')
    for kind in ('s4', 'u4'):
        wmma('m8n8k32', kind, kind, 's32', 's32', flags='.satfinite' if kind == 's4' else '')
    for op in ('.xor.popc', '.and.popc'):
        wmma('m8n8k128', 'b1', 'b1', 's32', 's32', flags=op)


# --- wgmma
MODES = {0: 1, 1: 8, 2: 4, 3: 2}  # mode: pieces of 16 bytes in a line of the pattern


def lay_out(image, M, kind, mode, mn_major, start):
    """M by rows of A or columns of B, along k; returns the descriptor. PTX ISA, "Shared Memory Matrix Layout"."""
    bits, w = bits_of(kind), MODES[mode]
    count, depth, per = len(M), len(M[0]), 128 // bits
    across, along = (depth, count // per) if mn_major else (count, depth // per)  # lines; pieces of a line
    if mn_major:
        piece_block = 8 * w * 16 if mode else 0  # from w pieces to the next w
        leading = piece_block * ((depth + 7) // 8) if mode else 128 * along  # between eights of k, where not swizzled
        stride = 8 * w * 16 if mode else 128
        if mode:
            leading = stride * ((depth + 7) // 8)
        offset = lambda line, piece: (line % 8 * w * 16 + line // 8 * stride + piece % w * 16 + piece // w * leading) if mode else (
            line % 8 * 16 + line // 8 * leading + piece * stride)
    else:
        leading, stride = (128, 128 * along) if mode == 0 else (16, 8 * w * 16)
        offset = lambda line, piece: line % 8 * w * 16 + line // 8 * stride + piece * leading
    size = max(offset(l, p) for l in range(across) for p in range(along)) + 16
    size = (size + 1023) // 1024 * 1024
    image.extend(bytes(start + size - len(image)))
    for i in range(count):
        for k in range(depth):
            line, at = (k, i) if mn_major else (i, k)
            address = start + offset(line, at // per)
            address ^= (address >> 7 & w - 1) << 4
            put(image, 8 * address + at % per * bits, encode(M[i][k], kind), bits)
    return start >> 4 | leading >> 4 << 16 | stride >> 4 << 32 | mode << 62


def wgmma(n, k, d, a, b, mode_a=0, mode_b=0, a_registers=False, trans=(0, 0), scales=(1, 1), adds=True, sparse=None, flags=''):
    A, B, C = matrix(64, k, a), matrix(k, n, b), matrix(64, n, d)
    kept, metadata = A, None
    if sparse is not None:
        parts = [thinned(A[16 * w:16 * w + 16], bits_of(a), sparse) for w in range(4)]
        kept, A = sum((p[0] for p in parts), []), sum((p[1] for p in parts), [])
        metadata = [p[2] for p in parts]
    combine = (lambda x, y: x & y) if a == 'b1' else (lambda x, y: x * y * scales[0] * scales[1])
    D = times(A, B, C if adds else [[0] * n for _ in range(64)], combine)
    image = bytearray()
    description_a = 0 if a_registers else lay_out(image, kept, a, mode_a, trans[0], 0)
    description_b = lay_out(image, [[row[j] for row in B] for j in range(n)], b, mode_b, trans[1], len(image))
    code, words = fill(image, 128)
    rows, sums = [], lambda M, t: sum((c_words([row[8 * i:8 * i + 8] for row in M[16 * (t // 32):16 * (t // 32) + 16]], t % 32, d) for i in range(n // 8)), [])
    for t in range(128):
        given = words[t] + sums(C, t)
        given += a_words(kept[16 * (t // 32):16 * (t // 32) + 16], t % 32, a) if a_registers else []
        rows.append((given + ([metadata[t // 32][t % 32]] if metadata else []), sums(D, t)))
    first, count = len(words[0]), len(rows[0][1])
    floats, real_k = a[0] in 'fbe' + 't' and a != 'b1', k
    shape = 'm64n%dk%d' % (n, real_k)
    operand_a = braces(names('n', first + count, 4)) if a_registers else '%N0'
    body = code + ' mov.u32 %%at, box; shr.u32 %%at, %%at, 4; cvt.u64.u32 %%N2, %%at; add.u64 %%N0, %%N2, 0x%x; add.u64 %%N1, %%N2, 0x%x; setp.%s.u32 %%p, 1, 1; ' % (description_a, description_b, 'eq' if adds else 'ne')
    body += ' '.join('mov.b32 %%o%d, %%n%d;' % (i, first + i) for i in range(count)) + ' wgmma.fence.sync.aligned; '
    opcode = 'wgmma.mma_async%s.sync.aligned.%s.%s.%s.%s%s' % ('.sp' if metadata else '', shape, d, a, b, flags)
    numbers = ', %d, %d' % scales if floats else ''
    if bits_of(a) == 16:
        numbers += ', %d' % trans[1] if a_registers else ', %d, %d' % trans
    sparse_part = ', %%n%d, %d' % (len(rows[0][0]) - 1, sparse) if metadata else ''
    body += '%s %s, %s, %%N1%s, %%p%s; ' % (opcode, braces(names('o', 0, count)), operand_a, sparse_part, numbers)
    body += 'wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;'
    name = '%s_%d%d%s%s%s%s%s' % (name_of(opcode), mode_a, mode_b, '_r' if a_registers else '', '_t%d%d' % trans if any(trans) else '',
                                 '_minus' if scales != (1, 1) else '', '' if adds else '_set', '_%d' % sparse if metadata else '')
    case('wgmma', name, body, ['b32'] * len(rows[0][0]), ['b32'] * count, rows)


def wgmmas():
    for mode in MODES:
        wgmma(16, 16, 'f32', 'f16', 'f16', mode, mode)
        wgmma(8, 16, 'f32', 'f16', 'f16', mode, 0, trans=(1, 1))
        wgmma(8 * MODES[mode], 16, 'f16', 'f16', 'f16', 3, mode, trans=(0, 1))
        wgmma(8, 8, 'f32', 'tf32', 'tf32', mode, 3 - mode)
    wgmma(24, 16, 'f32', 'bf16', 'bf16', 2, 3, trans=(1, 0), scales=(-1, 1))
    wgmma(32, 16, 'f32', 'bf16', 'bf16', 0, 2, a_registers=True, trans=(0, 1), adds=False)
    wgmma(40, 16, 'f32', 'f16', 'f16', 0, 3, a_registers=True, scales=(-1, -1))
    for d, a, b in (('f32', 'e4m3', 'e5m2'), ('f16', 'e5m2', 'e4m3')):
        wgmma(16, 32, d, a, b, 1, 1, scales=(1, -1))
        wgmma(8, 32, d, a, b, 0, 3, a_registers=True)
    for a, b in (('s8', 's8'), ('u8', 's8'), ('s8', 'u8'), ('u8', 'u8')):
        wgmma(8, 32, 's32', a, b, 3, 2)
    wgmma(8, 256, 's32', 'b1', 'b1', 1, 0, flags='.and.popc')
    for selector in (0, 1):
        wgmma(8, 32, 'f32', 'f16', 'f16', 3, 1, sparse=selector)
        wgmma(8, 16, 'f32', 'tf32', 'tf32', 2, 2, sparse=selector)
    wgmma(8, 64, 's32', 's8', 'u8', 1, 2, sparse=0)
    wgmma(8, 64, 'f32', 'e4m3', 'e4m3', 0, 2, a_registers=True, sparse=0)


for part in (ldmatrix, stmatrix, wmmas, wgmmas, write):
    part()
