"""Serves one version over HTTP: /predict, the Open Inference Protocol, health and metrics.

All of it in Flask, and /predict also on wire/'s fast path.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from hmac import compare_digest
from typing import Any

import msgspec
from a2wsgi import WSGIMiddleware
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from service import oip
from service.answers import JSON, PROBLEM, PredictResponses
from service.answers import problem as problem_of
from service.bundle import BundleError, Manifest, verify_bundle
from service.config import ServiceConfig, from_environment
from service.distributions.bundle_distributions import read_distributions
from service.distributions.row_counter import RowCounter
from service.fast_handler import FastHandler
from service.metrics import Metrics, exposition
from service.predict import Predictor
from service.proof.golden_rows import prove
from service.rows import Malformed
from service.runtimes.load_model import load_model
from wire.fast_path import Handler
from wire.observability import logs
from wire.observability.traces import Traces
from wire.observability.traces import start as start_traces
from wire.oip.extensions import OF_A_VERSION
from wire.version import VERSION

LARGEST_BODY = 32 * 1024 * 1024
LIVE = "/v2/health/live"
PAGE_THREADS = 4
_encode = msgspec.json.Encoder().encode


class Service:
    """The ASGI app of one version. hot: what the fast path answers; flask: everything."""

    largest_body = LARGEST_BODY
    most_bytes = 4 * LARGEST_BODY

    def __init__(
        self, flask: Flask, fast_handler: FastHandler, start_traces: Callable[[], Traces | None]
    ) -> None:
        self.flask = flask
        self._start_traces = start_traces
        self.hot: dict[bytes, Handler] = {b"/predict": fast_handler.answer}
        self._fast_handler = fast_handler
        wsgi_app: Any = flask
        self._slow_path: Any = WSGIMiddleware(wsgi_app, workers=PAGE_THREADS)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """ASGI."""
        if scope["type"] == "http":
            await self._slow_path(scope, receive, send)

        while scope["type"] == "lifespan":
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._fast_handler.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

            self._fast_handler.start(self._start_traces())
            await send({"type": "lifespan.startup.complete"})


def create_app(config: ServiceConfig | None = None) -> Service:
    """Verify the bundle, load it and prove it by its golden rows; returns the app only then."""
    config = config or from_environment()
    bundle = verify_bundle(config.bundle, config.public_key)
    model = load_model(bundle, config.runtime)
    prove(bundle, model)

    logs.add_to_all(version=bundle.manifest.version)
    metrics = Metrics(bundle.manifest.version, model.name)
    distributions = read_distributions(bundle)
    counter = RowCounter(bundle.manifest, distributions) if distributions else None
    answers = PredictResponses(Predictor(bundle.manifest, model), metrics, config.workers)
    return Service(
        _flask(answers, metrics, config.secret, partial(prove, bundle, model), counter),
        FastHandler(answers, metrics, config.secret, config.threads),
        partial(
            start_traces,
            config.traces,
            "sluice-service",
            version=bundle.manifest.version,
            model=bundle.manifest.model,
        ),
    )


def _flask(
    answers: PredictResponses,
    metrics: Metrics,
    secret: str,
    proof: Callable[[], int],
    counter: RowCounter | None,
) -> Flask:
    app = Flask("service")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    _guard(app, answers, secret, metrics)
    _predict_routes(app, answers)
    _model_routes(app, answers.predictor.manifest)
    _proof_routes(app, answers.predictor.manifest, proof)
    if counter is not None:
        _distribution_routes(app, answers.predictor.manifest, counter)

    return app


def _guard(app: Flask, answers: PredictResponses, secret: str, metrics: Metrics) -> None:
    expected = f"Bearer {secret}".encode()

    @app.before_request
    def read_to_the_end() -> None:
        # a2wsgi ends a body without a length, but does not mark it: Flask would read it as empty.
        request.environ["wsgi.input_terminated"] = True

    @app.before_request
    def refuse_unauthorised() -> Response | None:
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if request.path == LIVE or compare_digest(given, expected):
            return None

        status, headers, body = answers.unauthorised()
        return _refusal(status, *headers[1:], body=body, detail="missing or invalid bearer token")

    @app.after_request
    def count(response: Response) -> Response:
        metrics.answered(response.status_code)
        return response

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        headers = []
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            headers.append((b"allow", ", ".join(sorted(error.valid_methods)).encode()))

        status, _, body = problem_of(error.code or 500, error.name.lower(), error.description)
        return _refusal(status, *headers, body=body, detail=error.description or error.name)


def _predict_routes(app: Flask, answers: PredictResponses) -> None:
    manifest = answers.predictor.manifest

    @app.post("/predict")
    def predict() -> Response:
        status, headers, body, _ = answers.predict(
            request.get_data(cache=False), "X-Sluice-Batch" in request.headers
        )
        return _response(status, headers, body)

    inference = oip.Inference(answers)

    def infer() -> Response:
        header = request.headers.get("Inference-Header-Content-Length", "")
        answer = inference.infer(request.get_data(cache=False), header.encode())
        if answer.json_bytes is None:
            return Response(answer.body, answer.status, content_type=oip.JSON)

        length = {"Inference-Header-Content-Length": str(answer.json_bytes)}
        return Response(answer.body, 200, length, content_type=oip.BINARY)

    for path in _model_paths(manifest):
        app.add_url_rule(f"{path}/infer", f"infer {path}", infer, methods=["POST"])


def _model_routes(app: Flask, manifest: Manifest) -> None:
    def described() -> Response:
        return _json(oip.metadata(manifest))

    def configured() -> Response:
        return _json(oip.configuration(manifest))

    def ready() -> Response:
        return _json({"name": manifest.model, "version": manifest.version, "ready": True})

    def metrics_text() -> Response:
        text, content_type = exposition(request.headers.get("Accept", ""))
        return Response(text, content_type=content_type)

    for path in _model_paths(manifest):
        app.add_url_rule(path, f"metadata {path}", described)
        app.add_url_rule(f"{path}/config", f"configuration {path}", configured)
        app.add_url_rule(f"{path}/ready", f"ready {path}", ready)

    app.add_url_rule(
        "/v2",
        "server",
        lambda: _json({"name": "sluice", "version": VERSION, "extensions": OF_A_VERSION}),
    )
    app.add_url_rule(LIVE, "live", lambda: _json({"live": True}))
    app.add_url_rule("/v2/health/ready", "all ready", lambda: _json({"ready": True}))
    app.add_url_rule("/metrics", "metrics", metrics_text)


def _proof_routes(app: Flask, manifest: Manifest, proof: Callable[[], int]) -> None:
    """The router asks before it promotes: the running process predicts its golden rows again."""

    def golden() -> Response:
        try:
            return _json({"golden_rows": proof()})
        except BundleError as error:
            return _json({"error": str(error)}, 500)

    for path in _model_paths(manifest):
        app.add_url_rule(f"{path}/golden", f"golden {path}", golden)


def _distribution_routes(app: Flask, manifest: Manifest, counter: RowCounter) -> None:
    """The router asks for the bins, and has a sample of the rows counted in them. An older bundle
    has none, and answers 404."""
    watched = _encode(counter.watched)

    def distributions() -> Response:
        return Response(watched, content_type="application/json")

    def count() -> Response:
        try:
            return Response(
                _encode(counter.count(request.get_data(cache=False))),
                content_type="application/json",
            )
        except Malformed as error:
            return _json({"error": str(error)}, 400)

    for path in _model_paths(manifest):
        name = f"{path}/distributions"
        app.add_url_rule(name, name, distributions)
        app.add_url_rule(f"{name}/count", f"{name}/count", count, methods=["POST"])


def _model_paths(manifest: Manifest) -> tuple[str, str]:
    model = f"/v2/models/{manifest.model}"
    return model, f"{model}/versions/{manifest.version}"


def _response(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Response:
    texts = [(name.decode(), value.decode("latin-1")) for name, value in headers]
    return Response(body, status, texts)


def _refusal(status: int, *headers: tuple[bytes, bytes], body: bytes, detail: str) -> Response:
    """An error: the protocol's under /v2, else problem JSON (`body`)."""
    if request.path == "/v2" or request.path.startswith("/v2/"):
        content_type, body = JSON, _encode({"error": detail})
    else:
        content_type = PROBLEM

    return _response(status, [(b"content-type", content_type), *headers], body)


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(_encode(body), status, content_type="application/json")
