"""The app of one bundle, and how its callers talk to it."""

from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from service.app import Service
from service.config import ServiceConfig, from_environment

SECRET = "the secret of these tests"


def config(bundle: Path, public: Path, **changes: Any) -> ServiceConfig:
    """The surroundings of a service for that bundle."""
    names = {
        "SLUICE_BUNDLE": str(bundle),
        "SLUICE_PUBLIC_KEY": str(public),
        "SLUICE_SERVICE_SECRET": SECRET,
    }
    runtime = changes.get("runtime")
    return from_environment(names | ({"SLUICE_RUNTIME": runtime} if runtime else {}))


def client(app: Service) -> FlaskClient:
    """A client that bears the secret."""
    made = app.flask.test_client()
    made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {SECRET}"
    return made


def predict(client: FlaskClient, *rows: Any, **headers: str) -> Any:
    """POST /predict."""
    return client.post("/predict", json={"instances": list(rows)}, headers=headers)


def tensors(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the loans as tensors of the Open Inference Protocol, of shape [n]."""
    kinds = {"amount": "FP64", "age": "INT64", "member": "BOOL", "city": "BYTES", "income": "FP64"}
    return [
        {"name": name, "datatype": kind, "shape": [len(rows)], "data": [row[name] for row in rows]}
        for name, kind in kinds.items()
    ]
