"""Checks messages, histories and contacts as a client without a cursor sees them: sections 5, 6 and 10."""

from checking import bodies, check, contact, hears, matches, need, need_equal, refused, say


async def history(connection, login, **fields):
    return (await connection.request("get_history", login=login, **fields))["history"]


@check("a message reaches the recipient's connections with the date of the answer, and no position")
async def delivered(world):
    alice = await world.user("alice", since=None)
    bobs = [await world.user("bob", since=None, form=form) for form in ("json", "cbor")]
    body = f"hello {world.tag}"
    answer = await say(alice, "bob", body)
    need("position" not in answer, answer)
    for bob in bobs:
        seen = await hears(bob, "show_message", body=body)
        need_equal(seen, {"type": "show_message", "from": {"login": "alice"}, "to": "bob", "body": body,
                          "date": answer["date"]})


@check("a message is shown on the sender's other connections, and not on its own")
async def own_devices(world):
    one, other = [await world.user("alice", since=None) for _ in range(2)]
    await say(one, "bob", f"first {world.tag}")
    await hears(other, "show_message", body=f"first {world.tag}")
    await say(other, "bob", f"second {world.tag}")
    # Within a dialog the order is that of the dates, so nothing of the first one can come behind the second.
    await hears(one, "show_message", body=f"second {world.tag}")
    need(not any(matches(m, {"body": f"first {world.tag}"}) for m in one.heard))


@check("a message to or a history with nobody is refused: 404")
async def nobody(world):
    alice = await world.user("alice", since=None)
    for login in (f"nobody-{world.tag}", "x" * 65):
        await refused("404", alice, "send_message", to=login, body="x")
        await refused("404", alice, "get_history", login=login)


@check("logins are compared byte by byte")
async def logins(world):
    alice = await world.user("alice", since=None)
    await refused("404", alice, "send_message", to="BOB", body="x")
    await refused("404", alice, "get_history", login="bob ")


@check("a history has what was shown, oldest first, with increasing dates, for both")
async def histories(world):
    alice, bob = await world.users("alice", "bob", since=None)
    sent = [(await say(who, to, f"{n} {world.tag}"))["date"]
            for n, (who, to) in enumerate([(alice, "bob"), (bob, "alice"), (alice, "bob")])]
    need(sent == sorted(set(sent)), sent)
    seen = [await history(alice, "bob"), await history(bob, "alice")]
    for one in seen:
        need_equal([message["date"] for message in one[-3:]], sent)
        need_equal([message["body"] for message in one[-3:]], [f"{n} {world.tag}" for n in range(3)])
        need_equal([message["from"]["login"] for message in one[-3:]], ["alice", "bob", "alice"])
        dates = [message["date"] for message in one]
        need(dates == sorted(set(dates)), dates)
        need(all("position" not in message for message in one))


@check("a message to oneself is in the history once, and shown on the other connections once")
async def oneself(world):
    one, other = [await world.user("alice", since=None) for _ in range(2)]
    for body in (f"note {world.tag}", f"behind {world.tag}"):
        await say(one, "alice", body)
    await hears(other, "show_message", body=f"behind {world.tag}")
    need_equal(sum(m.get("body") == f"note {world.tag}" for m in other.heard), 1)
    need_equal(sum(m["body"] == f"note {world.tag}" for m in await history(one, "alice")), 1)


@check("a body may be empty, and is any text")
async def any_text(world):
    alice, bob = await world.users("alice", "bob", since=None)
    texts = ["", '"\\/\b\f\n\r\t\0\x1f \u2028 é中😀', "x" * 16384]
    for text in texts:
        await say(alice, "bob", text)
    await bob.wait(lambda: [m["body"] for m in bob.heard if m["type"] == "show_message"] == texts)
    need_equal([message["body"] for message in (await history(bob, "alice"))[-3:]], texts)


@check("those who wrote to each other are contacts, and online while they are signed in")
async def contacts(world):
    alice, bob = await world.users("alice", "bob", since=None)
    for one, other in ((alice, bob), (bob, alice)):
        await one.request("add_contact", login=other.login)
        await say(one, other.login, "hi")
    for one, other in ((alice, bob), (bob, alice)):
        told = await contact(one, other.login)
        need(told is not None and told["online"] is True, told)
        need("unread" not in told and "last" not in told, told)


@check("what was sent while nobody was signed in is in the history")
async def away(world):
    alice, bob = await world.users("alice", "bob", since=None)
    await bob.cut()
    await say(alice, "bob", f"away {world.tag}")
    again = await world.connect()
    await again.restore(bob.signed_in["session_id"])
    need_equal((await history(again, "alice"))[-1]["body"], f"away {world.tag}")


@check("a history that is asked for behind a message has it, without waiting for the answer")
async def behind(world):
    alice = await world.user("alice", since=None)
    for n in range(10):
        await alice.begin("send_message", to="bob", body=f"behind {n} {world.tag}")
        need_equal((await history(alice, "bob"))[-1]["body"], f"behind {n} {world.tag}")


@check("no entries reach a connection without a cursor, but what libskaro knows")
async def without_cursor(world):
    bob = await world.user("bob", since=None)
    alice, other = await world.user("alice"), await world.user("bob")
    await other.request("update_my_data", profile={"x": world.tag})
    await other.request("read", login="alice", up_to=other.signed_in["head"])
    await say(alice, "bob", f"last {world.tag}")
    await hears(bob, "show_message", body=f"last {world.tag}")
    need_equal({m["type"] for m in bob.heard} - {"check_connection", "request", "show_message"}, set())
    need_equal(bodies(bob), [])
