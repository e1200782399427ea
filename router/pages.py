"""Everything but the hot path, in Flask: health, metrics, status, the operator's page and the API's description."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from prometheus_client import CONTENT_TYPE_LATEST

from router.counts import Snapshot
from router.metrics import exposition
from router.openapi import description
from router.problems import Problem
from router.status import status
from router.table import Table
from router.whoserved import WhoServed


class Eyes:
    """What the pages see of their worker: its table, all workers' snapshots, and since when the ledger is away."""

    def __init__(
        self, table: Callable[[], Table], snapshots: Callable[[], list[Snapshot]], ledger: Callable[[], str]
    ) -> None:
        self.table, self.snapshots, self.ledger = table, snapshots, ledger


def create_pages(eyes: Eyes, ids: WhoServed) -> Flask:
    """The Flask app; it keeps no state of its own."""
    app = Flask("router")

    @app.get("/")
    def page() -> str:
        return render_template("page.html", model=eyes.table().ledger.model)

    @app.get("/docs")
    def docs() -> str:
        return render_template("docs.html", api=description(eyes.table().ledger.model))

    @app.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(description(eyes.table().ledger.model))

    @app.get("/v2")
    def server() -> Response:
        return jsonify({"name": "sluice", "version": "0.1.0", "extensions": []})

    @app.get("/v2/health/live")
    def live() -> Response:
        return jsonify({"live": True})

    @app.get("/v2/health/ready")
    def ready() -> tuple[Response, int]:
        return _ready(eyes.table(), eyes.ledger())

    @app.get("/metrics")
    def metrics() -> Response:
        table = eyes.table()
        text = exposition(eyes.snapshots(), dict(table.weights), table.split_id)
        return Response(text, content_type=CONTENT_TYPE_LATEST)

    @app.get("/status")
    def operators_status() -> Response:
        return jsonify({**status(eyes.table(), eyes.snapshots()), "ledger": eyes.ledger() or "answers"})

    @app.get("/whoserved/<token>")
    def whoserved(token: str) -> Response:
        answer = ids.answer(token, request.headers.get("Authorization", ""))
        return Response(answer, content_type="application/json")

    @app.errorhandler(Problem)
    def refused(problem: Problem) -> Response:
        # problem.headers() has pairs of bytes, for ASGI.
        headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}
        return Response(problem.body(), problem.status, headers, content_type="application/problem+json")

    @app.errorhandler(404)
    def missing(_error: Exception) -> tuple[dict[str, Any], int, dict[str, str]]:
        problem = {"type": "about:blank", "title": "not found", "status": 404, "detail": "see /docs for what is here"}
        return problem, 404, {"Content-Type": "application/problem+json"}

    return app


def _ready(table: Table, away: str) -> tuple[Response, int]:
    ready = table.split is not None
    said = {"ready": ready, "revision": table.revision, "ledger": away or "answers"}
    if not ready:
        said["detail"] = "no version is released yet"
    return jsonify(said), 200 if ready else 503
