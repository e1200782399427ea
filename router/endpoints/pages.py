"""The Flask app: health, metrics, status and the API's description."""

import json
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, g, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from rollout.drift.drift_words import drift_body
from rollout.drift.statements import DriftReport
from router.access.areas import area_of
from router.access.rules import Access
from router.dispatch.routing_table import RoutingTable
from router.endpoints import model_repository
from router.endpoints.metrics_text import exposition, scraped
from router.endpoints.oip_protocol import REPOSITORY_INDEX, error_body, is_protocol
from router.endpoints.openapi import description
from router.endpoints.prediction_origin import WhoServed
from router.endpoints.status import status
from router.evidence.worker_metrics import Snapshot
from router.problems import Headers, Problem
from wire.oip.extensions import OF_A_ROUTER
from wire.version import VERSION


class WorkerView:
    """The state that pages show: the routing table, all workers' snapshots, the ledger's outage,
    and the statements on drift.
    """

    def __init__(
        self,
        table: Callable[[], RoutingTable],
        snapshots: Callable[[], list[Snapshot]],
        ledger: Callable[[], str],
        drift: Callable[[], DriftReport],
    ) -> None:
        self.table, self.snapshots, self.ledger, self.drift = table, snapshots, ledger, drift


def create_pages(view: WorkerView, ids: WhoServed, access: Access) -> Flask:
    """The Flask app, which has no state."""
    app = Flask("router", static_folder=None)
    app.url_map.merge_slashes = False
    _check_access(app, access)
    _public_routes(app, view, access)
    _operators_routes(app, view, ids, access)
    _repository_routes(app, view, access)
    _refusals(app)
    return app


def _check_access(app: Flask, access: Access) -> None:
    """Ask every route's area who may enter it; `g.caller` is who does."""

    @app.before_request
    def check() -> None:
        if request.url_rule is not None:
            area = area_of(request.url_rule.rule)
            g.caller = access.require(area, request.method, _headers())


def _public_routes(app: Flask, view: WorkerView, access: Access) -> None:
    # Rendered once: anybody can request them at any rate.
    rendered: dict[str, str] = {}

    @app.get("/docs")
    def docs() -> str:
        if "docs" not in rendered:
            rendered["docs"] = render_template(
                "docs.html", api=description(view.table().ledger.model)
            )

        return rendered["docs"]

    @app.get("/openapi.json")
    def openapi() -> Response:
        if "openapi" not in rendered:
            rendered["openapi"] = json.dumps(description(view.table().ledger.model))

        return Response(rendered["openapi"], content_type="application/json")

    @app.get("/ping")
    @app.get("/health")
    def ping() -> Response:
        ready = view.table().split is not None
        return Response("\n", 200 if ready else 503, content_type="text/plain; charset=utf-8")

    @app.get("/version")
    def version() -> Response:
        return Response(f"{VERSION}\n", content_type="text/plain; charset=utf-8")

    @app.get("/v2")
    def server() -> Response:
        return jsonify({"name": "sluice", "version": VERSION, "extensions": OF_A_ROUTER})

    @app.get("/v2/health/live")
    def live() -> Response:
        return jsonify({"live": True})

    @app.get("/v2/health/ready")
    def ready() -> tuple[Response, int]:
        return _ready(view.table(), view.ledger(), in_full=access.sees(request.method, _headers()))


def _operators_routes(app: Flask, view: WorkerView, ids: WhoServed, access: Access) -> None:
    @app.get("/metrics")
    def metrics() -> Response:
        accept = request.headers.get("Accept", "")
        text, content_type = exposition(
            view.snapshots(), scraped(view.table(), view.drift()), accept
        )
        return Response(text, content_type=content_type)

    @app.get("/status")
    def operators_status() -> Response:
        rows = access.sees_rows(request.method, _headers())
        body = status(view.table(), view.snapshots(), with_rows=rows)
        drift = drift_body(view.drift())
        return jsonify({**body, "ledger": view.ledger() or "answers", "drift": drift})

    @app.get("/whoserved/<token>")
    def whoserved(token: str) -> Response:
        return Response(ids.answer(token), content_type="application/json")


def _repository_routes(app: Flask, view: WorkerView, access: Access) -> None:
    @app.post(REPOSITORY_INDEX)
    def index() -> Response:
        model_repository.check_index_request(request.get_data(cache=False))
        return jsonify(
            model_repository.index(view.table(), in_full=access.sees(request.method, _headers()))
        )

    def stats(model: str, version: str | None = None) -> Response:
        return jsonify(model_repository.statistics(view.table(), view.snapshots(), model, version))

    app.add_url_rule("/v2/models/<model>/stats", "stats", stats)
    app.add_url_rule("/v2/models/<model>/versions/<version>/stats", "stats of a version", stats)


def _refusals(app: Flask) -> None:
    @app.errorhandler(Problem)
    def refused(problem: Problem) -> Response:
        headers = [(name.decode(), value.decode()) for name, value in problem.headers()[1:]]
        if is_protocol(request.path):
            return Response(
                error_body(problem.detail), problem.status, headers, content_type="application/json"
            )

        return Response(
            problem.body(), problem.status, headers, content_type="application/problem+json"
        )

    @app.errorhandler(HTTPException)
    def missing(error: HTTPException) -> Response:
        status = error.code or 500
        response = refused(Problem(status, _DETAILS.get(status, error.description or error.name)))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))

        return response


_DETAILS = {
    404: "there is nothing at this path: /openapi.json lists the paths",
    405: "this path does not support this method: the header Allow lists those it does",
    500: "an error in the router: its log has the cause",
}


def _headers() -> Headers:
    """The request's headers, in ASGI's form."""
    headers: Headers = []
    for name, value in request.headers.items():
        headers.append((name.lower().encode("latin-1"), value.encode("latin-1", "replace")))

    return headers


def _ready(table: RoutingTable, away: str, in_full: bool) -> tuple[Response, int]:
    ready = table.split is not None
    body: dict[str, Any] = {"ready": ready}
    if in_full:
        body |= {"revision": table.revision, "ledger": away or "answers"}

    if not ready:
        body["detail"] = "no version is released yet"
        return jsonify(body), 503

    return jsonify(body), 200
