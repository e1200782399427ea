"""A toy router: alive, and its /status follows the ledger; `run/in-flight` in the state folder is
its load, `run/recent-traffic` what came lately.
"""

import json
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from store import LedgerStore
from store.engine import engine

STATE = Path(os.environ["SLUICE_STATE"])
RECORD = LedgerStore(
    engine(os.environ.get("DATABASE_URL") or f"sqlite:///{STATE}/ledger.db"), "flights"
)


def _kept(name: str) -> Any:
    """The content of a file that a test wrote; None without one."""
    path = STATE / "run" / name
    return json.loads(path.read_text()) if path.exists() else None


class Handler(BaseHTTPRequestHandler):
    """Answers GET."""

    def do_GET(self) -> None:
        """Liveness and status."""
        addresses = _kept("in-flight") or {}
        revision = RECORD.revision()
        status = {
            "revision": revision,
            "workers": [{"pid": os.getpid(), "revision": revision, "ledger_age_s": 0.0}],
            "versions": {
                "v1": {"requests": 3, "errors": 0, "served_share": 1.0, "addresses": addresses}
            },
            "failed_requests": 0,
            "recent": _kept("recent-traffic"),
        }
        body = json.dumps(status).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=int(os.environ["SLUICE_LISTEN_FD"]))
    server.serve_forever()
