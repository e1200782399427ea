"""One version over HTTP, in Flask: /predict, the Open Inference Protocol, health and metrics."""

from hmac import compare_digest
from typing import Any

import msgspec
from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST

from service import oip
from service.bundle import Manifest, verify_bundle
from service.config import Config, from_environment
from service.golden import prove
from service.metrics import Metrics, exposition
from service.model import load_model
from service.predict import Outcome, Predictor
from service.rows import Malformed

LARGEST_BODY = 32 * 1024 * 1024
LIVE = "/v2/health/live"
_encode = msgspec.json.Encoder().encode


def create_app(config: Config | None = None) -> Flask:
    """Verify the bundle, load it, warm it up, prove it by its golden rows; only then is there an app."""
    config = config or from_environment()
    bundle = verify_bundle(config.bundle, config.public_key)
    model = load_model(bundle, config.runtime)
    prove(bundle, model)
    app = Flask("service")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    metrics = Metrics(bundle.manifest.version, model.name)
    _guard(app, config.secret, metrics)
    _predict_routes(app, Predictor(bundle.manifest, model), metrics)
    _model_routes(app, bundle.manifest)
    return app


def _guard(app: Flask, secret: str, metrics: Metrics) -> None:
    expected = f"Bearer {secret}".encode()

    @app.before_request
    def refuse_strangers() -> Response | None:
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if request.path == LIVE or compare_digest(given, expected):
            return None
        return _problem(401, "not authorised", "this service answers only who bears its shared secret")

    @app.after_request
    def count(response: Response) -> Response:
        metrics.answered(response.status_code)
        return response

    @app.errorhandler(404)
    @app.errorhandler(405)
    @app.errorhandler(413)
    def refused(error: Any) -> Response:
        return _problem(error.code, error.name.lower(), error.description)


def _predict_routes(app: Flask, predictor: Predictor, metrics: Metrics) -> None:
    manifest = predictor.manifest
    head = b'{"model":%b,"version":%b,"predictions":' % (_encode(manifest.model), _encode(manifest.version))
    tail = b',"classes":%b}' % _encode(manifest.classes) if manifest.output == "predict_proba" else b"}"

    def run(body: bytes) -> Outcome:
        outcome = predictor.predict(body)
        bad = len(outcome.errors)
        metrics.predicted(len(outcome.predictions) - bad, bad, outcome.seconds)
        return outcome

    @app.post("/predict")
    def predict() -> Response:
        try:
            outcome = run(request.get_data(cache=False))
        except Malformed as error:
            return _problem(400, "malformed request", str(error))
        batched = "X-Sluice-Batch" in request.headers
        if outcome.errors and not batched:
            response = _bad_rows(outcome)
        else:
            errors = b',"errors":' + _encode(outcome.errors) if outcome.errors else b""
            response = Response(head + _encode(outcome.predictions) + errors + tail, content_type="application/json")
        response.headers["X-Model-Version"] = manifest.version
        response.headers["Server-Timing"] = f"predict;dur={outcome.seconds * 1000:.3f}"
        return response

    def infer() -> Response:
        try:
            asked = oip.parse(request.get_data(cache=False))
            outcome = run(oip.to_instances(asked, manifest.columns))
        except (oip.OipError, Malformed) as error:
            return _json({"error": str(error)}, 400)
        if outcome.errors:
            first = outcome.errors[0]
            where = f"row {first.row}" + (f", input {first.column!r}" if first.column else "")
            return _json({"error": f"{where}: {first.detail}"}, 500 if first.status == 500 else 400)
        return _json(oip.answer(manifest, asked, outcome.predictions))

    for path in _model_paths(manifest):
        app.add_url_rule(f"{path}/infer", f"infer {path}", infer, methods=["POST"])


def _model_routes(app: Flask, manifest: Manifest) -> None:
    def described() -> Response:
        return _json(oip.metadata(manifest))

    def ready() -> Response:
        return _json({"name": manifest.model, "version": manifest.version, "ready": True})

    for path in _model_paths(manifest):
        app.add_url_rule(path, f"metadata {path}", described)
        app.add_url_rule(f"{path}/ready", f"ready {path}", ready)
    app.add_url_rule("/v2", "server", lambda: _json({"name": "sluice", "version": "0.1.0", "extensions": []}))
    app.add_url_rule(LIVE, "live", lambda: _json({"live": True}))
    app.add_url_rule("/v2/health/ready", "all ready", lambda: _json({"ready": True}))
    app.add_url_rule("/metrics", "metrics", lambda: Response(exposition(), content_type=CONTENT_TYPE_LATEST))


def _model_paths(manifest: Manifest) -> tuple[str, str]:
    model = f"/v2/models/{manifest.model}"
    return model, f"{model}/versions/{manifest.version}"


def _bad_rows(outcome: Outcome) -> Response:
    status = 422 if any(error.status == 422 for error in outcome.errors) else 500
    first = outcome.errors[0]
    where = f"row {first.row}" + (f", column {first.column!r}" if first.column else "")
    more = f" (and {len(outcome.errors) - 1} more)" if len(outcome.errors) > 1 else ""
    title = "a row does not fit the model" if status == 422 else "the model failed"
    errors = [msgspec.structs.asdict(error) for error in outcome.errors]
    return _problem(status, title, f"{where}: {first.detail}{more}", errors=errors, predictions=outcome.predictions)


def _problem(status: int, title: str, detail: str | None, **more: Any) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return Response(_encode(body), status, content_type="application/problem+json")


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(_encode(body), status, content_type="application/json")
