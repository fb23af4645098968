"""Reads and writes the frames of the protocol: sections 2 and 8 of PROTOCOL.md."""

import collections.abc
import hashlib
import hmac
import io
import json
import math

import cbor2

LEVELS = 16

# The tags that cbor2 would interpret. Here a tag is skipped, and what it tags counts.
KNOWN_TAGS = (*range(0, 6), 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000, 55799)
SKIP_TAGS = {tag: (lambda value, immutable: value) for tag in KNOWN_TAGS}


class Senseless(Exception):
    """A frame that is no message."""


def proof(password, token):
    """Computes what `authorize` carries in place of the password."""
    return hmac.new(password.encode(), token.encode(), hashlib.sha512).hexdigest()


def write(message, form):
    """Writes a message as `json` (text) or `cbor` (bytes)."""
    if form == "json":
        return json.dumps(message, separators=(",", ":"), ensure_ascii=False)
    return cbor2.dumps(message)


def size(frame):
    """Counts the bytes of a frame on the wire."""
    return len(frame.encode()) if isinstance(frame, str) else len(frame)


def read(frame):
    """Reads a message from a text or a binary frame; raises Senseless if it is none."""
    try:
        value = read_json(frame) if isinstance(frame, str) else read_cbor(frame)
        value = plain(value, 1)
    except Senseless:
        raise
    except (ValueError, RecursionError, cbor2.CBORError) as error:
        raise Senseless(f"malformed: {error}") from error
    if not isinstance(value, dict):
        raise Senseless("not a map")
    if not isinstance(value.get("type"), str):
        raise Senseless("no type")
    return value


def read_json(frame):
    def refuse(constant):
        raise ValueError(constant)

    return json.loads(frame, parse_constant=refuse, parse_float=finite)


def finite(digits):
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number beyond 64 bits")
    return number


def read_cbor(frame):
    stream = io.BytesIO(frame)
    value = cbor2.load(stream, tag_hook=untag, semantic_decoders=SKIP_TAGS, max_depth=100)
    if stream.tell() != len(frame):
        raise ValueError("something follows the map")
    return value


def untag(tag, immutable):
    return tag.value


def plain(value, level):
    """Turns what the libraries read into maps, lists, text, numbers, booleans and None, and checks it."""
    if isinstance(value, (collections.abc.Mapping, list, tuple)) and level > LEVELS:
        raise Senseless("too deep")
    if isinstance(value, collections.abc.Mapping):
        if not all(isinstance(key, str) for key in value):
            raise Senseless("a key that is no text")
        return {plain(key, level): plain(item, level + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, level + 1) for item in value]
    if value is cbor2.undefined or isinstance(value, cbor2.CBORSimpleValue):
        return None
    if isinstance(value, str):
        value.encode()  # Half a surrogate pair is no text: a UnicodeError is a ValueError.
        return value
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return float(value)
    return value
