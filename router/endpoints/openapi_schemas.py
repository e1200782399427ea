"""The API's JSON schemas and security schemes; router/endpoints/openapi.py has the calls."""

from typing import Any

from router.access.session_endpoint import LONGEST_TOKEN
from router.acts.act_request import LARGEST_REVISION, LONGEST_REASON

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
ANYTHING: Schema = {}
DATATYPES = [
    *("BF16", "BOOL", "BYTES", "FP16", "FP32", "FP64"),
    *(f"{kind}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)),
]


def _object(
    required: dict[str, Schema], optional: dict[str, Schema] | None = None, closed: bool = False
) -> Schema:
    schema: Schema = {"type": "object", "properties": {**required, **(optional or {})}}
    if required:
        schema["required"] = list(required)
    return schema | ({"additionalProperties": False} if closed else {})


def _list(items: Schema, **bounds: int) -> Schema:
    return {"type": "array", "items": items, **bounds}


def _map(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_ROW_ERROR = _object(
    {"row": COUNT, "status": WHOLE, "detail": TEXT, "column": {"type": ["string", "null"]}}
)
_LABEL: Schema = {
    "description": (
        "A boolean, number or string, or a list of one a row; any other is named in `invalid`"
    )
}
_PARAMETERS: Schema = {"type": ["object", "null"]}
_VERSION = _object(
    {
        **dict.fromkeys(
            ("requests", "errors", "fallbacks", "in_flight", "queue_rows", "drawn"),
            COUNT,
        ),
        "p50_ms": {"type": ["number", "null"]},
        "p99_ms": {"type": ["number", "null"]},
        "served_share": NUMBER,
        "shadow": _object(dict.fromkeys(("agree", "differ", "error", "dropped"), COUNT)),
        "addresses": _map(COUNT),
    }
)
_WORST_ROW = _object(
    {"version": TEXT, "gap": NUMBER, "row": TEXT, "answered": TEXT, "shadow": TEXT}
)
_WORKER = _object({"pid": WHOLE, "revision": COUNT, "ledger_age_s": NUMBER})
_TENSOR_METADATA = _object(
    {"name": TEXT, "datatype": {"enum": DATATYPES}, "shape": _list(WHOLE)},
    {"parameters": {"type": "object", "description": "Kind, unit, zone and so on of the column"}},
)
_TENSOR_CONFIGURATION = _object({"name": TEXT, "data_type": TEXT, "dims": _list(WHOLE)})
_COUNTED = _object({"count": COUNT})

SECURITY: Schema = {
    "operator": {
        "type": "http",
        "scheme": "bearer",
        "description": (
            "The operator's token, or a named one with that role. On this machine none is needed "
            "to look where the router listens on loopback"
        ),
    },
    "viewer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A named token; a browser sends the cookie of POST /session instead",
    },
    "drain": {
        "type": "http",
        "scheme": "basic",
        "description": "The secret of that version's log drain",
    },
}

SCHEMAS: Schema = {
    "Problem": {
        **_object(
            {"type": TEXT, "title": TEXT, "status": WHOLE, "detail": TEXT},
            {
                "version": TEXT,
                "reason": TEXT,
                "errors": _list(_ROW_ERROR),
                "predictions": _list(ANYTHING),
                "outputs": _map(_list(ANYTHING)),
            },
        ),
        "description": "RFC 9457; the last five where a version was asked",
    },
    "MlflowError": {
        **_object({"error_code": TEXT, "message": TEXT}),
        "description": "MLflow's",
    },
    "Invocation": {
        "description": "One of MLflow's four forms",
        "oneOf": [
            _object({"dataframe_split": _ref("SplitFrame")}, closed=True),
            _object({"dataframe_records": _list(_ref("Row"), minItems=1)}, closed=True),
            _object({"instances": _list(ANYTHING, minItems=1)}, closed=True),
            _object({"inputs": {"type": ["array", "object"]}}, closed=True),
        ],
    },
    "SplitFrame": {
        **_object(
            {"data": _list(_list(ANYTHING), minItems=1)},
            {"columns": _list(TEXT), "index": ANYTHING},
            closed=True,
        ),
        "description": "pandas' orient `split`",
    },
    "Invoked": _object({"predictions": _list(ANYTHING, minItems=1)}),
    "Error": {**_object({"error": TEXT}), "description": "The Open Inference Protocol's"},
    "Row": {
        "type": "object",
        "description": "Column to value; /v2/models has the columns",
        "additionalProperties": _ref("Value"),
    },
    "Value": {
        "description": (
            "As its column's kind has it: a number, boolean or text; ISO 8601 for a datetime, "
            "date, time or duration; a decimal as text or number; bytes as base64; a period as "
            "pandas writes it; an array as a list"
        ),
        "examples": [
            *(1.5, 3, True, "Oslo", None, "2021-01-31T13:45:00+01:00", "2021-01-31", "13:45:00"),
            *("P1DT2H30M", "12.50", "aGVsbG8=", "2021-05", [0.5, 1.0]),
        ],
    },
    "Instances": _object({"instances": _list(_ref("Row"), minItems=1)}, closed=True),
    "Predictions": {
        **_object(
            {"model": TEXT, "version": TEXT, "predictions": _list(ANYTHING, minItems=1)},
            {
                "outputs": _map(_list(ANYTHING, minItems=1)),
                "classes": _list(ANYTHING),
                "targets": _list(TEXT),
            },
        ),
        "description": (
            "predictions: of the version's first output. outputs: of further ones, by name, also "
            "one a row. classes: in the order of the probabilities, where a prediction is a list "
            "of them, or a list of these for each target. targets: names of the values, where "
            "predict gives several a row"
        ),
    },
    "Label": _object({"prediction_id": TEXT, "label": _LABEL}, closed=True),
    "LabelList": {
        **_list(ANYTHING),
        "description": "Each a Label; what is none is named in `invalid`",
    },
    "Labels": _object({"feedback": _ref("LabelList")}, closed=True),
    "Counted": _object(
        {
            "counted": COUNT,
            "duplicates": COUNT,
            "invalid": _list(_object({"index": COUNT, "detail": TEXT}), maxItems=100),
        },
        {"invalid_not_listed": COUNT},
    ),
    "Prediction": _object(
        {
            "version": TEXT,
            "weight": COUNT,
            "at_ms": COUNT,
            "serial": COUNT,
            "scores": _list(NUMBER),
            "classes": _list(TEXT),
            "rollout": COUNT,
        }
    ),
    "Status": _object(
        {
            "model": TEXT,
            "revision": COUNT,
            "workers": _list(_WORKER),
            "asked": _map(COUNT),
            "failed_requests": COUNT,
            "versions": _map(_VERSION),
            "ledger": TEXT,
        },
        {"worst": _list(_WORST_ROW)},
    ),
    "Server": _object({"name": TEXT, "version": TEXT, "extensions": _list(TEXT)}),
    "Live": _object({"live": {"const": True}}),
    "Ready": _object(
        {"ready": {"type": "boolean"}}, {"revision": COUNT, "ledger": TEXT, "detail": TEXT}
    ),
    "ModelReady": _object({"name": TEXT, "version": TEXT, "ready": {"const": True}}),
    "ModelMetadata": _object(
        {
            "name": TEXT,
            "versions": _list(TEXT),
            "platform": TEXT,
            "inputs": _list(_TENSOR_METADATA),
            "outputs": _list(_TENSOR_METADATA),
        }
    ),
    "ModelConfiguration": _object(
        {
            "name": TEXT,
            "platform": TEXT,
            "backend": TEXT,
            "max_batch_size": COUNT,
            "input": _list(_TENSOR_CONFIGURATION),
            "output": _list(_TENSOR_CONFIGURATION),
        }
    ),
    "Tensor": _object(
        {
            "name": TEXT,
            "shape": _list(COUNT, minItems=1, maxItems=5),
            "datatype": {"enum": DATATYPES},
            "data": _list(ANYTHING, minItems=1),
        },
        {"parameters": _PARAMETERS},
    ),
    "InferRequest": _object(
        {"inputs": _list(_ref("Tensor"), minItems=1)},
        {
            "id": {"type": ["string", "null"]},
            "parameters": _PARAMETERS,
            "outputs": {
                "type": ["array", "null"],
                "items": _object({"name": TEXT}, {"parameters": _PARAMETERS}),
            },
        },
    ),
    "InferResponse": _object(
        {
            "model_name": TEXT,
            "model_version": TEXT,
            "outputs": _list(
                _object(
                    {
                        "name": TEXT,
                        "shape": _list(COUNT),
                        "datatype": {"enum": DATATYPES},
                        "data": _list(ANYTHING),
                    }
                )
            ),
        },
        {"id": TEXT, "parameters": {"type": "object"}},
    ),
    "RepositoryIndexRequest": _object({}, {"ready": {"type": "boolean"}}),
    "RepositoryEntry": _object({"name": TEXT, "version": TEXT, "state": TEXT, "reason": TEXT}),
    "Statistics": _object(
        {
            "model_stats": _list(
                _object(
                    {
                        "name": TEXT,
                        "version": TEXT,
                        "inference_count": COUNT,
                        "execution_count": COUNT,
                        "inference_stats": _object({"success": _COUNTED, "fail": _COUNTED}),
                        "requests": _object({"count": COUNT, "ns": COUNT}),
                    }
                )
            )
        }
    ),
    "OpenApi": {"type": "object"},
    "SignIn": _object({"token": {"type": "string", "minLength": 1, "maxLength": LONGEST_TOKEN}}),
    "Caller": _object(
        {
            "name": TEXT,
            "role": {"enum": ["stranger", "local", "viewer", "operator"]},
            "by": {"enum": ["", "loopback", "token", "session"]},
        }
    ),
    "Act": _object(
        {},
        {
            "revision": {
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": LARGEST_REVISION,
            },
            "reason": {"type": ["string", "null"], "maxLength": LONGEST_REASON},
            "version": {"type": ["string", "null"]},
        },
    ),
    "ActDone": _object(
        {
            "act": TEXT,
            "summary": TEXT,
            "undo": TEXT,
            "revision": COUNT,
            "changed": {"type": "boolean"},
            "actor": TEXT,
            "command": TEXT,
        }
    ),
}
