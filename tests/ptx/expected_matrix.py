#!/usr/bin/env python3
"""Writes mma.ptx, and for expected_memory.py the files it names: kernels, inputs and expected values from the layouts and formats of the PTX ISA. Numbers are such that every sum is exact whatever its order. It shares
nothing with Outboard.

    python3 expected_matrix.py
"""
import os, random
from fractions import Fraction

HERE = os.path.dirname(os.path.abspath(__file__))
RNG = random.Random(17)
FILES = {}

# --- types: bits in a register, exponent bits, fraction bits, bias; integers: bits and sign
FLOATS = {'f16': (16, 5, 10, 15), 'bf16': (16, 8, 7, 127), 'tf32': (32, 8, 23, 127), 'f32': (32, 8, 23, 127), 'f64': (64, 11, 52, 1023),
          'e4m3': (8, 4, 3, 7), 'e5m2': (8, 5, 2, 15), 'e3m2': (8, 3, 2, 3), 'e2m3': (8, 2, 3, 1), 'e2m1': (8, 2, 1, 1)}
INTS = {'s32': (32, True), 's8': (8, True), 'u8': (8, False), 's4': (4, True), 'u4': (4, False), 'b1': (1, False)}


def encode(value, kind):
    if kind in INTS:
        return value & (1 << INTS[kind][0]) - 1
    _, e, f, bias = FLOATS[kind]
    x, sign = abs(Fraction(value)), int(value < 0)
    if x == 0:
        return 0
    exponent = max(x.numerator.bit_length() - x.denominator.bit_length(), 1 - bias)
    while x >= Fraction(2) ** (exponent + 1):
        exponent += 1
    while x < Fraction(2) ** exponent and exponent > 1 - bias:
        exponent -= 1
    n = x / Fraction(2) ** (exponent - f)
    assert n.denominator == 1 and n < 1 << (f + 1), (value, kind)
    normal = n >= 1 << f
    bits = sign << (e + f) | ((exponent + bias) << f if normal else 0) | (int(n) & (1 << f) - 1)
    return bits << 2 if kind == 'e2m1' else bits  # in the middle of its byte


def sample(kind):
    if kind in INTS:
        width, signed = INTS[kind]
        return RNG.randrange(-(1 << width - 1), 1 << width - 1) if signed else RNG.randrange(1 << width)
    if kind in ('e2m1', 'e2m3', 'e3m2', 'e4m3', 'e5m2'):
        return RNG.choice([0, 1, 2, 3, 4, 6, Fraction(1, 2), Fraction(3, 2)]) * RNG.choice([1, -1])
    return Fraction(RNG.randrange(-16, 17), 4)


def bits_of(kind, packed=False):
    return 4 if packed and kind == 'e2m1' else (FLOATS[kind] if kind in FLOATS else INTS[kind])[0]


def code(value, kind, packed=False):
    return encode(value, kind) >> (2 if packed and kind == 'e2m1' else 0)


def matrix(rows, columns, kind):
    return [[sample(kind) for _ in range(columns)] for _ in range(rows)]


def times(a, b, c, combine=lambda x, y: x * y, finish=lambda x: x):
    return [[finish(c[i][j] + sum(combine(a[i][k], b[k][j]) for k in range(len(b)) if a[i][k] is not None)) for j in range(len(b[0]))]
            for i in range(len(a))]


# --- fragments: words of a lane (PTX ISA, "Matrix Fragments for mma.m16n8k16" and its kin)
def word(elements, bits):
    return sum(e << i * bits for i, e in enumerate(elements))


def a_words(a, lane, kind, packed=False):
    g, p, bits = lane // 4, lane % 4, bits_of(kind, packed)
    parts, halves = max(32 // bits, 1), len(a) // 8
    return [word([code(a[g + 8 * (r % halves)][r // halves * 4 * parts + p * parts + i], kind, packed) for i in range(parts)], bits)
            for r in range(halves * len(a[0]) // (4 * parts))]


def b_words(b, lane, kind, packed=False):
    return a_words([[row[j] for row in b] for j in range(8)], lane, kind, packed)


def c_words(c, lane, kind):
    g, p = lane // 4, lane % 4
    values = [encode(c[g + 8 * half][2 * p + odd], kind) for half in range(len(c) // 8) for odd in (0, 1)]
    return values if kind != 'f16' else [values[i] | values[i + 1] << 16 for i in range(0, len(values), 2)]


# --- files
def case(file, name, body, ins, outs, rows, variables=''):
    FILES.setdefault(file, []).append((name, body, ins, outs, rows, variables))


def braces(names):
    return '{' + ', '.join(names) + '}'


def width(kind):
    return 64 if kind.endswith('64') else 32


def write():
    for file, cases in FILES.items():
        head = '// %s: expected values from expected_matrix.py, expected_memory.py (the PTX ISA). How to read them: cases.h.\n' % file
        tail = '.version 9.0\n.target sm_120a\n.address_size 64\n'.replace('sm_120a', 'sm_90a' if file == 'wgmma' else 'sm_120a')
        if file == 'wgmma':  # one variable for all, so that descriptors can hold its address
            tail += '.shared .align 1024 .b8 box[32768];\n'
        for name, body, ins, outs, rows, variables in cases:
            head += '// %s: warp %s -> %s\n' % (name, ' '.join(ins), ' '.join(outs))
            show = lambda values, kinds: ' '.join('%0*x' % (width(k) // 4, v) for v, k in zip(values, kinds))
            for given, want in rows:
                head += '//   %s -> %s\n' % (show(given, ins), show(want, outs))
            tail += '.visible .entry %s(.param .u64 in, .param .u64 out) {\n' % name
            tail += '  .reg .b32 %i, %at, %to32, %lane; .reg .b64 %from, %to; .reg .pred %p;\n'
            tail += '  .reg .b32 %n<72>, %o<72>; .reg .b64 %N<72>, %O<72>; ' + variables + '\n'
            tail += '  mov.u32 %i, %tid.x; and.b32 %lane, %i, 31; ld.param.u64 %from, [in]; ld.param.u64 %to, [out];\n'
            tail += '  mad.wide.u32 %%from, %%i, %d, %%from; mad.wide.u32 %%to, %%i, %d, %%to;\n ' % (8 * len(ins), 8 * len(outs))
            for i, kind in enumerate(ins):
                tail += ' ld.global.b%d %%%s%d, [%%from+%d];' % (width(kind), 'N' if width(kind) == 64 else 'n', i, 8 * i)
            tail += '\n  ' + body + '\n '
            for i, kind in enumerate(outs):
                tail += ' st.global.b%d [%%to+%d], %%%s%d;' % (width(kind), 8 * i, 'O' if width(kind) == 64 else 'o', i)
            tail += '\n  ret;\n}\n'
        with open(os.path.join(HERE, file + '.ptx'), 'w') as out:
            out.write(head + tail)


def names(letter, first, count):
    return ['%%%s%d' % (letter, first + i) for i in range(count)]


def name_of(text):
    return text.replace('.', '_').replace('::', '_')


# --- mma
def mma(shape, d, a, b, c, flags='', product=None, sparse=None, after='', kind=''):
    m, k = int(shape[1:shape.index('n')]), int(shape[shape.index('k') + 1:])
    packed = 'mxf4' in kind and 'f8' not in kind
    A, B, C = matrix(m, k, a), matrix(k, 8, b), matrix(m, 8, c)
    kept, metadata = A, None
    if sparse is not None:
        kept, A, metadata = thinned(A, bits_of(a, packed), sparse)
    combine, finish = lambda x, y: x * y, lambda x: x
    if a == 'b1':
        combine = (lambda x, y: x & y) if 'and' in flags else (lambda x, y: x ^ y)
    if 'satfinite' in flags:
        C[0][0], C[1][1], C[2][2] = 2 ** 31 - 5, -2 ** 31 + 3, 2 ** 31 - 1
        finish = lambda x: min(max(x, -2 ** 31), 2 ** 31 - 1)
    D = times(A, B, C, combine, finish)
    rows = []
    for lane in range(32):
        given = a_words(kept, lane, a, packed) + b_words(B, lane, b, packed) + c_words(C, lane, c)
        rows.append((given + ([metadata[lane]] if metadata else []), c_words(D, lane, d)))
    wide = a == 'f64'
    counts = [len(a_words(kept, 0, a, packed)), len(b_words(B, 0, b, packed)), len(c_words(C, 0, c))]
    letter, kinds = ('N', 'b64') if wide else ('n', 'b32')
    parts, first = [], 0
    for count in counts:
        parts.append(braces(names(letter, first, count)))
        first += count
    opcode = 'mma%s.sync.aligned%s.%s.row.col%s.%s.%s.%s.%s%s' % ('.sp' if sparse is not None and not kind else '', kind, shape, '.satfinite' if 'satfinite' in flags else '', d, a, b, c,
                                                               flags if a == 'b1' else '')
    if sparse is not None and kind:
        opcode = 'mma.sp::ordered_metadata.sync.aligned.%s.row.col%s.%s.%s.%s.%s' % (shape, kind, d, a, b, c)
    outs = len(c_words(D, 0, d))
    body = '%s %s, %s, %s, %s%s;' % (opcode, braces(names('O' if wide else 'o', 0, outs)), *parts, ', %%n%d, %d' % (first, sparse) if sparse is not None else '')
    case('mma', name_of(opcode) + ('_%d' % sparse if sparse is not None else ''), body, [kinds] * sum(counts) + (['b32'] if metadata else []), [kinds] * outs, rows)


def thinned(A, bits, selector):
    """(kept elements, A with None for the others, metadata by lane): PTX ISA, "Sparse matrix storage"."""
    m, k = len(A), len(A[0])
    kept, whole = [[] for _ in range(m)], [[None] * k for _ in range(m)]
    metadata = [RNG.getrandbits(32) for _ in range(32)]
    group = {32: 2, 16: 4, 8: 4, 4: 8}[bits]
    for row in range(m):
        for at in range(0, k, group):
            pick = sorted(RNG.sample(range(4), 2))
            if bits == 32:
                pick = RNG.choice(([0, 1], [2, 3]))
            nibble = pick[0] | pick[1] << 2
            columns = [at + pick[0] // 2] if bits == 32 else [at + x for x in pick] if bits > 4 else [at + 2 * x + i for x in pick for i in (0, 1)]
            for column in columns:
                kept[row].append(A[row][column])
                whole[row][column] = A[row][column]
            index, g, low = at // group, row % 8, row < 8
            groups = k // group  # of a row
            if bits >= 16:  # 16 bits of a row, and of the row 8 below above them; a second lane where a row has 32
                lane, shift = 4 * g + (selector if groups == 4 else 2 * selector + index // 4), 4 * (index % 4) + (0 if low else 16)
            else:  # 32 bits of a row; the next lane has those of the row 8 below
                lane, shift = 4 * g + (2 * selector if groups == 8 else 2 * (index // 8)) + (0 if low else 1), 4 * (index % 8)
            metadata[lane] = metadata[lane] & ~(15 << shift) | nibble << shift
    return kept, whole, metadata


def quads(d, c, a_layout, b_layout):
    """mma.m8n8k4 of f16: four products, each of lanes 4q.. and 16 above."""
    rows = [[None, None] for _ in range(32)]
    for q in range(4):
        A, B, C = matrix(8, 4, 'f16'), matrix(4, 8, 'f16'), matrix(8, 8, c)
        D = times(A, B, C)
        for t in range(8):
            lane, half = 4 * q + t % 4 + 16 * (t // 4), t // 4
            a = [A[t][i] for i in range(4)] if a_layout == 'row' else [A[4 * half + i][t % 4] for i in range(4)]
            b = [B[i][t] for i in range(4)] if b_layout == 'col' else [B[t % 4][4 * half + i] for i in range(4)]
            pair = lambda v: [word([encode(x, 'f16') for x in v[i:i + 2]], 16) for i in range(0, len(v), 2)]
            def sums(M, kind):
                if kind == 'f16':
                    return pair([M[t][i] for i in range(8)])
                return [encode(M[(lane & 1) + (i & 2) + 4 * half][(i & 4) + (lane & 2) + (i & 1)], 'f32') for i in range(8)]
            rows[lane] = (pair(a) + pair(b) + sums(C, c), sums(D, d))
    opcode = 'mma.sync.aligned.m8n8k4.%s.%s.%s.f16.f16.%s' % (a_layout, b_layout, d, c)
    count = len(rows[0][0]) - 4
    body = '%s %s, {%%n0, %%n1}, {%%n2, %%n3}, %s;' % (opcode, braces(names('o', 0, len(rows[0][1]))), braces(names('n', 4, count)))
    case('mma', name_of(opcode), body, ['b32'] * len(rows[0][0]), ['b32'] * len(rows[0][1]), rows)


def scaled(kind, shape, a, b, vector, scale, byte_a, thread_a, byte_b, thread_b):
    k = int(shape[shape.index('k') + 1:])
    packed = 'mxf4' in kind
    A, B, C = matrix(16, k, a), matrix(k, 8, b), matrix(16, 8, 'f32')
    value = lambda: RNG.randrange(-2, 3)
    SA, SB = [[value() for _ in range(vector)] for _ in range(16)], [[value() for _ in range(vector)] for _ in range(8)]
    D = [[C[i][j] + sum(A[i][t] * Fraction(2) ** (SA[i][t * vector // k] + SB[j][t * vector // k]) * B[t][j] for t in range(k)) for j in range(8)] for i in range(16)]
    def pack(scales, byte):
        bits = RNG.getrandbits(32)
        for i, x in enumerate(scales):
            at = 8 * (byte + i)
            bits = bits & ~(255 << at) | (x + 127 if scale == 'ue8m0' else encode(Fraction(2) ** x, 'e4m3')) << at
        return bits
    rows = []
    for lane in range(32):
        g, p = lane // 4, lane % 4
        sa = pack(SA[g + 8 * (p % 2)], byte_a) if p // 2 == thread_a else RNG.getrandbits(32)
        sb = pack(SB[g], byte_b) if p == thread_b else RNG.getrandbits(32)
        rows.append((a_words(A, lane, a, packed) + b_words(B, lane, b, packed) + c_words(C, lane, 'f32') + [sa, sb], c_words(D, lane, 'f32')))
    opcode = 'mma.sync.aligned.%s.row.col.kind::%s.block_scale.scale_vec::%dX.f32.%s.%s.f32.%s' % (shape, kind, vector, a, b, scale)
    body = 'mov.u16 %%s0, %d; mov.u16 %%s1, %d; %s {%%o0, %%o1, %%o2, %%o3}, {%%n0, %%n1, %%n2, %%n3}, {%%n4, %%n5}, {%%n6, %%n7, %%n8, %%n9}, {%%n10}, {%%s0, %%s1}, {%%n11}, {%d, %d};' % (
        byte_a, thread_a, opcode, byte_b, thread_b)
    case('mma', name_of(opcode), body, ['b32'] * 12, ['b32'] * 4, rows, '.reg .b16 %s<2>;')


def products():
    for shape in ('m16n8k8', 'm16n8k16'):
        for d, c in (('f32', 'f32'), ('f16', 'f16')):
            mma(shape, d, 'f16', 'f16', c)
        mma(shape, 'f32', 'bf16', 'bf16', 'f32')
    for shape in ('m16n8k4', 'm16n8k8'):
        mma(shape, 'f32', 'tf32', 'tf32', 'f32')
    for shape in ('m8n8k4', 'm16n8k4', 'm16n8k8', 'm16n8k16'):
        mma(shape, 'f64', 'f64', 'f64', 'f64')
    for w, shapes in (('8', ('m8n8k16', 'm16n8k16', 'm16n8k32')), ('4', ('m8n8k32', 'm16n8k32', 'm16n8k64'))):
        for shape in shapes:
            for a, b in (('s', 's'), ('s', 'u'), ('u', 's'), ('u', 'u')) if shape == shapes[-1] else (('s', 'u'),):
                mma(shape, 's32', a + w, b + w, 's32', 'satfinite' if a == b else '')
    for shape in ('m8n8k128', 'm16n8k128', 'm16n8k256'):
        for op in ('xor', 'and'):
            mma(shape, 's32', 'b1', 'b1', 's32', '.%s.popc' % op)
    for shape in ('m16n8k16', 'm16n8k32'):
        mma(shape, 'f32', 'e4m3', 'e4m3', 'f32')
        mma(shape, 'f16', 'e4m3', 'e5m2', 'f16')
    mma('m16n8k32', 'f32', 'e5m2', 'e4m3', 'f32')
    for a, b in (('e2m1', 'e3m2'), ('e2m3', 'e4m3'), ('e3m2', 'e2m1'), ('e5m2', 'e2m3')):
        mma('m16n8k32', 'f32', a, b, 'f32', kind='.kind::f8f6f4')
    for a_layout in ('row', 'col'):
        for b_layout in ('row', 'col'):
            quads(*('f32', 'f32') if a_layout == b_layout else ('f16', 'f16'), a_layout, b_layout)
    quads('f32', 'f16', 'row', 'col')
    for selector in range(4):
        mma('m16n8k16', 'f32', 'f16', 'f16', 'f32', sparse=selector)
        mma('m16n8k8', 'f32', 'tf32', 'tf32', 'f32', sparse=selector)
    for selector in range(2):
        mma('m16n8k32', 'f16', 'f16', 'f16', 'f16', sparse=selector)
        mma('m16n8k32', 'f32', 'bf16', 'bf16', 'f32', sparse=selector)
        mma('m16n8k16', 'f32', 'tf32', 'tf32', 'f32', sparse=selector)
        mma('m16n8k32', 's32', 's8', 'u8', 's32', sparse=selector)
        mma('m16n8k64', 's32', 'u4', 's4', 's32', sparse=selector)
    mma('m16n8k64', 's32', 'u8', 's8', 's32', 'satfinite', sparse=0)
    mma('m16n8k128', 's32', 's4', 's4', 's32', sparse=0)
    mma('m16n8k64', 'f32', 'e4m3', 'e5m2', 'f32', sparse=0)
    mma('m16n8k64', 'f32', 'e2m1', 'e3m2', 'f32', sparse=0, kind='.kind::f8f6f4')
    scaled('mxf8f6f4', 'm16n8k32', 'e4m3', 'e2m1', 1, 'ue8m0', 2, 1, 3, 2)
    scaled('mxf4', 'm16n8k64', 'e2m1', 'e2m1', 2, 'ue8m0', 2, 0, 0, 3)
    scaled('mxf4nvf4', 'm16n8k64', 'e2m1', 'e2m1', 4, 'ue4m3', 0, 1, 0, 1)


if __name__ == '__main__':
    products()
    write()
