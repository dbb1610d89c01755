#!/usr/bin/env python3
"""Writes the .ptx files of this folder: kernels, inputs, and expected values computed here from the definitions of
the PTX ISA and IEEE 754 with exact rational numbers, and with mpmath where the functions are transcendental. It shares
nothing with Outboard. Run it by hand when an instruction is added; what it wrote is checked in.

    python3 expected.py        (needs mpmath)
"""
import itertools, os, random
from fractions import Fraction
import mpmath

HERE = os.path.dirname(os.path.abspath(__file__))
mpmath.mp.prec = 200
RNG = random.Random(9)
FORMATS = {'f16': (5, 10), 'bf16': (8, 7), 'f32': (8, 23), 'f64': (11, 52)}
NAN, INF = 'nan', 'inf'


# --- IEEE 754: a value is NaN, (INF, sign), (0, sign) or a Fraction that is not zero
def decode(bits, fmt):
    e, f = FORMATS[fmt]
    sign, exp, frac = bits >> (e + f), bits >> f & (1 << e) - 1, bits & (1 << f) - 1
    if exp == (1 << e) - 1:
        return NAN if frac else (INF, sign)
    if exp == 0 and frac == 0:
        return (0, sign)
    bias = (1 << e - 1) - 1
    value = Fraction(frac + ((1 << f) if exp else 0)) * Fraction(2) ** (max(exp, 1) - bias - f)
    return -value if sign else value


def floor_log2(x):
    n = x.numerator.bit_length() - x.denominator.bit_length()
    return n if Fraction(2) ** n <= x else n - 1


def encode(value, fmt, mode='rn'):
    e, f = FORMATS[fmt]
    top = (1 << e) - 1
    bias = (1 << e - 1) - 1
    if value == NAN:
        return NAN
    if isinstance(value, tuple):
        return value[1] << (e + f) | (top << f if value[0] == INF else 0)
    sign = 1 if value < 0 else 0
    x = abs(value)
    last = max(floor_log2(x) - f, 1 - bias - f)
    n = x / Fraction(2) ** last
    k, rest = n.numerator // n.denominator, n - n.numerator // n.denominator
    up = {'rz': False, 'rm': rest > 0 and sign, 'rp': rest > 0 and not sign, 'rna': rest >= Fraction(1, 2),
          'rn': rest > Fraction(1, 2) or (rest == Fraction(1, 2) and k & 1)}[mode]
    k += 1 if up else 0
    if k >> (f + 1):
        k, last = k >> 1, last + 1
    exp = last + bias + f if k >> f else 0
    if exp >= top:
        inf = mode in ('rn', 'rna') or (mode == 'rp' and not sign) or (mode == 'rm' and sign)
        return sign << (e + f) | ((top << f) if inf else (top << f) - 1)
    return sign << (e + f) | exp << f | k & (1 << f) - 1


def sign_of(v):
    return v[1] if isinstance(v, tuple) else (1 if v < 0 else 0)


def is_(v, what):
    return isinstance(v, tuple) and v[0] == what


def neg(v):
    return v if v == NAN else (v[0], 1 - v[1]) if isinstance(v, tuple) else -v


def mag(v):
    return neg(v) if v != NAN and sign_of(v) else v


def add(a, b, mode='rn'):
    if NAN in (a, b):
        return NAN
    if is_(a, INF) or is_(b, INF):
        if is_(a, INF) and is_(b, INF):
            return a if a[1] == b[1] else NAN
        return a if is_(a, INF) else b
    if is_(a, 0) and is_(b, 0):
        return (0, a[1] if a[1] == b[1] else int(mode == 'rm'))
    if is_(a, 0):
        return b
    if is_(b, 0):
        return a
    return a + b if a + b != 0 else (0, int(mode == 'rm'))


def mul(a, b):
    if NAN in (a, b):
        return NAN
    s = sign_of(a) ^ sign_of(b)
    if is_(a, INF) or is_(b, INF):
        return NAN if is_(a, 0) or is_(b, 0) else (INF, s)
    return (0, s) if is_(a, 0) or is_(b, 0) else a * b


def div(a, b):
    if NAN in (a, b):
        return NAN
    s = sign_of(a) ^ sign_of(b)
    if is_(a, INF):
        return NAN if is_(b, INF) else (INF, s)
    if is_(b, 0):
        return NAN if is_(a, 0) else (INF, s)
    return (0, s) if is_(a, 0) or is_(b, INF) else a / b


def sqrt(a):
    if a == NAN or is_(a, 0):
        return a
    if sign_of(a):
        return NAN
    if is_(a, INF):
        return a
    # Exact to far below any format's last place; a sticky quarter says whether something follows.
    scale = Fraction(4) ** 600
    n = a * scale
    k = n.numerator // n.denominator
    import math
    r = math.isqrt(k)
    exact = r * r == k and n.denominator == 1
    return (Fraction(r) + (0 if exact else Fraction(1, 4))) / Fraction(2) ** 600


def compare(a, b):  # -1, 0, 1 or None
    if NAN in (a, b):
        return None
    key = lambda v: (Fraction(10) ** 400 * (-1) ** v[1] if v[0] == INF else Fraction(0)) if isinstance(v, tuple) else v
    return (key(a) > key(b)) - (key(a) < key(b))


def flush(bits, fmt):
    e, f = FORMATS[fmt]
    return bits if bits == NAN or bits >> f & (1 << e) - 1 else bits & 1 << (e + f)


# --- samples
def floats(fmt, count=24):
    e, f = FORMATS[fmt]
    top, bias, s = (1 << e) - 1, (1 << e - 1) - 1, 1 << (e + f)
    fixed = [0, s, 1, s | 1, (1 << f) - 1, 1 << f, s | 1 << f, bias << f, s | bias << f, (bias << f) + 1,
             (top << f) - 1, (top << f) - 1 | s, top << f, top << f | s, (top << f) + 1 + (1 << f - 1), (bias + f) << f,
             (bias + 1) << f, (bias - 1) << f]
    rest = [RNG.getrandbits(e + f + 1) for _ in range(max(0, count - len(fixed)))]
    near = [(bias + RNG.randrange(-6, 7)) << f | RNG.getrandbits(f) | RNG.getrandbits(1) << (e + f) for _ in range(10)]
    return fixed + rest + near


def ints(width, count=10):
    top = (1 << width) - 1
    fixed = [0, 1, 2, top, top - 1, 1 << width - 1, (1 << width - 1) - 1, 0x55 * (top // 255), 7]
    return fixed + [RNG.getrandbits(width) >> RNG.randrange(width) for _ in range(count)]


def s(x, width):
    x &= (1 << width) - 1
    return x - (1 << width) if x >> width - 1 else x


def pairs(values, limit=160):
    every = list(itertools.product(values, values))
    RNG.shuffle(every)
    return every[:limit]


def triples(values, limit=160):
    return [tuple(RNG.choice(values) for _ in range(3)) for _ in range(limit)]


# --- files
REG = {'b16': 'b16', 'b32': 'b32', 'b64': 'b64', 'f16': 'b16', 'bf16': 'b16', 'f32': 'f32', 'f64': 'f64',
       'f16x2': 'b32', 'bf16x2': 'b32', 'pred': 'pred'}
MEM = dict(REG, pred='b32')
FILES = {}
PREFIX = {}  # by file: functions before its kernels


def entry(file, name, body, ins, outs, rows, warp=False, extra='', tolerance=0):
    """rows: (inputs, outputs) as bits; `body` uses %a %b %c ... for inputs and %x %y for outputs."""
    FILES.setdefault(file, []).append((name, body, ins.split(), outs.split(), rows, warp, extra, tolerance))


def word(bits, kind):
    if bits == NAN:
        return 'nan'
    width = 1 if kind == 'pred' else int(''.join(ch for ch in kind.split('x')[0] if ch.isdigit()) if kind[0] != 'b' or kind[1] == 'f' else kind[1:])
    if 'x2' in kind:
        width = 32
    return '%0*x' % ((width + 3) // 4, bits & (1 << width) - 1)


def kernel(name, body, ins, outs, extra):
    lines, names = [], 'abcefgh'
    inputs, outputs = names[:len(ins)], 'xyzw'[:len(outs)]
    for n, t in list(zip(inputs, ins)) + list(zip(outputs, outs)):
        lines.append('.reg .%s %%%s;' % (REG[t], n))
        if t == 'pred':
            lines.append('.reg .b32 %%%sw;' % n)
    text = '.visible .entry %s(.param .u64 in, .param .u64 out) {\n' % name
    text += '  .reg .b32 %i; .reg .b64 %from, %to; ' + ' '.join(lines) + extra + '\n'
    text += '  mov.u32 %i, %tid.x; ld.param.u64 %from, [in]; ld.param.u64 %to, [out];\n'
    text += '  mad.wide.u32 %%from, %%i, %d, %%from; mad.wide.u32 %%to, %%i, %d, %%to;\n ' % (8 * len(ins), 8 * len(outs))
    for i, (n, t) in enumerate(zip(inputs, ins)):
        text += ' ld.global.%s %%%s, [%%from+%d];' % (MEM[t], n + ('w' if t == 'pred' else ''), 8 * i)
        if t == 'pred':
            text += ' setp.ne.u32 %%%s, %%%sw, 0;' % (n, n)
    text += '\n  ' + body + '\n '
    for i, (n, t) in enumerate(zip(outputs, outs)):
        if t == 'pred':
            text += ' selp.b32 %%%sw, 1, 0, %%%s;' % (n, n)
        text += ' st.global.%s [%%to+%d], %%%s;' % (MEM[t], 8 * i, n + ('w' if t == 'pred' else ''))
    return text + '\n  ret;\n}\n'


def write():
    for file, entries in FILES.items():
        head = '// %s: expected values from expected.py (the PTX ISA, IEEE 754). How to read them: cases.h.\n' % file
        tail = '.version 8.6\n.target sm_90\n.address_size 64\n' + PREFIX.get(file, '')
        for name, body, ins, outs, rows, warp, extra, tolerance in entries:
            head += '// %s: %s%s -> %s\n' % (name, 'warp ' if warp else '', ' '.join(ins), ' '.join(
                o + ('~%d' % tolerance if tolerance else '') for o in outs))
            for given, want in rows:
                head += '//   %s -> %s\n' % (' '.join(word(v, t) for v, t in zip(given, ins)),
                                            ' '.join(word(v, t) for v, t in zip(want, outs)))
            tail += kernel(name, body, ins, outs, extra)
        with open(os.path.join(HERE, file + '.ptx'), 'w') as out:
            out.write(head + tail)


def name_of(text):
    return text.replace('.', '_')


def bits_entry(opcode, ins, outs, rows, body=None, **more):
    """One instruction, operands in order; `opcode` with its modifiers."""
    operands = ['%' + c for c in 'xy'[:len(outs.split())]] + ['%' + c for c in 'abcefgh'[:len(ins.split())]]
    entry(more.pop('file', opcode.split('.')[0]), more.pop('name', name_of(opcode)), body or opcode + ' ' + ', '.join(operands) + ';', ins, outs, rows, **more)


def clamp(v, w, signed):
    low, high = (-(1 << w - 1), (1 << w - 1) - 1) if signed else (0, (1 << w) - 1)
    return min(max(v, low), high)


def integers():
    for w in (16, 32, 64):
        b = 'b%d' % w
        two, one = pairs(ints(w), 64), ints(w, 14)
        for sg in 'us':
            t = '.%s%d' % (sg, w)
            n = (lambda x: s(x, w)) if sg == 's' else (lambda x: x)
            def binary(op, f, rows=two):
                bits_entry(op + t, b + ' ' + b, b, [(r, (f(n(r[0]), n(r[1])),)) for r in rows])
            binary('add', lambda x, y: x + y)
            binary('sub', lambda x, y: x - y)
            binary('mul.lo', lambda x, y: x * y)
            binary('mul.hi', lambda x, y: x * y >> w)
            binary('min', min)
            binary('max', max)
            trunc = lambda x, y: abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
            whole = [r for r in two if r[1]]
            binary('div', trunc, whole)
            binary('rem', lambda x, y: x - y * trunc(x, y), whole)
            if w < 64:
                wide = 'b%d' % (2 * w)
                bits_entry('mul.wide' + t, b + ' ' + b, wide, [(r, (n(r[0]) * n(r[1]),)) for r in two])
                bits_entry('mad.wide' + t, '%s %s %s' % (b, b, wide), wide,
                           [(r + (c,), (n(r[0]) * n(r[1]) + c,)) for r, c in zip(two, ints(2 * w, 64))])
            three = triples(ints(w), 48)
            for lohi in ('lo', 'hi'):
                bits_entry('mad.%s%s' % (lohi, t), ' '.join([b] * 3), b,
                           [(r, ((n(r[0]) * n(r[1]) >> (w if lohi == 'hi' else 0)) + r[2],)) for r in three])
            bits_entry('sad' + t, ' '.join([b] * 3), b, [(r, (abs(n(r[0]) - n(r[1])) + r[2],)) for r in three])
            bits_entry('shr' + t, b + ' b32', b, [((x, k), (n(x) >> min(k, w),)) for x in one for k in (0, 1, 7, w - 1, w, w + 5, 0xffffffff)])
        for op, f in (('and', lambda x, y: x & y), ('or', lambda x, y: x | y), ('xor', lambda x, y: x ^ y)):
            bits_entry('%s.b%d' % (op, w), b + ' ' + b, b, [(r, (f(*r),)) for r in two])
        bits_entry('not.b%d' % w, b, b, [((x,), (~x,)) for x in one])
        bits_entry('cnot.b%d' % w, b, b, [((x,), (int(x == 0),)) for x in one])
        bits_entry('neg.s%d' % w, b, b, [((x,), (-s(x, w),)) for x in one])
        bits_entry('abs.s%d' % w, b, b, [((x,), (abs(s(x, w)),)) for x in one])
        bits_entry('shl.b%d' % w, b + ' b32', b, [((x, k), (x << min(k, 64),)) for x in one for k in (0, 1, 7, w - 1, w, w + 5, 0xffffffff)])
    two = pairs(ints(32), 64)
    for op, f in (('add', lambda x, y: x + y), ('sub', lambda x, y: x - y)):
        bits_entry(op + '.sat.s32', 'b32 b32', 'b32', [(r, (clamp(f(s(r[0], 32), s(r[1], 32)), 32, True),)) for r in two])
    bits_entry('mad.hi.sat.s32', 'b32 b32 b32', 'b32', [(r, (clamp((s(r[0], 32) * s(r[1], 32) >> 32) + s(r[2], 32), 32, True),)) for r in triples(ints(32), 48)])
    for sg in 'us':
        def low(x): return s(x & 0xffffff, 24) if sg == 's' else x & 0xffffff
        for lohi, sh in (('lo', 0), ('hi', 16)):
            bits_entry('mul24.%s.%s32' % (lohi, sg), 'b32 b32', 'b32', [(r, (low(r[0]) * low(r[1]) >> sh,)) for r in two])
            bits_entry('mad24.%s.%s32' % (lohi, sg), 'b32 b32 b32', 'b32', [(r, ((low(r[0]) * low(r[1]) >> sh) + r[2],)) for r in triples(ints(32), 48)])
    bits_entry('mad24.hi.sat.s32', 'b32 b32 b32', 'b32',
               [(r, (clamp((s(r[0] & 0xffffff, 24) * s(r[1] & 0xffffff, 24) >> 16) + s(r[2], 32), 32, True),)) for r in triples(ints(32), 48)])
    carries()
    packed_integers()


def carries():
    for w in (32, 64):
        b, m = 'b%d' % w, 1 << w
        quads = [tuple(RNG.choice(ints(w)) for _ in range(4)) for _ in range(48)]
        def chain(first, second, f):
            bits_entry(second, ' '.join([b] * 4), b + ' ' + b, [(q, f(q)) for q in quads],
                       body='%s.cc.u%d %%x, %%a, %%b; %s.cc.u%d %%y, %%c, %%e; %s.u%d %%y, %%y, 0;' % (first, w, second, w, second, w) if False else
                       '%s.cc.u%d %%x, %%a, %%b; %s.u%d %%y, %%c, %%e;' % (first, w, second, w), file=second, name='%s_%d' % (second, w))
        chain('add', 'addc', lambda q: (q[0] + q[1], q[2] + q[3] + (q[0] + q[1] >= m)))
        chain('sub', 'subc', lambda q: (q[0] - q[1], q[2] - q[3] - (q[0] < q[1])))
        bits_entry('madc', ' '.join([b] * 4), b + ' ' + b,
                   [(q, (q[0] * q[1] + q[2], (q[0] * q[1] >> w) + q[3] + ((q[0] * q[1]) % m + q[2] >= m))) for q in quads],
                   body='mad.lo.cc.u%d %%x, %%a, %%b, %%c; madc.hi.u%d %%y, %%a, %%b, %%e;' % (w, w), file='madc', name='madc_%d' % w)


def packed_integers():
    two = pairs(ints(32), 64)
    for sg in 'us':
        def halves(f):
            def both(x, y):
                out = 0
                for k in (0, 16):
                    p, q = x >> k & 0xffff, y >> k & 0xffff
                    out |= (f(s(p, 16), s(q, 16)) if sg == 's' else f(p, q)) % 65536 << k
                return out
            return both
        for op, f in (('add', lambda x, y: x + y), ('min', min), ('max', max)):
            bits_entry('%s.%s16x2' % (op, sg), 'b32 b32', 'b32', [(r, (halves(f)(*r),)) for r in two])
    bits_entry('min.relu.s32', 'b32 b32', 'b32', [(r, (max(0, min(s(r[0], 32), s(r[1], 32))),)) for r in two])
    three = triples(ints(32), 64)
    part = lambda x, i, n, sg: s(x >> i * n & (1 << n) - 1, n) if sg == 's' else x >> i * n & (1 << n) - 1
    for p in 'us':
        for q in 'us':
            bits_entry('dp4a.%s32.%s32' % (p, q), 'b32 b32 b32', 'b32',
                       [(r, (r[2] + sum(part(r[0], i, 8, p) * part(r[1], i, 8, q) for i in range(4)),)) for r in three])
            for lohi, at in (('lo', 0), ('hi', 2)):
                bits_entry('dp2a.%s.%s32.%s32' % (lohi, p, q), 'b32 b32 b32', 'b32',
                           [(r, (r[2] + sum(part(r[0], i, 16, p) * part(r[1], i + at, 8, q) for i in range(2)),)) for r in three])


def bit_fields():
    for w in (32, 64):
        b, one = 'b%d' % w, ints(w, 14)
        bits_entry('popc.b%d' % w, b, 'b32', [((x,), (bin(x).count('1'),)) for x in one])
        bits_entry('clz.b%d' % w, b, 'b32', [((x,), (w - x.bit_length(),)) for x in one])
        bits_entry('brev.b%d' % w, b, b, [((x,), (int(format(x, '0%db' % w)[::-1], 2),)) for x in one])
        for sg in 'us':
            def lead(x):
                x = ~x & (1 << w) - 1 if sg == 's' and x >> w - 1 else x
                return x.bit_length() - 1
            bits_entry('bfind.%s%d' % (sg, w), b, 'b32', [((x,), (lead(x),)) for x in one])
            bits_entry('bfind.shiftamt.%s%d' % (sg, w), b, 'b32', [((x,), (w - 1 - lead(x) if lead(x) >= 0 else -1,)) for x in one])
            rows = []
            for x in one:
                for at, n in ((0, w), (3, 5), (w - 4, 9), (0, 0), (w, 4), (w + 3, 1), (31, 1), (1, 255), (256, 8)):
                    p, n8 = at & 255, n & 255
                    top = min(p + n8 - 1, w - 1)
                    sign = x >> top & 1 if sg == 's' and n8 else 0
                    v = sum((x >> p + i & 1 if i < n8 and p + i < w else sign) << i for i in range(w))
                    rows.append(((x, at, n), (v,)))
            bits_entry('bfe.%s%d' % (sg, w), b + ' b32 b32', b, rows)
        rows = []
        for x, y in pairs(one, 12):
            for at, n in ((0, w), (3, 5), (w - 4, 9), (0, 0), (w, 4), (1, 255), (256, 8)):
                mask = sum(1 << i for i in range(w) if (at & 255) <= i < (at & 255) + (n & 255))
                rows.append(((x, y, at, n), (y & ~mask | (x << (at & 255)) & mask,)))
        bits_entry('bfi.b%d' % w, '%s %s b32 b32' % (b, b), b, rows)
    for t in (0x00, 0x80, 0xe8, 0x96, 0x3c, 0xff, 0xca):
        bits_entry('lop3.b32', 'b32 b32 b32', 'b32',
                   [(r, (sum((t >> ((r[0] >> i & 1) * 4 + (r[1] >> i & 1) * 2 + (r[2] >> i & 1)) & 1) << i for i in range(32)),)) for r in triples(ints(32), 24)],
                   body='lop3.b32 %%x, %%a, %%b, %%c, %d;' % t, name='lop3_%02x' % t)
    def prmt(mode, x, y, sel):
        both, out = y << 32 | x, 0
        for i in range(4):
            q = sel & 3
            c = {'': sel >> 4 * i & 15, 'f4e': q + i, 'b4e': (q - i) % 8, 'rc8': q, 'ecl': max(i, q), 'ecr': min(i, q), 'rc16': (q & 1) * 2 + i % 2}[mode]
            byte = both >> 8 * (c & 7) & 255
            out |= (255 * (byte >> 7) if c & 8 else byte) << 8 * i
        return out
    for mode in ('', 'f4e', 'b4e', 'rc8', 'ecl', 'ecr', 'rc16'):
        sels = range(4) if mode else [0x3210, 0x7654, 0xfedc, 0x8421, 0x5140, 0x0000, 0x9b3d]
        bits_entry('prmt.b32' + ('.' + mode if mode else ''), 'b32 b32 b32', 'b32', [((x, y, q), (prmt(mode, x, y, q),)) for x, y in pairs(ints(32), 8) for q in sels])
    for d in 'lr':
        for m in ('wrap', 'clamp'):
            def shf(lo, hi, n):
                n = n & 31 if m == 'wrap' else min(n, 32)
                both = hi << 32 | lo
                return both << n >> 32 if d == 'l' else both >> n
            bits_entry('shf.%s.%s.b32' % (d, m), 'b32 b32 b32', 'b32', [((x, y, k), (shf(x, y, k),)) for x, y in pairs(ints(32), 12) for k in (0, 1, 31, 32, 33, 0xffffffff)])
    for m in ('clamp', 'wrap'):
        rows = []
        for at in (0, 1, 5, 31, 32, 40, 0xffffffff):
            for n in (0, 1, 7, 31, 32, 33, 0xffffffff):
                p, k = (at & 31, n & 31) if m == 'wrap' else (at, n)
                rows.append(((at, n), (((1 << min(k, 64)) - 1) << min(p, 64),)))
        bits_entry('bmsk.%s.b32' % m, 'b32 b32', 'b32', rows)


def float_arithmetic():
    for t in ('f16', 'bf16', 'f32', 'f64'):
        values = floats(t)
        dec = {v: decode(v, t) for v in values}
        two, three, one = pairs(values, 80), triples(values, 100), values
        # A product half way between two numbers, and something tiny that decides: rounding twice gets it wrong.
        e0, f0 = FORMATS[t]
        bias = (1 << e0 - 1) - 1
        for tiny in (1, 1 << e0 + f0 | 1):
            three.append(((bias << f0) + (1 << f0 - 1), (bias << f0) + 1, tiny))
        for r in three:
            dec.update((v, decode(v, t)) for v in r)
        modes = ('rn', 'rz', 'rm', 'rp') if t in ('f32', 'f64') else ('rn',)
        fin = lambda v, mode='rn': encode(v, t, mode)
        sat = lambda v: (0, 0) if v == NAN or sign_of(v) or is_(v, 0) else Fraction(1) if compare(v, Fraction(1)) == 1 else v
        relu = lambda v: v if v == NAN else (0, 0) if sign_of(v) else v
        for mode in modes:
            m = '.' + mode
            for op, f in (('add', lambda x, y: add(x, y, mode)), ('sub', lambda x, y: add(x, neg(y), mode)), ('mul', mul)):
                bits_entry(op + m + '.' + t, t + ' ' + t, t, [(r, (fin(f(dec[r[0]], dec[r[1]]), mode),)) for r in two])
            bits_entry('fma' + m + '.' + t, ' '.join([t] * 3), t, [(r, (fin(add(mul(dec[r[0]], dec[r[1]]), dec[r[2]], mode), mode),)) for r in three])
            if t in ('f32', 'f64'):
                bits_entry('div' + m + '.' + t, t + ' ' + t, t, [(r, (fin(div(dec[r[0]], dec[r[1]]), mode),)) for r in two])
                bits_entry('rcp' + m + '.' + t, t, t, [((x,), (fin(div(Fraction(1), dec[x]), mode),)) for x in one])
                bits_entry('sqrt' + m + '.' + t, t, t, [((x,), (fin(sqrt(dec[x]), mode),)) for x in one])
        bits_entry('fma.rn.relu.' + t, ' '.join([t] * 3), t, [(r, (fin(relu(add(mul(dec[r[0]], dec[r[1]]), dec[r[2]]))),)) for r in three]) if t in ('f16', 'bf16') else None
        if t in ('f16', 'f32'):
            for op, f in (('add', add), ('mul', mul)):
                bits_entry(op + '.rn.sat.' + t, t + ' ' + t, t, [(r, (fin(sat(f(dec[r[0]], dec[r[1]]))),)) for r in two])
            ftz = lambda bits: flush(bits, t)
            fd = {v: decode(ftz(v), t) for v in dec}
            for op, f in (('add', add), ('mul', mul)):
                bits_entry(op + '.rn.ftz.' + t, t + ' ' + t, t, [(r, (ftz(fin(f(fd[r[0]], fd[r[1]]))),)) for r in two])
            bits_entry('fma.rn.ftz.' + t, ' '.join([t] * 3), t, [(r, (ftz(fin(add(mul(fd[r[0]], fd[r[1]]), fd[r[2]]))),)) for r in three])
            bits_entry('neg.ftz.' + t, t, t, [((x,), (ftz(fin(neg(fd[x]))),)) for x in one])
        bits_entry('neg.' + t, t, t, [((x,), (fin(neg(dec[x])),)) for x in one])
        bits_entry('abs.' + t, t, t, [((x,), (fin(mag(dec[x])),)) for x in one])
        def best(op, x, y, nan):
            if x == NAN:
                return NAN if nan else y
            if y == NAN:
                return NAN if nan else x
            c = compare(x, y) or (sign_of(y) - sign_of(x))
            return (x if c < 0 else y) if op == 'min' else (x if c > 0 else y)
        for op in ('min', 'max'):
            bits_entry(op + '.' + t, t + ' ' + t, t, [(r, (fin(best(op, dec[r[0]], dec[r[1]], False)),)) for r in two])
            if t == 'f64':
                continue
            bits_entry(op + '.NaN.' + t, t + ' ' + t, t, [(r, (fin(best(op, dec[r[0]], dec[r[1]], True)),)) for r in two])
            def xorsign(r):
                v = best(op, mag(dec[r[0]]), mag(dec[r[1]]), False)
                return v if v == NAN else neg(mag(v)) if sign_of2(r, t) else mag(v)
            bits_entry(op + '.xorsign.abs.' + t, t + ' ' + t, t, [(r, (fin(xorsign(r)),)) for r in two])
        if t in ('f32', 'f64'):
            w = sum(FORMATS[t]) + 1
            bits_entry('copysign.' + t, t + ' ' + t, t, [(r, (r[0] & 1 << w - 1 | r[1] & (1 << w - 1) - 1,)) for r in two])
            e, f = FORMATS[t]
            sub = lambda x: flush(x, t) != x
            for what, test in (('finite', lambda x: dec[x] != NAN and not is_(dec[x], INF)), ('infinite', lambda x: is_(dec[x], INF)),
                               ('number', lambda x: dec[x] != NAN), ('notanumber', lambda x: dec[x] == NAN),
                               ('normal', lambda x: isinstance(dec[x], Fraction) and not sub(x)), ('subnormal', sub)):
                bits_entry('testp.%s.%s' % (what, t), t, 'pred', [((x,), (int(test(x)),)) for x in one])
    packed_floats()
    approximations()


def sign_of2(r, t):
    w = sum(FORMATS[t])
    return (r[0] ^ r[1]) >> w & 1


def packed_floats():
    for t in ('f16', 'bf16'):
        v = floats(t)
        quads = [tuple(RNG.choice(v) for _ in range(6)) for _ in range(64)]
        nan = {'f16': 0x7fff, 'bf16': 0x7fff}[t]
        def both(f, q):
            one = lambda *x: (lambda b: nan if b == NAN else b)(encode(f(*[decode(i, t) for i in x]), t))
            return (q[0] | q[1] << 16, q[2] | q[3] << 16, q[4] | q[5] << 16), one(q[0], q[2], q[4]) | one(q[1], q[3], q[5]) << 16
        for op, f, n in (('add', lambda x, y, z: add(x, y), 2), ('sub', lambda x, y, z: add(x, neg(y)), 2), ('mul', lambda x, y, z: mul(x, y), 2),
                         ('fma', lambda x, y, z: add(mul(x, y), z), 3), ('neg', lambda x, y, z: neg(x), 1), ('abs', lambda x, y, z: mag(x), 1)):
            name = op + ('.rn' if op not in ('neg', 'abs') else '') + '.' + t + 'x2'
            bits_entry(name, ' '.join([t + 'x2'] * n), t + 'x2', [(both(f, q)[0][:n], (both(f, q)[1],)) for q in quads])


def approximations():
    """The bounds are the ISA's: see each instruction's section, "Floating Point Notes"."""
    def number(x):
        return mpmath.mpf(x.numerator) / x.denominator
    def rational(y):
        sign, man, exp, _ = y._mpf_
        return Fraction(int(man)) * Fraction(2) ** exp * (-1) ** sign
    normal = [(127 + RNG.randrange(-20, 20)) << 23 | RNG.getrandbits(23) for _ in range(60)]
    special = [0, 1 << 31, 0x7f800000, 0xff800000, 0x7fc00000, 0x3f800000]
    def rows(f, values, specials):
        out = [((x,), (encode(rational(f(number(decode(x, 'f32')))), 'f32'),)) for x in values]
        return out + [((x,), (y,)) for x, y in specials]
    inf, ninf = 0x7f800000, 0xff800000
    bits_entry('rsqrt.approx.f32', 'f32', 'f32', rows(lambda x: 1 / mpmath.sqrt(x), normal, [(0, inf), (1 << 31, ninf), (inf, 0), (ninf, NAN), (0x7fc00000, NAN), (0xbf800000, NAN)]), tolerance=2)
    bits_entry('sqrt.approx.f32', 'f32', 'f32', rows(mpmath.sqrt, normal, [(0, 0), (1 << 31, 1 << 31), (inf, inf), (ninf, NAN), (0xbf800000, NAN)]), tolerance=2)
    bits_entry('rcp.approx.f32', 'f32', 'f32', rows(lambda x: 1 / x, normal, [(0, inf), (1 << 31, ninf), (inf, 0), (ninf, 1 << 31), (0x7fc00000, NAN)]), tolerance=1)
    small = [(127 + RNG.randrange(-5, 6)) << 23 | RNG.getrandbits(23) | RNG.getrandbits(1) << 31 for _ in range(60)]
    bits_entry('ex2.approx.f32', 'f32', 'f32', rows(lambda x: mpmath.power(2, x), small, [(0, 0x3f800000), (1 << 31, 0x3f800000), (inf, inf), (ninf, 0), (0x7fc00000, NAN)]), tolerance=3)
    far = [x for x in normal if not 0x3f000000 <= x <= 0x40000000]
    bits_entry('lg2.approx.f32', 'f32', 'f32', rows(lambda x: mpmath.log(x, 2), far, [(0, ninf), (1 << 31, ninf), (inf, inf), (0xbf800000, NAN), (0x7fc00000, NAN)]), tolerance=4)
    for op, f, at0 in (('sin', mpmath.sin, 0), ('cos', mpmath.cos, 0x3f800000)):
        ok = [x for x in small if abs(number(decode(x, 'f32'))) < 3.14 and abs(f(number(decode(x, 'f32')))) > 0.25]
        bits_entry(op + '.approx.f32', 'f32', 'f32', rows(f, ok, [(0, at0), (inf, NAN), (0x7fc00000, NAN)]), tolerance=22)
    bits_entry('tanh.approx.f32', 'f32', 'f32', rows(mpmath.tanh, small, [(0, 0), (inf, 0x3f800000), (ninf, 0xbf800000), (0x7fc00000, NAN)]), tolerance=8192)
    two = [(x, y) for x, y in zip(normal, reversed(normal))]
    for form in ('approx', 'full'):
        bits_entry('div.%s.f32' % form, 'f32 f32', 'f32', [(r, (encode(decode(r[0], 'f32') / decode(r[1], 'f32'), 'f32'),)) for r in two], tolerance=2)


def comparisons():
    order = {'eq': lambda c: c == 0, 'ne': lambda c: c in (-1, 1), 'lt': lambda c: c == -1, 'le': lambda c: c in (-1, 0), 'gt': lambda c: c == 1, 'ge': lambda c: c in (0, 1)}
    for w in (16, 32, 64):
        two = pairs(ints(w), 48)
        for sg in 'usb':
            n = (lambda x: s(x, w)) if sg == 's' else (lambda x: x)
            for op in ('eq', 'ne') if sg == 'b' else order if w == 32 else ('lt', 'ge'):
                cmp = lambda r: (n(r[0]) > n(r[1])) - (n(r[0]) < n(r[1]))
                bits_entry('setp.%s.%s%d' % (op, sg, w), 'b%d b%d' % (w, w), 'pred', [(r, (int(order[op](cmp(r))),)) for r in two])
        for op, same in (('lo', 'lt'), ('ls', 'le'), ('hi', 'gt'), ('hs', 'ge'))[:4 if w == 32 else 1]:
            bits_entry('setp.%s.u%d' % (op, w), 'b%d b%d' % (w, w), 'pred', [(r, (int(order[same]((r[0] > r[1]) - (r[0] < r[1]))),)) for r in two])
    for t in ('f16', 'bf16', 'f32', 'f64'):
        v = floats(t)
        two = pairs(v, 96) + [(x, x) for x in v]
        table = dict(order)
        table.update({op + 'u': (lambda f: lambda c: c is None or f(c))(f) for op, f in order.items()})
        table['num'], table['nan'] = lambda c: c is not None, lambda c: c is None
        for op, f in table.items():
            if t != 'f32' and op not in ('eq', 'ne', 'lt', 'geu', 'num', 'nan'):
                continue
            bits_entry('setp.%s.%s' % (op, t), t + ' ' + t, 'pred', [(r, (int(f(compare(decode(r[0], t), decode(r[1], t)))),)) for r in two])
        if t in ('f32', 'f16'):
            z = lambda x: decode(flush(x, t), t)
            for op in ('lt', 'equ'):
                bits_entry('setp.%s.ftz.%s' % (op, t), t + ' ' + t, 'pred', [(r, (int(table[op](compare(z(r[0]), z(r[1])))),)) for r in two])
    two = pairs(ints(32), 24)
    for op, f in (('and', lambda p, q: p & q), ('or', lambda p, q: p | q), ('xor', lambda p, q: p ^ q)):
        rows = [(r + (q,), (f(int(s(r[0], 32) < s(r[1], 32)), q), f(int(s(r[0], 32) >= s(r[1], 32)), q))) for r in two for q in (0, 1)]
        bits_entry('setp.lt.%s.s32' % op, 'b32 b32 pred', 'pred pred', rows, body='setp.lt.%s.s32 %%x|%%y, %%a, %%b, %%c;' % op)
    two = pairs(ints(32), 48)
    bits_entry('set.gt.u32.s32', 'b32 b32', 'b32', [(r, (0xffffffff * (s(r[0], 32) > s(r[1], 32)),)) for r in two])
    bits_entry('set.gt.f32.s32', 'b32 b32', 'f32', [(r, (0x3f800000 * (s(r[0], 32) > s(r[1], 32)),)) for r in two])
    v = floats('f32')
    bits_entry('set.ltu.u32.f32', 'f32 f32', 'b32', [(r, (0xffffffff * (compare(decode(r[0], 'f32'), decode(r[1], 'f32')) in (None, -1)),)) for r in pairs(v, 96)])
    bits_entry('set.le.and.f32.f32', 'f32 f32 pred', 'f32', [(r + (q,), (0x3f800000 * (q & (compare(decode(r[0], 'f32'), decode(r[1], 'f32')) in (0, -1))),)) for r in pairs(v, 48) for q in (0, 1)])
    for w in (16, 32, 64):
        bits_entry('selp.b%d' % w, 'b%d b%d pred' % (w, w), 'b%d' % w, [(r + (q,), (r[0] if q else r[1],)) for r in pairs(ints(w), 12) for q in (0, 1)])
        bits_entry('slct.b%d.s32' % w, 'b%d b%d b32' % (w, w), 'b%d' % w, [(r + (c,), (r[0] if s(c, 32) >= 0 else r[1],)) for r in pairs(ints(w), 6) for c in ints(32, 2)])
        bits_entry('slct.u%d.f32' % w, 'b%d b%d f32' % (w, w), 'b%d' % w, [(r + (c,), (r[0] if compare(decode(c, 'f32'), (0, 0)) in (0, 1) else r[1],)) for r in pairs(ints(w), 4) for c in v])
    bits_entry('slct.ftz.u32.f32', 'b32 b32 f32', 'b32', [(r + (c,), (r[0] if compare(decode(flush(c, 'f32'), 'f32'), (0, 0)) in (0, 1) else r[1],)) for r in pairs(ints(32), 4) for c in v])


def conversions():
    for a in (8, 16, 32, 64):
        for b in (8, 16, 32, 64):
            for p in 'us':
                for q in 'us':
                    ra, rb = max(a, 16), max(b, 16)
                    num = lambda x: s(x, a) if q == 's' else x & (1 << a) - 1
                    fill = (1 << rb) - 1
                    for sat in ('', '.sat'):
                        if (a, p) == (b, q) or (sat and p == q and b > a) or (not sat and p != q and a != b):
                            continue
                        def out(x):
                            y = num(x)
                            y = clamp(y, b, p == 's') if sat else y
                            y = s(y, b) if p == 's' else y & (1 << b) - 1
                            return y & fill
                        bits_entry('cvt%s.%s%d.%s%d' % (sat, p, b, q, a), 'b%d' % ra, 'b%d' % rb, [((x,), (out(x),)) for x in ints(a, 6)])
    for t in ('f16', 'bf16', 'f32', 'f64'):
        v = floats(t) + [encode(Fraction(x), t) for x in (3, -3, 126, 128, -129, 255, 256, 2**31, -2**31, 2**32, 2**40, Fraction(5, 2), Fraction(7, 2), Fraction(-5, 2), Fraction(1, 2), Fraction(-1, 2))]
        for mode in ('rni', 'rzi', 'rmi', 'rpi'):
            def whole(x):
                fl = x.numerator // x.denominator
                if mode == 'rmi':
                    return fl
                if mode == 'rpi':
                    return -(-x.numerator // x.denominator)
                if mode == 'rzi':
                    return abs(x.numerator) // x.denominator * (1 if x > 0 else -1)
                rest = x - fl
                return fl + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and fl & 1))
            for w in (16, 32, 64):
                for sg in 'us':
                    if mode != 'rzi' and (w, sg) not in ((32, 's'), (64, 'u')):
                        continue
                    def to(x):
                        d = decode(x, t)
                        if d == NAN:
                            return 1 << 63 if w == 64 else 0
                        low, high = (-(1 << w - 1), (1 << w - 1) - 1) if sg == 's' else (0, (1 << w) - 1)
                        if is_(d, INF):
                            return low if d[1] else high
                        return 0 if is_(d, 0) else clamp(whole(d), w, sg == 's')
                    bits_entry('cvt.%s.%s%d.%s' % (mode, sg, w, t), t, 'b%d' % w, [((x,), (to(x),)) for x in v])
            def keep(x):
                d = decode(x, t)
                if not isinstance(d, Fraction):
                    return encode(d, t)
                y = whole(d)
                return encode(Fraction(y) if y else (0, int(d < 0)), t)
            if t != 'bf16':
                bits_entry('cvt.%s.%s.%s' % (mode, t, t), t, t, [((x,), (keep(x),)) for x in v])
        for w in (16, 32, 64):
            for sg in 'us':
                n = [x for x in ints(w, 24)]
                if w == 64:
                    n += [0x8000000000000001, 0xffffff0000000000 + 1, (1 << 24) + 1, (1 << 53) + 1, 0x0101000000000001, 0x4080000001]
                for mode in ('rn', 'rz', 'rm', 'rp') if t in ('f32', 'f64') else ('rn',):
                    val = lambda x: s(x, w) if sg == 's' else x
                    bits_entry('cvt.%s.%s.%s%d' % (mode, t, sg, w), 'b%d' % w, t, [((x,), (encode(Fraction(val(x)) if val(x) else (0, 0), t, mode),)) for x in n])
    for a, b in itertools.permutations(('f16', 'bf16', 'f32', 'f64'), 2):
        narrow = sum(FORMATS[b]) < sum(FORMATS[a]) or (a, b) in (('f16', 'bf16'), ('bf16', 'f16'))
        if {a, b} == {'f16', 'bf16'}:
            continue
        v = floats(a, 40)
        # Ties and their neighbours, where rounding twice goes wrong.
        e, f = FORMATS[a]
        for _ in range(20):
            d = Fraction(RNG.randrange(1 << FORMATS[b][1], 2 << FORMATS[b][1]) * 2 + 1, 2 << FORMATS[b][1])
            if narrow:
                v += [encode(d, a), encode(d, a) + 1, encode(d, a) - 1]
        modes = ('rn', 'rz', 'rm', 'rp') if narrow and b == 'f32' else ('rn', 'rz') if narrow and a == 'f32' else ('rn',)
        for mode in modes:
            m = '.' + mode if narrow else ''
            bits_entry('cvt%s.%s.%s' % (m, b, a), a, b, [((x,), (encode(decode(x, a), b, mode),)) for x in v])
    f32 = floats('f32', 40)
    relu = lambda d: (0, 0) if d != NAN and sign_of(d) else d
    for t in ('f16', 'bf16'):
        one = lambda x, mode, re: (lambda b: 0x7fff if b == NAN else b)(encode(relu(decode(x, 'f32')) if re else decode(x, 'f32'), t, mode))
        for mode in ('rn', 'rz'):
            for re in ('', '.relu'):
                bits_entry('cvt.%s%s.%sx2.f32' % (mode, re, t), 'f32 f32', t + 'x2', [((x, y), (one(x, mode, re) << 16 | one(y, mode, re),)) for x, y in pairs(f32, 64)])
    bits_entry('cvt.rn.sat.f32.f64', 'f64', 'f32', [((x,), (encode((lambda d: (0, 0) if d == NAN or sign_of(d) or is_(d, 0) else min(d, Fraction(1)) if isinstance(d, Fraction) else Fraction(1))(decode(x, 'f64')), 'f32'),)) for x in floats('f64')])
    bits_entry('cvt.rn.ftz.f32.f64', 'f64', 'f32', [((x,), (flush(encode(decode(x, 'f64'), 'f32'), 'f32'),)) for x in floats('f64', 40) + [0x3800000000000000, 0x380fffffffffffff]])
    bits_entry('cvt.ftz.f64.f32', 'f32', 'f64', [((x,), (encode(decode(flush(x, 'f32'), 'f32'), 'f64'),)) for x in f32])


def memory():
    for w, regs in ((8, 'b16'), (16, 'b16'), (32, 'b32'), (64, 'b64')):
        rows = [((x,), (x & (1 << w) - 1,)) for x in (ints(max(w, 16), 20))]
        for space, declare in (('shared', ' .shared .align 8 .b8 box[2048];'), ('local', ' .local .align 8 .b8 box[2048];')):
            body = 'mul.wide.u32 %%p, %%i, 8; mov.u64 %%q, box; add.u64 %%q, %%q, %%p; st.%s.b%d [%%q], %%a; ld.%s.b%d %%x, [%%q];' % (space, w, space, w)
            entry('st', 'st_%s_b%d' % (space, w), body, regs, regs, rows, extra=' .reg .b64 %p, %q;' + declare)
        for sg in 'us':
            # A register wider than the type is filled with zeros or the sign (PTX ISA, "ld").
            out = lambda x: (s(x, w) if sg == 's' else x & (1 << w) - 1)
            entry('ld', 'ld_global_%s%d' % (sg, w), 'ld.global.%s%d %%x, [%%from];' % (sg, w), 'b64', 'b64', [((x,), (out(x),)) for x in ints(64, 12)], extra='')
    quads = [tuple(RNG.getrandbits(32) for _ in range(4)) for _ in range(16)]
    entry('ld', 'ld_v2', 'ld.global.v2.b64 {%x, %y}, [%from];', 'b64 b64', 'b64 b64', [((q[0] << 32 | q[1], q[2]), (q[0] << 32 | q[1], q[2])) for q in quads])
    entry('ld', 'ld_v4', 'ld.global.v4.b32 {%x, %y, %z, %w}, [%from];', 'b64 b64', 'b32 b32 b32 b32', [((q[1] << 32 | q[0], q[3] << 32 | q[2]), q) for q in quads])
    entry('st', 'st_v4', 'mul.wide.u32 %p, %i, 16; mov.u64 %q, box; add.u64 %q, %q, %p; st.shared.v4.b32 [%q], {%a, %b, %c, %e}; ld.shared.b64 %x, [%q]; ld.shared.b64 %y, [%q+8];',
          'b32 b32 b32 b32', 'b64 b64', [(q, (q[1] << 32 | q[0], q[3] << 32 | q[2])) for q in quads], extra=' .reg .b64 %p, %q; .shared .align 16 .b8 box[512];')
    entry('cvta', 'cvta_shared', 'mul.wide.u32 %p, %i, 4; mov.u64 %q, box; add.u64 %q, %q, %p; cvta.shared.u64 %g, %q; st.b32 [%g], %a; cvta.to.shared.u64 %q, %g; ld.shared.b32 %x, [%q];',
          'b32', 'b32', [((x,), (x,)) for x in ints(32, 20)], extra=' .reg .b64 %p, %q, %g; .shared .align 4 .b8 box[512];')
    entry('mov', 'mov_pack_b64', 'mov.b64 %x, {%a, %b};', 'b32 b32', 'b64', [(q[:2], (q[1] << 32 | q[0],)) for q in quads])
    entry('mov', 'mov_unpack_b64', 'mov.b64 {%x, %y}, %a;', 'b64', 'b32 b32', [((q[1] << 32 | q[0],), q[:2]) for q in quads])
    entry('mov', 'mov_pack_b32', 'mov.b32 %x, {%a, %b};', 'b16 b16', 'b32', [((q[0] & 65535, q[1] & 65535), ((q[1] & 65535) << 16 | q[0] & 65535,)) for q in quads])
    for t in ('u16', 'u32', 'u64', 'f32', 'f64'):
        w = int(t[1:])
        k = t if t[0] == 'f' else 'b%d' % w
        entry('mov', 'mov_' + t, 'mov.%s %%x, %%a;' % t, 'b%d' % w, 'b%d' % w, [((x,), (x,)) for x in ints(w)]) if t[0] == 'u' else None


def control():
    entry('bra', 'bra_loop', 'mov.u32 %x, 0; mov.u32 %n, %a; L: setp.eq.u32 %p, %n, 0; @%p bra D; add.u32 %x, %x, %n; sub.u32 %n, %n, 1; bra L; D: ',
          'b32', 'b32', [((n,), (n * (n + 1) // 2,)) for n in list(range(20)) + [100, 33, 7]], extra=' .reg .b32 %n; .reg .pred %p;')
    entry('bra', 'bra_either', 'setp.lt.s32 %p, %a, 0; @%p bra N; mul.lo.s32 %x, %a, 3; bra D; N: neg.s32 %x, %a; D: ', 'b32', 'b32',
          [((x,), (-s(x, 32) if s(x, 32) < 0 else 3 * x,)) for x in ints(32, 20)], extra=' .reg .pred %p;')
    # Two ways into the middle of a loop: no structure of ifs and whiles has this flow.
    entry('bra', 'bra_two_entries', 'mov.u32 %x, 0; mov.u32 %n, %a; and.b32 %m, %a, 1; setp.ne.u32 %p, %m, 0; @%p bra M; T: add.u32 %x, %x, 5; M: add.u32 %x, %x, 1; shr.u32 %n, %n, 1; setp.ne.u32 %p, %n, 0; @%p bra T; ',
          'b32', 'b32', [((n,), ((max(n.bit_length(), 1) * 6 - (5 if n & 1 else 0)),)) for n in range(40)], extra=' .reg .b32 %n, %m; .reg .pred %p;')
    entry('brx', 'brx_idx', 'T: .branchtargets A, B, C; brx.idx %a, T; A: mov.u32 %x, 11; bra D; B: mov.u32 %x, 22; bra D; C: mov.u32 %x, 33; D: ', 'b32', 'b32',
          [((n % 3,), ((n % 3 + 1) * 11,)) for n in range(40)])
    entry('exit', 'exit_early', 'mov.u32 %x, 7; st.global.b32 [%to], %x; setp.gt.u32 %p, %a, 5; @%p exit; mov.u32 %x, 9;', 'b32', 'b32', [((n,), (7 if n > 5 else 9,)) for n in range(40)], extra=' .reg .pred %p;')


def warps():
    lanes = [RNG.getrandbits(32) for _ in range(32)]
    def shuffled(mode, amounts, c):
        rows = []
        for lane in range(32):
            b = amounts[lane] & 31
            seg, cl = c >> 8 & 31, c & 31
            most, least = lane & seg | cl & ~seg, lane & seg
            j = {'up': lane - b, 'down': lane + b, 'bfly': lane ^ b, 'idx': least | b & ~seg}[mode]
            ok = j >= most if mode == 'up' else j <= most
            rows.append(((lanes[lane], amounts[lane], c), (lanes[j if ok else lane], int(ok))))
        return rows
    for mode in ('up', 'down', 'bfly', 'idx'):
        for n, c in enumerate((0 if mode == 'up' else 31, 0x1800 | (0 if mode == 'up' else 31), 0x1c00 | (0 if mode == 'up' else 31))):
            for m, amounts in enumerate(([3] * 32, [RNG.randrange(32) for _ in range(32)] if mode == 'idx' else [1] * 32)):
                entry('shfl', 'shfl_%s_%d_%d' % (mode, n, m), 'shfl.sync.%s.b32 %%x|%%y, %%a, %%b, %%c, -1;' % mode, 'b32 b32 b32', 'b32 pred', shuffled(mode, amounts, c), warp=True)
    votes = [0, 0xffffffff, 0x0f0f1234, 1 << 31]
    for n, v in enumerate(votes):
        bit = [v >> i & 1 for i in range(32)]
        entry('vote', 'vote_ballot_%d' % n, 'vote.sync.ballot.b32 %x, %a, -1;', 'pred', 'b32', [((b,), (v,)) for b in bit], warp=True)
        for mode, r in (('any', v != 0), ('all', v == 0xffffffff), ('uni', v in (0, 0xffffffff))):
            entry('vote', 'vote_%s_%d' % (mode, n), 'vote.sync.%s.pred %%x, %%a, -1;' % mode, 'pred', 'pred', [((b,), (int(r),)) for b in bit], warp=True)
    for w in (32, 64):
        keys = [RNG.randrange(4) << (w - 8) | 5 for _ in range(32)]
        same = [sum(1 << j for j in range(32) if keys[j] == keys[i]) for i in range(32)]
        entry('match', 'match_any_b%d' % w, 'match.any.sync.b%d %%x, %%a, -1;' % w, 'b%d' % w, 'b32', [((k,), (m,)) for k, m in zip(keys, same)], warp=True)
        entry('match', 'match_all_b%d' % w, 'match.all.sync.b%d %%x|%%y, %%a, -1;' % w, 'b%d' % w, 'b32 pred', [((k,), (0, 0)) for k in keys], warp=True)
        entry('match', 'match_all_same_b%d' % w, 'match.all.sync.b%d %%x|%%y, %%a, -1;' % w, 'b%d' % w, 'b32 pred', [((keys[0],), (0xffffffff, 1)) for k in keys], warp=True)
    from functools import reduce
    import operator
    sv = [s(x, 32) for x in lanes]
    for name, r in (('add.s32', sum(sv)), ('add.u32', sum(lanes)), ('min.s32', min(sv)), ('max.s32', max(sv)), ('min.u32', min(lanes)), ('max.u32', max(lanes)),
                    ('and.b32', reduce(operator.and_, lanes)), ('or.b32', reduce(operator.or_, lanes)), ('xor.b32', reduce(operator.xor, lanes))):
        entry('redux', 'redux_' + name_of(name), 'redux.sync.%s %%x, %%a, -1;' % name, 'b32', 'b32', [((x,), (r,)) for x in lanes], warp=True)
        half = [reduce_of(name, [x for i, x in enumerate(lanes) if (i < 16) == (k < 16)]) for k in range(32)]
        entry('redux', 'redux_halves_' + name_of(name), 'redux.sync.%s %%x, %%a, %%b;' % name, 'b32 b32', 'b32',
              [((x, 0xffff if i < 16 else 0xffff0000), (half[i],)) for i, x in enumerate(lanes)], warp=True)
    entry('activemask', 'activemask', 'activemask.b32 %x;', 'b32', 'b32', [((i,), (0xffffffff,)) for i in range(32)], warp=True)
    rows = [RNG.getrandbits(32) for _ in range(96)]
    entry('bar', 'bar_reverse', 'mul.wide.u32 %p, %i, 4; mov.u64 %q, box; sub.u64 %r, %q, %p; add.u64 %q, %q, %p; st.shared.b32 [%q], %a; bar.sync 0; ld.shared.b32 %x, [%r+380];',
          'b32', 'b32', [((x,), (rows[95 - i],)) for i, x in enumerate(rows)], warp=True, extra=' .reg .b64 %p, %q, %r; .shared .align 4 .b8 box[384];')
    ps = [x & 1 for x in rows]
    entry('bar', 'bar_red_popc', 'bar.red.popc.u32 %x, 0, %a;', 'pred', 'b32', [((p,), (sum(ps),)) for p in ps], warp=True)
    entry('bar', 'bar_red_and', 'bar.red.and.pred %x, 1, %a;', 'pred', 'pred', [((p,), (0,)) for p in ps], warp=True)
    entry('bar', 'bar_red_or', 'bar.red.or.pred %x, 2, %a;', 'pred', 'pred', [((p,), (1,)) for p in ps], warp=True)
    entry('barrier', 'barrier_sync', 'mul.wide.u32 %p, %i, 4; mov.u64 %q, box; add.u64 %q, %q, %p; st.shared.b32 [%q], %a; barrier.sync.aligned 3, 96; mov.u64 %q, box; ld.shared.b32 %x, [%q+128];',
          'b32', 'b32', [((x,), (rows[32],)) for x in rows], warp=True, extra=' .reg .b64 %p, %q; .shared .align 4 .b8 box[384];')
    atomics(lanes)


def reduce_of(name, values):
    from functools import reduce
    import operator
    op, t = name.split('.')
    values = [s(v, 32) for v in values] if t == 's32' else values
    return {'add': sum, 'min': min, 'max': max}[op](values) if op in ('add', 'min', 'max') else reduce({'and': operator.and_, 'or': operator.or_, 'xor': operator.xor}[op], values)


def atomics(lanes):
    """All lanes of a warp update one word in shared memory; the order does not matter to what is left."""
    for w in (32, 64):
        values = [RNG.getrandbits(w) for _ in range(32)]
        for name, r in (('add.u%d' % w, sum(values)), ('min.s%d' % w, min([s(v, w) for v in values] + [0])), ('max.s%d' % w, max([s(v, w) for v in values] + [0])),
                        ('min.u%d' % w, 0), ('max.u%d' % w, max(values)), ('and.b%d' % w, 0), ('or.b%d' % w, __import__('functools').reduce(int.__or__, values)),
                        ('xor.b%d' % w, __import__('functools').reduce(int.__xor__, values))):
            for op in ('atom', 'red'):
                target = '%t, ' if op == 'atom' else ''
                entry(op, '%s_%s' % (op, name_of(name)), 'st.shared.b%d [box], 0; bar.sync 0; %s.shared.%s %s[box], %%a; bar.sync 0; ld.shared.b%d %%x, [box];' % (w, op, name, target, w),
                      'b%d' % w, 'b%d' % w, [((v,), (r,)) for v in values], warp=True, extra=' .reg .b%d %%t; .shared .align 8 .b8 box[8];' % w)
        # Each thread alone with a word of its own: the old value and the new one.
        def own(name, f, kinds='b%d' % w):
            rows = [((a, b), (a, f(a, b))) for a, b in pairs(ints(w), 40)]
            entry('atom', 'atom_own_' + name_of(name), 'mul.wide.u32 %%p, %%i, 8; mov.u64 %%q, box; add.u64 %%q, %%q, %%p; st.shared.b%d [%%q], %%a; atom.shared.%s %%x, [%%q], %%b; ld.shared.b%d %%y, [%%q];' % (w, name, w),
                  kinds + ' ' + kinds, kinds + ' ' + kinds, rows, extra=' .reg .b64 %p, %q; .shared .align 8 .b8 box[512];')
        own('exch.b%d' % w, lambda a, b: b)
        own('add.u%d' % w, lambda a, b: a + b)
        if w == 32:
            own('inc.u32', lambda a, b: 0 if a >= b else a + 1)
            own('dec.u32', lambda a, b: b if a == 0 or a > b else a - 1)
        rows = [((a, b, c), (a, c if a == b else a)) for a, b, c in triples(ints(w)[:4], 60)]
        entry('atom', 'atom_cas_b%d' % w, 'mul.wide.u32 %%p, %%i, 8; mov.u64 %%q, box; add.u64 %%q, %%q, %%p; st.shared.b%d [%%q], %%a; atom.shared.cas.b%d %%x, [%%q], %%b, %%c; ld.shared.b%d %%y, [%%q];' % (w, w, w),
              ' '.join(['b%d' % w] * 3), 'b%d b%d' % (w, w), rows, extra=' .reg .b64 %p, %q; .shared .align 8 .b8 box[512];')
    for t in ('f16', 'bf16', 'f32', 'f64'):
        v = floats(t)
        dot, reg = ('noftz.' + t, 'b16') if '16' in t else (t, t)
        entry('atom', 'atom_add_' + t, 'mul.wide.u32 %%p, %%i, 8; mov.u64 %%q, box; add.u64 %%q, %%q, %%p; st.shared.%s [%%q], %%a; atom.shared.add.%s %%x, [%%q], %%b; ld.shared.%s %%y, [%%q];' % (reg, dot, reg),
              t + ' ' + t, t + ' ' + t, [((a, b), (a if decode(a, t) != NAN else NAN, encode(add(decode(a, t), decode(b, t)), t))) for a, b in pairs(v, 60)], extra=' .reg .b64 %p, %q; .shared .align 8 .b8 box[512];')


def asynchronous():
    """mbarriers, asynchronous copies, clusters of one block, loops in which lanes wait for each other."""
    own = 'mul.wide.u32 %%p, %%i, %d; mov.u64 %%q, box; add.u64 %%q, %%q, %%p; mul.wide.u32 %%p, %%i, 8; mov.u64 %%m, bar; add.u64 %%m, %%m, %%p; '
    def regs(size): return ' .reg .b64 %%p, %%q, %%m, %%s; .reg .pred %%done; .shared .align 16 .b8 box[%d]; .shared .align 8 .b8 bar[1024];' % size
    wait = 'W: mbarrier.try_wait.parity.shared::cta.b64 %done, [%m], 0; @!%done bra W; '
    # 96 threads meet; each reads what its opposite wrote before it arrived.
    values = [RNG.getrandbits(32) for _ in range(96)]
    swap = [((x,), (values[95 - i],)) for i, x in enumerate(values)]
    start = 'mov.u64 %m, bar; setp.ne.u32 %first, %i, 0; @%first bra S; mbarrier.init.shared::cta.b64 [%m], 96; S: bar.sync 0; mul.wide.u32 %p, %i, 4; mov.u64 %q, box; sub.u64 %s, %q, %p; add.u64 %q, %q, %p; st.shared.b32 [%q], %a; '
    extra = ' .reg .b64 %p, %q, %m, %s, %t; .reg .pred %done, %first; .shared .align 4 .b8 box[384]; .shared .align 8 .b8 bar[8];'
    entry('mbarrier', 'mbarrier_token', start + 'mbarrier.arrive.shared::cta.b64 %t, [%m]; W: mbarrier.try_wait.shared::cta.b64 %done, [%m], %t; @!%done bra W; ld.shared.b32 %x, [%s+380];', 'b32', 'b32', swap, warp=True, extra=extra)
    entry('mbarrier', 'mbarrier_parity', start + 'mbarrier.arrive.release.cta.shared::cta.b64 _, [%m]; W: mbarrier.test_wait.parity.acquire.cta.shared::cta.b64 %done, [%m], 0; @!%done bra W; ld.shared.b32 %x, [%s+380];', 'b32', 'b32', swap, warp=True, extra=extra)
    # One object each: count, arrivals, bytes expected, bytes that come -> complete?, pending count before one more arrival.
    rows = []
    for count, arrivals, expected, come in [(1, 1, 0, 0), (2, 1, 0, 0), (3, 2, 64, 64), (3, 3, 64, 64), (5, 5, 0, 0), (4, 0, 16, 16), (4, 3, 32, 16), (1048575, 7, 0, 0), (2, 2, 1048575, 1048575)]:
        complete = arrivals == count and expected == come
        rows.append(((count, arrivals, expected, come), (int(complete), count if complete else count - arrivals)))
    body = own % 8 + 'mbarrier.init.shared.b64 [%m], %a; mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%m], %c; setp.eq.u32 %done, %b, 0; @%done bra C; mbarrier.arrive.shared.b64 %s, [%m], %b; C: mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%m], %e; mbarrier.test_wait.parity.shared.b64 %x, [%m], 0; mbarrier.arrive.shared.b64 %s, [%m]; mbarrier.pending_count.b64 %y, %s;'
    entry('mbarrier', 'mbarrier_counts', body, 'b32 b32 b32 b32', 'pred b32', rows, extra=regs(8))
    body = own % 8 + 'cvta.shared.u64 %m, %m; mbarrier.init.b64 [%m], %a; mbarrier.arrive_drop.b64 %s, [%m]; mbarrier.pending_count.b64 %x, %s; sub.u32 %a, %a, 1; mbarrier.arrive.b64 %s, [%m], %a; mbarrier.test_wait.b64 %y, [%m], %s; mbarrier.arrive.b64 %s, [%m]; mbarrier.pending_count.b64 %z, %s; mbarrier.inval.b64 [%m];'
    entry('mbarrier', 'mbarrier_drop', body, 'b32', 'b32 pred b32', [((n,), (n, 1, n - 1)) for n in (2, 3, 8, 100)], extra=regs(8))
    body = own % 8 + 'mbarrier.init.shared.b64 [%m], 2; mbarrier.arrive.expect_tx.shared.b64 %s, [%m], %a; mbarrier.arrive.noComplete.release.cta.shared.b64 %s, [%m], 1; mbarrier.test_wait.parity.shared.b64 %x, [%m], 0; mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%m], %a; mbarrier.test_wait.parity.shared.b64 %y, [%m], 0;'
    entry('mbarrier', 'mbarrier_expect', body, 'b32', 'pred pred', [((n,), (0, 1)) for n in (1, 16, 4096)], extra=regs(8))
    # cp.async: sizes, src-size, ignore-src, arrival at an mbarrier.
    pairs64 = [(RNG.getrandbits(64), RNG.getrandbits(64)) for _ in range(12)]
    both = 'ld.shared.v2.b64 {%x, %y}, [%q];'
    mask = lambda a, b, n: tuple(((b << 64 | a) & (1 << 8 * n) - 1) >> 64 * k & (1 << 64) - 1 for k in (0, 1))
    fill = 'st.shared.v2.b64 [%q], {-1, -1}; '
    top = (1 << 64) - 1
    over = lambda a, b, n: (((a & (1 << 8 * n) - 1) | top >> 8 * n << 8 * n) & top, top) if n < 8 else (a, top) if n == 8 else (a, b)
    for n, ca in ((4, 'ca'), (8, 'ca'), (16, 'ca'), (16, 'cg')):
        entry('cp', 'cp_async_%s_%d' % (ca, n), own % 16 + fill + 'cp.async.%s.shared.global [%%q], [%%from], %d; cp.async.commit_group; cp.async.wait_group 0; ' % (ca, n) + both, 'b64 b64', 'b64 b64', [(r, over(*r, n)) for r in pairs64], extra=regs(1024))
    entry('cp', 'cp_async_size', own % 16 + 'cp.async.cg.shared.global [%q], [%from], 16, %c; cp.async.wait_all; ' + both, 'b64 b64 b32 b32', 'b64 b64', [(r + (n, 0), mask(*r, n)) for r, n in zip(pairs64, (0, 1, 3, 4, 7, 8, 9, 12, 13, 15, 16, 16))], extra=regs(1024))
    entry('cp', 'cp_async_ignore', own % 16 + 'cp.async.ca.shared::cta.global [%q], [%from], 16, %c; cp.async.wait_all; ' + both, 'b64 b64 pred b32', 'b64 b64', [(r + (i % 2, 0), (0, 0) if i % 2 else r) for i, r in enumerate(pairs64)], extra=regs(1024))
    entry('cp', 'cp_async_arrive', own % 16 + 'mbarrier.init.shared.b64 [%m], 1; cp.async.cg.shared.global [%q], [%from], 16; cp.async.mbarrier.arrive.shared.b64 [%m]; mbarrier.test_wait.parity.shared.b64 %done, [%m], 0; @%done bra BAD; cp.async.mbarrier.arrive.noinc.shared::cta.b64 [%m]; ' + wait + both + ' BAD: ', 'b64 b64', 'b64 b64', [(r, r) for r in pairs64], extra=regs(1024))
    # Bulk copies of 16 bytes there and back.
    tx = 'mbarrier.init.shared.b64 [%m], 1; mbarrier.arrive.expect_tx.shared.b64 _, [%m], 16; '
    entry('cp', 'cp_async_bulk', own % 16 + tx + 'cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%q], [%from], 16, [%m]; ' + wait + both, 'b64 b64', 'b64 b64', [(r, r) for r in pairs64], extra=regs(1024))
    entry('cp', 'cp_async_bulk_hint', own % 16 + tx + 'createpolicy.fractional.L2::evict_first.b64 %s; cp.async.bulk.prefetch.L2.global [%from], 16; cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes.L2::cache_hint [%q], [%from], 16, [%m], %s; ' + wait + both, 'b64 b64', 'b64 b64', [(r, r) for r in pairs64], extra=regs(1024))
    entry('cp', 'cp_async_bulk_within', own % 32 + tx + 'st.shared.v2.b64 [%q], {%b, %a}; fence.proxy.async.shared::cta; add.u64 %s, %q, 16; cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%s], [%q], 16, [%m]; ' + wait + 'ld.shared.v2.b64 {%x, %y}, [%q+16];', 'b64 b64', 'b64 b64', [(r, r[::-1]) for r in pairs64], extra=regs(2048))
    out = 'cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0; cp.async.bulk.wait_group 0; ld.global.v2.b64 {%x, %y}, [%from];'
    entry('cp', 'cp_async_bulk_out', own % 16 + 'st.shared.v2.b64 [%q], {%c, %e}; cp.async.bulk.global.shared::cta.bulk_group [%from], [%q], 16; ' + out, 'b64 b64 b64 b64', 'b64 b64', [(r + r2, r2) for r, r2 in zip(pairs64, pairs64[1:])], extra=regs(1024))
    some = lambda a, c, m: sum((c if m >> i & 1 else a) & 255 << 8 * i for i in range(8))
    entry('cp', 'cp_async_bulk_mask', own % 16 + 'st.shared.v2.b64 [%q], {%c, %e}; cp.async.bulk.global.shared::cta.bulk_group.cp_mask [%from], [%q], 16, 0x5a3c; ' + out, 'b64 b64 b64 b64', 'b64 b64', [(r + r2, (some(r[0], r2[0], 0x3c), some(r[1], r2[1], 0x5a))) for r, r2 in zip(pairs64, pairs64[1:])], extra=regs(1024))
    def lanes_of(f, w):
        def whole(a, c):
            return sum((f(a >> i & (1 << w) - 1, c >> i & (1 << w) - 1) & (1 << w) - 1) << i for i in range(0, 64, w))
        return lambda r: (whole(r[0], r[2]), whole(r[1], r[3]))
    def reduction(name, f, w, rows):
        g = lanes_of(f, w)
        body = own % 16 + 'st.shared.v2.b64 [%%q], {%%c, %%e}; cp.reduce.async.bulk.global.shared::cta.bulk_group.%s [%%from], [%%q], 16; ' % name + out
        entry('cp', 'cp_reduce_' + name_of(name), body, 'b64 b64 b64 b64', 'b64 b64', [(r, g(r)) for r in rows], extra=regs(1024))
        if w >= 32 and not name.endswith(('f32', 'f64', 's64')):
            reg = '%v' if w == 64 else '%h'
            body = own % 16 + 'mbarrier.init.shared.b64 [%%m], 1; mbarrier.arrive.expect_tx.shared.b64 _, [%%m], %d; st.shared.b64 [%%q], %%a; mov.b64 %%v, %%b; cvt.u32.u64 %%h, %%b; red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.%s [%%q], %s, [%%m]; ' % (w // 8, name, reg) + wait + 'ld.shared.b64 %x, [%q];'
            low = (1 << w) - 1
            if name in ('add.u64', 'inc.u32', 'dec.u32', 'min.u32', 'max.u32', 'add.u32', 'min.s32', 'max.s32', 'add.s32', 'and.b32', 'or.b32', 'xor.b32'):
                entry('red', 'red_async_' + name_of(name), body, 'b64 b64', 'b64', [((r[0], r[2]), (r[0] & ~low & (1 << 64) - 1 | f(r[0] & low, r[2] & low) & low,)) for r in rows], extra=regs(1024) + ' .reg .b64 %v; .reg .b32 %h;')
    quads = [tuple(RNG.getrandbits(64) for _ in range(4)) for _ in range(10)]
    for w in (32, 64):
        reduction('add.u%d' % w, lambda a, b: a + b, w, quads)
        reduction('min.s%d' % w, lambda a, b: min(a, b, key=lambda v: s(v, w)), w, quads)
        reduction('max.u%d' % w, lambda a, b: max(a, b), w, quads)
    reduction('and.b32', lambda a, b: a & b, 32, quads)
    reduction('or.b64', lambda a, b: a | b, 64, quads)
    reduction('xor.b32', lambda a, b: a ^ b, 32, quads)
    reduction('inc.u32', lambda a, b: 0 if a >= b else a + 1, 32, quads)
    reduction('dec.u32', lambda a, b: b if a == 0 or a > b else a - 1, 32, quads)
    for t in ('f16', 'bf16', 'f32', 'f64'):
        w = 16 if '16' in t else int(t[1:])
        numbers = [v for v in floats(t) if decode(v, t) != NAN and not is_(decode(v, t), INF)]
        def packed(): return sum(RNG.choice(numbers) << i for i in range(0, 64, w))
        rows = [tuple(packed() for _ in range(4)) for _ in range(12)]
        reduction(('add.noftz.' if w == 16 else 'add.') + t, lambda a, b, t=t: encode(add(decode(a, t), decode(b, t)), t), w, rows)
        if w == 16:
            for op in ('min',) if t == 'f16' else ('max',):
                def pick(a, b, t=t, op=op):
                    order = compare(decode(a, t), decode(b, t))
                    less = order < 0 or (order == 0 and sign_of(decode(a, t)) > sign_of(decode(b, t)))
                    return a if less == (op == 'min') else b
                reduction('%s.%s' % (op, t), pick, w, rows)
    # st.async, st.bulk
    for name, width, value in (('b32', 4, '%h'), ('b64', 8, '%b'), ('v2.b64', 16, '{%b, %a}')):
        wanted = {'b32': lambda a, b: (a & ~0xffffffff | b & 0xffffffff, b), 'b64': lambda a, b: (b, b), 'v2.b64': lambda a, b: (b, a)}[name]
        entry('st', 'st_async_' + name_of(name), own % 16 + tx.replace('16; ', '%d; ' % width) + 'st.shared.v2.b64 [%q], {%a, %b}; cvt.u32.u64 %h, %b; ' + 'st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.%s [%%q], %s, [%%m]; ' % (name, value) + wait + both, 'b64 b64', 'b64 b64', [(r, wanted(*r)) for r in pairs64], extra=regs(1024) + ' .reg .b32 %h;')
    entry('st', 'st_bulk', own % 16 + 'st.shared.v2.b64 [%q], {%a, %b}; st.bulk.weak.shared::cta [%q], 8, 0; ' + both, 'b64 b64', 'b64 b64', [(r, (0, r[1])) for r in pairs64], extra=regs(1024))
    # Clusters of one block.
    entry('mapa', 'mapa_shared', own % 8 + 'st.shared.b32 [%q], %a; cvt.u32.u64 %h, %q; mapa.shared::cluster.u32 %h, %h, 0; ld.shared::cluster.b32 %x, [%h]; cvta.shared.u64 %q, %q; mapa.u64 %q, %q, 0; ld.b32 %y, [%q];', 'b32', 'b32 b32', [((x,), (x, x)) for x in ints(32)], extra=regs(512) + ' .reg .b32 %h;')
    entry('getctarank', 'getctarank_own', own % 8 + 'cvt.u32.u64 %h, %q; getctarank.shared::cluster.u32 %x, %h; cvta.shared.u64 %q, %q; getctarank.u64 %y, %q;', 'b32', 'b32 b32', [((x,), (0, 0)) for x in ints(32)], extra=regs(512) + ' .reg .b32 %h;')
    entry('barrier', 'barrier_cluster', 'mul.wide.u32 %p, %i, 4; mov.u64 %q, box; sub.u64 %r, %q, %p; add.u64 %q, %q, %p; st.shared.b32 [%q], %a; barrier.cluster.arrive.release; barrier.cluster.wait.acquire; ld.shared.b32 %x, [%r+380]; barrier.cluster.arrive.relaxed.aligned; barrier.cluster.wait.aligned; mov.u32 %h, %cluster_nctarank; add.u32 %x, %x, %h; mov.u32 %h, %cluster_ctarank; add.u32 %x, %x, %h;',
          'b32', 'b32', [((x,), (values[95 - i] + 1,)) for i, x in enumerate(values)], warp=True, extra=' .reg .b64 %p, %q, %r; .reg .b32 %h; .shared .align 4 .b8 box[384];')
    entry('elect', 'elect_all', 'elect.sync %x|%y, -1;', 'b32', 'b32 pred', [((i,), (0, int(i == 0))) for i in range(32)], warp=True)
    entry('elect', 'elect_half', 'setp.lt.u32 %q, %i, 16; @%q bra L; elect.sync %x|%y, 0xffff0000; bra E; L: elect.sync %x|%y, 0xffff; E: ', 'b32', 'b32 pred', [((i,), (i // 16 * 16, int(i % 16 == 0))) for i in range(32)], warp=True, extra=' .reg .pred %q;')
    entry('isspacep', 'isspacep_spaces', own % 8 + 'cvta.shared.u64 %q, %q; isspacep.shared %x, %q; isspacep.shared::cluster %y, %q; isspacep.global %z, %q; isspacep.global %w, %from;', 'b32', 'pred pred pred pred', [((x,), (1, 1, 0, 1)) for x in ints(32)], extra=regs(512))
    same = [((x,), (x,)) for x in ints(32)]
    hints = 'fence.acq_rel.cta; fence.acq_rel.cluster; fence.sc.gpu; fence.acq_rel.sys; fence.proxy.alias; fence.proxy.async; fence.proxy.async.global; fence.proxy.async.shared::cta; fence.mbarrier_init.release.cluster; fence.proxy.tensormap::generic.release.gpu; fence.proxy.tensormap::generic.acquire.sys [%from], 128; '
    entry('fence', 'fence_all', hints + 'mov.b32 %x, %a;', 'b32', 'b32', same)
    entry('membar', 'membar_all', 'membar.cta; membar.gl; membar.sys; membar.proxy.alias; mov.b32 %x, %a;', 'b32', 'b32', same)
    entry('prefetch', 'prefetch_all', 'prefetch.global.L1 [%from]; prefetch.global.L2 [%from]; prefetch.global.L2::evict_last [%from]; prefetch.global.L2::evict_normal [%from]; prefetchu.L1 [%from]; applypriority.global.L2::evict_normal [%from], 128; mov.b32 %x, %a;', 'b32', 'b32', same)
    entry('createpolicy', 'createpolicy_hints', 'createpolicy.fractional.L2::evict_last.L2::evict_unchanged.b64 %p, 0.5; createpolicy.range.global.L2::evict_first.b64 %q, [%from], 4096, 8192; ld.global.L1::no_allocate.L2::cache_hint.L2::128B.b32 %x, [%from], %p; st.global.L2::cache_hint.b32 [%from], %x, %q; red.global.add.L2::cache_hint.u32 [%from], 1, %p; atom.global.add.L2::cache_hint.u32 %x, [%from], 1, %p; add.u32 %x, %x, -1;', 'b32', 'b32', same, extra=' .reg .b64 %p, %q;')
    entry('setmaxnreg', 'setmaxnreg_both', 'setmaxnreg.dec.sync.aligned.u32 40; setmaxnreg.inc.sync.aligned.u32 232; mov.b32 %x, %a;', 'b32', 'b32', [((i,), (i,)) for i in range(32)], warp=True)
    entry('griddepcontrol', 'griddepcontrol_both', 'griddepcontrol.wait; griddepcontrol.launch_dependents; mov.b32 %x, %a;', 'b32', 'b32', same)
    entry('nanosleep', 'nanosleep_short', 'nanosleep.u32 20; mov.b32 %x, %a;', 'b32', 'b32', same)
    # Lanes of one warp that wait for each other: a lock, a flag, and what comes behind them.
    rows = [((RNG.getrandbits(20),), None) for _ in range(64)]
    total = sum(r[0][0] for r in rows)
    lock = 'setp.ne.u32 %p, %i, 0; @%p bra S; st.shared.b32 [lock], 0; st.shared.b32 [sum], 0; S: bar.sync 0; L: atom.shared.cas.b32 %o, [lock], 0, 1; setp.ne.u32 %p, %o, 0; @%p bra L; ld.volatile.shared.b32 %v, [sum]; add.u32 %v, %v, %a; st.volatile.shared.b32 [sum], %v; membar.cta; atom.shared.exch.b32 %o, [lock], 0; '
    shared = ' .reg .pred %p, %q; .reg .b32 %o, %v, %n, %k; .shared .align 4 .b8 lock[4]; .shared .align 4 .b8 sum[4];'
    entry('atom', 'atom_lock_in_a_warp', lock + 'bar.sync 0; ld.shared.b32 %x, [sum];', 'b32', 'b32', [(r, (total,)) for r, _ in rows], warp=True, extra=shared)
    entry('atom', 'atom_lock_and_vote', lock + 'mov.u32 %n, 0; mov.u32 %k, 0; M: add.u32 %n, %n, 3; add.u32 %k, %k, 1; setp.lt.u32 %q, %k, 5; @%q bra M; vote.sync.ballot.b32 %v, %p, -1; not.b32 %v, %v; popc.b32 %v, %v; add.u32 %x, %n, %v;', 'b32', 'b32', [(r, (47,)) for r, _ in rows], warp=True, extra=shared)
    # Odd lanes wait for even ones, whose flags are set behind the place where all would meet.
    entry('ld', 'ld_flags_in_a_warp', 'and.b32 %o, %i, 1; mul.wide.u32 %f, %i, 4; mov.u64 %g, flags; add.u64 %f, %f, %g; st.shared.b32 [%f], 0; bar.sync 0; setp.eq.u32 %p, %o, 0; @%p bra E; W: ld.volatile.shared.b32 %v, [%f+-4]; setp.eq.u32 %q, %v, 0; @%q bra W; sub.u32 %x, %v, 1; bra J; E: mov.u32 %x, %a; J: add.u32 %x, %x, 1; @!%p bra Z; st.volatile.shared.b32 [%f], %x; Z: ',
          'b32', 'b32', [((v,), (rows[i - i % 2][0][0] + 1,)) for i, (v, ) in enumerate(r[0] for r in rows)], warp=True, extra=' .reg .pred %p, %q; .reg .b32 %o, %v; .reg .b64 %f, %g; .shared .align 4 .b8 flags[256];')


if __name__ == '__main__':
    for part in (integers, bit_fields, float_arithmetic, comparisons, conversions, memory, control, warps, asynchronous, write):
        part()
