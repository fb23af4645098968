"""`skaro serve`, a process of its own, with thousands of connections: what they cost it in memory, and how long
messages take among some of them. All of it over loopback, for about a minute. Linux only.
"""

import contextlib
import resource
import subprocess
import sys
import threading
from pathlib import Path

CONNECTIONS = 10_000
CHATTING = 1_000
RATE = 1_000  # messages per second, by all together
SECONDS = 20

START = 30  # seconds that the server may take to listen, or to end
WAIT = 240  # seconds that one run may take
FILES = resource.RLIMIT_NOFILE
SPARE = 100  # files that a process has open besides its connections


def prepare() -> None:
    """Lets this process's children have as many files open as there are connections."""
    needed = CONNECTIONS + SPARE
    soft, hard = (limit if limit != resource.RLIM_INFINITY else sys.maxsize for limit in resource.getrlimit(FILES))
    if soft < needed:
        try:
            resource.setrlimit(FILES, (needed, max(needed, hard)))
        except (ValueError, OSError):
            sys.exit(
                f"{CONNECTIONS:,} connections need {needed:,} open files in a process, the limit is {hard:,}. Only root "
                f"can raise it: `ulimit -Hn {needed}` in root's shell, or `nofile` in /etc/security/limits.conf"
            )
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if last - first < CONNECTIONS + SPARE:
        sys.exit(f"too few ports for {CONNECTIONS:,} connections: sysctl net.ipv4.ip_local_port_range='32768 60999'")


@contextlib.contextmanager
def server(serve: Path):
    """The URL and the process id of a server that has a user for each connection."""
    command = [serve, "serve", "--memory", "--listen", "127.0.0.1:0"]
    for number in range(CONNECTIONS):
        command += ["--user", f"user{number}:secret"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    # Whoever reads a line can't stop waiting: if none comes, the server's end is what comes.
    impatience = threading.Timer(START, process.kill)
    impatience.start()
    try:
        line = process.stdout.readline()
        impatience.cancel()
        if not line.startswith("listening on "):
            sys.exit(f"the server did not start: {line}")
        yield line.removeprefix("listening on ").strip(), process.pid
    finally:
        impatience.cancel()
        process.terminate()
        try:
            process.wait(START)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def connect(serve: Path, load: Path) -> "Memory":
    """What connections cost on which nobody signs in."""
    prepare()
    return Memory(run(serve, load, "connect", CONNECTIONS))


def chat(serve: Path, load: Path) -> "Chat":
    """What connections cost on which users are signed in, and how long messages take among some of them."""
    prepare()
    return Chat(run(serve, load, "chat", CONNECTIONS, CHATTING, RATE, SECONDS))


def run(serve: Path, load: Path, *what) -> list[list[str]]:
    """What the load prints, word by word, about a server that was started for it."""
    with server(serve) as (url, pid):
        command = [str(part) for part in (load, url, pid, *what)]
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=WAIT).stdout
        return [line.split("\t") for line in out.splitlines()]


class Memory:
    """What so many connections cost the server: bytes by their number."""

    def __init__(self, lines: list[list[str]]):
        rows = [[int(word) for word in words] for kind, *words in lines if kind == "memory"]
        self.process = {count: process for count, process, _ in rows}
        # A connection over loopback has two ends in the same kernel, and one of them is the server's.
        self.kernel = {count: kernel // 2 for count, _, kernel in rows}
        self.counts = [count for count in self.process if count]

    def each(self, count: int) -> int:
        return (self.process[count] - self.process[0]) // count

    def kernel_each(self, count: int) -> int:
        return (self.kernel[count] - self.kernel[0]) // count


class Chat:
    """How long messages took."""

    def __init__(self, lines: list[list[str]]):
        self.memory = Memory(lines)
        [(_, *counts)] = [line for line in lines if line[0] == "chat"]
        self.sent, self.heard, self.failed = map(int, counts)
        [(_, *self.processors)] = [line for line in lines if line[0] == "processors"]
        rows = [line[1:] for line in lines if line[0] == "delivery"]
        milliseconds = lambda text: f"{int(text) / 1000:.2f}"
        self.percentiles = [[name, milliseconds(given), milliseconds(due)] for name, given, due in rows]
