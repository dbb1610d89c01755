#!/usr/bin/env python3
"""A person at a terminal: type_in.py PROMPT ANSWER COMMAND... runs the command on a terminal of its own, waits for the
prompt, types the answer, prints what the terminal showed, and ends as the command did."""
import os
import pty
import sys

prompt, answer, command = sys.argv[1].encode(), sys.argv[2].encode(), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, typed = b"", False
while True:
    try:
        some = os.read(terminal, 4096)
    except OSError:
        break
    if not some:
        break
    shown += some
    if prompt in shown and not typed:
        typed = True
        os.write(terminal, answer + b"\n")
sys.stdout.write(shown.decode(errors="replace"))
if not typed:
    print("type_in: no prompt came")
    sys.exit(99)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
