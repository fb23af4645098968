"""Keeps accounts, their logs, conferences and invitations in memory: sections 10, 15 and 16 of PROTOCOL.md."""

import secrets
import time
import unicodedata

import cbor2

DIALOG_LIMIT = 1000
SESSION_SECONDS = 300
INVITATION_SECONDS = 7 * 86400
MEMBERS = 1000

# A small part of the confusables of UTS 39, section 4: enough to show that look-alikes are refused.
LOOKS = {"0": "O", "1": "l", "m": "rn", "|": "l", "ı": "i", "а": "a", "с": "c", "ԁ": "d", "е": "e", "һ": "h", "і": "i",
         "ј": "j", "ӏ": "l", "о": "o", "р": "p", "ѕ": "s", "х": "x", "у": "y", "ο": "o", "α": "a", "ν": "v", "ρ": "p"}
ALLOWED_MARKS = set("'-.:_·")


class Refused(Exception):
    """A request that is refused: a status, and the reason for people."""

    def __init__(self, status, info):
        super().__init__(info)
        self.status, self.info = status, info


def now():
    """Tells the time as dates do: whole milliseconds."""
    return int(time.time() * 1000)


def skeleton(login):
    text = unicodedata.normalize("NFD", login.lower())
    return unicodedata.normalize("NFD", "".join(LOOKS.get(character, character) for character in text))


def check_login(login, skip=0):
    """Refuses what is no login; `skip` is 1 for a conference, whose `#` obeys no rule."""
    if not login[skip:] or len(login.encode()) > 64:
        raise Refused("400", "a login has 1 to 64 bytes")
    for character in login[skip:]:
        if character not in ALLOWED_MARKS and unicodedata.category(character)[0] not in "LMN":
            raise Refused("400", "a character that no login may have")


class Entry:
    """One entry of a log. `dialog` is there for messages, `answered` is the connection with the last answer."""

    def __init__(self, kind, fields, dialog=None, key=None):
        self.kind, self.fields, self.dialog, self.key, self.answered = kind, fields, dialog, key, None


class Session:
    """What `session_restore` takes: an id, the connection that has it, and when the last one ended."""

    def __init__(self, account, connection):
        self.account, self.connection, self.ended = account, connection, None
        self.id, self.name = secrets.token_hex(16), secrets.token_hex(8)


class Account:
    """A user with a log, contacts, read marks, and the connections that are signed in."""

    def __init__(self, login, password, profile, age):
        self.login, self.password, self.profile, self.age = login, password, profile, age
        self.log, self.entries, self.last = secrets.token_hex(16), [], {}
        self.dialogs, self.marks, self.keys, self.contacts = {}, {}, {}, {}
        self.connections, self.sessions, self.invitations = [], [], []

    @property
    def head(self):
        return len(self.entries)

    def append(self, kind, fields, topic=None, **more):
        """Adds an entry; the one before with the same topic is gone."""
        if topic is not None:
            self.forget(self.last.get((kind, topic)))
            self.last[kind, topic] = self.head + 1
        entry = Entry(kind, fields, **more)
        self.entries.append(entry)
        if entry.dialog is not None:
            positions = self.dialogs.setdefault(entry.dialog, [])
            positions.append(self.head)
            if len(positions) > DIALOG_LIMIT:
                self.forget(positions.pop(0))
        for connection in self.connections:
            connection.wake()
        return entry

    def forget(self, position):
        if position is not None:
            self.entries[position - 1] = Entry("gone", {})

    def state(self, login):
        return self.contacts.get(login, "none")

    def set_state(self, login, state, entry=True):
        """Gives a contact another state, and tells it unless a message does."""
        if self.state(login) == state:
            return
        self.contacts[login] = state
        if state == "none":
            del self.contacts[login]
        if entry:
            self.append("contact", {"login": login, "state": state}, topic=login)

    def messages(self, dialog):
        """Lists a dialog as pairs of position and entry, oldest first."""
        return [(position, self.entries[position - 1]) for position in self.dialogs.get(dialog, [])]

    def unread(self, dialog):
        mark = self.marks.get(dialog, 0)
        return sum(p > mark and e.fields["from"]["login"] != self.login for p, e in self.messages(dialog))

    def read_date(self, dialog):
        """Tells the date of the last message up to the read mark, if there is one."""
        mark = self.marks.get(dialog, 0)
        dates = [entry.fields["date"] for position, entry in self.messages(dialog) if position <= mark]
        return dates[-1] if dates else None


class Conference:
    """A group with owners; `removed` are those who can't join again by themselves."""

    def __init__(self, login, founder):
        self.login, self.profile = login, {}
        self.members, self.owners, self.removed = {founder.login}, {founder.login}, set()


class State:
    """All that the server knows."""

    def __init__(self, registration="open", founding=True, users_may_invite=True):
        self.registration, self.founding, self.users_may_invite = registration, founding, users_may_invite
        self.accounts, self.conferences, self.looks = {}, {}, {}
        self.dates, self.sessions, self.invitations, self.ages = {}, {}, {}, 0

    # Accounts

    def add_account(self, login, password, profile):
        self.check_account(login, password, profile)
        self.looks[skeleton(login)] = login
        self.ages += 1
        self.accounts[login] = Account(login, password, self.merge({}, profile), self.ages)

    def check_account(self, login, password, profile):
        if len(password.encode()) > 1024:
            raise Refused("400", "the password is too long")
        check_login(login)
        self.check_free(login)
        self.merge({}, profile)

    def check_free(self, login):
        if skeleton(login) in self.looks:
            raise Refused("409", "the login is taken, or looks like one that is")

    def register(self, login, password, profile, invitation):
        self.check_account(login, password, profile)
        if self.registration == "closed":
            raise Refused("403", "nobody may register")
        if self.registration == "invitation" and self.invitations.pop(invitation, 0) < now():
            raise Refused("403", "this invitation is not good")
        self.add_account(login, password, profile)

    def invite(self, user):
        if self.registration != "invitation" or not self.users_may_invite:
            raise Refused("403", "users do not invite here")
        user.invitations = [one for one in user.invitations if self.invitations.get(one, 0) >= now()]
        if len(user.invitations) >= 16:
            raise Refused("429", "16 invitations are not used")
        invitation, until = secrets.token_hex(16), now() + INVITATION_SECONDS * 1000
        self.invitations[invitation] = until
        user.invitations.append(invitation)
        return {"invitation": invitation, "until": until}

    def find_or_none(self, login):
        return self.accounts.get(login) or self.conferences.get(login)

    def find(self, login):
        """The user or the conference of this login; 404 if there is none."""
        found = self.find_or_none(login)
        if found is None:
            raise Refused("404", "there is nobody with this login")
        return found

    def know(self, one, other):
        return one.state(other.login) == other.state(one.login) == "listed"

    def known(self, user):
        others = (self.accounts.get(login) for login in user.contacts)
        return [other for other in others if other is not None and self.know(user, other)]

    # Profiles

    @staticmethod
    def merge(profile, change):
        kinds = {"name": str, "status_text": str, "public": bool, "tells_read": bool}
        for field, value in change.items():
            if value is not None and not isinstance(value, kinds.get(field, object)):
                raise Refused("400", f"the field {field} of the profile is of the wrong type")
        merged = {field: value for field, value in {**profile, **change}.items() if value is not None}
        if len(cbor2.dumps(merged)) > 4096:
            raise Refused("413", "the profile is too large")
        return merged

    def change_profile(self, of, change):
        merged = self.merge(of.profile, change)
        if merged == of.profile:
            return
        of.profile = merged
        hearers = [self.accounts[m] for m in of.members] if isinstance(of, Conference) else [of, *self.known(of)]
        for hearer in hearers:
            hearer.append("changed_user_data", {"login": of.login}, topic=of.login)

    def profile_for(self, user, of):
        """What the user may see of somebody's profile; empty if nothing."""
        if isinstance(of, Conference):
            return of.profile if user.login in of.members or of.profile.get("public") else {}
        return {} if of.state(user.login) == "blocked" else of.profile

    def describe(self, user, login, cursor):
        """One user or conference as `get_contacts` and `get_user_data` tell it."""
        of = self.find(login)
        told = {"login": login, "online": False}
        if isinstance(of, Account):
            told["online"] = bool(of.connections) and (of is user or self.know(user, of))
        if profile := self.profile_for(user, of):
            told["profile"] = profile
        if cursor and of is not user:
            told["state"] = user.state(login)
        both_tell = isinstance(of, Account) and of.profile.get("tells_read") and user.profile.get("tells_read")
        if of is not user and both_tell and (date := of.read_date(user.login)) is not None:
            told["read_date"] = date
        return told

    # Messages

    def send(self, user, to, body, key):
        """Delivers a message and gives the sender's entry; everything was checked that a key does not answer."""
        target = self.find_or_none(to)
        if isinstance(target, Conference):
            if user.login not in target.members:
                raise Refused("403", "you are no member")
        elif target is not None and "blocked" in (user.state(to), target.state(user.login)):
            raise Refused("403", "one of you has blocked the other")
        if len(body.encode()) > 16384:
            raise Refused("413", "the body is too long")
        if target is None:
            raise Refused("404", "there is no user with this login")
        sender = {"login": user.login}
        if isinstance(target, Conference):
            sender["in_conference"] = to
            readers = [(self.accounts[member], to) for member in target.members]
        else:
            readers = [(user, to)] if target is user else [(user, to), (target, user.login)]
        dates = to if isinstance(target, Conference) else tuple(sorted((user.login, to)))
        date = self.dates[dates] = max(now(), self.dates.get(dates, 0) + 1)
        message = {"from": sender, "to": to, "body": body, "date": date}
        for reader, dialog in readers:
            own = reader is user
            entry = reader.append("show_message", message, dialog=dialog, key=key if own else None)
            if own:
                mine, position = entry, reader.head
            if isinstance(target, Account) and target is not user and (own or reader.state(user.login) != "asks"):
                reader.set_state(dialog, "listed", entry=False)
        if key is not None:
            user.keys[key] = (to, body, date, position)
        return mine, position, message, [reader for reader, _ in readers]

    # Contacts and conferences

    def add_contact(self, user, login, blocked):
        if login == user.login:
            raise Refused("400", "this is you")
        if login.startswith("#"):
            return self.block_conference(user, login) if blocked else self.join(user, login)
        other = self.find(login)
        user.set_state(login, "blocked" if blocked else "listed")
        if not blocked and other.state(user.login) == "none":
            other.set_state(user.login, "asks")
        if blocked and other.state(user.login) == "asks":
            other.set_state(user.login, "none")

    def del_contact(self, user, login):
        if login == user.login:
            raise Refused("400", "this is you")
        other = self.find(login)
        if isinstance(other, Conference) and user.login in other.members:
            return self.leave(other, user)
        user.set_state(login, "none")
        if isinstance(other, Account) and other.state(user.login) == "asks":
            other.set_state(user.login, "none")

    def block_conference(self, user, login):
        conference = self.find(login)
        if user.login in conference.members:
            self.leave(conference, user)
        user.set_state(login, "blocked")

    def join(self, user, login):
        conference = self.conferences.get(login)
        if conference is None:
            return self.found(user, login)
        if user.login in conference.members:
            return
        invited = user.state(login) == "asks"
        public = conference.profile.get("public") and user.login not in conference.removed
        if len(conference.members) >= MEMBERS:
            raise Refused("409", "the conference is full")
        if not invited and not public:
            raise Refused("403", "you are not invited")
        self.tell_members(conference, user.login, "listed")
        conference.members.add(user.login)
        user.set_state(login, "listed")

    def found(self, user, login):
        if not self.founding:
            raise Refused("404", "there is no such conference")
        check_login(login, skip=1)
        self.check_free(login)
        self.looks[skeleton(login)] = login
        self.conferences[login] = Conference(login, user)
        user.set_state(login, "listed")

    def tell_members(self, conference, member, state):
        fields = {"login": conference.login, "member": member, "state": state}
        for login in conference.members:
            self.accounts[login].append("changed_user_data", fields, topic=conference.login)

    def owned(self, user, login):
        """The conference of this login, if the user is one of its owners."""
        conference = self.find(login)
        if not isinstance(conference, Conference) or user.login not in conference.owners:
            raise Refused("403", "you are no owner")
        return conference

    def add_member(self, user, login, member, owner):
        conference, other = self.owned(user, login), self.accounts.get(member)
        if other is None or (owner and member not in conference.members):
            raise Refused("404", "there is nobody with this login")
        if owner and member not in conference.owners:
            conference.owners.add(member)
            self.tell_members(conference, member, "owner")
        elif member not in conference.members and other.state(login) == "none":
            conference.removed.discard(member)
            other.set_state(login, "asks")

    def del_member(self, user, login, member):
        conference, other = self.owned(user, login), self.find(member)
        if member in conference.members:
            conference.removed.add(member)
            self.leave(conference, other)
        elif other.state(login) == "asks":
            other.set_state(login, "none")

    def leave(self, conference, user):
        conference.members.discard(user.login)
        conference.owners.discard(user.login)
        user.set_state(conference.login, "none")
        if not conference.members:
            return self.end(conference)
        self.tell_members(conference, user.login, "none")
        if not conference.owners:
            heir = min(conference.members, key=lambda login: self.accounts[login].age)
            conference.owners.add(heir)
            self.tell_members(conference, heir, "owner")

    def end(self, conference):
        del self.conferences[conference.login], self.looks[skeleton(conference.login)]
        for account in self.accounts.values():
            account.set_state(conference.login, "none")

    def search(self, prefix, limit):
        every = {**self.accounts, **self.conferences}
        found = sorted((login for login, one in every.items()
                        if login.startswith(prefix) and one.profile.get("public")), key=str.encode)
        data = [{"login": login, "profile": every[login].profile} for login in found[:limit]]
        return {"data": data, "more": len(found) > limit}
