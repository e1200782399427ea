"""A real S3 server, a real web server, and names in fsspec's memory."""

import functools
import http.server
import os
import re
import sys
import threading
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from batch.storage.remote_file import BLOCK_BYTES


@pytest.fixture(scope="session")
def _s3_server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(_s3_server, monkeypatch):
    """The address of an empty bucket, which runs in other processes reach, too."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", _s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{uuid4().hex}"
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}"


@pytest.fixture
def memory():
    """The address of a folder in this process's memory."""
    return f"memory://{uuid4().hex}"


class RangeHandler(http.server.SimpleHTTPRequestHandler):
    """A folder as a web server has it, by ranges too."""

    ranges = True

    def send_head(self):
        """As the standard library does it, but for ranges, and with an etag."""
        path = self.translate_path(self.path)
        if not os.path.isfile(path):
            return super().send_head()

        size = os.path.getsize(path)
        first, last, status = 0, size - 1, 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and self.ranges:
            first, last, status = int(asked[1]), min(int(asked[2] or last), last), 206

        self.server.asked.append((self.command, self.path, last - first + 1))
        self.send_response(status)
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("ETag", f'"{os.stat(path).st_mtime_ns}"')
        if self.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")

        self.end_headers()
        file = Path(path).open("rb")  # noqa: SIM115 (who asks for it closes it)
        file.seek(first)
        self.left = last - first + 1
        return file

    def copyfile(self, source, outputfile):
        """No more than the range, block by block: its memory is the test's."""
        left = getattr(self, "left", sys.maxsize)
        while block := source.read(min(left, BLOCK_BYTES)):
            outputfile.write(block)
            left -= len(block)

    def log_message(self, *_arguments):
        """Say nothing."""


class WholeHandler(RangeHandler):
    """The same without ranges."""

    ranges = False


@pytest.fixture
def web(tmp_path):
    """web(handler): the server of the folder `in`, with all that it was asked."""
    servers = []

    def serve(handler=RangeHandler):
        made = functools.partial(handler, directory=str(tmp_path / "in"))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), made)
        server.asked = []
        server.address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
