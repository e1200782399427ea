"""The emulator's own API for tests and rehearsals, which is no part of Heroku's: /emulator/.

GET  account    the report: exchanges, failures, requests, what was created, a log of calls
POST faults     {"kind", "method"?, "path"?, "times"?, "seconds"?, "bytes"?}: see faults.py
POST clock      {"jump_s"}: let the platform's time pass
POST rate       {"most", "per_minute"}
POST accounts   {"email"}: make another account; the answer has its token
POST dynos      {"app", "dyno", "action": "cycle" | "kill" | "memory", "used_mb"?}
POST settings   {"provision_s"?, "slug_limit_bytes"?}
"""

import json
import signal
from collections.abc import Callable
from typing import Any

from emulator.api.errors import ApiError, invalid, not_found
from emulator.checks.faults import Fault
from emulator.dynos import memory, process_groups
from emulator.model.app import Dyno
from emulator.model.record import Account
from emulator.platform import Platform
from emulator.router.http1 import Inbound, Message, Responder

BODY_LIMIT = 64 * 1024


class Control:
    """Answers JSON, without a token: only this machine can connect."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.actions: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", "account"): lambda _: self.platform.report.serialize(),
            ("POST", "faults"): self._fault,
            ("POST", "clock"): self._clock,
            ("POST", "rate"): self._rate,
            ("POST", "accounts"): self._account,
            ("POST", "dynos"): self._dyno,
            ("POST", "settings"): self._settings,
        }

    async def serve(self, inbound: Inbound, message: Message, responder: Responder) -> None:
        """Serve one request."""
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
        self.platform.faults.add(Fault(**body))
        return {"waiting": len(self.platform.faults.waiting)}

    def _clock(self, body: dict[str, Any]) -> Any:
        self.platform.clock.jump(float(body["jump_s"]))
        return {"now": self.platform.clock.now()}

    def _rate(self, body: dict[str, Any]) -> Any:
        self.platform.rate.set(int(body["most"]), float(body["per_minute"]))
        return body

    def _account(self, body: dict[str, Any]) -> Any:
        account = Account(str(body["email"]))
        self.platform.state.accounts.append(account)
        return {"id": account.id, "email": account.email, "token": account.token}

    def _dyno(self, body: dict[str, Any]) -> Any:
        dyno = self._find_dyno(str(body["app"]), body["dyno"])
        if body["action"] == "cycle":
            dyno.log("Cycling")
            self.platform.dyno_manager.restart(dyno.app, [dyno])
        elif body["action"] == "kill":
            process_groups.signal_all(dyno.group or 0, signal.SIGKILL)
        elif body["action"] == "memory":
            memory.judge(dyno, float(body["used_mb"]))
        else:
            raise invalid("action is cycle, kill or memory")

        return body

    def _find_dyno(self, app_name: str, name: str) -> Dyno:
        app = self.platform.state.app(app_name)
        if app is not None:
            for dyno in app.dynos:
                if dyno.name == name:
                    return dyno

        raise not_found("dyno")

    def _settings(self, body: dict[str, Any]) -> Any:
        if "provision_s" in body:
            self.platform.addons.provision_s = float(body["provision_s"])
        if "slug_limit_bytes" in body:
            self.platform.builds.slug_limit = int(body["slug_limit_bytes"])

        return body
