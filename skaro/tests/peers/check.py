#!/usr/bin/env python3
"""Checks what PROTOCOL.md promises of a server that is given by its URL.

The server must have the users alice, bob and carol (`--user`), open registration, and let users found conferences.
Prints a line for each check; ends with status 1 if one failed.
"""

import argparse
import asyncio
import importlib
import sys

from checking import CHECKS, SECONDS, World

MODULES = ("check_sign_in", "check_messages", "check_log", "check_people", "check_conferences")


async def run_one(world, function):
    """Runs one check; gives what went wrong, or None."""
    try:
        async with asyncio.timeout(SECONDS):
            await function(world)
        faults = [fault for connection in world.connections for fault in connection.faults]
        return f"the client could not make sense of: {faults}" if faults else None
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        await world.clear()


async def run(options):
    passwords = dict(user.split("=", 1) for user in options.user)
    missing = {"alice", "bob", "carol"} - passwords.keys()
    if missing:
        sys.exit(f"no passwords for {sorted(missing)}")
    for module in MODULES:
        importlib.import_module(module)
    world, failed, count = World(options.url, passwords), 0, 0
    for promise, function in CHECKS:
        if options.only not in promise:
            continue
        wrong = await run_one(world, function)
        count += 1
        failed += wrong is not None
        print("ok    " if wrong is None else "FAILED", promise, "" if wrong is None else f"\n       {ascii(wrong)}")
    print(f"{count} checks, {failed} failed")
    return failed == 0 and count > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url")
    parser.add_argument("--user", action="append", default=[], metavar="LOGIN=PASSWORD")
    parser.add_argument("--only", default="", metavar="WORDS", help="only checks whose name has these words")
    sys.exit(0 if asyncio.run(run(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
