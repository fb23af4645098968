"""What the page needs around it: the server, a way to cut its connections, and somebody who serves the page."""

import functools
import http.server
import json
import select
import signal
import socket
import subprocess
import threading


class Serve:
    """`skaro serve`. Without a directory it forgets all but its users when it ends."""

    def __init__(self, program, users, *options, data=None):
        users = (f"--user={login}:{password}" for login, password in users.items())
        self.program, self.data = program, data
        self.command = [program, "serve", f"--data={data}" if data else "--memory", *users, *options]
        self.port = 0
        self.start()

    def start(self):
        """Starts it; on the same port as before, if there was one."""
        command = [*self.command, f"--listen=127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]
        self.port = int(self.url.split(":")[2].split("/")[0])

    def invitation(self):
        """An invitation to register; the server has to keep its data in a directory."""
        command = [self.program, "invitation", f"--data={self.data}", "--json"]
        return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["invitation"]

    def kill(self):
        """Ends it without a word to anybody."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Proxy:
    """Between a page and the server: cuts connections, and lets nobody through until it is told to."""

    def __init__(self, port):
        self.server = port
        self.is_open = True
        self.is_mute = False
        self.pairs = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/skaro_client/"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client = self.listener.accept()[0]
            with self.lock:
                if not self.is_open:
                    client.close()
                    continue
                try:
                    pair = (client, socket.create_connection(("127.0.0.1", self.server)))
                except OSError:
                    # The server is about to start again.
                    client.close()
                    continue
                self.pairs.append(pair)
            threading.Thread(target=self.forward, args=pair, daemon=True).start()

    def forward(self, one, other):
        # `one` is the page, `other` the server.
        across = {one: other, other: one}
        has_opened = False
        try:
            while True:
                for source in select.select([one, other], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is other and self.is_mute:
                        # The WebSocket opens nevertheless: HTTP's answer ends with an empty line.
                        head, end, _ = data.partition(b"\r\n\r\n")
                        data = b"" if has_opened else head + end
                    has_opened |= source is other
                    across[source].sendall(data)
        except OSError:
            pass
        finally:
            one.close()
            other.close()
            with self.lock:
                self.pairs = [pair for pair in self.pairs if pair[0] is not one]

    def connections(self):
        with self.lock:
            return len(self.pairs)

    def mute(self):
        """Keeps from the pages what the server says."""
        self.is_mute = True

    def cut(self):
        """Ends all connections, without a closing handshake, and refuses further ones."""
        with self.lock:
            self.is_open = False
            for ends in self.pairs:
                for end in ends:
                    try:
                        end.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
            self.pairs.clear()

    def mend(self):
        with self.lock:
            self.is_open, self.is_mute = True, False


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def serve_page(folder):
    """Serves the folder; returns the page's URL."""
    handler = functools.partial(Quiet, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"
