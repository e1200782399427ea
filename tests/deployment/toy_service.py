"""A toy version on a unix socket that doubles `x`; the bundle's file `behaviour` says: dies, wrong,
mute, slow, or drifts, which is wrong only on what its golden rows do not hold."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

from wire.parent_process import end_with

BEHAVIOUR = Path(os.environ["SLUICE_BUNDLE"]) / "behaviour"


class Handler(BaseHTTPRequestHandler):
    """Answers POST /predict."""

    def do_POST(self) -> None:
        """Double every x."""
        behaviour = BEHAVIOUR.read_text() if BEHAVIOUR.exists() else ""
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
        allowed = self.headers["Authorization"] == f"Bearer {os.environ['SLUICE_SERVICE_SECRET']}"
        wrong = {"wrong": 0, "drifts": 8}.get(behaviour, float("inf"))
        body = json.dumps(
            {"predictions": [row["x"] * (3 if row["x"] > wrong else 2) for row in rows]}
        ).encode()
        self.send_response(401 if not allowed else 503 if behaviour == "mute" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """Unix clients have none."""
        return "unix"


class Server(ThreadingMixIn, UnixStreamServer):
    """One thread a connection."""

    daemon_threads = True


if __name__ == "__main__":
    if os.environ.get("SLUICE_PARENT"):
        end_with(int(os.environ["SLUICE_PARENT"]))
    if BEHAVIOUR.exists() and BEHAVIOUR.read_text() == "dies":
        sys.exit("the bundle is not to my liking")
    path = os.environ["SLUICE_BIND"].removeprefix("unix:")
    Path(path).unlink(missing_ok=True)
    Server(path, Handler).serve_forever()
