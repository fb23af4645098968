"""A program on a terminal of its own: terminal.py STEPS PROGRAM ARGUMENTS…

STEPS is a JSON list of ["expect", TEXT], ["type", TEXT], ["canonical", BOOL] (waits until the terminal reads lines, or
keys) and ["signal", NUMBER]. When the program has ended, what it showed, its status, and whether the terminal echoes and
reads lines are printed as JSON.
"""

import fcntl
import json
import os
import pty
import select
import subprocess
import sys
import termios
import time

WAIT = 20  # seconds that anything may take


def main():
    steps, command = json.loads(sys.argv[1]), sys.argv[2:]
    ours, theirs = pty.openpty()

    def take_terminal():
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=take_terminal
    )
    try:
        shown = drive(process, ours, theirs, steps)
        status = process.wait(WAIT)
        shown += read(ours, 0)
    finally:
        process.kill()
    # This end is still open, so the terminal is as the program has left it.
    flags = termios.tcgetattr(theirs)[3]
    echo, canonical = bool(flags & termios.ECHO), bool(flags & termios.ICANON)
    print(json.dumps({"echo": echo, "canonical": canonical, "status": status, "output": shown}))


def drive(process, terminal, theirs, steps):
    shown, seen = "", 0
    for action, what in steps:
        if action == "type":
            os.write(terminal, what.encode())
        elif action == "signal":
            process.send_signal(what)
        elif action == "canonical":
            deadline = time.monotonic() + WAIT
            while bool(termios.tcgetattr(theirs)[3] & termios.ICANON) != what:
                if time.monotonic() > deadline:
                    sys.exit(f"the terminal does not become canonical={what}; so far: {shown!r}")
                shown += read(terminal, 0.01)
        else:
            deadline = time.monotonic() + WAIT
            while what not in shown[seen:]:
                if time.monotonic() > deadline:
                    sys.exit(f"no {what!r}; so far: {shown!r}")
                shown += read(terminal, 0.1)
            seen = shown.index(what, seen) + len(what)
    # Somebody has to read, or the program might wait for that.
    deadline = time.monotonic() + WAIT
    while process.poll() is None and time.monotonic() < deadline:
        shown += read(terminal, 0.1)
    return shown


def read(terminal, seconds):
    ready, _, _ = select.select([terminal], [], [], seconds)
    return os.read(terminal, 65536).decode(errors="replace") if ready else ""


main()
