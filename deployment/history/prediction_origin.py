"""`whoserved`: which version answered a prediction, from its signed id and the ledger then."""

from datetime import UTC, datetime
from typing import Any

from deployment.history.moment import InForce, deed, look_back, row, shown
from deployment.router_client import read_id
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.ledger import opened_record
from deployment.workspace.secrets import read_secrets
from deployment.workspace.workspace import Workspace
from rollout.errors import BrokenRecord
from rollout.state.ledger import from_body
from store import StoreError

Origin = dict[str, Any]
# These have lines of their own; whatever else an id carries is shown under its name.
_KNOWN = ("version", "weight", "at_ms", "serial", "scores", "classes", "rollout")


def who_served(workspace: Workspace, token: str) -> Origin:
    """All that is known of a prediction.

    weight: percent, of the candidate where a rollout was in progress (`rollout`: the revision it
    began with), else of the version, from the ledger; at: UTC. `revision` is None where the ledger
    cannot be read, and `note` says why. Raises EdgeFailure where the router does not know the id
    or does not answer."""
    claims = read_id(workspace, read_secrets(workspace).operator, token)
    try:
        origin = _of_claims(claims)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise EdgeFailure(
            "the router's answer to /whoserved cannot be read: is it of another release?"
        ) from error

    try:
        with opened_record(workspace) as store:
            force = look_back(store, datetime.fromisoformat(origin["at"]))
            return origin | _of_ledger(force, origin)
    except (EdgeFailure, StoreError, BrokenRecord) as error:
        return origin | {"note": f"the ledger does not tell which revision was in force: {error}"}


def lines(origin: Origin) -> list[str]:
    """The same for people."""
    at = datetime.fromisoformat(origin["at"])
    predictions = ", ".join(map(_prediction, origin["predictions"]))
    texts = [
        f"{origin['version']} answered",
        f"  weight       {_weight(origin)}",
        f"  time         {shown(at)} and {at.microsecond // 1000} ms",
        f"  predictions  {predictions or 'not in the id: too many rows'}",
    ]
    for name, value in origin["more"].items():
        texts.append(f"  {name:<12} {value}")

    if origin["revision"]:
        act = origin["revision"]
        digest = origin["digest"] or "that revision does not name the version"
        texts.append(f"  revision     {act['revision']}, {act['said']}")
        texts.append(f"  digest       {digest}")

    if origin["note"]:
        texts.append(f"  note: {origin['note']}")

    return texts


def _of_claims(claims: dict[str, Any]) -> Origin:
    """What the id says, without the ledger. claims: as the router decoded them."""
    at = datetime.fromtimestamp(claims["at_ms"] / 1000, UTC)
    return {
        "version": claims["version"],
        "weight": claims["weight"] / 100 if claims.get("rollout") else None,
        "rollout": claims.get("rollout") or None,
        "at": at.isoformat(timespec="milliseconds"),
        "predictions": _predictions(claims["scores"], claims["classes"]),
        "more": {name: claims[name] for name in claims if name not in _KNOWN},
        "revision": None,
        "digest": None,
        "note": "",
    }


def _of_ledger(force: InForce, origin: Origin) -> Origin:
    """What the revision that was in force adds: its act, the weight and the bundle's digest."""
    ledger = from_body(force.entry.body, force.entry.revision)
    weight = origin["weight"]
    if weight is None:
        weight = ledger.weight(origin["version"]) / 100

    version = ledger.versions.get(origin["version"])
    return {
        "weight": weight,
        "revision": {**row(force.entry), "said": deed(force.entry)},
        "digest": version.digest if version else None,
    }


def _weight(origin: Origin) -> str:
    if origin["weight"] is None:
        return "not known: no rollout was in progress"

    percent = f"{origin['weight']:g} %"
    if origin["rollout"] is None:
        return f"{percent} for {origin['version']}, no rollout was in progress"
    return (
        f"{percent} for the candidate of the rollout that began with revision {origin['rollout']}"
    )


def _predictions(scores: list[float], classes: list[str]) -> list[dict[str, Any]]:
    return [
        {"class": name or None, "score": score} for score, name in zip(scores, classes, strict=True)
    ]


def _prediction(prediction: dict[str, Any]) -> str:
    score = f"{prediction['score']:.6g}"
    if prediction["class"] is None:
        return score
    return f"{prediction['class']} (score {score})"
