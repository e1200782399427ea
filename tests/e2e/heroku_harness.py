"""A stack whose target is a Heroku on this machine: its account, its faults and its costs."""

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
from tests.e2e.stack_harness import ROOT, ROW, StackHarness, VerbResult
from tests.emulator.emulator_harness import Heroku
from tests.until import until

END_S = 600


@dataclass(kw_only=True)
class HerokuHarness(StackHarness):
    """A stack on an emulated Heroku. prefix: what the names of its apps begin with."""

    heroku: Heroku
    prefix: str

    def app(self, name: str) -> str:
        """The app of a version, or the router's."""
        return f"{self.prefix}-{name}"

    def stop_at(self, line: str, *words: str) -> VerbResult:
        """Run a verb and send it Ctrl-C as soon as it prints this."""
        process = self.start(*words)
        output = read_until(process, line)
        process.send_signal(signal.SIGINT)
        return ended(process, output)

    def fault(self, kind: str, method: str, path: str, **more: Any) -> None:
        """Inject a fault into the next such call."""
        self.heroku.control("faults", kind=kind, method=method, path=path, **more)

    def calls(self, method: str, path: str) -> int:
        """How many such calls there were, with or without success."""
        log = self.heroku.account()["log"]
        return sum((entry["method"], entry["path"]) == (method, path) for entry in log)

    def paid(self, name: str) -> dict[str, Any]:
        """What an app has: builds with their status, releases, add-ons of its own, web dynos."""
        app = self.app(name)
        builds, releases, addons, dynos = (
            self.heroku.call("GET", f"/apps/{app}/{resource}")
            for resource in ("builds", "releases", "addons", "dynos")
        )
        return {
            "builds": [build["status"] for build in builds],
            "releases": len(releases),
            "addons": sum(addon["app"]["name"] == app for addon in addons),
            "dynos": sum(dyno["type"] == "web" for dyno in dynos),
        }

    def dyno(self, name: str) -> dict[str, Any]:
        """The web dyno of an app, empty where it has none."""
        dynos = self.heroku.call("GET", f"/apps/{self.app(name)}/dynos")
        return next((dyno for dyno in dynos if dyno["type"] == "web"), {})

    def running(self, name: str) -> int:
        """The release that the web dyno of an app runs, 0 while it is not up."""
        dyno = self.dyno(name)
        if dyno.get("state") == "up":
            return int(dyno["release"]["version"])
        return 0

    def apps(self) -> set[str]:
        """Names of all apps, without the prefix."""
        apps = self.heroku.call("GET", "/apps")
        return {app["name"].removeprefix(f"{self.prefix}-") for app in apps}

    def changed(self, version: str, change: Callable[[Path], None] = lambda _: None) -> None:
        """Deliver v1 under another name, with files changed before it is signed."""
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
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        headers = {"Host": self.url.removeprefix("https://"), "Content-Type": "application/json"}
        try:
            body = json.dumps({"instances": [ROW]}).encode()
            connection.request("POST", "/predict", body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()

        assert answer.status == 200, text
        return str(answer.headers["X-Model-Version"])

    @contextmanager
    def users(self) -> Iterator[Users]:
        """Users who predict meanwhile; fails where one of their requests failed."""
        body = json.dumps({"instances": [ROW]}).encode()
        users = Users(
            self.more["SLUICE_CONNECT_THROUGH"], self.url.removeprefix("https://"), [body]
        )
        with users:
            until(lambda: users.requests > 20, "the first answers")
            yield users

        assert (users.failed, users.problems) == (0, [])


def heroku_stack(heroku: Heroku, folder: Path, bundles: Path, account: str) -> HerokuHarness:
    """A stack with these bundles, nothing up; account: the id that the names of its apps are made
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
    return HerokuHarness(folder, more, heroku=heroku, prefix=f"flights-{digest}")


def read_until(process: "subprocess.Popen[str]", line: str) -> str:
    """A verb's output up to that line; fails where it ends, or takes too long, without it."""
    output = ""
    guard = threading.Timer(END_S, process.kill)
    guard.start()
    try:
        assert process.stdout is not None
        for printed in process.stdout:
            output += printed
            if line in printed:
                return output
    finally:
        guard.cancel()

    process.kill()
    raise AssertionError(f"it never printed {line!r}: {ended(process, output).out}")


def ended(process: "subprocess.Popen[str]", output: str = "") -> VerbResult:
    """Wait for a verb's end. output: what was read of it before."""
    rest, _ = process.communicate(timeout=END_S)
    return VerbResult(process.returncode, output + rest)


@contextmanager
def silent() -> Iterator[tuple[str, socket.socket]]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", listener
