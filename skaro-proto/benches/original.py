"""How long libskaro 0.3, the original client, takes: prints seconds per operation, a line for each. `run libskaro`
installs it, calls this, and puts ours beside it.

It is driven as an application drives it, by its methods and its events, but without a network: in place of its
WebSocket is an object that takes what it sends, and hands it what a server would. So it does what is measured of ours:
from the frame to the event, from the command to the frame.
"""

import asyncio
import contextlib
import time
import types

# libskaro wants this when it is imported; Python 3.11 took it away.
asyncio.coroutine = types.coroutine

import cbor
import libskaro
import websockets

BODY = "Shall we meet at the bridge?"
DATE = 1_753_358_400_000
IN_FLIGHT = [1, 10, 100, 1_000, 10_000, 100_000]
SECONDS = 0.5  # for each case, at least
RUNS = 3  # likewise


class Socket:
    """In place of a WebSocket: what is sent goes nowhere; what is received is what was put in here."""

    def __init__(self):
        self.incoming = []
        self.wanted = asyncio.Event()

    def put(self, frames):
        self.incoming = [cbor.dumps(frame) for frame in reversed(frames)]

    async def send(self, data):
        pass

    async def recv(self):
        # As long as there is something, nothing waits: what asyncio costs is not libskaro's.
        while not self.incoming:
            self.wanted.clear()
            await self.wanted.wait()
        return self.incoming.pop()


class Case:
    """A client, signed in, with so many requests under way. Whenever one is accepted it sends the next message."""

    def __init__(self, in_flight: int):
        self.in_flight = in_flight
        self.socket = Socket()
        self.next = 1
        self.shown = 0

    async def __aenter__(self):
        self.client = libskaro.Client("ws://nowhere")
        self.client.on_show_message.add_observer(self.show)
        self.client.on_send_message.add_observer(self.send)
        websockets.connect = self.connect
        self.task = asyncio.create_task(self.client.connect())
        await self.hear([{"type": "check_connection", "token": "3a0cf1b2c7d94e53"}])
        await self.client.authorize({"login": "bob", "password": "correct horse"})
        answer = {"type": "request", "for": "authorize", "id": 1, "status": "200"}
        await self.hear([answer | {"session_id": "s-1", "user": {"login": "bob"}}])
        # It looks through all that is under way for each number: sending so many one by one would take minutes.
        request = {"type": "send_message", "to": "alice", "body": BODY}
        numbers = range(1, self.in_flight + 1)
        self.client.sent_requests.update((number, request | {"on_request": number}) for number in numbers)
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.wait({self.task})

    @contextlib.asynccontextmanager
    async def connect(self, url):
        yield self.socket

    def show(self, *_):
        self.shown += 1

    async def send(self, *_):
        await self.client.send_message("alice", BODY)

    async def hear(self, frames) -> float:
        """Lets the client hear these; seconds until it waits for more."""
        await asyncio.sleep(0)
        self.socket.put(frames)
        start = time.perf_counter()
        self.socket.wanted.set()
        while self.socket.wanted.is_set():
            await asyncio.sleep(0)
        return time.perf_counter() - start

    def messages(self, count):
        message = {"type": "show_message", "from": {"login": "alice"}, "to": "bob", "body": BODY, "date": DATE}
        return [message] * count

    def answers(self, count):
        """Those that have waited longest are accepted first."""
        numbers = range(self.next, self.next + count)
        self.next += count
        answer = {"type": "request", "for": "send_message", "status": "200", "date": DATE}
        return [answer | {"id": number} for number in numbers]


async def fastest(frames, count, hear) -> float:
    """Seconds for each of so many frames, in the fastest of several runs: what else the machine does only adds."""
    until, times = time.perf_counter() + SECONDS, []
    while time.perf_counter() < until or len(times) < RUNS:
        times.append(await hear(frames(count)) / count)
    return min(times)


async def main():
    async with Case(0) as case:
        print(await fastest(case.messages, 100, case.hear), "show_message", sep="\t")
    for in_flight in IN_FLIGHT:
        async with Case(in_flight) as case:
            seconds = await fastest(case.answers, 100 if in_flight <= 1_000 else 10, case.hear)
            expected = (in_flight, case.next - 1 + in_flight)
            found = (len(case.client.sent_requests), max(case.client.sent_requests))
            assert found == expected, f"{found} requests under way and the last one's number, not {expected}"
            print(seconds, f"send_message and its answer, {in_flight:,} under way", sep="\t")


if __name__ == "__main__":
    asyncio.run(main())
