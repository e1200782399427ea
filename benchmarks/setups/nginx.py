"""nginx from Debian's package, run as this user in a folder of its own."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.processes import BenchmarkFailed
from benchmarks.setups.setup import Upstreams

HEAD = """daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_body_buffer_size 64k;
"""
PROXIED = """proxy_http_version 1.1;
            proxy_set_header Connection "";
"""

# Shorter than uvicorn keeps an idle connection (5 s): a request on one that is being closed would
# be lost.
KEPT = "keepalive 512; keepalive_timeout 4s;"


def program() -> str:
    """nginx's path; raises BenchmarkFailed where it is not installed."""
    path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if path is None:
        raise BenchmarkFailed("nginx is missing: `make system` installs it (as root)")
    return path


def version() -> str:
    """As nginx says it."""
    output = subprocess.run([program(), "-v"], capture_output=True, text=True, check=True).stderr
    return output.strip().rpartition("/")[2]


def command(folder: Path, body: str) -> list[str]:
    """The command that runs nginx with this content of its http block."""
    folder.mkdir(parents=True, exist_ok=True)
    conf = folder / "nginx.conf"
    conf.write_text(HEAD.format(folder=folder) + body + "}\n")
    return [program(), "-c", str(conf), "-e", str(folder / "error.log")]


def weighted(port: int, upstreams: Upstreams) -> str:
    """A server that sends each request to an upstream by `split_clients`."""
    names = list(upstreams)
    shares = [
        f"        {share}% {name};" for name, (_, share) in upstreams.items() if name != names[-1]
    ]
    blocks = [
        f"    upstream {name} {{ server {address}; {KEPT} }}"
        for name, (address, _) in upstreams.items()
    ]
    split = [
        '    split_clients "$request_id" $version {',
        *shares,
        f"        * {names[-1]};",
        "    }",
    ]
    return "\n".join(
        [*blocks, *split, _server(f"127.0.0.1:{port}", f"proxy_pass http://$version; {PROXIED}")]
    )


def split(folder: Path, port: int, upstreams: Upstreams) -> list[str]:
    """The command that runs `weighted`."""
    return command(folder, weighted(port, upstreams))


def constant(port: int, body: str) -> str:
    """A server that answers this JSON to everything."""
    answer = body.replace("\\", "\\\\").replace("'", "\\'")
    return _server(f"127.0.0.1:{port}", f"default_type application/json; return 200 '{answer}';")


def proxy(listen: str, to: str) -> str:
    """A server that hands everything on; both are an address with its port, or `unix:` and a
    path.
    """
    upstream = f"    upstream behind {{ server {to}; {KEPT} }}\n"
    return upstream + _server(listen, f"proxy_pass http://behind; {PROXIED}")


def _server(listen: str, location: str) -> str:
    return f"    server {{ listen {listen}; location / {{ {location} }} }}\n"
