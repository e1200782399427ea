"""A version as the router sees one, for its tests: a WSGI app whose behaviour the rows themselves
ask for.

A row is answered with its `x`, or the version's number; `twice: true` makes its batch answer a
further output;  `fail: "input"` and `fail: "model"` make it
bad; `slow_s` makes its batch slow; `status` makes the whole batch answer that HTTP status; `die`
ends the process in mid-batch. `at` says which version does so."""

import json
import os
import time

COLUMNS = json.loads(os.environ.get("TOY_COLUMNS", '{"x": "FP64"}'))
VERSION = os.environ.get("TOY_VERSION", "v1")
CLASSES = json.loads(os.environ.get("TOY_CLASSES", "null"))


def app(environ, start_response):
    """WSGI."""
    if environ.get("HTTP_AUTHORIZATION") != "Bearer toy-secret-of-sixteen":
        return _answer(start_response, "401 Unauthorized", {"detail": "no secret"})

    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if environ["PATH_INFO"] == f"/v2/models/toy/versions/{VERSION}":
        return _answer(start_response, "200 OK", _metadata())

    if environ["PATH_INFO"].endswith("/golden"):
        return _golden(start_response)

    if environ["PATH_INFO"] != "/predict":
        return _answer(
            start_response,
            "200 OK",
            {"path": environ["PATH_INFO"], "size": len(body), "version": VERSION},
        )

    try:
        rows = json.loads(body)["instances"]
    except ValueError as error:
        return _answer(start_response, "400 Bad Request", {"detail": str(error)})

    return _predict(rows, start_response)


def _golden(start_response):
    """As TOY_GOLDEN says: `hangs` until its file is gone, `differs`, else as it should be."""
    how, _, path = os.environ.get("TOY_GOLDEN", "").partition(" ")
    while how == "hangs" and os.path.exists(path):
        time.sleep(0.01)

    if how == "differs":
        return _answer(start_response, "500 Error", {"error": "golden.jsonl, line 3: predicts 1"})
    return _answer(start_response, "200 OK", {"golden_rows": 3})


def _metadata():
    inputs = [{"name": name, "datatype": kind, "shape": [-1, 1]} for name, kind in COLUMNS.items()]
    output = {"name": "predict", "datatype": "FP64", "shape": [-1]}
    return {"name": "toy", "versions": [VERSION], "inputs": inputs, "outputs": [output]}


def _predict(rows, start_response):
    slow = max((row.get("slow_s", 0) for row in rows), default=0)
    if slow:
        time.sleep(slow)

    if any(row.get("die") == VERSION for row in rows):
        os._exit(1)

    status = max(
        (row.get("status", 200) for row in rows if row.get("at", VERSION) == VERSION), default=200
    )
    if status != 200:
        return _answer(start_response, f"{status} Asked For", {"detail": "as asked"})

    errors = [
        _error(i, row)
        for i, row in enumerate(rows)
        if row.get("fail") and row.get("at", VERSION) == VERSION
    ]
    bad = {error["row"] for error in errors}
    predictions = [None if i in bad else _value(row) for i, row in enumerate(rows)]
    answer = {
        "model": "toy",
        "version": VERSION,
        "predictions": predictions,
        "rows": len(rows),
        "classes": CLASSES,
    }
    if any("twice" in row for row in rows):
        answer["outputs"] = {"twice": [None if p is None else [p, 2 * p] for p in predictions]}
        answer["targets"] = ["toy"]

    return _answer(start_response, "200 OK", answer | ({"errors": errors} if errors else {}))


def _value(row):
    return row["x"] if "x" in row else float(VERSION.removeprefix("v"))


def _error(index, row):
    status = 422 if row["fail"] == "input" else 500
    return {
        "row": index,
        "status": status,
        "column": "x" if status == 422 else None,
        "detail": f"{row['fail']} as asked",
    }


def _answer(start_response, status, value):
    body = json.dumps(value).encode()
    start_response(
        status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]
