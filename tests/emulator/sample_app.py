"""An app for tests: shows its environment and its requests, and misbehaves on request."""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Server(ThreadingHTTPServer):
    request_queue_size = 256


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self):
        path = self.path.partition("?")[0]
        getattr(self, path.strip("/") or "facts", self.facts)()

    def do_POST(self):
        self.reply({"bytes": len(self.rfile.read(int(self.headers.get("Content-Length", 0))))})

    def facts(self):
        self.reply(
            {
                "env": dict(os.environ),
                "headers": dict(self.headers),
                "pid": os.getpid(),
                "dir": os.getcwd(),
            }
        )

    def reply(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        if self.close_connection:
            self.send_header("Connection", "close")

        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def slow(self):
        time.sleep(20)
        self.facts()

    def second(self):
        time.sleep(1)
        self.facts()

    def mute(self):
        self.close_connection = True

    def half(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    def garble(self):
        self.wfile.write(b"this is not HTTP\r\n\r\n")
        self.close_connection = True

    def deaf(self):
        self.server.shutdown()
        self.server.socket.close()
        self.close_connection = True
        self.reply({})

    def stall(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"stall")
        self.wfile.flush()
        time.sleep(20)

    def crash(self):
        os._exit(3)

    def write(self):
        file = Path("written")
        before = file.exists()
        file.write_text("x")
        self.reply({"before": before})

    def log_message(self, *words):
        pass


if os.environ.get("BOOT") == "crash":
    sys.exit(4)
if os.environ.get("BOOT") == "never":
    time.sleep(60)
if os.environ.get("IGNORE_TERM"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("the sample app starts", flush=True)
Server(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
threading.Event().wait()
