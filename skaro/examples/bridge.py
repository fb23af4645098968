"""Carries messages between two users of two servers: bridge.py NAME URL LOGIN PARTNER NAME URL LOGIN PARTNER

The bridge signs in as LOGIN on each side; its password is in the file NAME.password, its place in NAME.state. Each message
has a key, and counts as taken when the other side has it: whatever is killed, it arrives once. SKARO is the program.
"""

import json
import os
import subprocess
import sys
import threading


class Side:
    def __init__(self, name, url, login, partner):
        command = [os.environ.get("SKARO", "skaro"), "chat", "--json", "--url", url, "--login", login]
        command += ["--password-file", f"{name}.password", "--state", f"{name}.state", "--taken"]
        pipe = subprocess.PIPE
        self.chat = subprocess.Popen(command, stdin=pipe, stdout=pipe, encoding="utf-8")
        self.partner, self.lock = partner, threading.Lock()

    def write(self, **command):
        with self.lock:  # Both threads write.
            print(json.dumps(command), file=self.chat.stdin, flush=True)


def carry(here, there):
    for event in map(json.loads, here.chat.stdout):
        match event:
            case {"event": "message", "message": {"from": {"login": here.partner}} as message}:
                key = f"{message['date']}-{message['position']}"
                there.write(command="send", to=there.partner, body=message["body"], key=key, id=message["position"])
            case {"event": "message_sent", "id": position}:  # Messages are answered in order.
                there.write(command="taken", position=position)
            case {"id": _}:  # Any other end of a command is a failure. The next start tries again.
                print(event, file=sys.stderr)
                break
    os._exit(75)  # One side has ended, so both end.


sides = Side(*sys.argv[1:5]), Side(*sys.argv[5:9])
for here, there in [sides, sides[::-1]]:
    threading.Thread(target=carry, args=(here, there)).start()
