#!/usr/bin/env python3
"""Asks ptxas whether the forms of variants.txt are legal, each for its target. Run it by hand when lines are added; it
needs ptxas on the PATH.

    python3 legal.py [TABLE [TARGET...]]
"""
import os, re, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
HEAD = '''.version 9.0
.target %s
.address_size 64
.global .align 32 .b8 global_data[256];
.const .align 32 .b8 constant_data[256];
.shared .align 32 .b8 shared_data[256];
.func helper(.param .b64 x) { ret; }
'''
KERNEL = '''.visible .entry k%d(.param .align 16 .b8 parameter[64]) {
.reg .b8 %%b<8>; .reg .b16 %%h<8>; .reg .b32 %%r<8>; .reg .b64 %%d<8>; .reg .b128 %%q<8>; .reg .f32 %%f<8>; .reg .f64 %%g<8>; .reg .pred %%p<8>; .local .align 32 .b8 local_data[256];
%s
END: ret; }
'''


def expanded(text):
    """The alternatives of variants.h."""
    found = re.search(r'<([^<>]*)>', text)
    if not found:
        return [text]
    inside = found.group(1)
    choices = ['', '|%p'] if inside == '||%p' else inside.split('|')
    return [form for choice in choices for form in expanded(text[:found.start()] + choice + text[found.end():])]


def numbered(text):
    count = {}
    def number(found):
        kind = found.group(1)
        count[kind] = count.get(kind, -1) + 1
        return '%' + kind + str(count[kind] % 8)
    return re.sub(r'%([a-z])(?![A-Za-z0-9_])', number, text)


def table(path):
    target = ''
    for line in open(path):
        line = line.rstrip('\n')
        if line.startswith('['):
            target = line[1:-1]
        elif line and line[0] != '#':
            text = line[2:].split(' reason: ')[0] if line.startswith('- ') else line
            for form in expanded(text):
                yield target, line, numbered(form) + ('' if form[0] == '{' else ';')


def refusals(target, statements, folder):
    """By index of the statement: what ptxas says. It stops at some errors, and is asked again without those."""
    said, left = {}, list(range(len(statements)))
    while left:
        text, owner = HEAD % target, {}
        for i in left:
            kernel = KERNEL % (i, statements[i])
            first = text.count('\n') + 1
            owner.update({first + k: i for k in range(kernel.count('\n'))})
            text += kernel
        path = os.path.join(folder, 'forms.ptx')
        open(path, 'w').write(text)
        done = subprocess.run(['ptxas', '-arch=' + target, '-O0', path, '-o', os.devnull], capture_output=True, text=True)
        if done.returncode == 0:
            break
        bad = {owner[int(line)]: why for line, why in re.findall(r'line (\d+);? (?:error|fatal) *: *(.*)', done.stderr) if int(line) in owner}
        if not bad:
            sys.exit(done.stderr)
        said.update(bad)
        left = [i for i in left if i not in bad]
    return said


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, 'variants.txt')
    by_target, illegal = {}, 0
    for target, line, statement in table(path):
        by_target.setdefault(target, []).append((line, statement))
    with tempfile.TemporaryDirectory() as folder:
        for target, forms in by_target.items():
            if len(sys.argv) > 2 and target not in sys.argv[2:]:
                continue
            for i, why in refusals(target, [statement for _, statement in forms], folder).items():
                illegal += 1
                print('%s: %s\n    %s' % (target, forms[i][1], why))
            print('%s: %d forms' % (target, len(forms)))
    sys.exit(1 if illegal else 0)


main()
