"""A Sluice whose target is a Heroku on this machine: its folder, its account, its faults, and what
was paid for.
"""

import hashlib
import http.client
import json
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from delivery.signatures import sign, signing_key
from deployment.commands.rehearse import Users, on_heroku
from tests.e2e.town import ROOT, ROW, Said, Town
from tests.emulator.rehearsed import Heroku
from tests.until import until

END_S = 600


@dataclass(kw_only=True)
class HerokuTown(Town):
    """prefix: what the names of its apps begin with."""

    heroku: Heroku
    prefix: str

    def app(self, name: str) -> str:
        """The app of a version, or the router's."""
        return f"{self.prefix}-{name}"

    def stop_at(self, line: str, *words: str) -> Said:
        """A verb that is sent Ctrl-C as soon as it says this."""
        process = self.start(*words)
        said = read_until(process, line)
        process.send_signal(signal.SIGINT)
        return ended(process, said)

    def fault(self, kind: str, method: str, path: str, **more: Any) -> None:
        """Let the next such call meet that fault."""
        self.heroku.control("faults", kind=kind, method=method, path=path, **more)

    def calls(self, method: str, path: str) -> int:
        """How many such calls there were, with or without success."""
        return sum(
            (each["method"], each["path"]) == (method, path)
            for each in self.heroku.account()["log"]
        )

    def paid(self, name: str) -> dict[str, Any]:
        """What an app has: builds by how they ended, releases, add-ons of its own, web dynos."""
        app = self.app(name)
        builds = [each["status"] for each in self.heroku.call("GET", f"/apps/{app}/builds")]
        return {
            "builds": builds,
            "releases": len(self.heroku.call("GET", f"/apps/{app}/releases")),
            "addons": len(
                [
                    a
                    for a in self.heroku.call("GET", f"/apps/{app}/addons")
                    if a["app"]["name"] == app
                ]
            ),
            "dynos": len(
                [d for d in self.heroku.call("GET", f"/apps/{app}/dynos") if d["type"] == "web"]
            ),
        }

    def dyno(self, name: str) -> dict[str, Any]:
        """The web dyno of an app, empty where it has none."""
        found = self.heroku.call("GET", f"/apps/{self.app(name)}/dynos")
        return next((each for each in found if each["type"] == "web"), {})

    def running(self, name: str) -> int:
        """The release that the web dyno of an app runs, 0 while it is not up."""
        found = self.dyno(name)
        return int(found["release"]["version"]) if found.get("state") == "up" else 0

    def apps(self) -> set[str]:
        """Names of all apps, without the prefix."""
        return {
            each["name"].removeprefix(f"{self.prefix}-")
            for each in self.heroku.call("GET", "/apps")
        }

    def changed(self, version: str, change: Callable[[Path], None] = lambda _: None) -> None:
        """v1 under another name, with files changed before it was signed."""
        folder = self.folder / "releases" / version
        shutil.copytree(self.folder / "releases" / "v1", folder)
        change(folder)
        manifest = yaml.safe_load((folder / "release.yaml").read_text())
        manifest["version"] = version
        for name in manifest["files"]:
            content = (folder / name).read_bytes()
            manifest["files"][name] = {
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
            }

        raw = yaml.safe_dump(manifest).encode()
        (folder / "release.yaml").write_bytes(raw)
        (folder / "signature").write_bytes(sign(raw, signing_key(self.folder / "keys")))

    def answered_by(self) -> str:
        """Which version answers a user now."""
        host, _, port = self.more["SLUICE_CONNECT_THROUGH"].rpartition(":")
        line = http.client.HTTPConnection(host, int(port), timeout=20)
        headers = {"Host": self.url.removeprefix("https://"), "Content-Type": "application/json"}
        try:
            line.request("POST", "/predict", json.dumps({"instances": [ROW]}).encode(), headers)
            answer = line.getresponse()
            said = answer.read()
        finally:
            line.close()

        assert answer.status == 200, said
        return str(answer.headers["X-Model-Version"])

    @contextmanager
    def users(self) -> Iterator[Users]:
        """Users who predict meanwhile; fails where one of them was failed."""
        body = json.dumps({"instances": [ROW]}).encode()
        users = Users(
            self.more["SLUICE_CONNECT_THROUGH"], self.url.removeprefix("https://"), [body]
        )
        with users:
            until(lambda: users.requests > 20, "the first answers")
            yield users

        assert (users.failed, users.problems) == (0, [])


def town_on(heroku: Heroku, folder: Path, bundles: Path, account: str) -> HerokuTown:
    """A town with these bundles, nothing up; account: the id that the names of its apps are made
    of.
    """
    for part in ("releases", "keys"):
        shutil.copytree(bundles / part, folder / part)

    config = folder / "deploy.toml"
    config.write_text(on_heroku((ROOT / "deploy.toml").read_text()))
    more = {
        "SLUICE_CONFIG": str(config),
        "SLUICE_CONNECT_THROUGH": heroku.base.partition("://")[2],
        "HEROKU_HOST": heroku.base,
        "HEROKU_API_KEY": heroku.api.headers["Authorization"].partition(" ")[2],
        "DATABASE_URL": "",
    }
    digest = hashlib.blake2b(f"{account}:flights".encode()).hexdigest()[:6]
    return HerokuTown(folder, more, heroku=heroku, prefix=f"flights-{digest}")


def read_until(process: "subprocess.Popen[str]", line: str) -> str:
    """What a verb says up to that line; fails where it ends, or takes too long, without it."""
    said = ""
    guard = threading.Timer(END_S, process.kill)
    guard.start()
    try:
        assert process.stdout is not None
        for each in process.stdout:
            said += each
            if line in each:
                return said
    finally:
        guard.cancel()

    process.kill()
    raise AssertionError(f"it never said {line!r}: {ended(process, said).out}")


def ended(process: "subprocess.Popen[str]", said: str = "") -> Said:
    """A verb to its end; said: what was read of it before."""
    rest, _ = process.communicate(timeout=END_S)
    return Said(process.returncode, said + rest)


@contextmanager
def silent() -> Iterator[tuple[str, socket.socket]]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", listener
