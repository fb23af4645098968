"""Checks conferences: section 16."""

import asyncio
import secrets

from checking import (
    bodies,
    check,
    contact,
    described,
    entries,
    fence,
    hears,
    members,
    need,
    need_equal,
    refused,
    say,
)


def states(connection, login):
    """The states of a contact that were heard as entries."""
    return [entry["state"] for entry in entries(connection, "contact") if entry["login"] == login]


async def fences(*connections):
    await asyncio.gather(*map(fence, connections))


@check("who founds a conference is its owner and only member, and has listed it")
async def found(world):
    alice, room = await world.user("alice"), world.name()
    await refused("404", alice, "get_user_data", login=room)
    await alice.request("add_contact", login=room)
    await hears(alice, "contact", login=room, state="listed")
    need_equal(await members(alice, room), {"alice": True})
    told = await contact(alice, room)
    need_equal((told["login"], told["online"]), (room, False))


@check("a conference's login obeys the rules for logins behind its #: 400")
async def bad_names(world):
    alice = await world.user("alice")
    for room in ("#", f"##{world.tag}", f"#a b{world.tag}", f"#\u200d{world.tag}", "#" + "x" * 65):
        await refused("400", alice, "add_contact", login=room)


@check("a conference that looks like another one is not founded")
async def looks_alike(world):
    alice = await world.user("alice")
    room = await world.room(alice)
    for login in (room.upper(), room.replace("o", "\u043e")):
        await refused("409", alice, "add_contact", login=login)


@check("nobody joins without an invitation: 403; nor writes: 403")
async def uninvited(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice)
    await refused("403", bob, "add_contact", login=room)
    await refused("403", bob, "send_message", to=room, body="x")
    need_equal(await members(alice, room), {"alice": True})


@check("an invitation asks, and joining is the answer; members hear of the new one")
async def invited(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice)
    await alice.request("add_contact", login=room, member="bob")
    await hears(bob, "contact", login=room, state="asks")
    need_equal((await contact(bob, room))["state"], "asks")
    await refused("403", bob, "send_message", to=room, body="not yet")
    await bob.request("add_contact", login=room)
    await hears(bob, "contact", login=room, state="listed")
    heard = await hears(alice, "changed_user_data", member="bob")
    need_equal((heard["user"]["login"], heard["state"]), (room, "listed"))
    need_equal(await members(bob, room), {"alice": True, "bob": False})


@check("an invitation that was taken back, or declined, is none")
async def taken_back(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice)
    for who, fields in ((alice, {"member": "bob"}), (bob, {})):
        await alice.request("add_contact", login=room, member="bob")
        await who.request("del_contact", login=room, **fields)
        await fence(bob)
        need_equal(states(bob, room)[-1], "none")
        await refused("403", bob, "add_contact", login=room)


@check("only owners invite, remove, make owners and change the profile: 403 for all others")
async def owners_only(world):
    alice, bob, carol = await world.users("alice", "bob", "carol")
    room = await world.room(alice, bob)
    for who in (bob, carol):
        await refused("403", who, "add_contact", login=room, member="carol")
        await refused("403", who, "add_contact", login=room, member="bob", owner=True)
        await refused("403", who, "del_contact", login=room, member="alice")
        await refused("403", who, "update_my_data", login=room, profile={"name": "mine"})
    need_equal(await members(alice, room), {"alice": True, "bob": False})


@check("an owner makes a member an owner, and all hear of it")
async def owner(world):
    alice, bob, carol = await world.users("alice", "bob", "carol")
    room = await world.room(alice, bob, carol)
    await alice.request("add_contact", login=room, member="bob", owner=True)
    for who in (alice, bob, carol):
        heard = await hears(who, "changed_user_data", member="bob", state="owner")
        need_equal(heard["user"]["login"], room)
    need_equal(await members(carol, room), {"alice": True, "bob": True, "carol": False})
    await bob.request("del_contact", login=room, member="carol")
    need_equal(await members(bob, room), {"alice": True, "bob": True})


@check("a message reaches every member once, with the same date, and nobody else")
async def message(world):
    alice, device, bob, carol = await world.users("alice", "alice", "bob", "carol")
    room = await world.room(alice, bob)
    answer = await say(alice, room, "lunch?", key="lunch" + secrets.token_hex(8))
    await fences(alice, device, bob, carol)
    sent = await hears(alice, "sent", position=answer["position"])
    need(alice.heard.index(answer) < alice.heard.index(sent))
    expected = {"from": {"login": "alice", "in_conference": room}, "to": room, "body": "lunch?", "date": answer["date"]}
    for who in (device, bob):
        shown = [m for m in entries(who, "show_message") if m["to"] == room]
        need_equal([{name: m[name] for name in expected} for m in shown], [expected])
        need_equal("key" in shown[0], who is device)
    need_equal((bodies(carol, to=room), bodies(alice, to=room)), ([], []))


@check("members without a cursor are shown a conference's messages as libskaro knows them")
async def plain(world):
    alice = await world.user("alice")
    bob, bob_plain, alice_plain = await world.user("bob"), *(await world.users("bob", "alice", since=None))
    room = await world.room(alice, bob)
    answer = await say(alice, room, "hello")
    for who in (bob_plain, alice_plain):
        shown = await hears(who, "show_message", to=room)
        need_equal(shown, {"type": "show_message", "from": {"login": "alice", "in_conference": room}, "to": room,
                           "body": "hello", "date": answer["date"]})
    need((await contact(bob_plain, room)) is not None)


@check("everybody who is a member has all messages of many at once, in the same order, with increasing dates")
async def many_at_once(world):
    writers = [await world.user(login, form=form)
               for login, form in (("alice", "json"), ("bob", "cbor"), ("carol", None))]
    room = await world.room(*writers)

    async def write_twenty(who):
        return [(await say(who, room, f"{who.login} {n}", key=f"{room}-{n}"))["date"] for n in range(20)]
    dates = sorted(sum(await asyncio.gather(*map(write_twenty, writers)), []))
    need_equal(len(set(dates)), 60)
    for who in writers:
        await fence(who)
        answer = await who.request("get_history", login=room)
        need_equal([m["date"] for m in answer["history"]], dates)
        positions = [m["position"] for m in answer["history"]]
        need(positions == sorted(positions), positions)
        shown = [m["date"] for m in entries(who, "show_message") if m["to"] == room]
        need_equal(shown, [m["date"] for m in answer["history"] if m["from"]["login"] != who.login])


@check("a conference's history is that of the dialog with it, and of no other")
async def history(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice, bob)
    for who, body in ((alice, "one"), (bob, "two")):
        await say(who, room, body)
    for who in (alice, bob):
        seen = (await who.request("get_history", login=room))["history"]
        need_equal([(m["from"]["login"], m["from"]["in_conference"], m["to"], m["body"]) for m in seen],
                   [("alice", room, room, "one"), ("bob", room, room, "two")])
    seen = (await alice.request("get_history", login="bob", limit=10))["history"]
    need(all(m["to"] != room for m in seen))


@check("who joins has no messages from before")
async def newcomer(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice)
    await say(alice, room, "before")
    await alice.request("add_contact", login=room, member="bob")
    await bob.request("add_contact", login=room)
    await say(alice, room, "after")
    await fence(bob)
    need_equal(bodies(bob, to=room), ["after"])
    need_equal([m["body"] for m in (await bob.request("get_history", login=room))["history"]], ["after"])


@check("read marks and what is unread work in conferences")
async def read(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice, bob)
    for n in range(3):
        await say(alice, room, str(n))
    last = await hears(bob, "show_message", to=room, body="1")
    told = await contact(bob, room)
    need_equal((told["unread"], told["last"]["body"]), (3, "2"))
    await bob.request("read", login=room, up_to=last["position"])
    await hears(bob, "read", login=room, up_to=last["position"])
    need_equal((await contact(bob, room))["unread"], 1)


@check("keys work in conferences: a repetition is not delivered, another body is refused")
async def keys(world):
    alice, bob = await world.users("alice", "bob")
    room, key = await world.room(alice, bob), secrets.token_hex(16)
    answers = [await say(alice, room, "once", key=key) for _ in range(3)]
    need_equal(len({(answer["date"], answer["position"]) for answer in answers}), 1)
    await refused("409", alice, "send_message", to=room, body="twice", key=key)
    await fence(bob)
    need_equal(bodies(bob, to=room), ["once"])


@check("a message that is repeated after a cut reaches every member exactly once")
async def after_a_cut(world):
    alice, bob, carol = await world.users("alice", "bob", "carol")
    room, key = await world.room(alice, bob, carol), secrets.token_hex(16)
    session = alice.signed_in["session_id"]
    for _ in range(3):
        await alice.begin("send_message", to=room, body="cut", key=key)
        await alice.cut()
        alice = await world.connect()
        await alice.restore(session, since="head")
    answer = await say(alice, room, "cut", key=key)
    await fences(bob, carol)
    for who in (bob, carol):
        need_equal([m["date"] for m in entries(who, "show_message") if m["to"] == room], [answer["date"]])


@check("who was removed hears it, sees nothing more, and can neither write nor join again unless invited")
async def removed(world):
    alice, bob, carol = await world.users("alice", "bob", "carol")
    room = await world.room(alice, bob, carol, public=True)
    await say(alice, room, "before")
    await alice.request("del_contact", login=room, member="bob")
    await hears(bob, "contact", login=room, state="none")
    await hears(carol, "changed_user_data", member="bob", state="none")
    await say(carol, room, "after")
    await fence(bob)
    need_equal(bodies(bob, to=room), ["before"])
    await refused("403", bob, "send_message", to=room, body="x")
    await refused("403", bob, "add_contact", login=room)
    need_equal(await contact(bob, room), None)
    await alice.request("add_contact", login=room, member="bob")
    await bob.request("add_contact", login=room)
    await say(alice, room, "again")
    await fence(bob)
    need_equal(bodies(bob, to=room), ["before", "again"])


@check("who leaves is no member any more, sees nothing more, and the others hear it")
async def leave(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice, bob)
    await bob.request("del_contact", login=room)
    await hears(bob, "contact", login=room, state="none")
    await hears(alice, "changed_user_data", member="bob", state="none")
    await say(alice, room, "alone")
    await fence(bob)
    need_equal(bodies(bob, to=room), [])
    await refused("403", bob, "send_message", to=room, body="x")
    need_equal(await members(alice, room), {"alice": True})


@check("anybody joins a conference that is public, without an invitation")
async def public(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice)
    await refused("403", bob, "add_contact", login=room)
    await alice.request("update_my_data", login=room, profile={"public": True, "name": "Room"})
    told = await described(bob, room)
    need_equal((told["profile"]["name"], await members(bob, room)), ("Room", {"alice": True}))
    await bob.request("add_contact", login=room)
    await say(bob, room, "hello")
    await hears(alice, "show_message", to=room, body="hello")


@check("who left a public conference by itself may join again")
async def join_again(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice, bob, public=True)
    await bob.request("del_contact", login=room)
    await bob.request("add_contact", login=room)
    need_equal(await members(alice, room), {"alice": True, "bob": False})


@check("a conference that is not public tells its profile and members only to members")
async def private(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice)
    await alice.request("update_my_data", login=room, profile={"name": "Secret"})
    need_equal((await described(alice, room))["profile"], {"name": "Secret"})
    answer = await bob.ask("get_user_data", login=room)
    need("members" not in answer and "Secret" not in str(answer), answer)
    need("members" not in answer.get("user", {}), answer)


@check("a search finds public conferences only")
async def search(world):
    alice, bob = await world.users("alice", "bob")
    hidden, room = await world.room(alice), await world.room(alice, public=True)
    found = [user["login"] for user in (await bob.request("search_contacts", prefix="#room-" + world.tag))["data"]]
    need(room in found and hidden not in found, found)


@check("a changed profile of a conference is an entry for its members, with the state when it is sent")
async def profile(world):
    alice, bob, carol = await world.users("alice", "bob", "carol")
    room = await world.room(alice, bob)
    begin = await fence(bob)
    for n in range(2):
        await alice.request("update_my_data", login=room, profile={"name": f"Room {n}"})
    again = await world.user("bob", since=begin, log=bob.signed_in["log"])
    await fences(again, carol)
    seen = [m["user"] for m in entries(again, "changed_user_data") if m["user"]["login"] == room]
    need_equal(seen, [{"login": room, "profile": {"name": "Room 1"}}])
    need(not any(m["user"]["login"] == room for m in entries(carol, "changed_user_data")))


@check("when the last owner leaves the member whose account is oldest becomes one")
async def heir(world):
    one, two, three = await world.user("dora"), await world.user("emil"), await world.user("fay")
    room = await world.room(three, two, one)
    await three.request("del_contact", login=room)
    await hears(one, "changed_user_data", member=one.login, state="owner")
    need_equal(await members(one, room), {one.login: True, two.login: False})


@check("when nobody is left the conference ends, and its login is free")
async def end(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice, bob)
    await bob.request("del_contact", login=room)
    await alice.request("del_contact", login=room)
    await refused("404", bob, "get_user_data", login=room)
    await bob.request("add_contact", login=room)
    need_equal(await members(bob, room), {"bob": True})
    await refused("403", alice, "send_message", to=room, body="x")


@check("typing in a conference reaches its members, but not the one who types, nor others")
async def typing(world):
    alice, bob, carol = await world.users("alice", "bob", "carol", presence=True)
    room = await world.room(alice, bob)
    await carol.typing(room)
    await carol.request("register_type")
    await alice.typing(room)
    heard = await hears(bob, "typing")
    need_equal(heard, {"type": "typing", "from": {"login": "alice", "in_conference": room}})
    await alice.request("register_type")
    need(not any(m["type"] == "typing" for m in alice.heard))


@check("nobody who does not exist is invited: 404; nor is anybody to a conference that there is not")
async def nobody(world):
    alice = await world.user("alice")
    room = await world.room(alice)
    await refused("404", alice, "add_contact", login=room, member=f"nobody-{world.tag}")
    await refused(("403", "404"), alice, "add_contact", login=world.name(), member="bob")
    await refused(("403", "404"), alice, "send_message", to=world.name(), body="x")


@check("to invite a member, or to join twice, changes nothing")
async def twice(world):
    alice, bob = await world.users("alice", "bob")
    room = await world.room(alice, bob)
    await bob.request("add_contact", login=room)
    await alice.ask("add_contact", login=room, member="bob")
    await fence(bob)
    need_equal(states(bob, room), ["asks", "listed"])
    need_equal(await members(alice, room), {"alice": True, "bob": False})
