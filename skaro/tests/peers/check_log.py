"""Checks cursors, keys, read marks and pages of histories: section 15."""

import asyncio
import re
import secrets

from checking import (
    bodies,
    check,
    contact,
    entries,
    fence,
    hears,
    need,
    need_equal,
    read_log,
    refused,
    say,
    without_holes,
)
from client import Client, status


def new_key():
    return secrets.token_hex(16)


@check("an answer to a sign-in with a cursor has log, head and begin")
async def cursor(world):
    alice = await world.user("alice")
    answer = alice.signed_in
    need(re.fullmatch("[0-9a-f]{32}", answer["log"]), answer)
    need_equal(answer["begin"], answer["head"])
    again = await world.user("alice", since=answer["head"], log=answer["log"])
    need_equal((again.signed_in["begin"], again.signed_in["log"]), (answer["head"], answer["log"]))


@check("a log has positions from 1 to its head without holes")
async def whole_log(world):
    dora = await world.user("dora")
    await say(dora, dora.login, "one")
    reader = await world.user("dora", since=0, log=dora.signed_in["log"])
    need_equal(reader.signed_in["begin"], 0)
    seen = await read_log(reader, reader.signed_in["head"])
    without_holes(seen, 0)


@check("a message is an entry of both logs, each with the next position")
async def positions(world):
    alice, bob = await world.users("alice", "bob")
    await asyncio.gather(fence(alice), fence(bob))
    heads = [entries(one)[-1]["position"] for one in (alice, bob)]
    answer = await say(alice, "bob", f"entry {world.tag}")
    need_equal(answer["position"], heads[0] + 1)
    shown = await hears(bob, "show_message", body=f"entry {world.tag}")
    need_equal((shown["position"], shown["date"]), (heads[1] + 1, answer["date"]))
    for one in (alice, bob):
        without_holes(entries(one), one.signed_in["begin"])


@check("the sender hears sent in place of the message, after the answer, with its key if it has one")
async def sent(world):
    alice = await world.user("alice")
    for key in (new_key(), None):
        answer = await say(alice, "bob", "x", key=key)
        entry = await hears(alice, "sent", position=answer["position"])
        need_equal(entry.get("key"), key)
        need(alice.heard.index(answer) < alice.heard.index(entry))
    await fence(alice)
    need_equal([m for m in entries(alice, "show_message") if m["body"] == "x"], [])


@check("the sender's other devices hear the message with its key, the recipient without")
async def key_is_mine(world):
    one, other, bob = await world.users("alice", "alice", "bob")
    key = new_key()
    answer = await say(one, "bob", f"key {world.tag}", key=key)
    shown = await hears(other, "show_message", body=f"key {world.tag}")
    need_equal((shown["key"], shown["position"]), (key, answer["position"]))
    shown = await hears(bob, "show_message", body=f"key {world.tag}")
    need("key" not in shown, shown)


@check("an answer has a position if there is a key or a cursor")
async def position_in_answer(world):
    plain, cursor = await world.user("alice", since=None), await world.user("alice")
    need("position" not in await say(plain, "bob", "x"))
    need("position" in await say(plain, "bob", "x", key=new_key()))
    need("position" in await say(cursor, "bob", "x"))


@check("a repetition by its key has the first one's date and position, and is not delivered")
async def repetition(world):
    alice, bob = await world.users("alice", "bob")
    key, body = new_key(), f"once {world.tag}"
    answers = [await say(alice, "bob", body, key=key) for _ in range(3)]
    answers.append(await say(await world.user("alice", since=None), "bob", body, key=key))
    need_equal(len({(answer["date"], answer["position"]) for answer in answers}), 1)
    await say(alice, "bob", f"behind {world.tag}")
    await hears(bob, "show_message", body=f"behind {world.tag}")
    need_equal(bodies(bob).count(body), 1)


@check("the same key with another body or recipient is refused: 409; another sender may have it")
async def key_taken(world):
    alice, bob = await world.users("alice", "bob")
    key = new_key()
    await say(alice, "bob", "x", key=key)
    await refused("409", alice, "send_message", to="bob", body="y", key=key)
    await refused("409", alice, "send_message", to="carol", body="x", key=key)
    await refused("409", alice, "send_message", to=f"nobody-{world.tag}", body="x", key=key)
    await say(bob, "alice", "x", key=key)


@check("a refusal uses no key up")
async def key_not_used(world):
    alice = await world.user("alice")
    key = new_key()
    await refused("404", alice, "send_message", to=f"nobody-{world.tag}", body="x", key=key)
    await say(alice, "bob", "x", key=key)


@check("a key has 1 to 64 bytes: 400")
async def key_length(world):
    alice = await world.user("alice")
    for key in ("", "k" * 65, "é" * 33):
        await refused("400", alice, "send_message", to="bob", body="x", key=key)
    await say(alice, "bob", "x", key=secrets.token_hex(32))


@check("a message that is repeated after a cut is there exactly once")
async def after_a_cut(world):
    alice, bob = await world.users("alice", "bob")
    session, log, head = alice.signed_in["session_id"], alice.signed_in["log"], alice.signed_in["head"]
    key, body = new_key(), f"cut {world.tag}"
    for _ in range(3):
        await alice.begin("send_message", to="bob", body=body, key=key)
        await alice.cut()
        alice = await world.connect()
        await alice.restore(session, since=head, log=log)
    answer = await say(alice, "bob", body, key=key)
    await fence(alice)
    need_equal(sum(m["position"] == answer["position"] for m in entries(alice)), 1)
    await say(alice, "bob", f"behind the cut {world.tag}")
    await hears(bob, "show_message", body=f"behind the cut {world.tag}")
    need_equal(bodies(bob).count(body), 1)


@check("a cursor goes on behind the position that was handled last")
async def resume(world):
    alice, bob = await world.users("alice", "bob")
    await say(alice, "bob", f"before {world.tag}")
    handled = (await hears(bob, "show_message", body=f"before {world.tag}"))["position"]
    await bob.cut()
    for n in range(3):
        await say(alice, "bob", f"missed {n} {world.tag}")
    again = await world.connect()
    answer = await again.restore(bob.signed_in["session_id"], since=handled, log=bob.signed_in["log"])
    need_equal(answer["begin"], handled)
    await hears(again, "show_message", body=f"missed 2 {world.tag}")
    need_equal(bodies(again), [f"missed {n} {world.tag}" for n in range(3)])
    without_holes(entries(again), handled)


@check("a position of another log, of none, or beyond the head begins at the oldest entry")
async def other_log(world):
    dora = await world.user("dora")
    await fence(dora)
    log, head = dora.signed_in["log"], entries(dora)[-1]["position"]
    for fields in ({"since": head, "log": "0" * 32}, {"since": head}, {"since": head + 1000, "log": log}):
        again = await world.user("dora", **fields)
        need_equal((again.signed_in["begin"], again.signed_in["log"]), (0, log))
        await hears(again, "show_message", position=head)


@check("an acknowledgement beyond what was sent, or without a cursor, is an error; a smaller one is not")
async def bad_ack(world):
    alice, plain = await world.user("alice"), await world.user("alice", since=None)
    position = await fence(alice)
    await alice.ack(position)
    await alice.ack(position - 1)
    await alice.request("register_type")
    need(not any(m["type"] == "error" for m in alice.heard))
    await alice.ack(position + 1000)
    await plain.ack(1)
    for one in (alice, plain):
        await hears(one, "error")
        await one.request("get_contacts")


@check("at most 256 entries are on their way until some are acknowledged")
async def window(world):
    dora = await world.user("dora", since=None)
    begin = (await world.user("dora")).signed_in
    asked = [await dora.begin("send_message", to=dora.login, body=str(n), key=new_key()) for n in range(300)]
    need_equal({status(await future) for future in asked}, {"200"})
    reader = await world.user("dora", since=begin["head"], log=begin["log"])
    await reader.wait(lambda: len(entries(reader)) >= 256)
    await reader.request("get_contacts")
    need_equal(len(entries(reader)), 256)
    await reader.ack(begin["head"] + 10)
    await reader.wait(lambda: len(entries(reader)) >= 266)
    await reader.request("get_contacts")
    need_equal(len(entries(reader)), 266)
    await reader.ack(begin["head"] + 266)
    await reader.wait(lambda: len(entries(reader)) >= 300)
    without_holes(entries(reader), begin["head"])
    need_equal(bodies(reader), [str(n) for n in range(300)])
    page = await reader.request("get_history", login=dora.login, limit=1000)
    need_equal((len(page["history"]), page["more"]), (200, True))


@check("a message that was repeated on a connection before its entry came there is sent, not shown")
async def repeated_before_entry(world):
    emil = await world.user("emil", since=None)
    begin = (await world.user("emil")).signed_in
    for n in range(256):
        await say(emil, emil.login, str(n))
    slow = await world.user("emil", since=begin["head"], log=begin["log"])
    await slow.wait(lambda: len(entries(slow)) >= 256)
    key = new_key()
    answer = await say(emil, emil.login, "behind the window", key=key)
    need_equal((await say(slow, emil.login, "behind the window", key=key))["position"], answer["position"])
    await slow.ack(begin["head"] + 256)
    await slow.wait(lambda: len(entries(slow)) >= 257)
    need_equal(entries(slow)[-1], {"type": "sent", "position": answer["position"], "key": key})


@check("a read mark that moves forward is an entry on all devices; one that does not is none")
async def read(world):
    alice, one, other = await world.users("alice", "bob", "bob")
    await say(alice, "bob", f"read me {world.tag}")
    up_to = (await hears(one, "show_message", body=f"read me {world.tag}"))["position"]
    answer = await one.request("read", login="alice", up_to=up_to)
    need_equal(set(answer), {"type", "for", "id", "status"})
    for mark in (up_to, up_to - 1):
        await one.request("read", login="alice", up_to=mark)
    await asyncio.gather(fence(one), fence(other))
    for device in (one, other):
        need_equal([m["up_to"] for m in entries(device, "read") if m["login"] == "alice"], [up_to])


@check("a read mark beyond the head is refused with 400, one for nobody with 404")
async def bad_read(world):
    alice = await world.user("alice")
    await refused("400", alice, "read", login="bob", up_to=alice.signed_in["head"] + 1000)
    await refused("404", alice, "read", login=f"nobody-{world.tag}", up_to=0)


@check("only the last mark of a dialog is kept; those before are gone")
async def old_marks(world):
    alice, bob = await world.users("alice", "bob")
    marks = []
    for n in range(3):
        await say(alice, "bob", f"mark {n} {world.tag}")
        up_to = (await hears(bob, "show_message", body=f"mark {n} {world.tag}"))["position"]
        await bob.request("read", login="alice", up_to=up_to)
        marks.append((await hears(bob, "read", up_to=up_to))["position"])
    again = await world.user("bob", since=bob.signed_in["head"], log=bob.signed_in["log"])
    await fence(again)
    seen = {m["position"]: m["type"] for m in entries(again)}
    need_equal([seen[position] for position in marks], ["gone", "gone", "read"])
    without_holes(entries(again), bob.signed_in["head"])


@check("contacts tell what is unread and the last message, on a connection with a cursor")
async def unread(world):
    alice, bob = await world.users("alice", "bob")
    position = await fence(bob)
    await bob.request("read", login="alice", up_to=position)
    for n in range(3):
        answer = await say(alice, "bob", f"unread {n} {world.tag}")
    told = await contact(bob, "alice")
    need_equal(told["unread"], 3)
    need_equal((told["last"]["body"], told["last"]["date"]), (f"unread 2 {world.tag}", answer["date"]))
    second = await hears(bob, "show_message", body=f"unread 1 {world.tag}")
    await bob.request("read", login="alice", up_to=second["position"])
    need_equal((await contact(bob, "alice"))["unread"], 1)
    need_equal((await contact(alice, "bob"))["last"]["position"], answer["position"])


@check("pages of a history give all that is kept, once, in both directions")
async def pages(world):
    dora, emil = await world.friends("dora", "emil")
    for n in range(7):
        await say(dora if n % 2 else emil, emil.login if n % 2 else dora.login, str(n))
    whole = await dora.request("get_history", login=emil.login)
    need_equal(whole["more"], False)
    for forwards in (True, False):
        seen, more, fields = [], True, {"after": 0} if forwards else {}
        while more:
            page = await dora.request("get_history", login=emil.login, limit=2, **fields)
            need(1 <= len(page["history"]) <= 2, page)
            seen = seen + page["history"] if forwards else page["history"] + seen
            more = page["more"]
            fields = {"after": seen[-1]["position"]} if forwards else {"before": seen[0]["position"]}
        need_equal(seen, whole["history"])


@check("pages are bounded by positions and dates, both excluded")
async def bounds(world):
    alice, bob = await world.users("alice", "bob")
    sent = [await say(alice, "bob", f"{n} of the bounds") for n in range(5)]
    second, fourth = sent[1], sent[3]
    cases = [({"after": second["position"], "before": fourth["position"]}, sent[2:3]),
             ({"after_date": second["date"], "before_date": fourth["date"]}, sent[2:3]),
             ({"after": second["position"], "limit": 1}, sent[2:3]), ({"after": sent[4]["position"]}, []),
             ({"before_date": fourth["date"], "limit": 2}, sent[1:3]),
             ({"after": sent[0]["position"], "before": fourth["position"], "limit": 1}, sent[2:3]),
             ({"after_date": second["date"], "before": fourth["position"]}, sent[2:3])]
    for fields, expected in cases:
        page = await alice.request("get_history", login="bob", **fields)
        need_equal([m["position"] for m in page["history"]], [one["position"] for one in expected])


@check("a page has positions and more, also without a cursor; a limit of 0 is refused: 400")
async def page_fields(world):
    alice = await world.user("alice", since=None)
    await say(alice, "bob", "x")
    page = await alice.request("get_history", login="bob", limit=1)
    need("more" in page and page["history"][0]["position"] >= 1, page)
    await refused("400", alice, "get_history", login="bob", limit=0)


@check("a client that is cut again and again sends and hears each message once, in order")
async def exactly_once(world):
    heard = []
    dora = await world.known("dora")
    emil = await world.known("emil")
    sender = Client(world.url, dora, world.passwords[dora], lambda entry: None)
    reader = Client(world.url, emil, world.passwords[emil], heard.append, "json")
    running = [asyncio.create_task(one.run()) for one in (sender, reader)]
    try:
        while sender.log is None or reader.log is None:
            await asyncio.sleep(0.01)
        asked = []
        for n in range(40):
            asked.append(asyncio.create_task(sender.send(emil, f"number {n}")))
            await asyncio.sleep(0.01)
            if n % 10 == 9:
                for one in (sender, reader):
                    one.connection.socket.transport.abort()
        await asyncio.gather(*asked)
        while len({m["body"] for m in heard if m["type"] == "show_message"}) < 40:
            await asyncio.sleep(0.01)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for one in (sender, reader):
            await one.connection.close()
    # Those that were under way when a connection broke may be overtaken by none: they are sent again in their order.
    need_equal([m["body"] for m in heard if m["type"] == "show_message"], [f"number {n}" for n in range(40)])
