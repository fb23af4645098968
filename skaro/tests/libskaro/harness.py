"""The original client, made observable, and the server that it judges."""

import asyncio
import contextlib
import functools
import os
import re
import signal
import socket
import struct
import types

# libskaro wants this when it is imported; Python 3.11 took it away.
asyncio.coroutine = types.coroutine
# The server is on loopback: no proxy of the environment may come between.
os.environ["no_proxy"] = "*"

import cbor
import libskaro
from libskaro.event import Event
from websockets.exceptions import ConnectionClosed

WAIT = 10  # seconds that anything may take
STOP = 5  # seconds that the server may take to end

EVENTS = [n for n, v in vars(libskaro.Client("")).items() if isinstance(v, Event)]

# Passwords that a careless server gets wrong: a colon and letters outside
# ASCII, a space, and more bytes than a block of SHA-512, so that HMAC must
# hash the key first.
PASSWORDS = {
    "alice": "пароль:schlüssel",
    "bob": "correct horse",
    "carol": "long " * 40,
}


class Failure(Exception):
    """What a check found wrong."""


def expect(condition, complaint):
    if not condition:
        raise Failure(complaint)


def is_text(value):
    return isinstance(value, str) and value != ""


def is_whole(value):
    return type(value) is int  # a bool is an int as well, but not here


class Client(libskaro.Client):
    """A libskaro client that remembers what happened to it.

    libskaro calls the method `_` + type for any type that a server sends, so
    no method added here may begin with an underscore.
    """

    events_seen = set()  # by all clients together
    types_sent = set()

    def __init__(self, url, name):
        super().__init__(url)
        self.name = name
        self.sid = None
        self.sent = []
        self.frames = []
        self.faults = []
        self.queues = {event: asyncio.Queue() for event in EVENTS}
        for event in EVENTS:
            getattr(self, event).add_observer(functools.partial(self.note, event))

    # What libskaro does, overheard

    def note(self, event, *arguments):
        self.events_seen.add(event)
        self.queues[event].put_nowait(arguments)

    async def __write_client__(self, data):
        self.types_sent.add(data["type"])
        self.sent.append(dict(data))
        await super().__write_client__(data)

    async def _received_message(self, data):
        frame = cbor.loads(data)
        self.frames.append(frame)
        fault = self.fault_of(frame)
        if fault:
            self.faults.append(f"{self.name} received {frame}: {fault}")
        await super()._received_message(data)

    def fault_of(self, frame):
        """What is wrong with a frame even if libskaro puts up with it."""
        kind = frame.get("type")
        if kind == "check_connection":
            return None if is_text(frame.get("token")) else "the token is no text"
        if kind in ("info", "error"):
            return None if is_text(frame.get("info")) else "info is no text"
        if kind == "show_message":
            if self.user is None:
                return "libskaro loses what comes before it is signed in"
            return fault_of_message(frame)
        if kind != "request":
            return "libskaro doesn't know this type"
        request = self.sent_requests.get(frame.get("id"))
        if request is None:
            return "answers nothing that was asked, or answers it twice"
        if frame.get("for") != request["type"]:
            return f"answers a {request['type']}"
        status = frame.get("status")
        if not (is_text(status) and re.match("[0-9]{3}", status)):
            return "status is no text that begins with three digits"
        if status[:3] != "200" and not is_text(frame.get("info")):
            return "refuses without a reason in info"
        return None

    # The connection

    async def open(self):
        """Connects, or connects again."""
        self.task = asyncio.create_task(self.connect())
        await self.next("on_connect", "the token after connecting")

    async def ended(self, why):
        """Waits until the connection is over."""
        await asyncio.wait({self.task}, timeout=WAIT)
        expect(self.task.done(), f"{self.name} is still connected after {WAIT} s: {why}")
        error = self.task.exception()
        if not isinstance(error, ConnectionClosed):
            raise Failure(f"libskaro's receive loop broke: {error!r}, after {self.frames[-1:]}")

    async def leave(self):
        await self.ws.close()
        await self.ended("it closed the connection")

    async def cut(self, reset):
        """Ends the TCP connection without a word of WebSocket."""
        if reset:
            linger = struct.pack("ii", 1, 0)  # makes it a reset, not an end
            link = self.ws.transport.get_extra_info("socket")
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.ws.transport.abort()
        await self.ended("its connection was cut")

    # Waiting

    async def next(self, event, why):
        """The arguments of the next `event`; `why` tells what is awaited."""
        getter = asyncio.create_task(self.queues[event].get())
        await asyncio.wait({getter, self.task}, timeout=WAIT, return_when=asyncio.FIRST_COMPLETED)
        if getter.done():
            return getter.result()
        getter.cancel()
        what = f"for {event} ({why}); the last frame was {self.frames[-1:]}"
        if self.task.done():
            raise Failure(f"{self.name} lost its connection, {self.task.exception()!r}, waiting {what}")
        raise Failure(f"{self.name} waited {WAIT} s {what}")

    async def settle(self):
        """A round trip, after which what the server had sent before is here."""
        await self.register_type()
        return (await self.next("on_register_type", "a round trip"))[0]

    async def nothing(self, event, why):
        """Fails if an `event` is here that nobody has asked for."""
        await self.settle()
        queue = self.queues[event]
        expect(queue.empty(), f"{self.name}: {event} though {why}: {queue}")

    # Requests with their answers

    async def signed_in(self, why):
        (self.sid,) = await self.next("on_received_session_id", why)
        expect(is_text(self.sid), f"{why}: session_id is {self.sid!r}")
        (user,) = await self.next("on_received_user_data", why)
        expect(isinstance(user, dict), f"{why}: user is {user!r}")
        expect(user.get("login") == self.name, f"{why}: signed in as {user}, not {self.name}")

    async def refused(self, request):
        """The info with which the server refuses a request of this type."""
        info, of = await self.next("on_info", f"a refusal of {request}")
        expect(of == request, f"refused {of}, not {request}: {info}")
        return info

    async def sign_in(self):
        await self.authorize({"login": self.name, "password": PASSWORDS[self.name]})
        await self.signed_in("authorize")

    async def restore(self, sid):
        await self.session_restore(sid)
        await self.signed_in("session_restore")

    async def say(self, to, body, marker=None):
        """Sends a message and returns its date."""
        await self.send_message(to, body, marker)
        return await self.accepted(to, marker)

    async def accepted(self, to, marker):
        dialog, answer, mark = await self.next("on_send_message", f"message {marker} to {to} accepted")
        expect((dialog, mark) == (to, marker), f"accepted {mark!r} to {dialog}, not {marker!r} to {to}")
        expect(is_whole(answer.get("date")), f"no whole date in {answer}")
        return answer["date"]

    async def hear(self, dialog, sender, to, body):
        """Receives exactly this message and returns its date."""
        where, message = await self.next("on_show_message", f"{body!r} from {sender} to {to}")
        found = (where, message["from"]["login"], message["to"], message["body"])
        expect(found == (dialog, sender, to, body), f"{self.name} got {found}, not {(dialog, sender, to, body)}")
        return message["date"]

    async def history(self, login):
        await self.get_history(login)
        whose, history = await self.next("on_get_history", f"history with {login}")
        expect(whose == login, f"history with {whose}, not {login}")
        expect(isinstance(history, list), f"history is {history!r}")
        for message in history:
            fault = fault_of_message(message)
            expect(fault is None, f"history with {login} has {message}: {fault}")
        return history

    async def contacts(self):
        """The contacts as a map from login to user."""
        await self.get_contacts()
        (data,) = await self.next("on_get_contacts", "contacts")
        expect(isinstance(data, list), f"contacts are no list: {data!r}")
        for user in data:
            expect(isinstance(user, dict) and is_text(user.get("login")), f"no login in {user!r}")
            expect(isinstance(user.get("online"), bool), f"online is no boolean in {user}")
        return {user["login"]: user for user in data}


def fault_of_message(message):
    sender = message.get("from")
    if not (isinstance(sender, dict) and is_text(sender.get("login"))):
        return "from is no map with a login"
    if not (is_text(message.get("to")) and isinstance(message.get("body"), str)):
        return "to or body is no text"
    if not is_whole(message.get("date")):
        return "date is no whole number"
    return None


class Serve:
    """The server: a process, and clients connected to it. Its data is in a folder, or in memory."""

    def __init__(self, program, registration, folder=None):
        store = ["--data", folder] if folder else ["--memory"]
        self.command = [program, "serve", *store, "--listen", "127.0.0.1:0", "--registration", registration]
        self.command += ["--conferences"]
        for login, password in PASSWORDS.items():
            self.command += ["--user", f"{login}:{password}"]

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        try:
            self.url = await asyncio.wait_for(self.listening(), WAIT)
        except asyncio.TimeoutError:
            self.process.kill()
            raise Failure(f"serve did not say in {WAIT} s that it listens") from None
        # Whatever else it prints must not fill the pipe and stop it.
        self.rest = asyncio.create_task(self.process.stdout.read())
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self.rest

    async def listening(self):
        while line := (await self.process.stdout.readline()).decode():
            found = re.fullmatch(r"listening on (ws://127\.0\.0\.1:[1-9][0-9]*/skaro_client/)", line.strip())
            if found:
                return found[1]
        raise Failure(f"serve ended with {await self.process.wait()} before it listened")

    async def stop(self, how):
        """Sends a signal; the server has to end well and soon."""
        name = signal.Signals(how).name
        self.process.send_signal(how)
        try:
            status = await asyncio.wait_for(self.process.wait(), STOP)
        except asyncio.TimeoutError:
            raise Failure(f"serve still runs {STOP} s after {name}") from None
        expect(status == 0, f"serve ended with {status} after {name}")

    @contextlib.asynccontextmanager
    async def guest(self, name="guest"):
        """A client that is connected and not signed in."""
        client = Client(self.url, name)
        try:
            await client.open()
            yield client
        except BaseException:
            client.task.cancel()  # the first failure is the one to tell
            await asyncio.wait({client.task}, timeout=WAIT)
            raise
        await client.leave()
        expect(not client.faults, "; ".join(client.faults[:3]))

    @contextlib.asynccontextmanager
    async def user(self, name):
        """A client that is signed in."""
        async with self.guest(name) as client:
            await client.sign_in()
            yield client
