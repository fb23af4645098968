#!/usr/bin/env python3
"""Checks the test vectors without the implementation that they test.

JSON is read by Python's json, CBOR by cbor2, proofs are computed by hmac. Ends with status 1 if a vector is wrong.
"""

import collections.abc
import hashlib
import hmac
import io
import json
import pathlib
import sys

import cbor2

FOLDER = pathlib.Path(__file__).parent

# For each file: the keys that each vector has besides its name, and those that it may have.
FILES = {
    "requests.json": ({"direction", "message", "json", "cbor"}, {"origin"}),
    "greeting.json": ({"direction", "message", "json", "cbor", "event"}, set()),
    "answers.json": ({"direction", "message", "json", "cbor", "event"}, set()),
    "pushes.json": ({"direction", "message", "json", "cbor", "event"}, {"user", "dialog"}),
    "auth.json": ({"token", "password", "proof"}, {"origin"}),
    "liberal.json": ({"direction", "message"}, {"json", "cbor", "means", "event", "user", "dialog"}),
    "malformed.json": ({"direction", "wrong_with", "error"}, {"json", "cbor", "reply"}),
    "unexpected.json": ({"direction", "state", "error", "json"}, set()),
    "statuses.json": ({"direction", "state", "json", "status"}, set()),
}


class Wrong(Exception):
    """A vector that is not what it claims to be."""


def need(condition, what):
    if not condition:
        raise Wrong(what)


def read_json(text):
    """The value of a JSON text; raises ValueError if it is none (RFC 8259, stricter than Python by default)."""

    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def read_cbor(digits):
    """The value of a CBOR item, in terms that JSON has; raises ValueError if it is none, or not alone."""
    stream = io.BytesIO(bytes.fromhex(digits))
    try:
        value = cbor2.load(stream)
    except (cbor2.CBORDecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    if stream.read():
        raise ValueError("something follows")
    return plain(value)


def plain(value):
    """What a tag holds, null for undefined and for simple values, lists of numbers for bytes."""
    if isinstance(value, cbor2.CBORTag):
        return plain(value.value)
    if value is cbor2.undefined or isinstance(value, cbor2.CBORSimpleValue):
        return None
    if isinstance(value, bytes):
        return list(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, collections.abc.Mapping):
        return {name(key): plain(item) for key, item in value.items()}
    return value


def name(key):
    """A map's key without tags; keys that are not text stay what they are."""
    return name(key.value) if isinstance(key, cbor2.CBORTag) else key


def same(one, other):
    """Whether two values are equal; unlike Python's ==, true is not 1, and 1 is not 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def check_proof(vector):
    key, message = vector["password"].encode(), vector["token"].encode()
    need(hmac.new(key, message, hashlib.sha512).hexdigest() == vector["proof"], "another proof")


def check_encodings(vector):
    """Each encoding holds the message."""
    encodings = [key for key in ("json", "cbor") if key in vector]
    need(encodings, "no encoding")
    for encoding in encodings:
        read = {"json": read_json, "cbor": read_cbor}[encoding]
        value = read(vector[encoding])
        need(same(value, vector["message"]), f"{encoding} holds {value}")


def check_dialog(vector):
    """What one sent oneself belongs to the recipient's dialog, the rest to the conference or the sender's."""
    message = vector["message"]
    sender, conference = message["from"]["login"], message["from"].get("in_conference")
    other = sender if conference is None else conference
    dialog = message["to"] if sender == vector["user"] else other
    need(dialog == vector["dialog"], f"belongs to {dialog}")


def check_shortest(vector):
    """As this project writes: no white space in JSON, the shortest form of everything in CBOR."""
    value = read_json(vector["json"])
    need(vector["json"] == json.dumps(value, separators=(",", ":"), ensure_ascii=False), "another JSON")
    need(vector["cbor"] == cbor2.dumps(value).hex(), "another CBOR")


def check_refusal(vector):
    """What is wrong at the format's level is refused by these readers too; the rest is not."""
    encodings = [key for key in ("json", "cbor") if key in vector]
    need(len(encodings) == 1, "either json or cbor")
    need(vector["wrong_with"] in ("format", "message", "limit"), "unknown wrong_with")
    read = {"json": read_json, "cbor": read_cbor}[encodings[0]]
    try:
        read(vector[encodings[0]])
    except ValueError as error:
        need(vector["wrong_with"] == "format", f"should be readable: {error}")
    else:
        need(vector["wrong_with"] != "format", "should not be readable")


def check(file, vector):
    if file == "auth.json":
        return check_proof(vector)
    need(vector["direction"] in ("client", "server"), "unknown direction")
    if file == "malformed.json":
        return check_refusal(vector)
    if file in ("unexpected.json", "statuses.json"):
        return need(isinstance(read_json(vector["json"]), dict), "no map")
    check_encodings(vector)
    if "dialog" in vector:
        check_dialog(vector)
    if file != "liberal.json":
        check_shortest(vector)


def check_file(file, required, optional):
    """The number of vectors in a file, and what is wrong with them."""
    vectors = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    wrong = [] if vectors else [f"{file}: is empty"]
    names = set()
    for number, vector in enumerate(vectors):
        keys = vector.keys()
        try:
            need("name" in keys and vector["name"] not in names, "no name of its own")
            need(required | {"name"} <= keys, f"lacks {required - keys}")
            need(keys <= required | optional | {"name"}, f"has {keys - required - optional - {'name'}}")
            check(file, vector)
        except (Wrong, ValueError) as error:
            wrong.append(f"{file}: {vector.get('name', number)}: {error}")
        names.add(vector.get("name"))
    return len(vectors), wrong


def main():
    wrong = []
    strays = {path.name for path in FOLDER.glob("*.json")} - FILES.keys()
    wrong += [f"{file}: nobody reads it" for file in strays]
    for file, (required, optional) in FILES.items():
        try:
            count, found = check_file(file, required, optional)
        except (OSError, ValueError) as error:
            count, found = 0, [f"{file}: {error}"]
        wrong += found
        print(f"{file}: {count} vectors, {len(found)} wrong")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
