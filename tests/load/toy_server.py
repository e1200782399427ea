"""A server in a thread that answers as a test says, and keeps what it was asked."""

import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from wire.load_mark import HEADER


class Server(ThreadingHTTPServer):
    """Answers as `answer` says, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.asked, self.marks = answer, Counter(), set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/predict"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked[body, self.headers.get("X-Unit-Id")] += 1
        self.server.marks.add(self.headers.get(HEADER))
        self.server.answer(self)

    def plain(self, status=200, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": "2", "X-Model-Version": "v1", **headers}.items():
            self.send_header(name.replace("_", "-"), value)

        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@contextmanager
def serving(answer):
    server = Server(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
