"""A client that uses what libskaro does not know: a cursor, presence, contacts, conferences."""

import asyncio
import hashlib
import hmac

import cbor
from websockets import connect

from harness import PASSWORDS, WAIT, expect


class Modern:
    """A connection of a user. What comes unasked is kept in `news`."""

    def __init__(self, url, name):
        self.url, self.name, self.number, self.news = url, name, 0, []

    async def __aenter__(self):
        self.ws = await connect(self.url)
        token = (await self.receive())["token"].encode()
        proof = hmac.new(PASSWORDS[self.name].encode(), token, hashlib.sha512).hexdigest()
        await self.ask("authorize", login=self.name, password=proof, since="head", presence=True)
        return self

    async def __aexit__(self, *_):
        await self.ws.close()

    async def receive(self):
        return cbor.loads(await asyncio.wait_for(self.ws.recv(), WAIT))

    async def tell(self, kind, **fields):
        await self.ws.send(cbor.dumps({"type": kind, **fields}))

    async def ask(self, kind, **fields):
        """Makes a request that has to succeed."""
        self.number += 1
        await self.tell(kind, on_request=self.number, **fields)
        while (message := await self.receive()).get("type") != "request":
            self.news.append(message)
        expect(message["status"] == "200", f"{kind} {fields} of {self.name}: {message}")
        return message
