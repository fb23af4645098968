"""libskaro 0.3, the original client, judges our server: judge.py PATH-OF-SKARO

Each check is a function named check_…, run in the order of this file against
one server, with clients of its own. They share what the server remembers, so
none of them may expect a history to be empty.
"""

import asyncio
import signal
import sys
import tempfile
import time
import traceback

from harness import EVENTS, PASSWORDS, WAIT, Client, Failure, Serve, cbor, expect, is_text
from modern import Modern

REGISTRATION = "invitation"
METHODS = {"authorize", "register_type", "session_restore", "get_contacts", "get_history", "send_message"}


def bodies(history):
    return [message["body"] for message in history]


# Registration and authorization


async def check_connect_brings_a_fresh_token(serve):
    async with serve.guest() as one, serve.guest() as two:
        expect(is_text(one.token), f"the token is {one.token!r}")
        expect(one.token != two.token, "two connections have the same token")


async def check_register_type(serve):
    async with serve.guest("alice") as alice:
        before = await alice.settle()
        await alice.sign_in()
        found = (before, await alice.settle())
        expect(found == (REGISTRATION, REGISTRATION), f"before and after authorize: {found}")


async def check_authorize(serve):
    for login in PASSWORDS:
        async with serve.user(login) as client:
            expect(client.authorized, f"libskaro doesn't take {login} for signed in")


async def check_wrong_password_and_another_try(serve):
    async with serve.guest("alice") as alice:
        await alice.authorize({"login": "alice", "password": "wrong"})
        await alice.refused("authorize")
        expect(not alice.authorized, "signed in all the same")
        # libskaro keeps the token, so a second try proves itself with the same.
        await alice.sign_in()


async def check_unknown_user_looks_like_wrong_password(serve):
    answers = []
    for login in ("alice", "nobody"):
        async with serve.guest() as guest:
            await guest.authorize({"login": login, "password": "wrong"})
            await guest.refused("authorize")
            answers.append(guest.frames[-1])
    expect(answers[0] == answers[1], f"the answers differ: {answers}")


async def check_proof_for_another_token_is_refused(serve):
    async with serve.guest() as other, serve.guest() as guest:
        guest.token = other.token
        await guest.authorize({"login": "alice", "password": PASSWORDS["alice"]})
        await guest.refused("authorize")


async def check_commands_before_authorization_are_refused(serve):
    async with serve.user("bob") as bob, serve.guest() as guest:
        await guest.get_contacts()
        await guest.refused("get_contacts")
        await guest.get_history("bob")
        await guest.refused("get_history")
        await guest.send_message("bob", "from nobody", 1)
        await guest.refused("send_message")
        await bob.nothing("on_show_message", "nobody was signed in")


async def check_made_up_sessions_are_refused(serve):
    async with serve.user("bob") as bob, serve.guest("alice") as alice:
        near = bob.sid[:-1] + ("0" if bob.sid[-1] != "0" else "1")
        for sid in ("", "s-1", "0" * 64, near):
            await alice.session_restore(sid)
            await alice.refused("session_restore")
            expect(not alice.authorized, f"{sid!r} restored a session")
        await alice.sign_in()


# Contacts and messages


async def check_contacts_and_who_is_online(serve):
    async with serve.user("alice") as alice:

        async def await_online(login, wanted):
            # Asked again and again: a departure takes a moment to be known.
            limit = time.monotonic() + WAIT
            while True:
                contacts = await alice.contacts()
                expect({"bob", "carol"} <= contacts.keys(), f"alice knows only {list(contacts)}")
                if contacts[login]["online"] == wanted:
                    return
                expect(time.monotonic() < limit, f"{login} isn't online={wanted} after {WAIT} s")
                await asyncio.sleep(0.05)

        await await_online("carol", False)
        async with serve.user("bob"):
            await await_online("bob", True)
            await await_online("carol", False)
        await await_online("bob", False)


async def check_message_arrives_and_is_accepted(serve):
    async with serve.user("alice") as alice, serve.user("bob") as bob:
        for marker in (7, None, "text"):
            body = f"marked {marker}"
            accepted = await alice.say("bob", body, marker)
            arrived = await bob.hear("alice", "alice", "bob", body)
            expect(accepted == arrived, f"dated {accepted} for alice, {arrived} for bob")
        await alice.nothing("on_show_message", "the sender has no other connection")


async def check_any_text_arrives_unchanged(serve):
    async with serve.user("alice") as alice, serve.user("bob") as bob:
        for body in (" \n\t ", "nul \0, quotes \"'\\", "Привет, 世界 👩‍👩‍👧", "é e\u0301 \uffff", "long " * 200):
            await alice.say("bob", body)
            await bob.hear("alice", "alice", "bob", body)
        expect(bodies(await bob.history("alice"))[-1] == body, "the history has it differently")


async def check_unknown_recipient_is_refused(serve):
    async with serve.user("alice") as alice:
        await alice.send_message("nobody", "is there anybody?", 1)
        await alice.refused("send_message")
        await alice.nothing("on_send_message", "the message was refused")


async def check_200_pipelined_messages(serve):
    count = 200
    async with serve.user("alice") as alice, serve.user("bob") as bob:
        for n in range(count):
            await alice.send_message("bob", f"pipelined {n}", n)
        ids = {request["on_request"] for request in alice.sent if request["type"] == "send_message"}
        expect(len(ids) == count, f"only {len(ids)} of {count} were in flight at once")
        arrived = [await bob.hear("alice", "alice", "bob", f"pipelined {n}") for n in range(count)]
        accepted = {}
        for n in range(count):
            _, answer, marker = await alice.next("on_send_message", f"acceptance {n} of {count}")
            accepted[marker] = answer["date"]
        # The date tells that each marker came back for its own message.
        expect(accepted == dict(enumerate(arrived)), f"accepted {accepted}, arrived {arrived}")


async def check_both_write_at_once_and_agree_on_the_history(serve):
    count = 50
    start = time.time() * 1000
    async with serve.user("alice") as alice, serve.user("bob") as bob:
        for n in range(count):
            await alice.send_message("bob", f"crossing a{n}", n)
            await bob.send_message("alice", f"crossing b{n}", n)
        for n in range(count):
            await bob.hear("alice", "alice", "bob", f"crossing a{n}")
            await alice.hear("bob", "bob", "alice", f"crossing b{n}")
        for n in range(count):
            await alice.accepted("bob", n)
            await bob.accepted("alice", n)
        history = await alice.history("bob")
        expect(history == await bob.history("alice"), "the two see different histories")
        recent = history[-10:]
        expect(len(recent) == 10 and all(body.startswith("crossing") for body in bodies(recent)), f"{recent}")
        dates = [message["date"] for message in history]
        expect(all(a < b for a, b in zip(dates, dates[1:])), f"dates don't strictly increase: {dates}")
        now = time.time() * 1000
        # A dense burst may push dates ahead of the clock to keep them apart.
        expect(start - 1000 < dates[-1] < now + 2000, f"{dates[-1]} is not now ({now:.0f}) in milliseconds")


async def check_ids_that_come_again(serve):
    async with serve.user("alice") as alice, serve.user("bob") as bob:
        for n in range(5):
            await alice.say("bob", f"again {n}", n)
            await bob.hear("alice", "alice", "bob", f"again {n}")
            await alice.contacts()
            await alice.history("bob")
        ids = {request["on_request"] for request in alice.sent}
        expect(ids == {1}, f"libskaro used the ids {ids}: this check doesn't test what it says")


async def check_different_requests_in_flight(serve):
    async with serve.user("alice") as alice:
        await alice.say("carol", "for carol's history")
        await alice.get_history("carol")
        await alice.send_message("nobody", "refused among the others", 1)
        await alice.get_contacts()
        await alice.send_message("bob", "accepted among the others", 2)
        await alice.register_type()
        await alice.get_history("bob")
        whose, carols = await alice.next("on_get_history", "carol's history")
        expect((whose, bodies(carols)[-1:]) == ("carol", ["for carol's history"]), f"{whose}: {carols[-1:]}")
        whose, bobs = await alice.next("on_get_history", "bob's history")
        expect((whose, bodies(bobs)[-1:]) == ("bob", ["accepted among the others"]), f"{whose}: {bobs[-1:]}")
        await alice.refused("send_message")
        await alice.accepted("bob", 2)
        await alice.next("on_get_contacts", "the contacts")
        await alice.next("on_register_type", "the registration type")


async def check_message_to_oneself(serve):
    async with serve.user("alice") as alice:
        await alice.say("alice", "note to myself")
        await alice.nothing("on_show_message", "no other connection of hers is there to hear it")
        async with serve.user("alice") as other:
            await alice.say("alice", "note to my other self")
            await other.hear("alice", "alice", "alice", "note to my other self")
            await other.nothing("on_show_message", "the note arrived already")
            await alice.nothing("on_show_message", "she wrote it here")
        notes = bodies(await alice.history("alice"))
        expect(notes[-2:] == ["note to myself", "note to my other self"], f"{notes[-3:]}")


async def check_one_user_on_two_connections(serve):
    async with serve.user("bob") as bob, serve.user("alice") as alice, serve.user("alice") as other:
        await bob.say("alice", "to both of you")
        await alice.hear("bob", "bob", "alice", "to both of you")
        await other.hear("bob", "bob", "alice", "to both of you")
        await alice.say("bob", "from one of us")
        await bob.hear("alice", "alice", "bob", "from one of us")
        # libskaro files the copy under the recipient, for it is from itself.
        await other.hear("bob", "alice", "bob", "from one of us")
        await alice.nothing("on_show_message", "she wrote it here")
        await other.nothing("on_send_message", "it sent nothing")


async def check_a_conference_beside_clients_that_use_everything(serve):
    async with Modern(serve.url, "alice") as alice, Modern(serve.url, "bob") as device, serve.user("bob") as bob:
        await alice.ask("update_my_data", profile={"name": "Alice", "tells_read": True, "public": True})
        await device.ask("update_my_data", profile={"tells_read": True})
        await alice.ask("add_contact", login="#team")
        await alice.ask("add_contact", login="#team", member="bob")
        await device.ask("add_contact", login="#team")
        await alice.tell("typing", login="#team")
        await alice.ask("send_message", to="#team", body="lunch?", key="k")
        await bob.hear("#team", "alice", "#team", "lunch?")
        await bob.say("#team", "with pleasure")
        await bob.say("alice", "shall I bring something?")
        expect(bodies(await bob.history("#team"))[-2:] == ["lunch?", "with pleasure"], "the conference's history")
        expect("#team" in await bob.contacts(), "the conference is no contact")
        await device.ask("read", login="alice", up_to=1)
        await alice.ask("update_my_data", login="#team", profile={"topic": "food"})
        await alice.ask("del_contact", login="#team", member="bob")
        await bob.send_message("#team", "am I out?", None)
        await bob.refused("send_message")
        await alice.ask("add_contact", login="bob", blocked=True)
        await bob.send_message("alice", "hello?", None)
        await bob.refused("send_message")
        await alice.ask("add_contact", login="bob")
        await bob.say("alice", "thank you")
        # Whatever else happened, libskaro was not told, for it would not have understood.
        await bob.nothing("on_show_message", "all that was said is heard")
        # Another run of this check finds none.
        await alice.ask("del_contact", login="#team")


# Trouble


async def check_cut_connection_and_its_restoration(serve):
    async with serve.user("bob") as bob, serve.user("alice") as alice:
        # Left without an answer, so that libskaro's next ids don't begin at 1.
        await alice.get_contacts()
        await alice.cut(reset=True)
        missed = [f"missed {n}" for n in range(3)]
        for body in missed:
            await bob.say("alice", body)
        await alice.open()
        await alice.restore(alice.sid)
        expect(alice.sent[-1]["on_request"] > 1, "the id began at 1: this check doesn't test what it says")
        expect(bodies(await alice.history("bob"))[-3:] == missed, "the history lacks what she missed")
        await bob.say("alice", "welcome back")
        # Messages that she missed may come again first: nothing forbids it.
        while (await alice.next("on_show_message", "'welcome back'"))[1]["body"] != "welcome back":
            pass
        await alice.say("bob", "here I am")
        await bob.hear("alice", "alice", "bob", "here I am")


async def check_restoration_by_another_client(serve):
    async with serve.user("bob") as bob:
        async with serve.user("alice") as gone:
            await gone.cut(reset=False)
            async with serve.guest("alice") as alice:
                await alice.restore(gone.sid)
                await bob.say("alice", "is it you?")
                await alice.hear("bob", "bob", "alice", "is it you?")
                await alice.say("bob", "it is")
                await bob.hear("alice", "alice", "bob", "it is")


async def check_maps_without_meaning_are_errors(serve):
    async with serve.user("alice") as alice:
        for frame in ({}, {"hello": 1}, {"type": "dance"}, {"type": 1}):
            await alice.ws.send(cbor.dumps(frame))
            await alice.next("on_error", f"an error for {frame}")
            await alice.contacts()  # still signed in and served


async def check_garbage_harms_nobody_else(serve):
    async with serve.user("bob") as bob:
        for garbage in (b"", b"\xff", b"\xa1", b"\xbb" + b"\xff" * 8, cbor.dumps([1]), "text"):
            async with serve.guest() as guest:
                await guest.ws.send(garbage)
                # Either will do: an error, or the end of this connection.
                error = asyncio.create_task(guest.queues["on_error"].get())
                done, _ = await asyncio.wait(
                    {error, guest.task}, timeout=WAIT, return_when=asyncio.FIRST_COMPLETED
                )
                error.cancel()
                expect(done, f"neither an error nor an end in {WAIT} s after {garbage!r}")
            await bob.contacts()


async def check_pings_are_answered(serve):
    # The client's WebSocket asks every 20 s, and leaves who doesn't answer.
    async with serve.guest() as guest:
        done, _ = await asyncio.wait({await guest.ws.ping()}, timeout=WAIT)
        expect(done, f"no pong in {WAIT} s")


# The whole


async def check_every_method_and_event_was_there(serve):
    expect(len(EVENTS) == 10, f"libskaro has the events {EVENTS}")
    expect(set(EVENTS) == Client.events_seen, f"never seen: {set(EVENTS) - Client.events_seen}")
    expect(METHODS == Client.types_sent, f"never sent: {METHODS - Client.types_sent}")


async def check_other_registration_types_and_sigint(serve):
    for registration in ("open", "closed"):
        async with Serve(serve.command[0], registration) as another:
            async with another.guest() as guest:
                found = await guest.settle()
                expect(found == registration, f"{found!r} instead of {registration!r}")
            await another.stop(signal.SIGINT)


async def check_sigterm_ends_the_server(serve):
    async with serve.user("alice") as alice, serve.user("bob") as bob:
        # One who never gets as far as WebSocket must not hold the server up.
        port = int(serve.url.split(":")[2].split("/")[0])
        _, silent = await asyncio.open_connection("127.0.0.1", port)
        await serve.stop(signal.SIGTERM)
        for client in (alice, bob):
            await client.ended("the server has ended")
        silent.close()


async def judge(program, folder=None):
    print("on disk:" if folder else "in memory:", flush=True)
    checks = [function for name, function in globals().items() if name.startswith("check_")]
    failed = 0
    async with Serve(program, REGISTRATION, folder) as serve:
        for check in checks:
            name = check.__name__.removeprefix("check_").replace("_", " ")
            try:
                await check(serve)
                print(f"ok   {name}", flush=True)
            except Exception as error:
                failed += 1
                print(f"FAIL {name}: {error!s:.2000}", flush=True)
                if not isinstance(error, Failure):
                    traceback.print_exc()
    print(f"{len(checks) - failed} passed, {failed} failed", flush=True)
    return failed


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} PATH-OF-SKARO")
    try:
        failures = asyncio.run(judge(sys.argv[1]))
        with tempfile.TemporaryDirectory() as folder:
            failures += asyncio.run(judge(sys.argv[1], folder))
    except (Failure, OSError) as error:
        print(f"FAIL start of the server: {error}\n0 passed, 1 failed")
        failures = 1
    sys.exit(1 if failures else 0)
