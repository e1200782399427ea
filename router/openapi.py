"""The API's description (OpenAPI 3.1), written once for /openapi.json and /docs."""

from typing import Any

Schema = dict[str, Any]

_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def description(model: str) -> Schema:
    """The OpenAPI document of this router."""
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Sluice: {model}", "version": "0.1.0", "summary": "Predictions, late labels and health"},
        "paths": {
            "/predict": {"post": _predict()},
            "/feedback": {"post": _feedback()},
            f"/v2/models/{model}": {"get": _get("Columns and outputs of the version that answers (OIP v2)")},
            f"/v2/models/{model}/infer": {"post": _infer()},
            f"/v2/models/{model}/versions/{{version}}/infer": {"post": _infer("version")},
            "/v2/health/live": {"get": _get("The process answers")},
            "/v2/health/ready": {"get": _get("A version is released; says since when the ledger is away", "503")},
            "/whoserved/{id}": {"get": _whoserved()},
            "/metrics": {"get": _get("Prometheus text, all workers together")},
            "/status": {"get": _get("The split asked and served, and what each version did")},
        },
        "components": {"schemas": {"Problem": _problem_schema()}},
    }


def _predict() -> Schema:
    headers = [
        _header("X-Model-Version", "Ask for this deployed version"),
        _header("X-Unit-Id", "What is assigned to a version: the same unit gets the same version"),
        _header("X-Request-Id", "Given back with the answer"),
        _header("X-Timeout-Ms", "A shorter deadline than the router's"),
    ]
    instances = {"type": "array", "minItems": 1, "items": {"type": "object"}}
    body = {"type": "object", "required": ["instances"], "properties": {"instances": instances}}
    answer = {
        "type": "object",
        "properties": {
            "model": {"type": "string"},
            "version": {"type": "string"},
            "predictions": {"type": "array", "items": {}},
            "classes": {"type": "array", "items": {}},
        },
    }
    faults = {
        "400": "Malformed JSON",
        "404": "Unknown version",
        "413": "Too large",
        "422": "A row does not fit: `errors` names row and column, `predictions` has the good rows",
        "500": "The model failed on a row",
        "503": "Shedding or no version is able to answer; see Retry-After",
        "504": "Deadline passed",
    }
    return {
        "summary": "Predict rows",
        "parameters": headers,
        "requestBody": _json(body),
        "responses": {"200": {"description": "One prediction a row", **_json(answer)}, **_problems(faults)},
    }


def _feedback() -> Schema:
    one = {
        "type": "object",
        "required": ["prediction_id", "label"],
        "properties": {"prediction_id": {"type": "string"}, "label": {}},
    }
    return {
        "summary": "Late labels, each counted once",
        "requestBody": _json({"oneOf": [one, {"type": "array", "items": one}]}),
        "responses": {
            "200": {"description": "How many counted, were duplicates or not ours"},
            **_problems({"400": "Malformed JSON", "503": "The ledger is away: send them again"}),
        },
    }


def _infer(*path: str) -> Schema:
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in path]
    return {
        "summary": "Open Inference Protocol: one tensor a column",
        "parameters": parameters,
        "requestBody": _json({"type": "object", "required": ["inputs"]}),
        "responses": {"200": {"description": "Output tensors"}, "400": {"description": '{"error": ...}'}},
    }


def _whoserved() -> Schema:
    token = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    faults = {"401": "Without the stack's bearer token", "404": "Not an id of this router"}
    return {
        "summary": "What a prediction's id says, for the operator",
        "parameters": [token],
        "responses": {"200": {"description": "Version, weight, time and scores"}, **_problems(faults)},
    }


def _get(summary: str, *faults: str) -> Schema:
    return {
        "summary": summary,
        "responses": {"200": {"description": summary}} | {f: {"description": f} for f in faults},
    }


def _header(name: str, meaning: str) -> Schema:
    return {"name": name, "in": "header", "required": False, "description": meaning, "schema": {"type": "string"}}


def _json(schema: Schema) -> Schema:
    return {"content": {"application/json": {"schema": schema}}}


def _problems(faults: dict[str, str]) -> Schema:
    content = {"application/problem+json": {"schema": _PROBLEM}}
    return {code: {"description": meaning, "content": content} for code, meaning in faults.items()}


def _problem_schema() -> Schema:
    kinds = {"type": "string", "title": "string", "status": "integer", "detail": "string"}
    return {"type": "object", "properties": {name: {"type": kind} for name, kind in kinds.items()}}
