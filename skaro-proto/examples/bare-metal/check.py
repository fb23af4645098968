"""Runs the firmware under QEMU, plays the server, and compares what it sends with answers known from elsewhere."""

import hashlib
import hmac
import secrets
import struct
import subprocess
import sys

# What the original client, libskaro 0.3, sent for this token and this password.
TOKEN, LOGIN, PASSWORD = "3a0cf1b2c7d94e53", "alice", "correct horse"
PROOF = (
    "09588417315960d9c036c409598b667ee6e4cd1d78e4306238c8c2fff4c360c6"
    "9fa3f3283fead5c2d575cac5878d7699b7350ba78653f93be604e4531efa4071"
)


def cbor(value):
    """As much of CBOR (RFC 8949) as these frames need."""

    def head(kind, number):
        return bytes([kind << 5 | number]) if number < 24 else bytes([kind << 5 | 24, number])

    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(0, value)


def challenge(token):
    return cbor({"type": "check_connection", "token": token})


def answer(status, **fields):
    return cbor({"type": "request", "for": "authorize", "id": 1, "status": status, **fields})


def run(firmware, *words):
    """What the firmware prints, as a map, and its exit code."""
    arguments = "".join(f",arg={word}" for word in words)
    command = ["qemu-system-arm", "-machine", "mps2-an386", "-display", "none", "-monitor", "none"]
    command += ["-serial", "null", "-semihosting-config", f"enable=on,target=native{arguments}"]
    ended = subprocess.run(
        [*command, "-kernel", firmware], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
    )
    print(ended.stdout, end="")
    return dict(line.split(": ", 1) for line in ended.stdout.splitlines() if ": " in line), ended.returncode


def check(what, seen, expected):
    if seen != expected:
        sys.exit(f"{what}: expected {expected}, got {seen}")
    print(f"ok: {what}")


def flash(firmware):
    """Bytes that the program takes in flash: what is loaded (ELF, 32 bits, little-endian)."""
    image = open(firmware, "rb").read()
    start, size, count = *struct.unpack_from("<I", image, 28), *struct.unpack_from("<HH", image, 42)
    headers = (struct.unpack_from("<8I", image, start + size * n) for n in range(count))
    return sum(header[4] for header in headers if header[0] == 1)


def main(firmware):
    let_in = answer("200", session_id="s-1", user={"login": LOGIN})
    for token, password, proof in [
        (TOKEN, PASSWORD, PROOF),
        # Another pair each time, so that no constant can pass.
        *((t, p, hmac.new(p.encode(), t.encode(), hashlib.sha512).hexdigest())
          for t, p in [(secrets.token_hex(16), secrets.token_hex(8))]),
    ]:
        said, code = run(firmware, challenge(token).hex(), let_in.hex(), LOGIN, password)
        frame = cbor({"login": LOGIN, "password": proof, "type": "authorize", "on_request": 1})
        check(f"the frame for the token {token}", said.get("frame"), frame.hex())
        check("signed in", (said.get("signed in"), code), (LOGIN, 0))

    said, code = run(firmware, challenge(TOKEN).hex(), answer("401", info="no").hex(), LOGIN, PASSWORD)
    check("a refusal signs nobody in", (said.get("signed in"), code), ("nobody", 0))
    said, code = run(firmware, challenge(TOKEN).hex()[:-2], let_in.hex(), LOGIN, PASSWORD)
    check("a frame that is cut off is an error, no crash", ("error" in said, "frame" in said, code), (True, False, 1))
    print(f"flash: {flash(firmware)} bytes")


main(sys.argv[1])
