"""What checks are made of: their list, users of a server, and words for what they expect."""

import asyncio
import dataclasses
import secrets

import wire
from client import Connection, is_entry, status

CHECKS = []
SECONDS = 60


def check(promise):
    """Lists a check under the sentence that says what is promised."""
    def add(function):
        CHECKS.append((promise, function))
        return function
    return add


def need(condition, *seen):
    """Fails the check unless the condition holds; tells what was seen instead."""
    if not condition:
        raise AssertionError(" ".join(map(str, seen)))


def need_equal(seen, expected):
    need(seen == expected, "expected", expected, "but saw", seen)


async def patiently(ask):
    """Asks again where a server delays attempts, and gives the first answer that is another one."""
    pause = 1
    while status(answer := await ask()) == "429":
        await asyncio.sleep(pause)
        pause *= 2
    return answer


async def refused(expected, connection, kind, **fields):
    """The request is refused with this status, or with one of these."""
    answer = await patiently(lambda: connection.ask(kind, **fields))
    seen = status(answer)
    need(seen in ((expected,) if isinstance(expected, str) else expected), kind, fields, "was answered", answer)
    return answer


async def raw(connection, frame, kind, number):
    """Sends a request as it is written here, and gives its answer."""
    future = asyncio.get_running_loop().create_future()
    connection.waiting[number] = kind, future
    await connection.write(frame)
    async with asyncio.timeout(10):
        return await future


def matches(message, fields):
    return all(message.get(name) == value for name, value in fields.items())


async def hears(connection, kind, **fields):
    """Waits for a message with these fields, and gives it."""
    def found():
        return next((m for m in connection.heard if m["type"] == kind and matches(m, fields)), None)
    try:
        await connection.wait(lambda: found() is not None)
    except TimeoutError:
        heard = [message for message in connection.heard if message["type"] == kind]
        raise AssertionError(f"never heard {kind} {fields}, but {heard[-3:]}") from None
    return found()


async def closed(connection, code):
    """The server closes the connection with this code."""
    try:
        await connection.wait(lambda: connection.ended)
    except TimeoutError:
        raise AssertionError("the connection was not closed") from None
    except Exception:
        pass
    need_equal(connection.code, code)


def entries(connection, kind=None):
    """The entries that were heard, of one type or of all."""
    return [m for m in connection.heard if is_entry(m) and kind in (None, m["type"])]


def bodies(connection, **fields):
    return [message["body"] for message in entries(connection, "show_message") if matches(message, fields)]


async def say(connection, to, body, **fields):
    """Sends a message; waits where a server has a rate of messages."""
    while status(answer := await connection.ask("send_message", to=to, body=body, **fields)) == "429":
        await asyncio.sleep(0.5)
    need_equal(status(answer), "200")
    return answer


async def fence(connection):
    """Waits until all entries that the log has now were heard: a message to oneself comes behind them."""
    answer = await say(connection, connection.login, "fence", key=secrets.token_hex(16))
    await connection.wait(lambda: any(m["position"] >= answer["position"] for m in entries(connection)))
    return answer["position"]


async def read_log(connection, head):
    """Reads and acknowledges entries up to a position; gives them."""
    acked = 0
    while True:
        await connection.wait(lambda: any(m["position"] > acked for m in entries(connection)))
        acked = entries(connection)[-1]["position"]
        await connection.ack(acked)
        if acked >= head:
            return entries(connection)


def without_holes(seen, begin):
    positions = [entry["position"] for entry in seen]
    need_equal(positions, list(range(begin + 1, begin + 1 + len(positions))))


@dataclasses.dataclass
class World:
    """The server that is checked, its users, and what this run made."""

    url: str
    passwords: dict
    tag: str = dataclasses.field(default_factory=lambda: "".join(secrets.choice("23456789abcdefgh") for _ in range(8)))
    connections: list = dataclasses.field(default_factory=list)
    made: int = 0

    async def connect(self, form=None):
        connection = await Connection.open(self.url, form)
        self.connections.append(connection)
        return connection

    async def user(self, login, since="head", form=None, **fields):
        """Signs a user in on a new connection, with a cursor at the head unless told otherwise."""
        login = await self.known(login)
        connection = await self.connect(form)
        proof = wire.proof(self.passwords[login], connection.token)
        fields |= {"login": login, "password": proof, "since": since}
        answer = await patiently(lambda: connection.ask("authorize", **fields))
        need_equal(status(answer), "200")
        connection.signed_in = answer
        return connection

    async def users(self, *logins, **fields):
        return [await self.user(login, **fields) for login in logins]

    async def known(self, login):
        """The login of a user; whoever was not given when this run began is registered once, with the tag behind it."""
        if login in self.passwords:
            return login
        tagged = f"{login}-{self.tag}"
        if tagged not in self.passwords:
            password = secrets.token_hex(8)
            need_equal(status(await self.register(tagged, password)), "200")
            self.passwords[tagged] = password
        return tagged

    async def strangers(self, *logins, **fields):
        """Signs in users of this run who have nothing to do with each other, whatever was before."""
        connections = await self.users(*logins, **fields)
        for one in connections:
            for other in connections:
                if one is not other:
                    await one.request("del_contact", login=other.login)
        for one in connections:
            await fence(one)
            one.heard.clear()
        return connections

    async def friends(self, *logins, **fields):
        """Signs in users of this run who have all listed each other."""
        connections = await self.users(*logins, **fields)
        for one in connections:
            for other in connections:
                if one is not other:
                    await one.request("add_contact", login=other.login)
        return connections

    async def register(self, login, password="secret", connection=None, **fields):
        """Registers; waits where a server limits attempts."""
        connection = connection or await self.connect()
        return await patiently(lambda: connection.ask("register", login=login, password=password, **fields))

    def name(self, prefix="room"):
        """A conference's login that nobody has."""
        self.made += 1
        # Letters that look like no others.
        letters = "abcdefghkprstvxyz"
        return f"#{prefix}-{self.tag}-{letters[self.made // len(letters)]}{letters[self.made % len(letters)]}"

    async def room(self, *connections, **profile):
        """Founds a conference of which the first is the owner and the others are members."""
        room, owner = self.name(), connections[0]
        await owner.request("add_contact", login=room)
        if profile:
            await owner.request("update_my_data", login=room, profile=profile)
        for member in connections[1:]:
            # Who has blocked the owner, in an earlier check, is not invited.
            await member.request("del_contact", login=owner.login)
            await owner.request("add_contact", login=room, member=member.login)
            await member.request("add_contact", login=room)
        return room

    async def clear(self):
        connections, self.connections = self.connections, []
        await asyncio.gather(*(connection.close() for connection in connections), return_exceptions=True)


async def described(connection, login):
    """What `get_user_data` tells of a user or conference."""
    return (await connection.request("get_user_data", login=login))["user"]


async def contact(connection, login):
    """What `get_contacts` tells of a contact, None if it is not listed."""
    data = (await connection.request("get_contacts"))["data"]
    return next((one for one in data if one["login"] == login), None)


async def members(connection, room):
    """The members of a conference as a map from login to whether it is an owner."""
    answer = await connection.request("get_user_data", login=room)
    told = answer["user"].get("members", answer.get("members"))
    return None if told is None else {one["login"]: bool(one.get("owner")) for one in told}
