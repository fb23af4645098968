"""Holds one connection of the server: what waits to be sent, the cursor, and the reading of requests."""

import asyncio
import collections
import secrets

import websockets

import wire
from state import Refused, now

FRAME_LIMIT, FRAME_LIMIT_BEFORE = 131072, 16384
QUEUE_LIMIT, QUEUE_SHORT = 1048576, 65536
WINDOW, WINDOW_BYTES = 256, 1048576
SENSELESS_LIMIT, REFUSED_LIMIT = 100, 10
ONE_WAY = {"ack", "typing"}

# The listed fields of each request: their types; a question mark for those that may be missing.
TEXT, NUMBER, FLAG, MAP, SINCE = "text", "number", "flag", "map", "since"
CURSOR = {"since?": SINCE, "log?": TEXT, "presence?": FLAG}
FIELDS = {
    "authorize": {"login": TEXT, "password": TEXT, **CURSOR},
    "session_restore": {"sid": TEXT, **CURSOR},
    "register_type": {},
    "register": {"login": TEXT, "password": TEXT, "invitation?": TEXT, "profile?": MAP},
    "get_contacts": {},
    "get_history": {"login": TEXT, "before?": NUMBER, "after?": NUMBER, "before_date?": NUMBER, "after_date?": NUMBER,
                    "limit?": NUMBER},
    "send_message": {"to": TEXT, "body": TEXT, "key?": TEXT},
    "read": {"login": TEXT, "up_to": NUMBER},
    "invite": {},
    "add_contact": {"login": TEXT, "blocked?": FLAG, "member?": TEXT, "owner?": FLAG},
    "del_contact": {"login": TEXT, "member?": TEXT},
    "search_contacts": {"prefix": TEXT, "limit?": NUMBER},
    "get_user_data": {"login": TEXT},
    "update_my_data": {"login?": TEXT, "profile?": MAP, "password?": TEXT, "old_password?": TEXT,
                       "end_sessions?": FLAG},
    "get_sessions": {},
    "sign_out": {"session?": TEXT, "others?": FLAG},
    "ack": {"position": NUMBER},
    "typing": {"login": TEXT},
}
NEEDS_NOBODY = {"authorize", "session_restore", "register_type", "register"}


def is_number(value):
    return isinstance(value, int) and not isinstance(value, bool)


def fits(value, kind):
    if kind == SINCE:
        return value == "head" or (is_number(value) and value >= 0)
    if kind == NUMBER:
        return is_number(value)
    return isinstance(value, {TEXT: str, FLAG: bool, MAP: dict}[kind])


def fields_of(message):
    """The listed fields of a request, None for those that are missing; Refused if one is at fault."""
    taken = {}
    for name, kind in FIELDS[message["type"]].items():
        field = name.rstrip("?")
        value = taken[field] = message.get(field)
        if value is None and name.endswith("?"):
            continue
        if not fits(value, kind):
            raise Refused("400", f"the field {field} is missing or of the wrong type")
    return taken


class Connection:
    """One WebSocket: what waits to be sent, who is signed in, and the cursor. What requests do is elsewhere."""

    count = 0

    def __init__(self, server, socket):
        Connection.count += 1
        self.order, self.server, self.state, self.socket = Connection.count, server, server.state, socket
        protocol = socket.subprotocol
        self.form = protocol.removeprefix("skaro.") if protocol else server.form
        self.token, self.user, self.session, self.presence = secrets.token_hex(16), None, None, False
        self.queue, self.queued, self.event, self.code = collections.deque(), 0, asyncio.Event(), None
        self.sent = self.acked = None
        self.on_way, self.on_way_bytes = collections.deque(), 0
        self.senseless = self.refused = 0

    # Sending

    def wake(self):
        self.event.set()

    def push(self, message):
        """Queues a message. Gives its size."""
        frame = wire.write(message, self.form)
        if self.code is None:
            self.queue.append(frame)
            self.queued += wire.size(frame)
            if self.queued > QUEUE_LIMIT:
                self.queue.clear()
                self.close(1008)
            self.wake()
        return wire.size(frame)

    def error(self, info):
        self.push({"type": "error", "info": info})

    def close(self, code, info=None):
        """Closes once what waits was sent; from now on nothing is heard."""
        if info is not None:
            self.error(info)
        if self.code is None:
            self.code = code
            self.sign_off()
            self.wake()

    def sign_off(self):
        """The user is gone from this connection; the session can be restored."""
        user, self.user = self.user, None
        if user is not None:
            user.connections.remove(self)
            if self.session.connection is self:
                self.session.connection, self.session.ended = None, now()
            self.server.presence(user)

    async def write_all(self):
        """Sends what waits, then entries as the window allows, until the connection is closed."""
        while True:
            await self.event.wait()
            self.event.clear()
            while self.queue:
                frame = self.queue.popleft()
                self.queued -= wire.size(frame)
                await self.socket.send(frame)
            if self.code is not None:
                return await self.socket.close(self.code)
            self.push_entries()

    def push_entries(self):
        if self.user is None or self.sent is None:
            return
        while self.sent < self.user.head and self.queued < QUEUE_SHORT and len(self.on_way) < WINDOW:
            frame = self.server.entry(self.user, self.sent + 1, self)
            size = wire.size(wire.write(frame, self.form))
            if self.on_way and self.on_way_bytes + size > WINDOW_BYTES:
                return
            self.sent += 1
            self.on_way.append((self.sent, size))
            self.on_way_bytes += size
            self.push(frame)

    # Receiving

    async def run(self):
        greeting = {"type": "check_connection", "token": self.token, "extensions": ["log", "people"]}
        self.push(greeting)
        writer = asyncio.create_task(self.write_all())
        try:
            async for frame in self.socket:
                if self.code is None:
                    self.receive(frame)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.sign_off()
            await asyncio.gather(writer, return_exceptions=True) if self.code else writer.cancel()

    def receive(self, frame):
        if wire.size(frame) > (FRAME_LIMIT if self.user else FRAME_LIMIT_BEFORE):
            return self.close(1009, "the frame is too long")
        try:
            message = wire.read(frame)
            if len(message["type"].encode()) > 256:
                raise wire.Senseless("the type is too long")
            if message["type"] in ONE_WAY:
                return self.one_way(message)
            number = message.get("on_request")
            if not is_number(number) or not 1 <= number < 2**64:
                raise wire.Senseless("on_request is missing or wrong")
        except wire.Senseless as error:
            self.error(str(error))
            return self.count_senseless()
        answer = {"type": "request", "for": message["type"], "id": number, "status": "200"}
        after = None
        try:
            after = self.carry_out(message, answer)
        except Refused as refusal:
            self.push({**answer, "status": refusal.status, "info": refusal.info})
            self.count_refusal(message["type"], refusal.status)
        if callable(after):
            after()

    def count_senseless(self):
        self.senseless += 1
        if self.senseless >= SENSELESS_LIMIT:
            self.close(1008)

    def count_refusal(self, kind, status):
        if status == "400":
            return self.count_senseless()
        if kind in ("authorize", "session_restore"):
            self.refused += 1
            if self.refused >= REFUSED_LIMIT:
                self.close(1008)

    def one_way(self, message):
        try:
            fields = fields_of(message)
        except Refused as refusal:
            raise wire.Senseless(refusal.info) from refusal
        if self.user is None:
            raise wire.Senseless("nobody is signed in")
        if message["type"] == "typing":
            return self.server.typing(self.user, fields["login"])
        position = fields["position"]
        if self.sent is None or not 0 <= position <= self.sent:
            raise wire.Senseless("an acknowledgement of what was not sent")
        self.acked = max(self.acked, position)
        while self.on_way and self.on_way[0][0] <= self.acked:
            self.on_way_bytes -= self.on_way.popleft()[1]
        self.wake()

    def carry_out(self, message, answer):
        """Carries a request out, and pushes its answer; gives what is to be done after it."""
        kind = message["type"]
        if kind not in FIELDS:
            raise Refused("501", "this server knows no such request")
        fields = fields_of(message)
        if self.user is None and kind not in NEEDS_NOBODY:
            raise Refused("401", "nobody is signed in")
        more, after = getattr(self, "do_" + kind)(**fields) or {}, None
        if isinstance(more, tuple):
            more, after = more
        self.push({**answer, **more})
        return after
