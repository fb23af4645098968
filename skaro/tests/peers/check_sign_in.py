"""Checks formats, requests, answers, signing in and sessions: sections 1 to 9."""

import json

from websockets.asyncio.client import connect

import wire
from checking import check, closed, need, need_equal, raw, refused
from client import Lost, status

REQUESTS = {
    "get_contacts": {},
    "get_history": {"login": "bob"},
    "send_message": {"to": "bob", "body": "x"},
    "read": {"login": "bob", "up_to": 0},
    "invite": {},
    "add_contact": {"login": "bob"},
    "del_contact": {"login": "bob"},
    "search_contacts": {"prefix": "b"},
    "get_user_data": {"login": "bob"},
    "update_my_data": {"profile": {}},
    "get_sessions": {},
    "sign_out": {},
}


@check("the server speaks first: a challenge that names the extensions")
async def greeting(world):
    connection = await world.connect()
    need_equal(connection.heard[0]["type"], "check_connection")
    need({"log", "people"} <= set(connection.extensions), connection.extensions)


@check("no two connections have the same token")
async def tokens(world):
    need_equal(len({(await world.connect()).token for _ in range(5)}), 5)


@check("a client gets the format that it asks for")
async def formats(world):
    for form in ("json", "cbor"):
        connection = await world.connect(form)
        need_equal((connection.form, connection.socket.subprotocol), (form, f"skaro.{form}"))


@check("of several subprotocols the first that is known is taken")
async def first_known(world):
    offered = [["other", "skaro.json", "skaro.cbor"], ["skaro.cbor", "skaro.json"]]
    for protocols, expected in zip(offered, ("skaro.json", "skaro.cbor")):
        async with connect(world.url, subprotocols=protocols, compression=None) as socket:
            need_equal(socket.subprotocol, expected)


@check("a frame of the other format is read, and answered in the connection's")
async def other_format(world):
    for form, other in (("json", "cbor"), ("cbor", "json")):
        connection = await world.connect(form)
        frame = wire.write({"type": "register_type", "on_request": 9}, other)
        answer = await raw(connection, frame, "register_type", 9)
        need_equal((status(answer), connection.form), ("200", form))
        need_equal(connection.faults, [])


@check("register_type is answered before and after signing in")
async def register_type(world):
    connection = await world.connect()
    need_equal((await connection.request("register_type"))["register_type"], "open")
    alice = await world.user("alice")
    need_equal((await alice.request("register_type"))["register_type"], "open")


@check("authorize is answered with a session and the user")
async def authorize(world):
    for form in ("json", "cbor"):
        answer = (await world.user("alice", since=None, form=form)).signed_in
        need_equal((answer["status"], answer["user"]["login"]), ("200", "alice"))
        need(answer["session_id"] and "log" not in answer and "begin" not in answer, answer)


@check("a wrong proof and an unknown login are refused alike: 401")
async def wrong_proof(world):
    connection = await world.connect()
    wrong = await refused("401", connection, "authorize", login="alice", password="0" * 128)
    unknown = await refused("401", connection, "authorize", login=f"nobody-{world.tag}", password="0" * 128)
    need_equal(wrong.get("info"), unknown.get("info"))


@check("after a refusal the token stays good")
async def token_stays(world):
    connection = await world.connect()
    await refused("401", connection, "authorize", login="alice", password="no proof")
    await connection.authorize("alice", world.passwords["alice"])


@check("while somebody is signed in, authorize and session_restore are refused: 409")
async def already(world):
    alice = await world.user("alice")
    await refused("409", alice, "authorize", login="bob", password="0" * 128)
    await refused("409", alice, "session_restore", sid=alice.signed_in["session_id"])


@check("whoever is not signed in gets 401 for all that needs a user")
async def unauthorized(world):
    connection = await world.connect()
    for kind, fields in REQUESTS.items():
        await refused("401", connection, kind, **fields)


@check("a missing field or one of the wrong type is refused: 400, before 401")
async def bad_fields(world):
    connection = await world.connect()
    await refused("400", connection, "session_restore", sid=5)
    await refused("400", connection, "get_history")
    await refused("400", connection, "authorize", login="alice", password="0", since="tail")
    alice = await world.user("alice")
    for kind, fields in (("send_message", {"to": "bob"}), ("send_message", {"to": "bob", "body": "x", "key": 1}),
                         ("get_history", {"login": "bob", "limit": "1"}), ("add_contact", {"login": ["bob"]}),
                         ("add_contact", {"login": "bob", "blocked": "yes"}), ("update_my_data", {"profile": "x"}),
                         ("search_contacts", {}), ("get_user_data", {"login": 5})):
        await refused("400", alice, kind, **fields)


@check("null is the same as a missing field")
async def null(world):
    alice = await world.user("alice", form="json")
    frame = '{"type":"get_history","login":"bob","limit":null,"before":null,"on_request":71}'
    need_equal(status(await raw(alice, frame, "get_history", 71)), "200")
    frame = '{"type":"send_message","to":"bob","body":null,"on_request":72}'
    need_equal(status(await raw(alice, frame, "send_message", 72)), "400")


@check("an unknown request is answered with 501, signed in or not")
async def unknown(world):
    await refused("501", await world.connect(), "juggle", login=5)
    await refused("501", await world.user("alice"), "juggle")


@check("frames without sense get an error, and the connection goes on")
async def senseless(world):
    connection = await world.connect("json")
    frames = ("hello", "[]", '{"on_request":1}', '{"type":"register_type"}', b"\xff",
              '{"type":"register_type","on_request":0}', '{"type":"register_type","on_request":1.0}')
    for count, frame in enumerate(frames, 1):
        await connection.write(frame)
        await connection.wait(lambda n=count: sum(m["type"] == "error" for m in connection.heard) == n)
    await connection.request("register_type")


@check("JSON is read with white space, escapes, another order, unknown fields and duplicate keys")
async def liberal_json(world):
    connection = await world.connect("json")
    frames = (' {"on_request":5, "x":[{"y":null}], "\\u0074ype":"register\\u005ftype", "login":7}\n',
              '{"type":5,"type":"register_type","on_request":0,"on_request":5}')
    for frame in frames:
        need_equal(status(await raw(connection, frame, "register_type", 5)), "200")


@check("CBOR is read with indefinite lengths, long integers, tags, undefined and byte strings")
async def liberal_cbor(world):
    connection = await world.connect("cbor")
    frame = bytes.fromhex("d9d9f7bf7f6474797065ff6d72656769737465725f747970656a6f6e5f72657175657374"
                          "1b0000000000000005c16178c1426162617af7617bf93e00ff")
    need_equal(status(await raw(connection, frame, "register_type", 5)), "200")


@check("numbers of requests may come again, and go up to 64 bits")
async def numbers(world):
    connection = await world.connect("json")
    for number in (7, 7, 2**64 - 1):
        await raw(connection, f'{{"type":"register_type","on_request":{number}}}', "register_type", number)


@check("each of many requests at once is answered exactly once")
async def many(world):
    alice = await world.user("alice")
    asked = [await alice.begin("get_user_data", login="bob") for _ in range(40)]
    for future in asked:
        need_equal(status(await future), "200")
    ids = [m["id"] for m in alice.heard if m["type"] == "request"]
    need_equal(len(ids), len(set(ids)))


@check("status is text of three digits in every answer")
async def statuses(world):
    alice = await world.user("alice")
    await alice.ask("get_history", login=f"nobody-{world.tag}")
    await alice.ask("get_contacts")
    need(all(isinstance(m["status"], str) and m["status"][:3].isdigit() for m in alice.heard if m["type"] == "request"))


@check("a session is restored after its connection was closed or broke")
async def restore(world):
    for how in ("close", "cut"):
        alice = await world.user("alice", since=None)
        await getattr(alice, how)()
        again = await world.connect()
        answer = await again.restore(alice.signed_in["session_id"])
        need_equal(answer["user"]["login"], "alice")
        await again.request("get_contacts")


@check("a session that is restored elsewhere leaves the old connection: 4001")
async def restored_elsewhere(world):
    alice = await world.user("alice")
    again = await world.connect()
    await again.restore(alice.signed_in["session_id"])
    await closed(alice, 4001)


@check("a session in use on a newer connection is refused to an older one: 409")
async def older_connection(world):
    older = await world.connect()
    alice = await world.user("alice")
    await refused("409", older, "session_restore", sid=alice.signed_in["session_id"])
    await alice.request("get_contacts")


@check("an unknown session is refused: 401")
async def unknown_session(world):
    connection = await world.connect()
    await refused("401", connection, "session_restore", sid="0" * 32)
    await refused("401", connection, "session_restore", sid="x" * 300)


@check("a connection on which too many sign-ins were refused is closed behind the last refusal: 1008")
async def too_many_refused(world):
    connection = await world.connect()
    for count in range(200):
        try:
            await refused("401", connection, "session_restore", sid=f"none {count}")
        except Lost:
            break
    await closed(connection, 1008)


@check("a connection with too many frames without sense is closed behind an error for each: 1008")
async def too_many_senseless(world):
    connection, count = await world.connect(), 0
    while not connection.ended and count < 2000:
        try:
            await connection.write({"type": "register_type"})
            count += 1
            await connection.wait(lambda n=count: len(connection.heard) > n)
        except Lost:
            break
    await closed(connection, 1008)
    need_equal({m["type"] for m in connection.heard[1:]}, {"error"})


@check("answers carry what was asked, in JSON as in CBOR")
async def same_in_both(world):
    seen = []
    for form in ("json", "cbor"):
        alice = await world.user("alice", since=None, form=form)
        answer = await alice.request("get_history", login="bob")
        seen.append(json.dumps({k: v for k, v in answer.items() if k != "id"}, sort_keys=True))
    need_equal(seen[0], seen[1])
