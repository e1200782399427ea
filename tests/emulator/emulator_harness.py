"""The emulator as a process of its own, and a client with which a test step is one line."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.until import until

ROOT = Path(__file__).parents[2]
TOKEN = "HRKU-00000000-0000-4000-8000-000000000000"
ACCEPT = "application/vnd.heroku+json; version=3"
SAMPLE_APP = (Path(__file__).parent / "sample_app.py").read_text()
PLAIN = {
    "requirements.txt": "",
    "sample_app.py": SAMPLE_APP,
    ".python-version": "3.11\n",
    "Procfile": "web: python sample_app.py\n",
}
WITH_RELEASE = {
    **PLAIN,
    "Procfile": "web: python sample_app.py\n"
    'release: echo "released $COLOUR"; exit ${RELEASE_EXIT:-0}\n',
}


def tarball(files: dict[str, str | bytes]) -> bytes:
    """A .tgz of these files; those under bin/ may be run."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755 if name.startswith("bin/") else 0o644
            archive.addfile(entry, io.BytesIO(data))

    return buffer.getvalue()


def digest(data: bytes) -> str:
    """As a build's checksum is written."""
    return f"SHA256:{hashlib.sha256(data).hexdigest()}"


@dataclass
class Heroku:
    """A running emulator."""

    process: subprocess.Popen[str]
    base: str
    api: httpx.Client
    public: httpx.Client
    slugs: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, status: int | None = None, **options: Any) -> Any:
        """An API call's JSON. Fails unless the status is this one or, without it, a success."""
        answer = self.api.request(method, path, **options)
        assert answer.status_code == status if status else answer.is_success, (
            f"{method} {path}: {answer.text}"
        )
        return answer.json()

    def control(self, what: str, **body: Any) -> Any:
        """Call the emulator's own API."""
        answer = self.public.post(f"/emulator/{what}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def account(self) -> dict[str, Any]:
        """The emulator's report."""
        return dict(self.public.get("/emulator/account").json())

    def new(self, **config: str) -> dict[str, Any]:
        """An app with nothing on it but config vars."""
        app = self.call("POST", "/apps", json={})
        if config:
            self.call("PATCH", f"/apps/{app['name']}/config-vars", json=config)
        return dict(app)

    def upload(self, data: bytes) -> str:
        """Upload a tarball to build from; returns its address."""
        blob = self.call("POST", "/sources")["source_blob"]
        assert self.public.put(blob["put_url"], content=data).status_code == 200
        return str(blob["get_url"])

    def start_build(
        self, app: dict[str, Any], files: dict[str, Any], **source: str
    ) -> dict[str, Any]:
        """Upload and begin to build."""
        data = tarball(files)
        blob = {"url": self.upload(data), "checksum": digest(data), **source}
        return dict(self.call("POST", f"/apps/{app['id']}/builds", json={"source_blob": blob}))

    def build(
        self, app: dict[str, Any], files: dict[str, Any], **source: str
    ) -> tuple[dict[str, Any], str]:
        """A build to its end, with its output."""
        build = self.start_build(app, files, **source)
        output = self.public.get(build["output_stream_url"], timeout=120).text
        return self.call("GET", f"/apps/{app['id']}/builds/{build['id']}"), output

    def slug(self, name: str, files: dict[str, Any]) -> str:
        """The id of a slug that is built once for all tests; its own app has no dynos."""
        if name not in self.slugs:
            app = self.new()
            build, output = self.build(app, files, version=f"{name}-1")
            assert build["status"] == "succeeded", output
            self.slugs[name] = build["slug"]["id"]
            until(lambda: self.releases(app)[-1]["status"] == "succeeded", "released")
            self.scale(app, 0)

        return self.slugs[name]

    def release(self, app: dict[str, Any], slug: str, **body: str) -> dict[str, Any]:
        """Put a slug on an app."""
        return dict(self.call("POST", f"/apps/{app['id']}/releases", json={"slug": slug, **body}))

    def sample_app(self, wait: bool = True, **config: str) -> dict[str, Any]:
        """An app that runs sample_app.py; with `wait`, until it is up."""
        app = self.new(**config)
        self.release(app, self.slug("sample", PLAIN))
        return self.up(app) if wait else app

    def up(self, app: dict[str, Any]) -> dict[str, Any]:
        """Wait until all dynos are up."""
        until(lambda: {"up"} == {dyno["state"] for dyno in self.dynos(app)}, "all dynos up", 60)
        return app

    def dynos(self, app: dict[str, Any]) -> list[dict[str, Any]]:
        """What the API lists."""
        return list(self.call("GET", f"/apps/{app['id']}/dynos"))

    def releases(self, app: dict[str, Any]) -> list[dict[str, Any]]:
        """From v1 on."""
        return list(self.call("GET", f"/apps/{app['id']}/releases"))

    def scale(
        self, app: dict[str, Any], quantity: int, size: str = "Basic", status: int = 200
    ) -> Any:
        """Set the web formation."""
        body = {"quantity": quantity, "dyno_size": {"name": size}}
        return self.call("PATCH", f"/apps/{app['id']}/formation/web", status, json=body)

    def get(self, app: dict[str, Any], path: str = "/", **headers: str) -> httpx.Response:
        """As a user of the app."""
        host = app["web_url"].removeprefix("https://").strip("/")
        return self.public.get(path, headers={"Host": host, **headers}, timeout=60)

    def log(self, app: dict[str, Any], **filters: Any) -> str:
        """The app's recent log."""
        session = self.call(
            "POST", f"/apps/{app['id']}/log-sessions", json={"lines": 1500, **filters}
        )
        return self.public.get(session["logplex_url"]).text

    def logged(self, app: dict[str, Any], text: str) -> str:
        """Wait until the log has this text; returns the log."""
        return str(
            until(lambda: text in (log := self.log(app)) and log, f"{text!r} in the log", 60)
        )


def start(schema: Path | None, *options: str) -> Heroku:
    """Run one."""
    # A schema that the user downloaded is not for tests.
    schema_environ = {"HEROKU_SCHEMA": "", "XDG_CACHE_HOME": "/nonexistent"}
    if schema:
        schema_environ = {"HEROKU_SCHEMA": str(schema)}

    environ = {**os.environ, **schema_environ, "SECRET_OF_THE_DEVELOPER": "1"}
    command = [sys.executable, "-m", "emulator", "--port", "0", "--token", TOKEN, *options]
    process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    base = next(line for line in lines if "HEROKU_HOST=" in line).strip().partition("=")[2]
    headers = {"Accept": ACCEPT, "Authorization": f"Bearer {TOKEN}"}
    api = httpx.Client(base_url=base, headers=headers, timeout=60)
    return Heroku(process, base, api, httpx.Client(base_url=base, timeout=60))


def stop(heroku: Heroku) -> int:
    """Ctrl-C; returns the exit status."""
    heroku.api.close()
    heroku.public.close()
    heroku.process.terminate()
    try:
        heroku.process.communicate(timeout=300)
    finally:
        heroku.process.kill()

    return heroku.process.returncode
