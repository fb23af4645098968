"""Checks registering, contacts, profiles, presence and signing out: section 16 without conferences."""

import asyncio

from checking import bodies, check, closed, contact, described, entries, fence, hears, need, need_equal, refused, say
from client import status


def states(connection, login):
    """The states of a contact that were heard as entries."""
    return [entry["state"] for entry in entries(connection, "contact") if entry["login"] == login]


def changes(connection, login):
    """The entries that tell that somebody's profile has changed."""
    return [m for m in entries(connection, "changed_user_data") if m["user"]["login"] == login]


@check("whoever registers can sign in on the same connection, and has a log of its own")
async def register(world):
    connection, login = await world.connect(), f"new-{world.tag}"
    answer = await world.register(login, "a secret é", connection, profile={"name": "New"})
    need_equal(status(answer), "200")
    signed_in = await connection.authorize(login, "a secret é", since=0)
    need_equal((signed_in["user"]["login"], signed_in["begin"]), (login, 0))
    need_equal((await described(connection, login))["profile"], {"name": "New"})
    need_equal((await connection.request("get_contacts"))["data"], [])


@check("logins with characters that no identifier has, or of the wrong length, are refused: 400")
async def bad_logins(world):
    for login in ("", "x" * 65, f"#{world.tag}", f"a b{world.tag}", f"a\u200db{world.tag}", f"a\n{world.tag}"):
        answer = await world.register(login)
        need_equal((login, status(answer)), (login, "400"))


@check("a login that is taken, or looks like one that is, is refused: 409")
async def taken(world):
    dora = await world.known("dora")
    for login in (dora, dora.upper(), dora.replace("o", "\u043e")):
        need_equal((ascii(login), status(await world.register(login))), (ascii(login), "409"))


@check("a profile over the limit, or that is no map, is refused when one registers")
async def bad_profile(world):
    need_equal(status(await world.register(f"big-{world.tag}", profile={"x": "y" * 5000})), "413")
    need_equal(status(await world.register(f"big-{world.tag}", profile="name")), "400")


@check("where everybody may register nobody invites: 403")
async def invite(world):
    await refused("403", await world.user("alice"), "invite")


@check("who is added hears that somebody asks; who adds has listed, on all devices")
async def add(world):
    one, two = await world.strangers("dora", "emil")
    device = await world.user("dora")
    await one.request("add_contact", login=two.login)
    await asyncio.gather(fence(one), fence(device), fence(two))
    need_equal((states(one, two.login), states(device, two.login)), (["listed"], ["listed"]))
    need_equal(states(two, one.login), ["asks"])


@check("to add a contact again changes nothing")
async def add_again(world):
    one, two = await world.strangers("dora", "emil")
    for _ in range(2):
        await one.request("add_contact", login=two.login)
    await asyncio.gather(fence(one), fence(two))
    need_equal((states(one, two.login), states(two, one.login)), (["listed"], ["asks"]))


@check("two know each other once each has listed the other, and only then see who is online")
async def know(world):
    one, two = await world.strangers("dora", "emil")
    await one.request("add_contact", login=two.login)
    need_equal((await contact(one, two.login))["online"], False)
    need_equal((await described(two, one.login))["online"], False)
    await two.request("add_contact", login=one.login)
    await fence(two)
    need_equal(states(two, one.login), ["asks", "listed"])
    for here, there in ((one, two), (two, one)):
        need_equal((await contact(here, there.login))["online"], True)
        need_equal((await described(here, there.login))["online"], True)


@check("to delete a contact makes it none, and takes the asking back")
async def delete(world):
    one, two = await world.strangers("dora", "emil")
    await one.request("add_contact", login=two.login)
    await one.request("del_contact", login=two.login)
    await asyncio.gather(fence(one), fence(two))
    need_equal((states(one, two.login)[-1], states(two, one.login)[-1]), ("none", "none"))
    need_equal((await contact(one, two.login), await contact(two, one.login)), (None, None))


@check("to delete a contact leaves the other's list alone")
async def delete_one_side(world):
    one, two = await world.friends("dora", "emil")
    await one.request("del_contact", login=two.login)
    need_equal(await contact(one, two.login), None)
    told = await contact(two, one.login)
    need_equal(told["online"], False)


@check("oneself can't be added or deleted: 400; nor can nobody: 404")
async def bad_contacts(world):
    alice = await world.user("alice")
    for kind in ("add_contact", "del_contact"):
        await refused("400", alice, kind, login="alice")
        await refused("404", alice, kind, login=f"nobody-{world.tag}")
    await refused("404", alice, "get_user_data", login=f"nobody-{world.tag}")


@check("a message to somebody who is blocked, or who has blocked the sender, is refused: 403")
async def block(world):
    one, two = await world.friends("dora", "emil")
    await one.request("add_contact", login=two.login, blocked=True)
    await refused("403", two, "send_message", to=one.login, body="let me in")
    await refused("403", one, "send_message", to=two.login, body="stay out")
    await asyncio.gather(fence(one), fence(two))
    need_equal(states(one, two.login)[-1], "blocked")
    need("blocked" not in states(two, one.login))
    need_equal(bodies(one, **{"from": {"login": two.login}}), [])


@check("who was blocked may write again once the contact is deleted or listed")
async def unblock(world):
    one, two = await world.strangers("dora", "emil")
    for kind in ("del_contact", "add_contact"):
        await one.request("add_contact", login=two.login, blocked=True)
        await refused("403", two, "send_message", to=one.login, body="x")
        await one.request(kind, login=two.login)
        await say(two, one.login, "thank you")


@check("a repetition by its key is answered even if the sender was blocked meanwhile")
async def blocked_repetition(world):
    one, two = await world.friends("dora", "emil")
    key = f"blocked-{world.tag}"
    answer = await say(two, one.login, "x", key=key)
    await one.request("add_contact", login=two.login, blocked=True)
    need_equal((await say(two, one.login, "x", key=key))["position"], answer["position"])


@check("who has blocked somebody shows neither profile nor presence to them")
async def blocked_profile(world):
    one, two = await world.friends("dora", "emil")
    await one.request("update_my_data", profile={"name": "D"})
    need_equal((await described(two, one.login))["profile"]["name"], "D")
    await one.request("add_contact", login=two.login, blocked=True)
    for told in (await described(two, one.login), await contact(two, one.login)):
        need("profile" not in told and told["online"] is False, told)


@check("a message lists both users for each other, without another entry")
async def message_lists(world):
    one, two = await world.strangers("dora", "emil")
    await say(one, two.login, "hello")
    await asyncio.gather(fence(one), fence(two))
    need_equal((states(one, two.login), states(two, one.login)), ([], []))
    for here, there in ((one, two), (two, one)):
        need_equal((await contact(here, there.login))["online"], True)


@check("who asks is not listed by an own message, but when the user writes")
async def asks_and_writes(world):
    one, two = await world.strangers("dora", "emil")
    await one.request("add_contact", login=two.login)
    await say(one, two.login, "hello?")
    need_equal((await contact(two, one.login))["state"], "asks")
    need_equal((await contact(one, two.login))["online"], False)
    await say(two, one.login, "hello")
    need_equal((await contact(two, one.login)).get("state", "listed"), "listed")
    need_equal((await contact(one, two.login))["online"], True)


@check("contacts that ask or are blocked are listed with their state, on a connection with a cursor only")
async def listed_states(world):
    one, two, three = await world.strangers("dora", "emil", "fay")
    await two.request("add_contact", login=one.login)
    await one.request("add_contact", login=three.login, blocked=True)
    need_equal((await contact(one, two.login))["state"], "asks")
    need_equal((await contact(one, three.login))["state"], "blocked")
    plain = await world.user("dora", since=None)
    need_equal((await contact(plain, two.login), await contact(plain, three.login)), (None, None))


@check("a profile changes in the fields that are named; null removes one")
async def profile(world):
    dora = await world.user("dora", form="json")
    await dora.request("update_my_data", profile={"name": "D", "status_text": "here", "mine": [1, {"a": True}]})
    await dora.request("update_my_data", profile={"status_text": None, "name": "Dora"})
    told = (await described(dora, dora.login))["profile"]
    need_equal((told["name"], told["mine"], "status_text" in told), ("Dora", [1, {"a": True}], False))
    await refused("413", dora, "update_my_data", profile={"big": "x" * 5000})
    need_equal((await described(dora, dora.login))["profile"], told)


@check("a changed profile is an entry for the user and for those whom the user knows, nobody else")
async def profile_entries(world):
    one, two = await world.friends("dora", "emil")
    device, three = await world.user("dora"), await world.user("fay")
    await three.request("del_contact", login=one.login)
    await one.request("update_my_data", profile={"name": f"D {world.tag}"})
    await asyncio.gather(*map(fence, (one, two, device, three)))
    for connection in (one, two, device):
        need_equal([m["user"]["profile"]["name"] for m in changes(connection, one.login)], [f"D {world.tag}"])
    need_equal(changes(three, one.login), [])


@check("of changed profiles only the last entry is kept, and tells the state when it is sent")
async def last_change(world):
    one, two = await world.friends("dora", "emil")
    await fence(two)
    for n in range(3):
        await one.request("update_my_data", profile={"name": f"{n} {world.tag}"})
    again = await world.user("emil", since=two.signed_in["head"], log=two.signed_in["log"])
    await fence(again)
    need_equal([m["user"]["profile"]["name"] for m in changes(again, one.login)], [f"2 {world.tag}"])
    without = [m for m in entries(again) if m["type"] == "gone"]
    need(len(without) >= 2, entries(again))


@check("only the last state of a contact is kept")
async def last_state(world):
    one, two = await world.strangers("dora", "emil")
    begin = await fence(two)
    for kind in ("add_contact", "del_contact", "add_contact"):
        await one.request(kind, login=two.login)
    again = await world.user("emil", since=begin, log=two.signed_in["log"])
    await fence(again)
    need_equal([m["type"] for m in entries(again)][:3], ["gone", "gone", "contact"])
    need_equal(states(again, one.login), ["asks"])


@check("a search finds whoever is public, by the beginning of the login, in order")
async def search(world):
    one, two, three = await world.users("dora", "dorb", "emil")
    for who, public in ((one, True), (two, True), (three, True)):
        await who.request("update_my_data", profile={"public": public})
    alice = await world.user("alice")

    async def found(prefix, **fields):
        answer = await alice.request("search_contacts", prefix=prefix, **fields)
        return [user["login"] for user in answer["data"] if user["login"].endswith(world.tag)], answer["more"]
    need_equal(await found(one.login), ([one.login], False))
    everybody, _ = await found("dor")
    need_equal(everybody, sorted([one.login, two.login]))
    page = await alice.request("search_contacts", prefix="dor", limit=1)
    need_equal((len(page["data"]), page["more"]), (1, True))
    await one.request("update_my_data", profile={"public": None})
    need_equal(await found(one.login), ([], False))
    await two.request("update_my_data", profile={"public": False})
    need_equal(await found(two.login), ([], False))
    await refused("400", alice, "search_contacts", prefix="")


@check("a password changes if the old one is right: 403 otherwise")
async def password(world):
    dora = await world.user("dora")
    old, new = world.passwords[dora.login], f"new {world.tag}"
    await refused("403", dora, "update_my_data", password=new, old_password="wrong")
    await dora.request("update_my_data", password=new, old_password=old)
    connection = await world.connect()
    await refused("401", connection, "authorize", login=dora.login, password="0" * 128)
    world.passwords[dora.login] = new
    await world.user("dora")
    await dora.request("get_contacts")


@check("a changed password ends the other sessions if that is asked for: 4002 after an error")
async def end_sessions(world):
    one, other = await world.users("dora", "dora")
    secret = world.passwords[one.login]
    await one.request("update_my_data", password=secret + "2", old_password=secret, end_sessions=True)
    world.passwords[one.login] = secret + "2"
    await closed(other, 4002)
    need_equal(other.heard[-1]["type"], "error")
    again = await world.connect()
    await refused("401", again, "session_restore", sid=other.signed_in["session_id"])
    await one.request("get_contacts")


@check("sessions are told: the own one, others, and until when one whose connection has ended is good")
async def sessions(world):
    fay, other = await world.users("fay", "fay")
    await other.cut()
    await hears_ended(fay)
    told = (await fay.request("get_sessions"))["sessions"]
    need_equal(sum(one["current"] is True for one in told), 1)
    need(all(isinstance(one["session"], str) for one in told), told)
    need("until" not in next(one for one in told if one["current"]), told)
    ids = {fay.signed_in["session_id"], other.signed_in["session_id"]}
    need(not ids & {one["session"] for one in told}, told)
    connection = await world.connect()
    await refused("401", connection, "session_restore", sid=told[0]["session"])


async def hears_ended(connection):
    """Waits until the server has noticed that another connection of the user has ended."""
    while not any("until" in one for one in (await connection.request("get_sessions"))["sessions"]):
        await asyncio.sleep(0.01)


@check("sign_out is answered, closes the connection, and ends the session")
async def sign_out(world):
    fay = await world.user("fay")
    await fay.request("sign_out")
    await closed(fay, 1000)
    await refused("401", await world.connect(), "session_restore", sid=fay.signed_in["session_id"])


@check("sign_out ends one of the user's sessions by its name: 4002; 404 if there is none")
async def sign_out_one(world):
    await (await world.user("fay")).request("sign_out", others=True)
    fay, other = await world.users("fay", "fay")
    await refused("404", fay, "sign_out", session=f"none-{world.tag}")
    told = (await fay.request("get_sessions"))["sessions"]
    for one in told:
        if not one["current"]:
            await fay.request("sign_out", session=one["session"])
    await closed(other, 4002)
    need_equal(other.heard[-1]["type"], "error")
    await refused("401", await world.connect(), "session_restore", sid=other.signed_in["session_id"])
    need_equal(len((await fay.request("get_sessions"))["sessions"]), 1)


@check("sign_out of the others leaves the own session alone")
async def sign_out_others(world):
    fay, one, two = await world.users("fay", "fay", "fay")
    await fay.request("sign_out", others=True)
    for other in (one, two):
        await closed(other, 4002)
    need_equal([told["current"] for told in (await fay.request("get_sessions"))["sessions"]], [True])


@check("those who know each other hear who comes and goes, if they want to hear of presence")
async def presence(world):
    one, two = await world.friends("dora", "emil")
    watching = await world.user("dora", presence=True)
    await asyncio.sleep(2.5)  # Who has just come may be told later, and not at all if gone by then.
    await two.request("sign_out", others=True)
    await two.close()
    user = {"login": two.login, "online": False}
    gone = await hears(watching, "changed_user_data", user=user)
    await world.user("emil")
    come = await hears(watching, "changed_user_data", user={"login": two.login, "online": True})
    need("position" not in gone and "position" not in come, gone, come)
    need(not any(m.get("user") == user for m in one.heard))


@check("typing reaches those whom the user knows")
async def typing(world):
    one, two = await world.friends("dora", "emil", presence=True)
    await one.typing(two.login)
    heard = await hears(two, "typing")
    need_equal(heard, {"type": "typing", "from": {"login": one.login}})


@check("read_by tells up to where a dialog is read, if both tell it; contacts tell the same")
async def read_by(world):
    one, two = await world.friends("dora", "emil", presence=True)
    for who in (one, two):
        await who.request("update_my_data", profile={"tells_read": True})
    answer = await say(one, two.login, f"read this {world.tag}")
    entry = await hears(two, "show_message", body=f"read this {world.tag}")
    await two.request("read", login=one.login, up_to=entry["position"])
    heard = await hears(one, "read_by", login=two.login)
    need_equal(heard, {"type": "read_by", "login": two.login, "date": answer["date"]})
    need_equal((await contact(one, two.login))["read_date"], answer["date"])
    need_equal((await described(one, two.login))["read_date"], answer["date"])
    await two.request("update_my_data", profile={"tells_read": None})
    need("read_date" not in await contact(one, two.login))
