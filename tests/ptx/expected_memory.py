"""The part of expected_scalar.py that touches memory, special registers, the lanes of a warp, and calls."""
import functools, itertools
from fractions import Fraction
import expected as e
from expected import NAN, add, compare, decode, encode, entry, floats, ints, pairs, s, sign_of, triples

RNG = e.RNG
BOX = ' .reg .b64 %%p, %%q; .shared .align 32 .b8 box[%d];'
OWN = 'mul.wide.u32 %%p, %%i, %d; mov.u64 %%q, box; add.u64 %%q, %%q, %%p; '


def numbered(file, ins, outs, rows, body, **more):
    n = sum(1 for _ in e.FILES.get(file, []))
    entry(file, '%s_%d' % (file.replace('-', '_'), n), body, ins, outs, rows, **more)


def wide():
    """b128: two words travel together."""
    quads = [tuple(RNG.getrandbits(64) for _ in range(4)) for _ in range(16)]
    two = 'b64 b64'
    numbered('mov-wide', two, two, [(q[:2], q[:2]) for q in quads], 'mov.b128 %t, {%a, %b}; mov.b128 %u, %t; mov.b128 {%x, %y}, %u;', extra=' .reg .b128 %t, %u;')
    numbered('mov-wide', two, 'b64', [(q[:2], (q[1],)) for q in quads], 'mov.b128 %t, {%a, %b}; mov.b128 {_, %x}, %t;', extra=' .reg .b128 %t;')
    numbered('st-wide', two, two, [(q[:2], q[:2]) for q in quads], OWN % 16 + 'mov.b128 %t, {%a, %b}; st.shared.b128 [%q], %t; ld.shared.v2.b64 {%x, %y}, [%q];', extra=BOX % 256 + ' .reg .b128 %t;')
    numbered('ld-wide', two, two, [(q[:2], q[:2]) for q in quads], OWN % 16 + 'st.shared.v2.b64 [%q], {%a, %b}; ld.shared.b128 %t, [%q]; mov.b128 {%x, %y}, %t;', extra=BOX % 256 + ' .reg .b128 %t;')
    four = ' '.join(['b64'] * 4)
    numbered('atom-wide', four, four, [(q, q[:2] + q[2:]) for q in quads], OWN % 16 + 'st.shared.v2.b64 [%q], {%a, %b}; mov.b128 %t, {%c, %e}; atom.shared.exch.b128 %u, [%q], %t; mov.b128 {%x, %y}, %u; ld.shared.v2.b64 {%z, %w}, [%q];',
             extra=BOX % 256 + ' .reg .b128 %t, %u;')
    rows = []
    for k, q in enumerate(quads):
        cmp = q[:2] if k % 2 else (q[0], q[1] ^ 1)
        rows.append((q[:2] + cmp + q[2:], q[:2] + (q[2:] if k % 2 else q[:2])))
    numbered('atom-wide', ' '.join(['b64'] * 6), four, rows, OWN % 16 + 'st.shared.v2.b64 [%q], {%a, %b}; mov.b128 %t, {%c, %e}; mov.b128 %v, {%f, %g}; cvta.shared.u64 %s, %q; atom.cas.b128 %u, [%s], %t, %v; mov.b128 {%x, %y}, %u; ld.shared.v2.b64 {%z, %w}, [%q];',
             extra=BOX % 256 + ' .reg .b128 %t, %u, %v; .reg .b64 %s;')
    # 256 bits; `_` keeps a place of memory, and takes no register.
    eight = [tuple(RNG.getrandbits(32) for _ in range(8)) for _ in range(8)]
    body = 'mov.b64 {%r0, %r1}, %a; mov.b64 {%r2, %r3}, %b; mov.b64 {%r4, %r5}, %c; mov.b64 {%r6, %r7}, %e; '
    regs = ' .reg .b32 %r<8>, %s<8>; .reg .b64 %p, %q; .shared .align 32 .b8 box[256];'
    pack = lambda v: tuple(v[i + 1] << 32 | v[i] for i in (0, 2, 4, 6))
    numbered('st-wide', four, four, [(pack(v), pack(v)) for v in eight], OWN % 32 + body + 'st.shared.v8.b32 [%q], {%r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7}; ld.shared.v4.b64 {%x, %y, %z, %w}, [%q];', extra=regs)
    kept = lambda v: tuple(x if i in (0, 2, 7) else 0 for i, x in enumerate(v))
    numbered('st-wide', four, four, [(pack(v), pack(kept(v))) for v in eight], OWN % 32 + body + 'st.shared.v4.b64 [%q], {0, 0, 0, 0}; st.shared.v8.b32 [%q], {%r0, _, %r2, _, _, _, _, %r7}; ld.shared.v4.b64 {%x, %y, %z, %w}, [%q];', extra=regs)
    numbered('ld-wide', four, four, [(pack(v), pack(v)) for v in eight], OWN % 32 + 'st.shared.v4.b64 [%q], {%a, %b, %c, %e}; ld.shared.v8.b32 {%s0, %s1, %s2, %s3, %s4, %s5, %s6, %s7}, [%q]; mov.b64 %x, {%s0, %s1}; mov.b64 %y, {%s2, %s3}; mov.b64 %z, {%s4, %s5}; mov.b64 %w, {%s6, %s7};', extra=regs)
    for form in ('ldu.global', 'ld.global.nc.L1::no_allocate.L2::128B', 'ld.relaxed.gpu.global', 'ld.acquire.sys', 'ld.volatile.global', 'ld.mmio.relaxed.sys.global', 'ld.weak.global.cv', 'ld.global.ca'):
        numbered('ldu' if form[:3] == 'ldu' else 'ld-wide', two, two, [(q[:2], q[:2]) for q in quads], '%s.b64 %%x, [%%from]; %s.b64 %%y, [%%from+8];' % (form, form))
    for form in ('st.relaxed.gpu.global', 'st.release.sys', 'st.volatile.global', 'st.mmio.relaxed.sys.global', 'st.global.cs', 'st.global.L1::no_allocate'):
        numbered('st-wide', 'b64', 'b64', [((q[0],), (q[0],)) for q in quads], '%s.b64 [%%to], %%a; ld.global.b64 %%x, [%%to];' % form)


def atomics():
    """Vectors of floats, and halves: each thread alone with its own words."""
    best = lambda op: lambda x, y: y if x == NAN else x if y == NAN else (x if ((compare(x, y) or sign_of(y) - sign_of(x)) < 0) == (op == 'min') else y)
    canonical = lambda b: 0x7fff if b == NAN else b
    for t in ('f16', 'bf16'):
        v = [x for x in floats(t) if decode(x, t) != NAN]
        for op, f in (('add', add), ('min', best('min')), ('max', best('max'))):
            one = lambda a, b: encode(f(decode(a, t), decode(b, t)), t)
            rows = [r for r in pairs(v, 60) if one(*r) != NAN]
            numbered('atom-half', t + ' ' + t, t + ' ' + t, [((a, b), (a, one(a, b))) for a, b in rows], OWN % 8 + 'st.shared.b16 [%%q], %%a; atom.shared.%s.noftz.%s %%x, [%%q], %%b; ld.shared.b16 %%y, [%%q];' % (op, t), extra=BOX % 512)
            numbered('red-half', t + ' ' + t, t, [((a, b), (one(a, b),)) for a, b in rows], OWN % 8 + 'st.shared.b16 [%%q], %%a; red.shared.%s.noftz.%s [%%q], %%b; ld.shared.b16 %%x, [%%q];' % (op, t), extra=BOX % 512)
            two = list(zip(rows, reversed(rows)))
            word = lambda lo, hi: hi << 16 | lo
            numbered('atom-half', 'b32 b32', 'b32 b32', [((word(p[0], q[0]), word(p[1], q[1])), (word(p[0], q[0]), word(one(*p), one(*q)))) for p, q in two],
                     OWN % 8 + 'st.shared.b32 [%%q], %%a; atom.shared.%s.noftz.%sx2 %%x, [%%q], %%b; ld.shared.b32 %%y, [%%q];' % (op, t), extra=BOX % 512)
            four = [sum((tuple(x) for x in zip(*(RNG.choice(rows) for _ in range(4)))), ()) for _ in range(20)]
            cat = lambda w: sum(x << 16 * i for i, x in enumerate(w))
            for kind in ('atom', 'red'):
                body = 'mov.b64 {%%h0, %%h1, %%h2, %%h3}, %%b; st.global.b64 [%%to], %%a; %s.global.%s.noftz.v4.%s %s[%%to], {%%h0, %%h1, %%h2, %%h3}; %s ld.global.b64 %%y, [%%to];' % (
                    kind, op, t, '{%g0, %g1, %g2, %g3}, ' if kind == 'atom' else '', 'mov.b64 %x, {%g0, %g1, %g2, %g3};' if kind == 'atom' else 'mov.b64 %x, %a;')
                numbered(kind + '-half', 'b64 b64', 'b64 b64', [((cat(w[:4]), cat(w[4:])), (cat(w[:4]), cat([one(a, b) for a, b in zip(w[:4], w[4:])]))) for w in four], body, extra=' .reg .b16 %h<4>, %g<4>;')
    v = [x for x in floats('f32') if decode(x, 'f32') != NAN]
    one = lambda a, b: encode(add(decode(a, 'f32'), decode(b, 'f32')), 'f32')
    rows = [r for r in pairs(v, 60) if one(*r) != NAN]
    two = list(zip(rows, reversed(rows)))
    for kind in ('atom', 'red'):
        old = '{%x0, %x1}, ' if kind == 'atom' else ''
        numbered(kind + '-vector', 'b64 f32 f32', 'b64 b64', [((q[0] << 32 | p[0], p[1], q[1]), (q[0] << 32 | p[0], one(*q) << 32 | one(*p))) for p, q in two],
                 'st.global.b64 [%%to+8], %%a; %s.global.add.v2.f32 %s[%%to+8], {%%b, %%c}; %s ld.global.b64 %%y, [%%to+8];' % (kind, old, 'mov.b64 %x, {%x0, %x1};' if old else 'mov.b64 %x, %a;'), extra=' .reg .f32 %x0, %x1;')
    # cas of 16 bits, and the orders and scopes, which change nothing of the values.
    rows = [((a, b, c), (a, c if a == b else a)) for a, b, c in triples(ints(16)[:4], 40)]
    numbered('atom-wide', 'b16 b16 b16', 'b16 b16', rows, OWN % 8 + 'st.shared.b16 [%q], %a; atom.shared.cas.b16 %x, [%q], %b, %c; ld.shared.b16 %y, [%q];', extra=BOX % 512)
    for order, scope in itertools.product(('', '.relaxed', '.acquire', '.release', '.acq_rel'), ('', '.cta', '.gpu', '.sys')):
        numbered('atom-order', 'b32 b32', 'b32 b32', [((a, b), (a, a + b)) for a, b in pairs(ints(32), 8)], 'st.global.b32 [%%to+8], %%a; atom%s%s.global.add.u32 %%x, [%%to+8], %%b; ld.global.b32 %%y, [%%to+8];' % (order, scope))


def lanes():
    words = [RNG.getrandbits(32) for _ in range(32)]
    mask = 0xf0f0ff01
    rows = [((mask if mask >> i & 1 else 0,), (0 if mask >> i & 1 else 77, int(i == 0))) for i in range(32)]
    numbered('elect', 'b32', 'b32 pred', rows, 'mov.u32 %x, 77; setp.ne.u32 %y, 0, 0; setp.ne.u32 %p, %a, 0; @%p elect.sync %x|%y, %a;', warp=True, extra=' .reg .pred %p;')
    numbered('elect', 'b32', 'b32 pred', [((i,), (0, int(i == 0))) for i in range(32)], 'elect.sync %x|%y, -1;', warp=True)
    # Before sm_70: the lanes that run take part.
    bit = [w & 1 for w in words]
    ballot = sum(b << i for i, b in enumerate(bit))
    numbered('vote-old', 'pred', 'b32', [((b,), (ballot,)) for b in bit], 'vote.ballot.b32 %x, %a;', warp=True)
    for mode, r in (('any', 1), ('all', 0), ('uni', 0)):
        numbered('vote-old', 'pred', 'pred', [((b,), (r,)) for b in bit], 'vote.%s.pred %%x, %%a;' % mode, warp=True)
    some = sum(1 << i for i in range(32) if bit[i] and i % 3 == 0)
    numbered('vote-old', 'pred b32', 'b32', [((b, int(i % 3 == 0)), (some if i % 3 == 0 else 5,)) for i, b in enumerate(bit)], 'mov.u32 %x, 5; setp.ne.u32 %p, %b, 0; @%p vote.ballot.b32 %x, %a;', warp=True, extra=' .reg .pred %p;')
    for mode, c, at in (('up', 0, lambda i: i - 3 if i >= 3 else i), ('down', 31, lambda i: i + 3 if i < 29 else i), ('bfly', 31, lambda i: i ^ 3), ('idx', 31, lambda i: 3)):
        numbered('shfl-old', 'b32', 'b32 pred', [((w,), (words[at(i)], int(not (mode == 'up' and i < 3 or mode == 'down' and i > 28)))) for i, w in enumerate(words)], 'shfl.%s.b32 %%x|%%y, %%a, 3, %d;' % (mode, c), warp=True)
        numbered('shfl-old', 'b32', 'b32', [((w,), (words[at(i)],)) for i, w in enumerate(words)], 'shfl.%s.b32 %%x, %%a, 3, %d;' % (mode, c), warp=True)
    reals = [x for x in floats('f32', 32) if decode(x, 'f32') != NAN]
    reals = (reals * 3)[:32]
    key = lambda d: (Fraction(10) ** 60 * (1 - 2 * d[1]) if d[0] == 'inf' else Fraction(0), -d[1]) if isinstance(d, tuple) else (d, 0)
    for op, pick in (('min', min), ('max', max)):
        for ab, nan in itertools.product(('', '.abs'), ('', '.NaN')):
            for holes in (0, 1):
                v = [0x7fc00000 if holes and i % 5 == 0 else x for i, x in enumerate(reals)]
                g = lambda x: x & 0x7fffffff if ab else x
                numbers = [encode(decode(g(x), 'f32'), 'f32') for x in v if decode(x, 'f32') != NAN]
                r = NAN if nan and holes else pick(numbers, key=lambda x: key(decode(x, 'f32')))
                numbered('redux-float', 'f32', 'f32', [((x,), (r,)) for x in v], 'redux.sync.%s%s%s.f32 %%x, %%a, -1;' % (op, ab, nan), warp=True)
    numbered('redux-float', 'f32', 'f32', [((0x7fc00000,), (NAN,)) for _ in range(32)], 'redux.sync.min.f32 %x, %a, -1;', warp=True)


def registers():
    rows = [((i,), (i, 0)) for i in range(32)]
    numbered('mov-special', 'b32', 'b32 b32', [((i,), (i, 1 << i)) for i in range(32)], 'mov.u32 %x, %laneid; mov.u32 %y, %lanemask_eq;', warp=True)
    numbered('mov-special', 'b32', 'b32 b32 b32 b32', [((i,), (i, 32, 0, 0)) for i in range(32)], 'mov.v4.u32 {%x, %z, %w, %t}, %tid; mov.v4.u32 {%y, %t, _, _}, %ntid; ', warp=True, extra=' .reg .b32 %t;')
    numbered('mov-special', 'b32', 'b32 b32 b32 b32', [((i,), (0, 1, 0, 0)) for i in range(32)], 'mov.u32 %x, %warpid; mov.u32 %y, %nwarpid; mov.u32 %z, %pm3; mov.u32 %w, %envreg7;', warp=True)
    numbered('mov-special', 'b32', 'b32 b32 b32 b32', [((i,), (0, 1, 32, 32)) for i in range(32)], 'mov.u32 %x, %ctaid.y; mov.u32 %y, %nctaid.z; mov.u32 %z, WARP_SZ; mov.u16 %h, %ntid.x; cvt.u32.u16 %w, %h;', warp=True, extra=' .reg .b16 %h;')
    numbered('mov-special', 'b32', 'pred pred', [((i,), (1, 1)) for i in range(32)], 'mov.u64 %p, %clock64; mov.u64 %q, %clock64; setp.ge.u64 %x, %q, %p; mov.u64 %p, %globaltimer; setp.ne.u64 %y, %p, 0;', warp=True, extra=' .reg .b64 %p, %q;')
    numbered('mov-special', 'b32', 'pred pred', [((i,), (1, 1)) for i in range(32)], 'mov.u32 %p, %smid; mov.u32 %q, %nsmid; setp.lt.u32 %x, %p, %q; mov.u32 %p, %total_smem_size; setp.ge.u32 %y, %p, 64;', warp=True, extra=' .reg .b32 %p, %q; .shared .b8 box[64]; st.shared.b8 [box], 0;')
    # Constant expressions; the values are C's.
    forms = [('3 + 4 * 2', 11), ('(1 << 4) | 3', 19), ('~5', ~5), ('-(7)', -7), ('5 > 3 ? 1 : 2', 1), ('0 ? 1 : 2', 2), ('100 / 7', 14), ('100 - 10 - 1', 89), ('1 + 2 == 3 && 4 != 5', 1), ('!0 + !7', 1),
             ('0x10U', 16), ('0b101', 5), ('017', 15), ('-16 >> 2', -4), ('(.u64) 9 & 3 ^ 2', 3), ('7 <= 7', 1), ('2 - -3', 5), ('-8 / 3', -2)]
    for k in range(0, len(forms), 4):
        some = forms[k:k + 4]
        body = ' '.join('mov.u32 %%%s, %s;' % (c, text) for c, (text, _) in zip('xyzw', some))
        numbered('mov-constant', 'b32', ' '.join(['b32'] * len(some)), [((i,), tuple(v for _, v in some)) for i in range(2)], body)
    numbered('mov-constant', 'b32', 'f32 f64', [((0,), (0x3fc00000, 0xbfd0000000000000))], 'mov.f32 %x, 1.5; mov.f64 %y, -0.25;')
    numbered('mov-constant', 'b32', 'f32 f64', [((0,), (0x3fc00000, 0x3ff8000000000000))], 'mov.f32 %x, 0d3FF8000000000000; mov.f64 %y, 0f3FC00000;')
    # Vectors as registers.
    numbered('mov-vector', 'b32 b32', 'b32 b32', [((a, b), (b, a)) for a, b in pairs(ints(32), 10)], 'mov.b32 %v.x, %a; mov.b32 %v.y, %b; mov.v2.b32 %w2, %v; mov.b32 %x, %w2.g; mov.b32 %y, %w2.r;', extra=' .reg .v2 .b32 %v, %w2;')
    numbered('mov-vector', 'b32 b32', 'b64', [((a, b), (b << 32 | a,)) for a, b in pairs(ints(32), 10)], 'mov.b32 %v.x, %a; mov.b32 %v.y, %b; mov.b64 %x, %v;', extra=' .reg .v2 .b32 %v;')
    numbered('mov-vector', 'b32 b32 b32 b32', 'b32 b32', [(q, (q[0] + q[3], q[1] ^ q[2])) for q in [tuple(RNG.getrandbits(32) for _ in range(4)) for _ in range(8)]],
             OWN % 16 + 'st.shared.v4.b32 [%q], {%a, %b, %c, %e}; ld.shared.v4.b32 %v, [%q]; add.u32 %x, %v.x, %v.w; xor.b32 %y, %v.y, %v.z;', extra=BOX % 256 + ' .reg .v4 .b32 %v;')


def spaces():
    extra = ' .reg .b64 %%g; .shared .align 8 .b8 box[64]; .local .align 8 .b8 own[64];'.replace('%%', '%')
    for space, name in (('shared', 'box'), ('local', 'own')):
        for ask in ('shared', 'local', 'const', 'global'):
            numbered('isspacep', 'b32', 'pred', [((i,), (int(ask == space),)) for i in range(4)], 'mov.u64 %%g, %s; cvta.%s.u64 %%g, %%g; isspacep.%s %%x, %%g;' % (name, space, ask), extra=extra)
    for ask in ('shared', 'local', 'const', 'global'):
        numbered('isspacep', 'b32', 'pred', [((i,), (int(ask == 'global'),)) for i in range(4)], 'isspacep.%s %%x, %%from;' % ask, extra=extra)
    for ask, r in (('param', 1), ('global', 1), ('shared', 0)):
        numbered('isspacep', 'b32', 'pred', [((i,), (r,)) for i in range(4)], 'cvta.param.u64 %%g, in; isspacep.%s %%x, %%g;' % ask, extra=extra)
    # A stack that grows: what was allocated before stays.
    rows = [((n, x), (x, x + n)) for n, x in pairs(list(range(1, 40)), 40)]
    numbered('alloca', 'b32 b32', 'b32 b32', rows, 'cvt.u64.u32 %p, %a; shl.b64 %p, %p, 2; alloca.u64 %g, %p; st.local.u32 [%g], %b; alloca.u64 %q, 64; add.u32 %t, %a, %b; st.local.u32 [%q+60], %t; ld.local.u32 %x, [%g]; ld.local.u32 %y, [%q+60];',
             extra=' .reg .b64 %p, %q, %g; .reg .b32 %t;')
    body = 'mov.u32 %n, 3000; mov.u32 %x, 0; L: stacksave.u64 %p; alloca.u64 %g, 64; st.local.u32 [%g+4], %a; ld.local.u32 %t, [%g+4]; add.u32 %x, %x, %t; stackrestore.u64 %p; sub.u32 %n, %n, 1; setp.ne.u32 %z, %n, 0; @%z bra L;'
    for file in ('stacksave', 'stackrestore'):
        numbered(file, 'b32', 'b32', [((i,), (3000 * i,)) for i in range(8)], body, extra=' .reg .b64 %p, %g; .reg .b32 %t, %n; .reg .pred %z;')
    numbered('createpolicy', 'b32', 'b32', [((x,), (x,)) for x in ints(32, 4)], 'createpolicy.fractional.L2::evict_first.b64 %p, 1.0; ld.global.L2::cache_hint.b32 %x, [%from], %p;', extra=' .reg .b64 %p;')
    for op in ('prefetch.global.L2', 'prefetch.L1', 'prefetchu.L1', 'discard.global.L2', 'applypriority.global.L2::evict_normal'):
        tail = ', 128' if op[0] in 'da' else ''
        address = '%q' if op[0] == 'd' else '%from'
        numbered(op.split('.')[0], 'b32', 'b32', [((x,), (x,)) for x in ints(32, 4)], 'and.b64 %%q, %%to, -128; %s [%s]%s; ld.global.b32 %%x, [%%from];' % (op, '%from' if tail == '' else '%q', tail), extra=' .reg .b64 %q;')
    for op in ('nanosleep.u32 20', 'pmevent 3', 'pmevent.mask 0xff', 'membar.cta', 'membar.gl', 'membar.sys', 'fence.sc.gpu', 'fence.acq_rel.sys', 'fence.acquire.cta', 'fence.proxy.alias', 'griddepcontrol.wait'):
        numbered(op.split('.')[0].split(' ')[0], 'b32', 'b32', [((x,), (x,)) for x in ints(32, 4)], '%s; mov.u32 %%x, %%a;' % op)


def calls():
    """Arguments in registers, constants, several results; the recursion is Fibonacci's."""
    functions = {
        'twice': '.func (.reg .u32 r) twice (.reg .u32 a) { add.u32 r, a, a; ret; }\n',
        'both': '.func (.reg .u32 r, .reg .u32 q) both (.reg .u32 a, .reg .u32 b) { .reg .pred p; sub.u32 r, a, b; add.u32 q, a, b; setp.gt.u32 p, a, b; @p ret; mov.u32 r, 0; ret; }\n',
        'fib': '.func (.reg .u32 r) fib (.reg .u32 n) { .reg .pred p; .reg .u32 t, u; mov.u32 r, n; setp.lt.u32 p, n, 2; @p bra D; sub.u32 t, n, 1; call (t), fib, (t); sub.u32 u, n, 2; call (u), fib, (u); add.u32 r, t, u; D: ret; }\n',
    }
    e.PREFIX = {'call': ''.join(functions.values())}
    numbered('call', 'b32', 'b32', [((x,), (2 * x,)) for x in ints(32)], 'call (%x), twice, (%a);')
    numbered('call', 'b32', 'b32', [((x,), (14,)) for x in ints(32)], 'call.uni (%x), twice, (7);')
    numbered('call', 'b32 b32', 'b32 b32', [((a, b), (a - b if a > b else 0, a + b)) for a, b in pairs(ints(32), 40)], 'call (%x, %y), both, (%a, %b);')
    fib = [0, 1]
    for _ in range(14):
        fib.append(fib[-1] + fib[-2])
    numbered('call', 'b32', 'b32', [((n,), (fib[n],)) for n in range(13)], 'call (%x), fib, (%a);')
    numbered('call', 'b32', 'b32', [((x,), (2 * x if x % 2 else x,)) for x in ints(32)], 'mov.u32 %x, %a; and.b32 %t, %a, 1; setp.eq.u32 %p, %t, 1; @%p call (%x), twice, (%a);', extra=' .reg .b32 %t; .reg .pred %p;')
    numbered('call', 'b32', 'b32', [((x,), (2 * x,)) for x in ints(32)], 'P: .callprototype (.reg .u32 _) _ (.reg .u32 _); mov.u64 %q, twice; call (%x), %q, (%a), P;', extra=' .reg .b64 %q;')


def everything():
    for part in (wide, atomics, lanes, registers, spaces, calls):
        part()
