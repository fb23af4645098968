#!/usr/bin/env python3
"""A client of the protocol, written from PROTOCOL.md alone.

`Connection` is one WebSocket: requests with their answers, and all else that is heard. `Client` is a user who stays
signed in over many connections, misses nothing, and sends each message once. Started as a program it is a chat in a
terminal: it prints what is heard, and sends lines such as `bob hello`.
"""

import argparse
import asyncio
import itertools
import random
import secrets
import sys
import urllib.parse

import websockets
from websockets.asyncio.client import connect

import wire

# Counted across connections, so that a late answer can't be taken for another one.
NUMBERS = itertools.count(1)
ANSWER_SECONDS = 30
WINDOW = 256
LOOPBACK = ("localhost", "127.0.0.1", "::1")

# What an answer must carry with success: a field, and its type.
NEEDED = {
    "authorize": {"session_id": str, "user": dict},
    "session_restore": {"session_id": str, "user": dict},
    "register_type": {"register_type": str},
    "get_contacts": {"data": (list, dict)},
    "get_history": {"history": list},
    "invite": {"invitation": str, "until": int},
    "search_contacts": {"data": list, "more": bool},
    "get_user_data": {"user": dict},
    "get_sessions": {"sessions": list},
}


class Lost(Exception):
    """The connection ended; `code` tells why, None if it ended without one."""

    def __init__(self, code):
        super().__init__(f"the connection ended with code {code}")
        self.code = code


class Refused(Exception):
    """A request was refused."""

    def __init__(self, answer):
        super().__init__(f"{answer['for']}: {status(answer)} {answer.get('info', '')}")
        self.answer, self.status = answer, status(answer)


def status(answer):
    """The first three characters of a status decide; none at all is a refusal."""
    return str(answer.get("status", ""))[:3]


def is_entry(message):
    position = message.get("position")
    whole = isinstance(position, int) and not isinstance(position, bool)
    return message["type"] != "request" and whole and position >= 1


def dialog(message, login):
    """The dialog of a message for the user with this login: section 10."""
    if message["from"]["login"] == login:
        return message["to"]
    conference = message["from"].get("in_conference")
    return message["from"]["login"] if conference is None else conference


def users(data):
    """Contacts as a list, whether they were sent as a list or as a map."""
    if isinstance(data, dict):
        return [{**rest, "login": login} for login, rest in data.items() if rest is not None]
    return data


class Connection:
    """One WebSocket after its greeting. `heard` has every message in its order."""

    def __init__(self, url, socket):
        self.url, self.socket, self.heard, self.faults, self.waiting = url, socket, [], [], {}
        self.changed, self.code, self.ended = asyncio.Event(), None, False
        self.form = self.token = self.login = None
        self.extensions = []
        self.on_message = None
        self.task = asyncio.create_task(self.listen())

    @classmethod
    async def open(cls, url, form=None):
        """Connects and waits for the greeting; `form` is `json`, `cbor`, or None for the server's own."""
        protocols = [f"skaro.{form}"] if form else None
        socket = await connect(url, subprotocols=protocols, compression=None, max_size=1048576, open_timeout=20)
        connection = cls(url, socket)
        await connection.wait(lambda: connection.token is not None, 15)
        return connection

    async def listen(self):
        try:
            async for frame in self.socket:
                self.receive(frame)
        except websockets.ConnectionClosed:
            pass
        self.code, self.ended = self.socket.close_code, True
        for _, future in self.waiting.values():
            if not future.done():
                future.set_exception(Lost(self.code))
                future.exception()  # Whoever does not wait for it need not hear of it.
        self.changed.set()

    def receive(self, frame):
        try:
            message = wire.read(frame)
        except wire.Senseless as error:
            self.faults.append(str(error))
            return
        self.heard.append(message)
        if message["type"] == "check_connection":
            self.greet(message, frame)
        elif message["type"] == "request":
            self.answered(message)
        if self.on_message is not None:
            self.on_message(message)
        self.changed.set()

    def greet(self, message, frame):
        if self.login is not None or not isinstance(message.get("token"), str):
            self.faults.append("an unexpected challenge")
            return
        self.token, self.form = message["token"], "json" if isinstance(frame, str) else "cbor"
        self.extensions = message.get("extensions") or []

    def answered(self, answer):
        kind, future = self.waiting.get(answer.get("id"), (None, None))
        lacks = status(answer) == "200" and not all(
            isinstance(answer.get(field), of) for field, of in NEEDED.get(answer.get("for"), {}).items())
        if kind is None or kind != answer.get("for") or lacks:
            self.faults.append(f"an answer without a request, or without its fields: {answer}")
            return
        del self.waiting[answer["id"]]
        if kind in ("authorize", "session_restore") and status(answer) == "200":
            self.login = answer["user"].get("login")
        if not future.done():
            future.set_result(answer)

    async def wait(self, condition, seconds=10):
        """Waits until a condition holds; raises Lost or TimeoutError if it never does."""
        async with asyncio.timeout(seconds):
            while not condition():
                if self.ended:
                    raise Lost(self.code)
                self.changed.clear()
                await self.changed.wait()

    async def write(self, message):
        """Sends a message, or a frame as it is if it is text or bytes."""
        frame = message if isinstance(message, (str, bytes)) else wire.write(message, self.form)
        try:
            await self.socket.send(frame)
        except websockets.ConnectionClosed as closed:
            raise Lost(closed.rcvd.code if closed.rcvd else None) from closed

    async def begin(self, kind, **fields):
        """Sends a request and gives the future of its answer. Fields that are None are left out."""
        secret = kind == "register" or (kind == "update_my_data" and fields.get("password") is not None)
        where = urllib.parse.urlsplit(self.url)
        if secret and where.scheme != "wss" and where.hostname not in LOOPBACK:
            raise ValueError("a password must not travel over this connection")
        number, future = next(NUMBERS), asyncio.get_running_loop().create_future()
        self.waiting[number] = kind, future
        fields = {name: value for name, value in fields.items() if value is not None}
        await self.write({"type": kind, **fields, "on_request": number})
        return future

    async def ask(self, kind, **fields):
        """Makes a request and gives the answer, whatever its status."""
        future = await self.begin(kind, **fields)
        async with asyncio.timeout(ANSWER_SECONDS):
            return await future

    async def request(self, kind, **fields):
        """Makes a request, again where the server wants it later, and gives the answer; raises Refused unless its status is 200."""
        while status(answer := await self.ask(kind, **fields)) == "429":
            await asyncio.sleep(1)
        if status(answer) != "200":
            raise Refused(answer)
        return answer

    async def authorize(self, login, password, **fields):
        return await self.request("authorize", login=login, password=wire.proof(password, self.token), **fields)

    async def restore(self, sid, **fields):
        return await self.request("session_restore", sid=sid, **fields)

    async def ack(self, position):
        await self.write({"type": "ack", "position": position})

    async def typing(self, login):
        await self.write({"type": "typing", "login": login})

    async def close(self):
        await self.socket.close(1000)
        await self.task

    async def cut(self):
        """Ends the connection as a broken network does, without a closing handshake."""
        self.socket.transport.abort()
        await self.task


class Client:
    """A user who stays signed in: `on_entry` gets each entry of the log once, in order."""

    def __init__(self, url, login, password, on_entry, form=None):
        self.url, self.login, self.password, self.on_entry, self.form = url, login, password, on_entry, form
        self.session = self.log = None
        self.position, self.acked, self.since = 0, 0, "head"
        self.connection, self.outbox = None, {}
        self.run_id, self.sent, self.stopped = secrets.token_hex(16), itertools.count(1), None

    async def run(self):
        """Connects again and again; ends when the user may not sign in any more."""
        failures = 0
        while self.stopped is None:
            try:
                self.connection = await Connection.open(self.url, self.form)
                await self.sign_in()
                failures = 0
                await self.follow()
            except (OSError, TimeoutError, websockets.WebSocketException, Lost) as error:
                if isinstance(error, Lost):
                    self.lost(error.code)
            except Refused as refused:
                self.refused(refused)
            failures += 1
            if self.stopped is None:
                await asyncio.sleep(random.uniform(0, min(2 ** (failures - 1), 30)))
        for future, *_ in self.outbox.values():
            future.cancel()

    def lost(self, code):
        if code == 4001:
            self.stopped = "the session was restored elsewhere"
        if code == 4002:
            self.session = None

    def refused(self, refused):
        later = refused.status == "429" or refused.status.startswith("5")
        if refused.answer["for"] == "session_restore" and not later:
            self.session = None
        elif not later:
            self.stopped = str(refused)

    async def sign_in(self):
        connection = self.connection
        cursor = {"since": self.since, "log": self.log, "presence": True}
        connection.on_message = self.hear
        # Entries may follow the answer at once, so what the answer says of the cursor is taken as it is heard.
        if self.session is not None:
            await connection.restore(self.session, **cursor)
        else:
            await connection.authorize(self.login, self.password, **cursor)
        for future, fields in list(self.outbox.values()):
            await self.post(future, fields)

    def begin(self, answer):
        self.session = answer["session_id"]
        if answer.get("log") is not None:
            # Another log, or one that does not reach back: what is told from here on is all that is kept.
            self.log, self.position, self.acked = answer["log"], answer["begin"], answer["begin"]
            self.since = self.position

    def hear(self, message):
        if message["type"] == "request":
            signed_in = message.get("for") in ("authorize", "session_restore") and status(message) == "200"
            if signed_in and self.connection.login is not None:
                self.begin(message)
        elif not is_entry(message):
            self.on_entry(message)
        elif message["position"] > self.position + 1:
            self.connection.socket.transport.abort()
        elif message["position"] == self.position + 1:
            self.position = self.since = message["position"]
            self.on_entry(message)

    async def follow(self):
        """Acknowledges what was handled, until the connection ends."""
        connection = self.connection
        while True:
            acked = self.acked
            await connection.wait(lambda: self.position > acked, seconds=None)
            # What comes at once is acknowledged at once, but half a window is not waited for.
            for _ in range(10):
                if self.position - self.acked < WINDOW // 2:
                    await asyncio.sleep(0)
            self.acked = self.position
            await connection.ack(self.acked)

    async def send(self, to, body):
        """Sends a message once, whatever breaks; gives the answer, or raises Refused."""
        key = f"{self.run_id}-{next(self.sent)}"
        future = asyncio.get_running_loop().create_future()
        self.outbox[key] = future, {"to": to, "body": body, "key": key}
        if self.connection is not None and self.connection.login is not None:
            await self.post(*self.outbox[key])
        return await future

    async def post(self, future, fields):
        try:
            asked = await self.connection.begin("send_message", **fields)
        except Lost:
            return
        asked.add_done_callback(lambda done: self.settle(done, future, fields))

    def settle(self, done, future, fields):
        if done.cancelled() or done.exception() is not None or future.done():
            return
        answer = done.result()
        if status(answer) in ("429", "503", "504"):
            asyncio.get_running_loop().call_later(1, lambda: asyncio.ensure_future(self.post(future, fields)))
            return
        self.outbox.pop(fields["key"], None)
        if status(answer) == "200":
            future.set_result(answer)
        else:
            future.set_exception(Refused(answer))


async def chat(options):
    client = Client(options.url, options.login, options.password, lambda message: print(ascii(message)), options.format)
    running = asyncio.create_task(client.run())
    while line := await asyncio.to_thread(sys.stdin.readline):
        to, _, body = line.rstrip("\n").partition(" ")
        try:
            print(ascii(await client.send(to, body)))
        except Refused as refused:
            print(ascii(str(refused)))
    running.cancel()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("login")
    parser.add_argument("password")
    parser.add_argument("--format", choices=["cbor", "json"])
    asyncio.run(chat(parser.parse_args()))


if __name__ == "__main__":
    main()
