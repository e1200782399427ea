"""GET under /v2/models: what a version says of itself, from the released one or the one named."""

from collections.abc import Callable

from rollout.settings import Settings
from router.access.rules import Access
from router.dispatch.dispatcher import STATUS_OF_LOSS, Dispatcher
from router.dispatch.upstream import Failure
from router.dispatch.version_pages import VersionPages
from router.endpoints.oip_protocol import MODEL_PATH, error_body
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
from router.requests.request_headers import read_headers
from router.requests.unit_source import UnitSource

METHODS = ("GET", "HEAD")


class ModelPages:
    """The endpoint of metadata, readiness and configuration, which count in no statistics."""

    def __init__(
        self,
        settings: Settings,
        traffic: Dispatcher,
        pages: VersionPages,
        access: Access,
        leaving: Callable[[], bool],
    ) -> None:
        self._model, self._traffic, self._pages = settings.model, traffic, pages
        self._access, self._leaving = access, leaving
        self._unit_header = UnitSource(settings.router.unit).header

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer with the version's answer, or with an error of the protocol."""
        headers: Headers = [(b"content-type", b"application/json")]
        try:
            if scope["method"] == "OPTIONS":
                self._target(scope)
                await answer_options(send, *METHODS)
                return

            status, payload = await self._describe(*self._asked(scope), headers)
        except Problem as problem:
            status, payload = problem.status, error_body(problem.detail)
            headers += problem.headers()[1:]

        if self._leaving():
            headers.append((b"connection", b"close"))

        await answer(send, status, headers, payload)

    def _target(self, scope: Scope) -> tuple[str | None, str]:
        """The version in the path (None: any) and the rest of it; raises Problem 404."""
        match = MODEL_PATH.fullmatch(scope["path"])
        if match is None or match["model"] != self._model:
            raise Problem(404, f"there is no such model here: the model is {self._model!r}")

        return match["version"], match["rest"] or ""

    def _asked(self, scope: Scope) -> tuple[str | None, str]:
        """The same of a GET, with the version of a header; raises Problem 400, 403, 404, 405."""
        version, rest = self._target(scope)
        if scope["method"] not in METHODS:
            raise not_allowed(f"{scope['path']} is asked for with {' or '.join(METHODS)}", *METHODS)

        context = read_headers(scope["headers"], self._unit_header)
        if context.fault is not None:
            raise context.fault

        if context.pin is not None and version not in (None, context.pin):
            raise Problem(
                400, "the path and X-Model-Version name different versions: leave out one of them"
            )

        named = version or context.pin
        if named is not None:
            self._access.require_pinning(scope["headers"])

        return named, rest

    async def _describe(
        self, version: str | None, rest: str, headers: Headers
    ) -> tuple[int, bytes]:
        name = version or self._released()
        if name not in self._traffic.lanes:
            raise Problem(404, f"version {name!r} is not deployed")

        outcome = await self._pages.get(name, rest)
        if isinstance(outcome, Failure):
            status = STATUS_OF_LOSS.get(outcome.reason, 503)
            raise Problem(
                status, f"{name}: {outcome.detail}", retry_after_s=1 if status == 503 else None
            )

        headers.append((b"x-model-version", name.encode()))
        return outcome.status, outcome.body

    def _released(self) -> str:
        table = self._traffic.table
        name = table.released or next(
            (name for name, weight in table.weights.items() if weight > 0), None
        )
        if name is None:
            raise Problem(
                503,
                "no version is released yet: `python deploy.py promote VERSION`",
                retry_after_s=5,
            )

        return name
