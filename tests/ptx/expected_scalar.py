#!/usr/bin/env python3
"""Writes the .ptx files of the instructions that expected.py has no part for: video, narrow formats, pairs of floats,
128 bits, special registers, old and rare forms. Its rules are those of expected.py, whose helpers it uses.

    python3 expected_scalar.py        (needs mpmath)
"""
import bisect, itertools
from fractions import Fraction
import mpmath
import expected as e
from expected import NAN, INF, add, bits_entry, clamp, compare, decode, encode, entry, floats, flush, ints, is_, mag, mul, neg, pairs, s, sign_of, triples

RNG = e.RNG
RNG.seed(21)


def part(x, width, place, signed):
    x = x >> width * place & (1 << width) - 1
    return s(x, width) if signed else x


def numbered(file, opcode, ins, outs, rows, body, **more):
    n = sum(1 for _ in e.FILES.get(file, []))
    entry(file, '%s_%d' % (file.replace('-', '_'), n), body, ins, outs, rows, **more)


# --- video (PTX ISA, "Scalar Video Instructions", "SIMD Video Instructions")
def selector(text):
    """'.b3' -> (8, [3]); '.h10' -> (16, [0, 1]), lane 0's first; '' -> None"""
    return (8 if text[1] == 'b' else 16, [int(c) for c in text[:1:-1]]) if text else None


def scalar_video():
    def op(name, mode, x, y):
        by = y & 31 if mode == 'wrap' else min(y, 32)
        return {'vadd': lambda: x + y, 'vsub': lambda: x - y, 'vabsdiff': lambda: abs(x - y), 'vmin': lambda: min(x, y),
                'vmax': lambda: max(x, y), 'vshl': lambda: x << by, 'vshr': lambda: x >> by}[name]()

    def finish(t, dtype, dsel, sat, op2, c):
        if sat:
            t = clamp(t, dsel[0] if dsel else 32, dtype == 's')
        cv = s(c, 32) if dtype == 's' else c
        t = {'': t, 'add': t + cv, 'min': min(t, cv), 'max': max(t, cv)}[op2]
        if not dsel:
            return t
        mask = (1 << dsel[0]) - 1 << dsel[0] * dsel[1][0]
        return c & ~mask | t << dsel[0] * dsel[1][0] & mask

    def pick(x, sel, signed):
        return part(x, *((sel[0], sel[1][0]) if sel else (32, 0)), signed)

    values = ints(32) + [0x80ff7f01, 0x7f80ff00]
    rows_of = lambda f, n=24: [(r, (f(*r),)) for r in triples(values, n)]
    plain = [('s', 's', 's'), ('u', 'u', 'u'), ('s', 'u', 's'), ('u', 's', 'u')]
    for name in ('vadd', 'vsub', 'vabsdiff', 'vmin', 'vmax', 'vshl', 'vshr'):
        shift = name[1:3] == 'sh'
        for mode in ('clamp', 'wrap') if shift else ('',):
            for d, a, b in plain:
                b = 'u' if shift else b
                for sat, op2, ds, as_, bs in (('', '', '', '', ''), ('.sat', '', '', '', ''), ('', '', '', '.b1', '.h1'), ('.sat', 'add', '', '.h0', '.b3'),
                                              ('.sat', 'min', '', '', '.b0'), ('.sat', 'max', '', '.b2', ''), ('', '', '.b2', '', '.b1'), ('.sat', '', '.h1', '.h1', ''), ('.sat', '', '.b0', '', '.h0')):
                    f = lambda x, y, z: finish(op(name, mode, pick(x, selector(as_), a == 's'), pick(y, selector(bs), b == 's')), d, selector(ds), sat, op2, z)
                    words = '%s.%s32.%s32.%s32%s%s%s' % (name, d, a, b, sat, '.' + mode if mode else '', '.' + op2 if op2 else '')
                    third = ', %c' if op2 or ds else ''
                    numbered(name, words, 'b32 b32 b32', 'b32', rows_of(f), '%s %%x%s, %%a%s, %%b%s%s;' % (words, ds, as_, bs, third))
    for a, b in itertools.product('su', 'su'):
        for cmp, test in (('eq', lambda x, y: x == y), ('ne', lambda x, y: x != y), ('lt', lambda x, y: x < y), ('le', lambda x, y: x <= y), ('gt', lambda x, y: x > y), ('ge', lambda x, y: x >= y)):
            for op2, ds, as_, bs in (('', '', '', ''), ('add', '', '.b0', '.h1'), ('', '.b3', '.h0', ''), ('max', '', '', '.b2')):
                f = lambda x, y, z: finish(int(test(pick(x, selector(as_), a == 's'), pick(y, selector(bs), b == 's'))), 'u', selector(ds), '', op2, z)
                words = 'vset.%s32.%s32.%s%s' % (a, b, cmp, '.' + op2 if op2 else '')
                numbered('vset', words, 'b32 b32 b32', 'b32', rows_of(f, 12), '%s %%x%s, %%a%s, %%b%s%s;' % (words, ds, as_, bs, ', %c' if op2 or ds else ''))
    for a, b in itertools.product('su', 'su'):
        for na, nc, po in (('', '', ''), ('-', '', ''), ('', '-', ''), ('', '', '.po')):
            for sat, scale in itertools.product(('', '.sat'), ('', '.shr7', '.shr15')):
                for as_, bs in (('', ''), ('.h1', '.b2')):
                    signed = 's' in a + b or bool(na) or bool(nc)
                    def f(x, y, z):
                        t, one = pick(x, selector(as_), a == 's') * pick(y, selector(bs), b == 's'), 0
                        if po:
                            one = 1
                        elif na:
                            t, one = ~t, 1
                        elif nc:
                            z, one = ~z & 0xffffffff, 1
                        t = t + (s(z, 32) if signed else z) + one >> {'': 0, '.shr7': 7, '.shr15': 15}[scale]
                        return clamp(t, 32, signed) if sat else t
                    d = 's' if signed else 'u'
                    words = 'vmad.%s32.%s32.%s32%s%s%s' % (d, a, b, po, sat, scale)
                    numbered('vmad', words, 'b32 b32 b32', 'b32', rows_of(f, 10), '%s %%x, %s%%a%s, %%b%s, %s%%c;' % (words, na, as_, bs, nc))


def simd_video():
    values = ints(32) + [0x80ff7f01, 0x7f80ff00, 0x80007fff]
    for width, masks, asels, bsels in ((16, ('', '.h0', '.h1', '.h10'), ('', '.h32', '.h13'), ('', '.h00', '.h20')),
                                       (8, ('', '.b0', '.b31', '.b210', '.b3210'), ('', '.b7654', '.b0246'), ('', '.b4444', '.b0123'))):
        n, lanes = 'v%s' + str(32 // width), 32 // width
        ops = {'add': lambda x, y: x + y, 'sub': lambda x, y: x - y, 'absdiff': lambda x, y: abs(x - y), 'min': min, 'max': max,
               'avrg': lambda x, y: (x + y + 1 if x + y >= 0 else x + y) >> 1}
        def run(f, a, b, dsel, asel, bsel, sat, acc, d):
            def one(x, y, c):
                both = x | y << 32
                places = lambda sel, default: selector(sel)[1] if sel else default
                pa, pb = places(asel, list(range(lanes))), places(bsel, list(range(lanes, 2 * lanes)))
                mask = places(dsel, list(range(lanes)))
                out = c
                for i in range(lanes):
                    if i not in mask:
                        continue
                    t = f(part(both, width, pa[i], a == 's'), part(both, width, pb[i], b == 's'))
                    t = clamp(t, width, d == 's') if sat else t
                    m = (1 << width) - 1 << width * i
                    out = out + t if acc else out & ~m | t << width * i & m
                return out
            return [(r, (one(*r),)) for r in triples(values, 12)]
        for op, f in ops.items():
            for d, a, b in (('s', 's', 's'), ('u', 'u', 'u'), ('s', 'u', 's'), ('u', 's', 'u')):
                for k, dsel in enumerate(masks):
                    asel, bsel = asels[k % 3], bsels[(k + 1) % 3]
                    for tail in ('', '.sat', '.add'):
                        words = '%s.%s32.%s32.%s32%s' % (n % op, d, a, b, tail)
                        numbered(n % op, words, 'b32 b32 b32', 'b32', run(f, a, b, dsel, asel, bsel, tail == '.sat', tail == '.add', d), '%s %%x%s, %%a%s, %%b%s, %%c;' % (words, dsel, asel, bsel))
        for cmp, test in (('eq', lambda x, y: x == y), ('ne', lambda x, y: x != y), ('lt', lambda x, y: x < y), ('le', lambda x, y: x <= y), ('gt', lambda x, y: x > y), ('ge', lambda x, y: x >= y)):
            for a, b in (('s', 's'), ('u', 'u'), ('s', 'u')):
                for k, dsel in enumerate(masks):
                    for tail in ('', '.add'):
                        words = '%s.%s32.%s32.%s%s' % (n % 'set', a, b, cmp, tail)
                        f = lambda x, y: int(test(x, y))
                        numbered(n % 'set', words, 'b32 b32 b32', 'b32', run(f, a, b, dsel, asels[k % 3], '', False, bool(tail), 'u'), '%s %%x%s, %%a%s, %%b, %%c;' % (words, dsel, asels[k % 3]))


# --- integers
def rare_integers():
    for sg in 'us':
        for mode in ('clamp', 'wrap'):
            def f(x, n):
                n = n & 31 if mode == 'wrap' else n
                low = x & (1 << min(n, 32)) - 1
                return s(low, min(n, 32)) if sg == 's' and n else low
            bits_entry('szext.%s.%s32' % (mode, sg), 'b32 b32', 'b32', [((x, n), (f(x, n),)) for x in ints(32) for n in (0, 1, 8, 31, 32, 33, 0xffffffff)])
    def fns(mask, base, offset):
        if offset == 0:
            return base if base < 32 and mask >> base & 1 else 0xffffffff
        order = range(base, 32) if offset > 0 else range(base, -1, -1) if base < 32 else []
        found = [i for i in order if mask >> i & 1]
        return found[abs(offset) - 1] if len(found) >= abs(offset) else 0xffffffff
    rows = [((m, b, o & 0xffffffff), (fns(m, b, o),)) for m in (0x00f0a501, 0xffffffff, 1 << 31, 0) for b in (0, 5, 31, 32, 40) for o in (0, 1, 3, -1, -4, 33, -0x80000000)]
    bits_entry('fns.b32', 'b32 b32 b32', 'b32', rows)
    for op in ('and', 'or'):
        for table in (0x3c, 0x00, 0xe8):
            def f(x, y, z, q):
                v = sum((table >> ((x >> i & 1) * 4 + (y >> i & 1) * 2 + (z >> i & 1)) & 1) << i for i in range(32))
                return v, int(v != 0 and q) if op == 'and' else int(v != 0 or q)
            three = triples(ints(32), 12) + [(5, 5, 1)]
            numbered('lop3-predicate', '', 'b32 b32 b32 pred', 'b32 pred', [(r + (q,), f(*r, q)) for r in three for q in (0, 1)], 'lop3.%s.b32 %%x|%%y, %%a, %%b, %%c, %d, %%e;' % (op, table))
    numbered('lop3-predicate', '', 'b32 b32', 'pred', [(r, (int(r[0] & r[1] != 0),)) for r in pairs(ints(32), 20)], 'setp.ne.u32 %p, 0, 1; lop3.and.b32 _|%x, %a, %b, 0, 0xc0, %p;', extra=' .reg .pred %p;')
    for sg, w in itertools.product('us', (16, 8, 4, 2)):
        low = lambda x: clamp(s(x, 32), w, sg == 's') & (1 << w) - 1
        two = [r + (RNG.getrandbits(32),) for r in pairs(ints(32) + [0x7f, 0x80, 0xffffff80, 3, 0xfffffffe], 40)]
        third = ', %c' if w < 16 else ''
        numbered('cvt-pack', '', 'b32 b32 b32', 'b32', [(r, (low(r[0]) << w | low(r[1]) | (r[2] << 2 * w if third else 0),)) for r in two], 'cvt.pack.sat.%s%d.s32%s %%x, %%a, %%b%s;' % (sg, w, '.b32' if third else '', third))


# --- floats
SMALL = {'e4m3': (4, 3), 'e5m2': (5, 2), 'e2m3': (2, 3), 'e3m2': (3, 2), 'e2m1': (2, 1)}


def codes(fmt):
    """The finite numbers of a format, as (value, code), and its codes for NaN."""
    ex, f = SMALL[fmt]
    last = {'e4m3': 0x7e, 'e5m2': 0x7b}.get(fmt, (1 << ex + f) - 1)
    bias = (1 << ex - 1) - 1
    return [(Fraction((c & (1 << f) - 1) + ((1 << f) if c >> f else 0)) * Fraction(2) ** (max(c >> f, 1) - bias - f), c) for c in range(last + 1)]


def small(value, fmt, relu=False):
    """To nearest, ties to the even code, never beyond the largest number."""
    ex, f = SMALL[fmt]
    table = codes(fmt)
    if value == NAN:
        return 0x7f if fmt in ('e4m3', 'e5m2') else table[-1][1]
    sign = sign_of(value)
    if relu and sign:
        return 0
    x = Fraction(0) if is_(value, 0) else table[-1][0] if is_(value, INF) else abs(value)
    keys = [v for v, _ in table]
    i = bisect.bisect_left(keys, x)
    if i >= len(table):
        code = table[-1][1]
    elif i == 0 or keys[i] == x:
        code = table[i][1]
    else:
        low, high = x - keys[i - 1], keys[i] - x
        code = table[i - 1][1] if low < high or (low == high and table[i][1] & 1) else table[i][1]
    return sign << ex + f | code


def wide(code, fmt):
    ex, f = SMALL[fmt]
    sign, code = code >> ex + f & 1, code & (1 << ex + f) - 1
    finite = dict((c, v) for v, c in codes(fmt))
    if code not in finite:
        return (INF, sign) if fmt == 'e5m2' and code == 0x7c else NAN
    return (0, sign) if finite[code] == 0 else -finite[code] if sign else finite[code]


def near(fmt):
    """Floats at, between and beside the numbers of a format."""
    out = floats('f32')
    table = codes(fmt)
    for (v, _), (w, _) in zip(table, table[1:]):
        for x in (v, (v + w) / 2):
            if x:
                out += [encode(x, 'f32'), encode(x, 'f32') + 1, encode(-x, 'f32') - 1]
    return out[:24] + RNG.sample(out[24:], min(len(out) - 24, 90))


def narrow_formats():
    canonical = lambda b: 0x7fff if b == NAN else b
    for fmt in SMALL:
        ex, f = SMALL[fmt]
        space = 4 if fmt == 'e2m1' else 8
        v = near(fmt)
        two = list(zip(v, RNG.sample(v, len(v))))
        for relu in ('', '.relu'):
            f2 = lambda x, y: small(decode(x, 'f32'), fmt, relu) << space | small(decode(y, 'f32'), fmt, relu)
            op = 'cvt.rn.satfinite%s.%sx2.f32' % (relu, fmt)
            rows = [(r, (f2(*r),)) for r in two]
            if fmt == 'e2m1':
                numbered('cvt-narrow', op, 'f32 f32', 'b16', rows, op + ' %t, %a, %b; cvt.u16.u8 %x, %t;', extra=' .reg .b8 %t;')
            else:
                numbered('cvt-narrow', op, 'f32 f32', 'b16', rows, op + ' %x, %a, %b;')
            if ex + f == 7:
                h = floats('f16', 40)
                op = 'cvt.rn.satfinite%s.%sx2.f16x2' % (relu, fmt)
                numbered('cvt-narrow', op, 'f16x2', 'b16', [((x << 16 | y,), (small(decode(x, 'f16'), fmt, relu) << 8 | small(decode(y, 'f16'), fmt, relu),)) for x, y in zip(h, reversed(h))], op + ' %x, %a;')
            op = 'cvt.rn%s.f16x2.%sx2' % (relu, fmt)
            every = list(range(1 << 1 + ex + f))
            rows = []
            for x, y in zip(every, reversed(every)):
                one = lambda c: canonical(encode((0, 0) if relu and wide(c, fmt) != NAN and sign_of(wide(c, fmt)) else wide(c, fmt), 'f16'))
                rows.append(((x << space | y,), (one(x) << 16 | one(y),)))
            body = op + ' %x, %a;'
            if fmt == 'e2m1':
                body = 'cvt.u8.u16 %%t, %%a; %s %%x, %%t;' % op
            numbered('cvt-narrow', op, 'b16', 'f16x2', rows, body, extra=' .reg .b8 %t;')
    def exponent(d, mode, sat):
        if d == NAN:
            return 255
        if is_(d, INF):
            return 254 if sat else 255
        if is_(d, 0):
            return 0
        x = abs(d)
        n = e.floor_log2(x)
        n += 1 if mode == 'rp' and x != Fraction(2) ** n else 0
        return clamp(n + 127, 8, False) if not sat else min(max(n + 127, 0), 254)
    v = floats('f32', 40) + [1, 0x400000, 0x400001, 0x600000, 0x3fffff, 0x7f000000, 0x7f000001, 0x7f7fffff]
    b = floats('bf16', 30) + [0x0040, 0x0041, 0x003f, 0x7f00, 0x7f01, 0x7f7f]
    for mode, sat in itertools.product(('rz', 'rp'), ('', '.satfinite')):
        op = 'cvt.%s%s.ue8m0x2.f32' % (mode, sat)
        numbered('cvt-narrow', op, 'f32 f32', 'b16', [((x, y), (exponent(decode(x, 'f32'), mode, sat) << 8 | exponent(decode(y, 'f32'), mode, sat),)) for x, y in zip(v, reversed(v))], op + ' %x, %a, %b;')
        op = 'cvt.%s%s.ue8m0x2.bf16x2' % (mode, sat)
        numbered('cvt-narrow', op, 'b32', 'b16', [((x << 16 | y,), (exponent(decode(x, 'bf16'), mode, sat) << 8 | exponent(decode(y, 'bf16'), mode, sat),)) for x, y in zip(b, reversed(b))], op + ' %x, %a;')
    power = lambda c: 0x7fff if c == 255 else encode(Fraction(2) ** (c - 127), 'bf16')
    numbered('cvt-narrow', '', 'b16', 'b32', [((c << 8 | 255 - c,), (power(c) << 16 | power(255 - c),)) for c in range(256)], 'cvt.rn.bf16x2.ue8m0x2 %x, %a;')
    stochastic()
    tf32()


def stochastic():
    """Which bit of the random word decides is not tested: with no bit set numbers go towards zero, with all set away,
    and numbers of the format stay."""
    for fmt in ('f16', 'bf16'):
        ex, f = e.FORMATS[fmt]
        half = [encode(Fraction(RNG.randrange(1 << f, 2 << f) * 2 + 1, 2 << f) * RNG.choice((1, -1)) * Fraction(2) ** RNG.randrange(-8, 9), 'f32') for _ in range(24)]
        own = [encode(decode(x, fmt), 'f32') for x in floats(fmt) if decode(x, fmt) != NAN]
        away = lambda x: encode(decode(x, 'f32'), fmt, 'rm' if x >> 31 else 'rp')
        rows = [((x, y, 0), (encode(decode(x, 'f32'), fmt, 'rz') << 16 | encode(decode(y, 'f32'), fmt, 'rz'),)) for x, y in zip(half, reversed(half))]
        rows += [((x, y, 0xffffffff), (away(x) << 16 | away(y),)) for x, y in zip(half, reversed(half))]
        rows += [((x, y, RNG.getrandbits(32)), (encode(decode(x, 'f32'), fmt) << 16 | encode(decode(y, 'f32'), fmt),)) for x, y in zip(own, reversed(own))]
        numbered('cvt-narrow', '', 'f32 f32 b32', 'b32', rows, 'cvt.rs.%sx2.f32 %%x, %%a, %%b, %%c;' % fmt)
    for fmt in SMALL:
        ex, f = SMALL[fmt]
        table = codes(fmt)
        space = 4 if fmt == 'e2m1' else 8
        rows = []
        for _ in range(40):
            at = [RNG.randrange(len(table) - 1) for _ in range(4)]
            signs = [RNG.getrandbits(1) for _ in range(4)]
            for random in (0, 0xffffffff):
                x = [encode((table[i][0] + table[i + 1][0]) / 2 * (-1) ** sg, 'f32') for i, sg in zip(at, signs)]
                c = [table[i + (1 if random else 0)][1] | sg << ex + f for i, sg in zip(at, signs)]
                rows.append((tuple(x) + (random,), (c[0] << 3 * space | c[1] << 2 * space | c[2] << space | c[3],)))
        numbered('cvt-narrow', '', 'f32 f32 f32 f32 b32', 'b32' if space == 8 else 'b16', rows, 'cvt.rs.satfinite.%sx4.f32 %%x, {%%a, %%b, %%c, %%e}, %%f;' % fmt)


def tf32():
    e.FORMATS['tf32'] = (8, 10)
    v = floats('f32', 60) + [0x3f801000, 0x3f803000, 0x3f800fff, 0x7f7fffff, 0xff7fffff, 0x7f7ff000, 0x7f7fefff, 0x00001000, 0x00000fff]
    for mode in ('rna', 'rn', 'rz'):
        for relu in ('', '.relu') if mode != 'rna' else ('',):
            for sat in ('', '.satfinite'):
                def f(x):
                    d = decode(x, 'f32')
                    if d == NAN:
                        return 0x7fffffff
                    if relu and sign_of(d):
                        return 0
                    b = encode(d, 'tf32', mode) << 13
                    return b - 0x2000 if sat and b & 0x7fffffff == 0x7f800000 else b
                numbered('cvt-narrow', '', 'f32', 'b32', [((x,), (f(x),)) for x in v], 'cvt.%s%s%s.tf32.f32 %%x, %%a;' % (mode, relu, sat))


def directed_halves():
    """To f16 and bf16 in every rounding, and .satfinite."""
    for t in ('f16', 'bf16'):
        for mode in ('rn', 'rz', 'rm', 'rp'):
            for w in (8, 16, 32, 64):
                for sg in 'us':
                    if mode == 'rn' and w > 8:
                        continue
                    val = lambda x: s(x, w) if sg == 's' else x & (1 << w) - 1
                    n = ints(w, 24) + ([0x8000000000000001, (1 << 40) + 1, (1 << 24) + 1, 65519, 65520, 65521, 65535] if w == 64 else [65504, 65505, 65519, 65520, 0xffff0001] if w == 32 else [])
                    rows = [((x,), (encode(Fraction(val(x)) if val(x) else (0, 0), t, mode),)) for x in n]
                    op = 'cvt.%s.%s.%s%d' % (mode, t, sg, w)
                    body = op + ' %x, %a;'
                    if w == 8:
                        body = 'cvt.u8.u16 %%t, %%a; %s %%x, %%t;' % op
                    numbered('cvt-half', op, 'b%d' % max(w, 16), t, rows, body, extra=' .reg .b8 %t;')
            for a in ('f16', 'bf16', 'f32', 'f64'):
                if a == t or (mode == 'rn' and a not in ('f16', 'bf16')) or (mode == 'rz' and a == 'f32'):
                    continue
                v = floats(a, 40)
                for _ in range(16):
                    d = Fraction(RNG.randrange(1 << e.FORMATS[t][1], 2 << e.FORMATS[t][1]) * 2 + 1, 2 << e.FORMATS[t][1])
                    v += [encode(d, a), encode(-d, a)]
                op = 'cvt.%s.%s.%s' % (mode, t, a)
                numbered('cvt-half', op, a, t, [((x,), (encode(decode(x, a), t, mode),)) for x in v], op + ' %x, %a;')
        for relu in ('', '.relu'):
            def f(x):
                d = decode(x, 'f32')
                d = (0, 0) if relu and d != NAN and sign_of(d) else d
                b = encode(d, t)
                inf = encode((INF, 0), t)
                return b if b == NAN else b - 1 if b & 0x7fff == inf else b
            v = floats('f32', 40) + [0x477fefff, 0x477ff000, 0xc77ff000, 0x7f7f8000, 0x7f7f7fff]
            op = 'cvt.rn%s.satfinite.%s.f32' % (relu, t)
            numbered('cvt-half', op, 'f32', t, [((x,), (f(x),)) for x in v], op + ' %x, %a;')
            op = 'cvt.rn%s.satfinite.%sx2.f32' % (relu, t)
            g = lambda x: 0x7fff if f(x) == NAN else f(x)
            numbered('cvt-half', op, 'f32 f32', t + 'x2', [((x, y), (g(x) << 16 | g(y),)) for x, y in zip(v, reversed(v))], op + ' %x, %a, %b;')
    b = floats('bf16') + [encode(Fraction(x), 'bf16') for x in (Fraction(5, 2), Fraction(7, 2), Fraction(-5, 2), Fraction(1, 2), Fraction(-1, 2), Fraction(3, 4))]
    for mode in ('rni', 'rzi', 'rmi', 'rpi'):
        def keep(x):
            d = decode(x, 'bf16')
            if not isinstance(d, Fraction):
                return encode(d, 'bf16')
            fl = d.numerator // d.denominator
            rest = d - fl
            y = {'rmi': fl, 'rpi': fl + (rest > 0), 'rzi': fl + (rest > 0 and d < 0), 'rni': fl + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and fl & 1))}[mode]
            return encode(Fraction(y) if y else (0, int(d < 0)), 'bf16')
        numbered('cvt-half', '', 'bf16', 'bf16', [((x,), (keep(x),)) for x in b], 'cvt.%s.bf16.bf16 %%x, %%a;' % mode)


def more_floats():
    v = floats('f32')
    dec = {x: decode(x, 'f32') for x in v}
    # Pairs of floats in 64 bits: NaN's bits are open, so rows have none.
    good = [x for x in v if dec[x] != NAN]
    for mode in ('rn', 'rz', 'rm', 'rp'):
        for ftz in ('', '.ftz'):
            z = lambda x: decode(flush(x, 'f32'), 'f32') if ftz else decode(x, 'f32')
            fin = lambda d: (lambda b: b if b == NAN else flush(b, 'f32') if ftz else b)(encode(d, 'f32', mode))
            for op, f, n in (('add', lambda x, y, w: add(x, y, mode), 2), ('sub', lambda x, y, w: add(x, neg(y), mode), 2), ('mul', lambda x, y, w: mul(x, y), 2), ('fma', lambda x, y, w: add(mul(x, y), w, mode), 3)):
                rows = []
                while len(rows) < 40:
                    lo, hi = [RNG.choice(good) for _ in range(3)], [RNG.choice(good) for _ in range(3)]
                    r = [fin(f(*[z(x) for x in q])) for q in (lo, hi)]
                    if NAN not in r:
                        rows.append((tuple(h << 32 | l for l, h in zip(lo, hi))[:n], (r[1] << 32 | r[0],)))
                words = '%s.%s%s.f32x2' % (op, mode, ftz)
                numbered(op + '-pair', words, ' '.join(['b64'] * n), 'b64', rows, '%s %%x, %s;' % (words, ', '.join('%' + c for c in 'abc'[:n])))
    sat = lambda d: (0, 0) if d == NAN or sign_of(d) or is_(d, 0) else Fraction(1) if compare(d, Fraction(1)) == 1 else d
    for t in ('f16', 'bf16'):
        h = floats(t)
        for mode, st in itertools.product(('rn', 'rz', 'rm', 'rp'), ('', '.sat')):
            fin = lambda d: encode(sat(d) if st else d, 'f32', mode)
            two = [(RNG.choice(h), RNG.choice(v)) for _ in range(50)]
            for op, f in (('add', lambda x, y: add(x, y, mode)), ('sub', lambda x, y: add(x, neg(y), mode))):
                words = '%s.%s%s.f32.%s' % (op, mode, st, t)
                numbered(op + '-mixed', words, t + ' f32', 'f32', [(r, (fin(f(decode(r[0], t), decode(r[1], 'f32'))),)) for r in two], words + ' %x, %a, %b;')
            three = [(RNG.choice(h), RNG.choice(h), RNG.choice(v)) for _ in range(50)]
            words = 'fma.%s%s.f32.%s' % (mode, st, t)
            numbered('fma-mixed', words, '%s %s f32' % (t, t), 'f32', [(r, (fin(add(mul(decode(r[0], t), decode(r[1], t)), decode(r[2], 'f32'), mode)),)) for r in three], words + ' %x, %a, %b, %c;')
        mark = 0x7ff7
        three = triples(h, 40) + [(mark, x, y) for x, y in pairs(h, 10)] + [(x, mark, y) for x, y in pairs(h, 10)] + [(0x7fff, mark, 0), (0x7ffe, 0x7fff, 0)]
        for relu in ('', '.relu'):
            def f(r):
                if mark in r[:2]:
                    return 0
                d = add(mul(decode(r[0], t), decode(r[1], t)), decode(r[2], t))
                return encode((0, 0) if relu and d != NAN and sign_of(d) else d, t)
            numbered('fma-outside', '', ' '.join([t] * 3), t, [(r, (f(r),)) for r in three], 'fma.rn.oob%s.%s %%x, %%a, %%b, %%c;' % (relu, t))
    def best(op, nan, *xs):
        if nan and NAN in xs:
            return NAN
        xs = [x for x in xs if x != NAN]
        if not xs:
            return NAN
        out = xs[0]
        for x in xs[1:]:
            c = compare(x, out) or (sign_of(out) - sign_of(x))
            out = x if (c < 0) == (op == 'min') and c else out
        return out
    for op in ('min', 'max'):
        for ftz, nan, ab in itertools.product(('', '.ftz'), ('', '.NaN'), ('', '.abs')):
            z = lambda x: decode(flush(x, 'f32') if ftz else x, 'f32')
            g = lambda d: mag(d) if ab else d
            words = '%s%s%s%s.f32' % (op, ftz, nan, ab)
            numbered(op + '-three', words, 'f32 f32 f32', 'f32', [(r, (encode(best(op, nan, *[g(z(x)) for x in r]), 'f32'),)) for r in triples(v, 60)], words + ' %x, %a, %b, %c;')
    coarse()
    halves()
    pairs_compared()


def coarse():
    """rcp and rsqrt .approx.ftz.f64: 20 bits of fraction; the lower word is zero."""
    d = [(1023 + RNG.randrange(-300, 300)) << 52 | RNG.getrandbits(52) for _ in range(40)]
    up = lambda x: x & ~0xffffffff
    inf, ninf, nan = 0x7ff << 52, 0xfff << 52, 0x7ff8 << 48
    def number(y):
        sign, man, exp, _ = y._mpf_
        return Fraction(int(man)) * Fraction(2) ** exp * (-1) ** sign
    rows = [((x,), (encode(1 / decode(up(x), 'f64'), 'f64') >> 32, 0)) for x in d] + [((x,), (y >> 32, 0)) for x, y in ((0, inf), (1 << 63, ninf), (inf, 0), (ninf, 1 << 63), (1, inf), (1 << 63 | 5, ninf))]
    split = ' mov.b64 {%y, %x}, %t;'
    numbered('rcp-coarse', '', 'b64', 'b32 b32', rows, 'rcp.approx.ftz.f64 %t, %a;' + split, extra=' .reg .f64 %t;', tolerance=2)
    numbered('rcp-coarse', '', 'b64', 'f64', [((nan,), (NAN,)), ((nan | 7,), (NAN,))], 'mov.b64 %t, %a; rcp.approx.ftz.f64 %x, %t;', extra=' .reg .f64 %t;')
    rows = [((x,), (encode(number(1 / mpmath.sqrt(mpmath.mpf(up(x) and decode(up(x), 'f64').numerator) / decode(up(x), 'f64').denominator)), 'f64') >> 32, 0)) for x in d] + [((x,), (y >> 32, 0)) for x, y in ((0, inf), (1 << 63, ninf), (inf, 0), (1, inf))]
    numbered('rsqrt-coarse', '', 'b64', 'b32 b32', rows, 'rsqrt.approx.ftz.f64 %t, %a;' + split, extra=' .reg .f64 %t;', tolerance=4)


def halves():
    """ex2 and tanh of halves; their bounds are the ISA's."""
    def number(x):
        return mpmath.mpf(x.numerator) / x.denominator
    def rational(y):
        sign, man, exp, _ = y._mpf_
        return Fraction(int(man)) * Fraction(2) ** exp * (-1) ** sign
    for t, ftz in (('f16', ''), ('bf16', '.ftz')):
        ex, f = e.FORMATS[t]
        bias = (1 << ex - 1) - 1
        v = [(bias + RNG.randrange(-4, 3)) << f | RNG.getrandbits(f) | RNG.getrandbits(1) << ex + f for _ in range(40)]
        inf = ((1 << ex) - 1) << f
        rows = [((x,), (encode(rational(mpmath.power(2, number(decode(x, t)))), t),)) for x in v] + [((0,), (bias << f,)), ((inf,), (inf,)), ((inf | 1 << ex + f,), (0,)), ((0x7fff,), (NAN,))]
        numbered('ex2-half', '', t, t, rows, 'ex2.approx%s.%s %%x, %%a;' % (ftz, t), tolerance=2)
        two = list(zip(v, reversed(v)))
        half = dict((r[0][0], r[1][0]) for r in rows)
        numbered('ex2-half', '', t + 'x2', t + 'x2', [((x << 16 | y,), (half[x] << 16 | half[y],)) for x, y in two], 'ex2.approx%s.%sx2 %%x, %%a;' % (ftz, t), tolerance=2)
        rows = [((x,), (encode(rational(mpmath.tanh(number(decode(x, t)))), t),)) for x in v] + [((0,), (0,)), ((inf,), (bias << f,)), ((0x7fff,), (NAN,))]
        numbered('tanh-half', '', t, t, rows, 'tanh.approx.%s %%x, %%a;' % t, tolerance=2)


def pairs_compared():
    order = {'eq': lambda c: c == 0, 'ne': lambda c: c in (-1, 1), 'lt': lambda c: c == -1, 'le': lambda c: c in (-1, 0), 'gt': lambda c: c == 1, 'ge': lambda c: c in (0, 1)}
    table = dict(order)
    table.update({op + 'u': (lambda f: lambda c: c is None or f(c))(f) for op, f in order.items()})
    table['num'], table['nan'] = lambda c: c is not None, lambda c: c is None
    for t, one in (('f16', 0x3c00), ('bf16', 0x3f80)):
        v = floats(t)
        quads = [tuple(RNG.choice(v) for _ in range(4)) for _ in range(40)]
        for op, f in table.items():
            for ftz in ('', '.ftz') if t == 'f16' else ('',):
                z = lambda x: decode(flush(x, t) if ftz else x, t)
                got = lambda q: (int(f(compare(z(q[0]), z(q[2])))), int(f(compare(z(q[1]), z(q[3])))))
                ins = lambda q: (q[1] << 16 | q[0], q[3] << 16 | q[2])
                words = 'setp.%s%s.%sx2' % (op, ftz, t)
                numbered('setp-pair', words, 'b32 b32', 'pred pred', [(ins(q), got(q)) for q in quads], words + ' %x|%y, %a, %b;')
                words = 'set.%s%s.%sx2.%sx2' % (op, ftz, t, t)
                numbered('set-pair', words, 'b32 b32', 'b32', [(ins(q), (got(q)[1] * one << 16 | got(q)[0] * one,)) for q in quads], words + ' %x, %a, %b;')
        got = lambda q: (int(compare(decode(q[0], t), decode(q[2], t)) == -1), int(compare(decode(q[1], t), decode(q[3], t)) == -1))
        for op, g in (('and', lambda p, q: p & q), ('or', lambda p, q: p | q), ('xor', lambda p, q: p ^ q)):
            numbered('setp-pair', '', 'b32 b32 pred', 'pred pred', [((q[1] << 16 | q[0], q[3] << 16 | q[2], p), tuple(g(x, p) for x in got(q))) for q in quads[:20] for p in (0, 1)], 'setp.lt.%s.%sx2 %%x|%%y, %%a, %%b, %%c;' % (op, t))
        numbered('set-pair', '', 'b32 b32', 'b32', [((q[1] << 16 | q[0], q[3] << 16 | q[2]), (got(q)[1] * 0xffff << 16 | got(q)[0] * 0xffff,)) for q in quads], 'set.lt.u32.%sx2 %%x, %%a, %%b;' % t)


def thin():
    """Machine code takes its time: of forms that differ by a modifier, a sample (variants.txt has them all)."""
    for file, entries in e.FILES.items():
        video = file[0] == 'v' and not file.startswith('vote')
        most = {'vmad': 10, 'cvt-half': 20, 'atom-order': 6}.get(file, 6 if video or file.endswith(('-pair', '-mixed', '-three')) else 99)
        if len(entries) > most:
            e.FILES[file] = [entries[i] for i in sorted(RNG.sample(range(len(entries)), most))]


if __name__ == '__main__':
    import expected_memory
    for part_ in (scalar_video, simd_video, rare_integers, narrow_formats, directed_halves, more_floats, expected_memory.everything, thin, e.write):
        part_()
