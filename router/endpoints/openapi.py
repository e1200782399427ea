"""The API's description (OpenAPI 3.1), for /openapi.json and /docs."""

from typing import Any

from router.acts.act_request import ACTS
from router.endpoints.openapi_schemas import SCHEMAS, SECURITY

Schema = dict[str, Any]

# A positive number; zero is none.
MILLISECONDS = r"^0*([1-9][0-9]*(\.[0-9]*)?|0?\.0*[1-9][0-9]*)$"
_VIEWER: list[Schema] = [{"operator": []}, {"viewer": []}]
_OPERATOR: list[Schema] = [{"operator": []}]
# Choosing a version needs the token, anything else does not.
_MAY_PIN: list[Schema] = [{}, {"operator": []}]
_PIN_REFUSED = {
    "401": "Another bearer token than an operator's",
    "403": "Who asks may not choose a version",
}
_BODY_REFUSED = {
    "400": "Malformed: not JSON, or not of this form",
    "408": "The body took too long to arrive",
    "413": "The body, or its number of rows, is too large",
    "415": "A content encoding other than gzip, deflate or identity",
}
_NOT_NOW = {
    "502": "The version's answer could not be read",
    "503": "No version is released, or none is able to answer now; see Retry-After",
    "504": "The deadline passed",
}
_WRONG_METHOD = {"405": "Another method; see Allow"}


def description(model: str) -> Schema:
    """The OpenAPI document of this router."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Sluice: {model}",
            "version": "0.1.0",
            "summary": "Predictions, late labels and health",
        },
        "paths": {path: _with_head(calls) for path, calls in _paths(model).items()},
        "components": {"schemas": SCHEMAS, "securitySchemes": SECURITY},
    }


def _paths(model: str) -> Schema:
    of_model = f"/v2/models/{model}"
    of_version = of_model + "/versions/{version}"
    return {
        "/predict": {"post": _predict()},
        "/invocations": {"post": _invocations()},
        "/feedback": {"post": _feedback()},
        of_model: {"get": _of_version("Columns and outputs", "ModelMetadata")},
        f"{of_model}/ready": {"get": _of_version("Whether the model is ready", "ModelReady")},
        f"{of_model}/config": {
            "get": _of_version("Triton's model configuration", "ModelConfiguration")
        },
        f"{of_model}/infer": {"post": _infer()},
        f"{of_model}/stats": {"get": _statistics()},
        of_version: {
            "get": _of_version("Columns and outputs of a version", "ModelMetadata", "version")
        },
        f"{of_version}/ready": {
            "get": _of_version("Whether a version is ready", "ModelReady", "version")
        },
        f"{of_version}/config": {
            "get": _of_version("Configuration of a version", "ModelConfiguration", "version")
        },
        f"{of_version}/infer": {"post": _infer("version")},
        f"{of_version}/stats": {"get": _statistics("version")},
        "/v2/repository/index": {"post": _repository_index()},
        "/ping": {"get": _plain("Whether a version is released (MLflow)", "503")},
        "/health": {"get": _plain("The same", "503")},
        "/version": {"get": _plain("Sluice's version (MLflow)")},
        "/v2": {"get": _protocol_call("The server and its extensions", "Server")},
        "/v2/health/live": {"get": _protocol_call("The process answers", "Live")},
        "/v2/health/ready": {"get": _ready()},
        "/drains/{version}": {"post": _drain()},
        "/status": {
            "get": _operators("The split asked and served, and what each version did", "Status")
        },
        "/metrics": {"get": _metrics()},
        "/whoserved/{id}": {"get": _whoserved()},
        "/session": {"get": _who(), "post": _sign_in(), "delete": _sign_out()},
        "/acts/{act}": {"post": _act()},
        "/": {"get": _operators_page()},
        "/docs": {"get": _docs()},
        "/openapi.json": {"get": _operators("This description", "OpenApi")},
    }


def _predict() -> Schema:
    faults = {
        **_BODY_REFUSED,
        **_PIN_REFUSED,
        "404": "Unknown version",
        "422": "A row does not fit: `errors` names row and column, `predictions` has the good rows",
        "500": "The model failed on a row",
        **_NOT_NOW,
    }
    answer = _json("One prediction a row", _ref("Predictions")) | {"headers": _answered()}
    return {
        **_call("Predict rows", {"200": answer, **_problems(faults)}),
        "parameters": [*_who_asks(), *_how_asked()],
        "requestBody": _body(_ref("Instances")),
        "description": (
            "With `Content-Type: application/vnd.apache.arrow.stream` the body is an Arrow stream, "
            "whose columns are those of the rows"
        ),
        "security": _MAY_PIN,
    }


def _invocations() -> Schema:
    faults = {
        **_BODY_REFUSED,
        **_PIN_REFUSED,
        "404": "Unknown version",
        "500": "The model failed on a row",
        **_NOT_NOW,
    }
    answer = _json("One prediction a row", _ref("Invoked")) | {"headers": _answered()}
    refusals = _refusals(faults, "application/json", "MlflowError")
    return {
        **_call("MLflow's scoring server: four forms of rows", {"200": answer, **refusals}),
        "parameters": [*_who_asks(), *_how_asked()],
        "requestBody": _body(_ref("Invocation")),
        "description": (
            "With `Content-Type: text/csv` the body is CSV, whose first line names the columns"
        ),
        "security": _MAY_PIN,
    }


def _answered() -> Schema:
    """The headers of an answer with predictions."""
    return {
        "X-Model-Version": _header("The version that answered"),
        "X-Request-Id": _header("The request's, or one that was made"),
        "X-Prediction-Id": _header("To be sent back with the label"),
        "X-Fallback-From": _header("The version that was drawn and failed", required=False),
    }


def _how_asked() -> list[Schema]:
    return [
        _asked("X-Request-Id", "Given back with the answer, at most 128 bytes"),
        _asked(
            "X-Timeout-Ms",
            "A shorter deadline than the router's",
            {"type": "string", "pattern": MILLISECONDS},
        ),
    ]


def _feedback() -> Schema:
    faults = {**_BODY_REFUSED, "503": "The ledger is away: send them again"}
    return {
        **_call(
            "Late labels, each counted once",
            {"200": _json("Counted", _ref("Counted")), **_problems(faults)},
        ),
        "requestBody": _body({"anyOf": [_ref("Label"), _ref("Labels"), _ref("LabelList")]}),
    }


def _infer(*path: str) -> Schema:
    faults = {
        **_BODY_REFUSED,
        **_PIN_REFUSED,
        "404": "Unknown version",
        "500": "The model failed on a row",
        **_NOT_NOW,
    }
    answer = _json("Output tensors", _ref("InferResponse")) | {"headers": _answered()}
    return {
        **_call("Open Inference Protocol: one tensor a column", {"200": answer, **_errors(faults)}),
        "description": (
            "With `Inference-Header-Content-Length`, the length of the JSON, binary data of the "
            "tensors follow it"
        ),
        "parameters": [
            *_in_path(*path),
            *_who_asks()[1 if path else 0 :],
            *_how_asked(),
        ],
        "requestBody": _body(_ref("InferRequest")),
        "security": _MAY_PIN,
    }


def _of_version(summary: str, schema: str, *path: str) -> Schema:
    differ = "The path and X-Model-Version name different versions"
    faults = {"400": differ, **_PIN_REFUSED, "404": "Unknown version", **_NOT_NOW}
    answer = _json(summary, _ref(schema)) | {
        "headers": {"X-Model-Version": _header("The version that answered")}
    }
    parameters = _in_path(*path) or [_asked("X-Model-Version", "Ask this deployed version")]
    return {
        **_call(f"{summary} (Open Inference Protocol)", {"200": answer, **_errors(faults)}),
        "parameters": parameters,
        "security": _MAY_PIN,
    }


def _statistics(*path: str) -> Schema:
    faults = {"401": "Without a token", "404": "Unknown version"}
    answer = _json("Requests, rows and batches since the router started", _ref("Statistics"))
    return {
        **_call("Statistics (Open Inference Protocol)", {"200": answer, **_errors(faults)}),
        "parameters": _in_path(*path),
        "security": _VIEWER,
    }


def _repository_index() -> Schema:
    summary = (
        "The versions that have a share of the traffic; with the operator's token, all that are "
        "deployed"
    )
    answer = _json(summary, {"type": "array", "items": _ref("RepositoryEntry")})
    return {
        **_call(summary, {"200": answer, **_errors({"400": "Malformed JSON"})}),
        "requestBody": _body(_ref("RepositoryIndexRequest"), required=False),
    }


def _protocol_call(summary: str, schema: str) -> Schema:
    return _call(summary, {"200": _json(summary, _ref(schema)), **_errors({})})


def _ready() -> Schema:
    answers = {
        "200": _json("A version is released", _ref("Ready")),
        "503": _json("No version is released yet", _ref("Ready")),
    }
    return _call("Whether predictions are answered", {**answers, **_errors({})})


def _drain() -> Schema:
    faults = {
        "400": "Not a batch of log lines",
        "401": "Not the secret of that version's drain",
        "404": "Not the name of a version",
        "408": "The body took too long to arrive",
        "413": "The body is too large",
        "415": "Another content type",
    }
    return {
        **_call(
            "The log of a version's app, from the platform",
            {"204": {"description": "Counted"}, **_problems(faults)},
        ),
        "parameters": [
            *_in_path("version"),
            _asked("Logplex-Frame-Id", "Tells a batch that was sent before"),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/logplex-1": {"schema": {"type": "string"}}},
        },
        "security": [{"drain": []}],
    }


def _operators(summary: str, schema: str) -> Schema:
    faults = {"401": "Without a token"}
    return {
        **_call(summary, {"200": _json(summary, _ref(schema)), **_problems(faults)}),
        "security": _VIEWER,
    }


def _metrics() -> Schema:
    summary = "Prometheus text, all workers together"
    text = {"description": summary, "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {
        **_call(summary, {"200": text, **_problems({"401": "Without a token"})}),
        "security": _VIEWER,
    }


def _whoserved() -> Schema:
    faults = {"401": "Without a token", "404": "Not an id of this router"}
    answer = _json("Version, weight, time and scores", _ref("Prediction"))
    return {
        **_call("What a prediction's id says", {"200": answer, **_problems(faults)}),
        "parameters": _in_path("id"),
        "security": _VIEWER,
    }


def _plain(summary: str, *faults: str) -> Schema:
    """A page of plain text."""
    content = {"text/plain": {"schema": {"type": "string"}}}
    answers = {status: {"description": summary, "content": content} for status in ("200", *faults)}
    return _call(summary, {**answers, **_problems({})})


def _html(summary: str) -> Schema:
    return {"description": summary, "content": {"text/html": {"schema": {"type": "string"}}}}


def _operators_page() -> Schema:
    signs_in = _html("Without a token: a form to sign in") | {"headers": _how_to_ask()}
    answers = {"200": _html("The page"), "401": signs_in, **_problems({})}
    return {**_call("The operator's page", answers), "security": _VIEWER}


def _docs() -> Schema:
    summary = "This description as a page"
    answers = {"200": _html(summary), **_problems({"401": "Without a token"})}
    return {**_call(summary, answers), "security": _VIEWER}


def _who() -> Schema:
    summary = "Name and role of the caller"
    faults = {"403": "A session under a name that is not this router's"}
    return _call(summary, {"200": _json(summary, _ref("Caller")), **_problems(faults)})


def _sign_in() -> Schema:
    faults = {
        "400": "Malformed, or no token",
        "401": "No valid token",
        "403": "A page of another site, or a name that is not this router's",
        "408": "The body took too long to arrive",
        "413": "The body is too large",
        "429": "Too many wrong tokens lately; a right one is taken all the same",
    }
    signed_in = _json("Signed in", _ref("Caller")) | {"headers": {"Set-Cookie": _header("Session")}}
    of_form = {"description": "The same, of a form: see the page"}
    answers = {"200": signed_in, "303": of_form, **_problems(faults)}
    return {
        **_call("Exchange a token for a session of the browser", answers),
        "requestBody": _body(_ref("SignIn")),
    }


def _sign_out() -> Schema:
    faults = {"403": "A page of another site, or a name that is not this router's"}
    return _call("End the session", {"204": {"description": "Ended"}, **_problems(faults)})


def _act() -> Schema:
    faults = {
        "400": "Malformed",
        "401": "Without a token",
        "403": "A viewer's token, or a page of another site",
        "404": "Not an act",
        "408": "The body took too long to arrive",
        "409": "Refused, or somebody was first: `command` does the same on the terminal",
        "413": "The body is too large",
        "503": "The ledger is away",
    }
    answers = {"200": _json("Done", _ref("ActDone")), **_problems(faults)}
    act = {"name": "act", "in": "path", "required": True, "schema": {"enum": list(ACTS)}}
    return {
        **_call("Promote, step, pause, resume, abort or roll back", answers),
        "parameters": [act],
        "requestBody": _body(_ref("Act")),
        "description": (
            "`revision` is the one that was looked at; only a rollback may leave it out. `version` "
            "is for promote and step alone"
        ),
        "security": _OPERATOR,
    }


def _call(summary: str, responses: Schema) -> Schema:
    return {"summary": summary, "responses": responses}


def _with_head(calls: Schema) -> Schema:
    """The calls of a path with HEAD: as GET, without bodies."""
    if "get" not in calls:
        return calls

    answers = {}
    for code, answer in calls["get"]["responses"].items():
        answers[code] = {name: value for name, value in answer.items() if name != "content"}

    return {**calls, "head": {**calls["get"], "responses": answers}}


def _problems(faults: dict[str, str]) -> Schema:
    return _refusals(faults, "application/problem+json", "Problem")


def _errors(faults: dict[str, str]) -> Schema:
    return _refusals(faults, "application/json", "Error")


def _how_to_ask() -> Schema:
    return {"WWW-Authenticate": _header("How to ask")}


def _refusals(faults: dict[str, str], content_type: str, schema: str) -> Schema:
    content = {content_type: {"schema": _ref(schema)}}
    known = {
        "401": _how_to_ask(),
        "405": {"Allow": _header("The methods that are here")},
        "503": {"Retry-After": _header("Seconds", {"type": "integer"}, required=False)},
    }
    refusals: Schema = {}
    for code, meaning in sorted({**faults, **_WRONG_METHOD}.items()):
        refusals[code] = {"description": meaning, "content": content}
        if code in known:
            refusals[code]["headers"] = known[code]

    return refusals


def _who_asks() -> list[Schema]:
    return [
        _asked("X-Model-Version", "Ask this deployed version"),
        _asked("X-Unit-Id", "What is assigned to a version: the same unit gets the same version"),
    ]


def _asked(name: str, meaning: str, schema: Schema | None = None) -> Schema:
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": meaning,
        "schema": schema or {"type": "string"},
    }


def _in_path(*names: str) -> list[Schema]:
    text = {"type": "string"}
    return [{"name": name, "in": "path", "required": True, "schema": text} for name in names]


def _header(meaning: str, schema: Schema | None = None, required: bool = True) -> Schema:
    return {"description": meaning, "required": required, "schema": schema or {"type": "string"}}


def _body(schema: Schema, required: bool = True) -> Schema:
    return {"required": required, "content": {"application/json": {"schema": schema}}}


def _json(meaning: str, schema: Schema) -> Schema:
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
