"""POST /acts/ACT: promote, step, pause, resume, abort, rollback, for operators.

A rollback has threads and a connection of its own, and asks no version anything."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import msgspec

from rollout.decide.decisions import Facts
from rollout.errors import Refusal
from router.access.areas import Area
from router.access.callers import Caller
from router.access.rules import Access
from router.access.small_body import fields_of, is_form, small_body
from router.acts.act_recorder import ActRecorder, ActResult, facts_now
from router.acts.act_request import OF_A_VERSION, ActRequest, act_request
from router.dispatch.routing_table import RoutingTable
from router.problems import (
    Headers,
    Problem,
    Receive,
    Scope,
    Send,
    answer,
    answer_options,
    not_allowed,
)
from store.errors import Conflict, StoreError, Unstorable

PATH = "/acts/"
Proof = Callable[[str], Awaitable[tuple[bool, str]]]
"""Whether a running version answers its golden rows, and why not."""


class ActsEndpoint:
    """The endpoint. Belongs to one worker."""

    def __init__(
        self,
        access: Access,
        recorder: ActRecorder,
        table: Callable[[], RoutingTable],
        proof: Proof,
        leaving: Callable[[], bool],
    ) -> None:
        self._access, self._recorder, self._table = access, recorder, table
        self._proof, self._leaving = proof, leaving
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="acts")
        self._rollbacks = ThreadPoolExecutor(2, thread_name_prefix="rollbacks")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request; raises Problem."""
        caller = self._access.require(Area.ACTS, scope["method"], scope["headers"])
        if scope["method"] == "OPTIONS":
            await answer_options(send, "POST")
            return

        if scope["method"] != "POST":
            raise not_allowed("an act is asked for with POST", "POST")

        act = str(scope["path"]).removeprefix(PATH)
        headers, body = scope["headers"], await small_body(receive)
        asked = act_request(act, fields_of(headers, body), is_form(headers, body))
        command = asked.command(self._candidate())
        done = await self._performed(asked, caller, command)

        given: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        if self._leaving():
            given.append((b"connection", b"close"))

        value = {**asdict(done), "actor": caller.name, "command": command}
        await answer(send, 200, given, msgspec.json.encode(value))

    async def _performed(self, asked: ActRequest, caller: Caller, command: str) -> ActResult:
        """Perform the act; raises Problem 400, 409, 503, each with the command."""
        threads = self._rollbacks if asked.act == "rollback" else self._threads
        loop = asyncio.get_running_loop()
        try:
            facts = await self._facts(asked, caller.name)
            return await loop.run_in_executor(threads, self._recorder.perform, asked, facts)
        except Conflict as conflict:
            winner = conflict.winner
            first = {
                "actor": winner.actor,
                "act": winner.action,
                "reason": winner.reason,
                "revision": winner.revision,
            }
            raise Problem(409, str(conflict), winner=first, command=command) from conflict
        except Refusal as refusal:
            raise Problem(409, str(refusal), command=command) from refusal
        except Unstorable as error:
            raise Problem(400, str(error), command=command) from error
        except StoreError as error:
            raise Problem(503, str(error), retry_after_s=1, command=command) from error

    async def _facts(self, asked: ActRequest, actor: str) -> Facts:
        version = asked.version or self._candidate()
        if asked.act not in OF_A_VERSION or version not in self._table().addresses:
            return facts_now(actor)
        return facts_now(actor, *await self._proof(version))

    def _candidate(self) -> str:
        rollout = self._table().ledger.rollout
        return rollout.candidate if rollout is not None else ""

    def close(self) -> None:
        """Take no further acts."""
        self._threads.shutdown(wait=False)
        self._rollbacks.shutdown(wait=False)
