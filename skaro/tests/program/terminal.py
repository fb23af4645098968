"""A program on a terminal of its own: terminal.py STEPS PROGRAM ARGUMENTS…

STEPS is a JSON list of ["expect", TEXT], ["type", TEXT], ["signal", NUMBER], and ["echo", BOOL] or ["canonical", BOOL],
which wait until the terminal echoes, or reads lines, or does not. When the program has ended, what it showed, its status,
and whether the terminal echoes and reads lines are printed as JSON.
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

FLAGS = {"echo": termios.ECHO, "canonical": termios.ICANON}
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
        # The system takes a moment to pass on the last of it.
        while rest := read(ours, 0.2):
            shown += rest
    finally:
        process.kill()
    # This end is still open, so the terminal is as the program has left it.
    flags = {flag: has(theirs, flag) for flag in FLAGS}
    print(json.dumps({**flags, "status": status, "output": shown}))


def has(terminal, flag):
    return bool(termios.tcgetattr(terminal)[3] & FLAGS[flag])


def drive(process, terminal, theirs, steps):
    shown, seen = "", 0
    for action, what in steps:
        if action == "type":
            os.write(terminal, what.encode())
        elif action == "signal":
            process.send_signal(what)
        elif action in FLAGS:
            deadline = time.monotonic() + WAIT
            while has(theirs, action) != what:
                if time.monotonic() > deadline:
                    sys.exit(f"{action} does not become {what}; so far: {shown!r}")
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
