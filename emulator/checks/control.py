"""What a test or a rehearsal asks the emulator itself: /emulator/, which is no part of Heroku's
API.

GET  /emulator/account    what happened: exchanges, failures, requests, what was created, a log of
calls POST /emulator/faults     {"kind", "method"?, "path"?, "times"?, "seconds"?, "bytes"?}: see
faults.py POST /emulator/clock      {"jump_s"}: let the platform's time pass POST /emulator/rate
{"most", "per_minute"} POST /emulator/accounts   {"email"}: another account; answers its token POST
/emulator/dynos      {"app", "dyno", "action": "cycle" | "kill" | "memory", "used_mb"?}: memory says
what it uses POST /emulator/settings   {"provision_s"?, "slug_limit_bytes"?}"""

import json
import signal
from collections.abc import Callable
from typing import Any

from emulator.api.errors import ApiError, invalid, not_found
from emulator.checks.faults import Fault
from emulator.dynos import memory, process_groups
from emulator.model.state import Account
from emulator.platform import Platform
from emulator.router.http1 import Inbound, Message, Responder

BODY_LIMIT = 64 * 1024


class Control:
    """Answers JSON, without a token: only this machine can ask."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.actions: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", "account"): lambda _: self.platform.tally.shape(),
            ("POST", "faults"): self._fault,
            ("POST", "clock"): self._clock,
            ("POST", "rate"): self._rate,
            ("POST", "accounts"): self._account,
            ("POST", "dynos"): self._dyno,
            ("POST", "settings"): self._settings,
        }

    async def serve(self, inbound: Inbound, message: Message, responder: Responder) -> None:
        """One request."""
        raw = b""
        async for chunk in inbound.body(message):
            raw = (raw + chunk)[:BODY_LIMIT]

        name = message.target.partition("?")[0].removeprefix("/emulator/")
        status = 200
        try:
            action = self.actions.get((message.method, name))
            if action is None:
                raise not_found("control")
            answer = action(json.loads(raw) if raw.strip() else {})
        except ApiError as error:
            status, answer = error.status, error.body()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            status, answer = 422, invalid(f"this cannot be read: {error!r}").body()

        await responder.send(
            status, [("Content-Type", "application/json")], json.dumps(answer).encode()
        )

    def _fault(self, body: dict[str, Any]) -> Any:
        self.platform.faults.ask(Fault(**body))
        return {"waiting": len(self.platform.faults.waiting)}

    def _clock(self, body: dict[str, Any]) -> Any:
        self.platform.clock.jump(float(body["jump_s"]))
        return {"now": self.platform.clock.now()}

    def _rate(self, body: dict[str, Any]) -> Any:
        self.platform.rate.set(int(body["most"]), float(body["per_minute"]))
        return body

    def _account(self, body: dict[str, Any]) -> Any:
        account = Account(str(body["email"]))
        self.platform.world.accounts.append(account)
        return {"id": account.id, "email": account.email, "token": account.token}

    def _dyno(self, body: dict[str, Any]) -> Any:
        app = self.platform.world.app(str(body["app"]))
        found = [dyno for dyno in (app.dynos if app else []) if dyno.name == body["dyno"]]
        if app is None or not found:
            raise not_found("dyno")

        if body["action"] == "cycle":
            found[0].say("Cycling")
            self.platform.fleet.restart(app, found)
        elif body["action"] == "kill":
            process_groups.signal_all(found[0].group or 0, signal.SIGKILL)
        elif body["action"] == "memory":
            memory.judge(found[0], float(body["used_mb"]))
        else:
            raise invalid("action is cycle, kill or memory")

        return body

    def _settings(self, body: dict[str, Any]) -> Any:
        self.platform.addons.provision_s = float(
            body.get("provision_s", self.platform.addons.provision_s)
        )
        self.platform.building.slug_limit = int(
            body.get("slug_limit_bytes", self.platform.building.slug_limit)
        )
        return body
