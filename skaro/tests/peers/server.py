#!/usr/bin/env python3
"""A small server of the protocol, written from PROTOCOL.md alone. It keeps everything in memory.

The first line that it prints is its address.
"""

import argparse
import asyncio
import hmac
import secrets

from websockets.asyncio.server import serve

import wire
from connection import QUEUE_SHORT, WINDOW_BYTES, Connection
from state import SESSION_SECONDS, Conference, Refused, Session, State, now

CONNECTIONS = 64
PRESENCE_SECONDS = 2
FORMATS = ("skaro.cbor", "skaro.json")


class Requests(Connection):
    """Carries requests out: a method for each, which gives the answer's fields, perhaps with what comes after it."""

    # Signing in and out

    def do_register_type(self):
        return {"register_type": self.state.registration}

    def do_register(self, login, password, invitation, profile):
        if self.user is not None:
            raise Refused("409", "somebody is signed in")
        self.need_private()
        self.state.register(login, password, profile or {}, invitation)

    def need_private(self):
        """Passwords travel over loopback only; this server knows no TLS."""
        if self.socket.remote_address[0] not in ("127.0.0.1", "::1"):
            raise Refused("403", "no passwords on this connection")

    def do_authorize(self, login, password, since, log, presence):
        if self.user is not None:
            raise Refused("409", "somebody is signed in")
        user = self.state.accounts.get(login)
        right = wire.proof(user.password if user else secrets.token_hex(8), self.token)
        if not hmac.compare_digest(right.encode(), password.lower().encode()) or user is None:
            raise Refused("401", "the login or the password is wrong")
        if len(user.connections) >= CONNECTIONS:
            raise Refused("429", "too many connections")
        session = Session(user, self)
        user.sessions.append(session)
        self.state.sessions[session.id] = session
        return self.sign_in(session, since, log, presence)

    def do_session_restore(self, sid, since, log, presence):
        if self.user is not None:
            raise Refused("409", "somebody is signed in")
        session = self.state.sessions.get(sid)
        old = session.connection if session else None
        if session is None or (old is None and now() - session.ended > SESSION_SECONDS * 1000):
            raise Refused("401", "there is no such session, or it has expired: authorize")
        if old is not None and old.order > self.order:
            raise Refused("409", "the session is in use on a newer connection")
        session.connection = self
        if old is not None:
            old.close(4001)
        return self.sign_in(session, since, log, presence)

    def sign_in(self, session, since, log, presence):
        user = session.account
        self.user, self.session, self.presence, self.token = user, session, bool(presence), None
        user.connections.append(self)
        self.server.presence(user)
        answer = {"session_id": session.id, "user": {"login": user.login}}
        if since is None:
            return answer
        begin = user.head if since == "head" else since
        if since != "head" and (log != user.log or since > user.head):
            begin = 0
        self.sent = self.acked = begin
        return {**answer, "log": user.log, "head": user.head, "begin": begin}, self.wake

    def do_get_sessions(self):
        told = []
        for session in self.user.sessions:
            one = {"session": session.name, "current": session is self.session}
            if session.connection is None:
                one["until"] = session.ended + SESSION_SECONDS * 1000
            if one.get("until", now()) >= now():
                told.append(one)
        return {"sessions": told}

    def do_sign_out(self, session, others):
        own = self.session
        if session is not None:
            ended = [one for one in self.user.sessions if one.name == session]
            if not ended:
                raise Refused("404", "there is no such session")
        else:
            ended = [one for one in self.user.sessions if one is not own] if others else [own]
        self.server.end_sessions([one for one in ended if one is not own], "you were signed out")
        if own not in ended:
            return None
        self.server.forget(own)
        return {}, lambda: self.close(1000)

    # Messages

    def do_send_message(self, to, body, key):
        if key is not None and not 1 <= len(key.encode()) <= 64:
            raise Refused("400", "a key has 1 to 64 bytes")
        if key is not None and key in self.user.keys:
            return self.repeated(key, to, body)
        entry, position, message, readers = self.state.send(self.user, to, body, key)
        entry.answered = self
        answer = {"date": message["date"]}
        if key is not None or self.sent is not None:
            answer["position"] = position

        def show():
            for connection in [one for reader in readers for one in reader.connections]:
                if connection.sent is None and connection is not self:
                    connection.push({"type": "show_message", **message})
        return answer, show

    def repeated(self, key, to, body):
        first_to, first_body, date, position = self.user.keys[key]
        if (first_to, first_body) != (to, body):
            raise Refused("409", "there is another message with this key")
        self.user.entries[position - 1].answered = self
        return {"date": date, "position": position}

    def do_get_history(self, login, before, after, before_date, after_date, limit):
        if limit is not None and limit < 1:
            raise Refused("400", "the limit is 0")
        if login not in self.user.dialogs:
            self.state.find(login)
        low, high = float("-inf"), float("inf")
        bounds = [after, before, after_date, before_date]
        after, before, after_date, before_date = (
            default if bound is None else bound for bound, default in zip(bounds, (low, high, low, high)))
        found = [(position, entry.fields) for position, entry in self.user.messages(login)
                 if after < position < before and after_date < entry.fields["date"] < before_date]
        forwards = bounds[1] is bounds[3] is None and bounds != [None] * 4
        taken, size = [], 0
        for position, fields in found if forwards else reversed(found):
            size += wire.size(wire.write(fields, self.form)) + 32
            if len(taken) == min(limit or 200, 200) or size > WINDOW_BYTES - 1024:
                break
            taken.append((position, fields))
        taken = sorted(taken, key=lambda pair: pair[0])
        if self.sent is None and bounds == [None] * 4 and limit is None:
            return {"history": [fields for _, fields in taken]}
        history = [{**fields, "position": position} for position, fields in taken]
        return {"history": history, "more": len(taken) < len(found)}

    def do_read(self, login, up_to):
        user = self.user
        if not 0 <= up_to <= user.head:
            raise Refused("400", "the position is beyond the log's head")
        if login not in user.dialogs:
            self.state.find(login)
        if up_to > user.marks.get(login, 0):
            user.marks[login] = up_to
            user.append("read", {"login": login, "up_to": up_to}, topic=login)
            self.server.read_by(user, login)

    # People

    def do_get_contacts(self):
        user, data = self.user, []
        for login, state in user.contacts.items():
            if self.sent is None and state != "listed" or self.state.find_or_none(login) is None:
                continue
            told = self.state.describe(user, login, self.sent is not None)
            if self.sent is not None:
                told["unread"] = user.unread(login)
                if messages := user.messages(login):
                    told["last"] = {**messages[-1][1].fields, "position": messages[-1][0]}
            data.append(told)
        return {"data": data}

    def do_get_user_data(self, login):
        told = {"user": self.state.describe(self.user, login, self.sent is not None)}
        found = self.state.find(login)
        if isinstance(found, Conference) and (self.user.login in found.members or found.profile.get("public")):
            told["user"]["members"] = [{"login": one, "owner": True} if one in found.owners else {"login": one}
                                       for one in sorted(found.members)]
        return told

    def do_invite(self):
        return self.state.invite(self.user)

    def do_add_contact(self, login, blocked, member, owner):
        if member is None:
            self.state.add_contact(self.user, login, blocked)
        else:
            self.state.add_member(self.user, login, member, owner)

    def do_del_contact(self, login, member):
        if member is None:
            self.state.del_contact(self.user, login)
        else:
            self.state.del_member(self.user, login, member)

    def do_search_contacts(self, prefix, limit):
        if not prefix or (limit is not None and limit < 1):
            raise Refused("400", "the prefix or the limit is empty")
        return self.state.search(prefix, min(limit or 100, 100))

    def do_update_my_data(self, login, profile, password, old_password, end_sessions):
        of = self.user if login in (None, self.user.login) else self.state.owned(self.user, login)
        if password is not None:
            self.need_private()
            if not hmac.compare_digest(self.user.password.encode(), (old_password or "").encode()):
                raise Refused("403", "the old password is wrong")
            if len(password.encode()) > 1024:
                raise Refused("400", "the password is too long")
        if profile is not None:
            self.state.change_profile(of, profile)
        if password is not None:
            self.user.password = password
            if end_sessions:
                others = [one for one in self.user.sessions if one is not self.session]
                self.server.end_sessions(others, "the password was changed")


class Server:
    """What concerns more than one connection."""

    def __init__(self, state, form):
        self.state, self.form = state, form
        self.told = {}  # Of each user: whether others were told that it is online, when, and whether a timer runs.

    async def serve_one(self, socket):
        await Requests(self, socket).run()

    def entry(self, user, position, connection):
        """An entry of a log as this connection is to see it now."""
        entry = user.entries[position - 1]
        message = {"type": entry.kind, **entry.fields, "position": position}
        if entry.kind == "changed_user_data":
            of = self.state.find_or_none(message.pop("login"))
            told = {"login": entry.fields["login"]}
            if of is not None and (profile := self.state.profile_for(user, of)):
                told["profile"] = profile
            message["user"] = told
        if entry.kind == "show_message" and entry.answered is connection:
            message = {"type": "sent", "position": position}
        if entry.key is not None:
            message["key"] = entry.key
        return message

    @staticmethod
    def push_presence(user, message, but=None):
        for connection in user.connections:
            if connection.presence and connection.queued < QUEUE_SHORT and connection is not but:
                connection.push(message)

    def presence(self, user):
        """Tells those whom the user knows whether it is there, not more often than every two seconds."""
        online, when, waits = self.told.get(user.login, (False, 0, False))
        if waits or online == bool(user.connections):
            return
        loop = asyncio.get_running_loop()
        self.told[user.login] = online, when, True
        loop.call_at(max(loop.time(), when + PRESENCE_SECONDS), self.tell_presence, user)

    def tell_presence(self, user):
        was, when, _ = self.told[user.login]
        online = bool(user.connections)
        self.told[user.login] = online, when, False
        if online == was:
            return
        self.told[user.login] = online, asyncio.get_running_loop().time(), False
        for other in self.state.known(user):
            self.push_presence(other, {"type": "changed_user_data", "user": {"login": user.login, "online": online}})

    def typing(self, user, login):
        of = self.state.find_or_none(login)
        if isinstance(of, Conference) and user.login in of.members:
            sender = {"login": user.login, "in_conference": login}
            hearers = [self.state.accounts[member] for member in of.members if member != user.login]
        elif of in self.state.known(user):
            sender, hearers = {"login": user.login}, [of]
        else:
            return
        for hearer in hearers:
            self.push_presence(hearer, {"type": "typing", "from": sender})

    def read_by(self, user, login):
        of, date = self.state.accounts.get(login), user.read_date(login)
        if of in (None, user) or date is None or "blocked" in (of.state(user.login), user.state(login)):
            return
        if of.profile.get("tells_read") and user.profile.get("tells_read"):
            self.push_presence(of, {"type": "read_by", "login": user.login, "date": date})

    def end_sessions(self, sessions, info):
        for session in sessions:
            self.forget(session)
            if session.connection is not None:
                session.connection.close(4002, info)

    def forget(self, session):
        session.account.sessions.remove(session)
        del self.state.sessions[session.id]


def choose(_, offered):
    """The first of the client's subprotocols that is known, if there is one."""
    return next((protocol for protocol in offered if protocol in FORMATS), None)


async def run(options):
    state = State(options.registration, options.founding, options.users_may_invite)
    for user in options.user:
        login, _, password = user.partition("=")
        state.add_account(login, password, {})
    server = Server(state, options.format)
    async with serve(server.serve_one, options.host, options.port, select_subprotocol=choose, compression=None,
                     ping_interval=60, ping_timeout=60, close_timeout=5) as listener:
        port = listener.sockets[0].getsockname()[1]
        print(f"ws://{options.host}:{port}/skaro_client/", flush=True)
        await listener.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 for any that is free")
    parser.add_argument("--user", action="append", default=[], metavar="LOGIN=PASSWORD")
    parser.add_argument("--registration", choices=["open", "invitation", "closed"], default="closed")
    parser.add_argument("--founding", action=argparse.BooleanOptionalAction, default=True,
                        help="whether users may found conferences")
    parser.add_argument("--users-may-invite", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--format", choices=["cbor", "json"], default="cbor", help="for clients that choose none")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
