"""`whoserved`: who answered a prediction, from its signed id and from the ledger as it was then."""

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

Found = dict[str, Any]
# Those that have a line of their own; whatever else an id carries is shown by its name.
_KNOWN = ("version", "weight", "at_ms", "serial", "scores", "classes", "rollout")


def who_served(workspace: Workspace, token: str) -> Found:
    """All that is known of a prediction; raises EdgeFailure where the router does not know the id
    or does not answer.

    weight in percent: of the candidate where a rollout was in progress (`rollout`: the revision it
    began with), else of the version, which the ledger knows; time in UTC. `revision` is None where
    the ledger cannot be read, and `note` says why."""
    said = read_id(workspace, read_secrets(workspace).operator, token)
    try:
        found = _read(said)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise EdgeFailure(
            "the router's answer to /whoserved cannot be read: is it of another release?"
        ) from error

    try:
        with opened_record(workspace) as store:
            return found | _recorded(look_back(store, datetime.fromisoformat(found["at"])), found)
    except (EdgeFailure, StoreError, BrokenRecord) as error:
        return found | {"note": f"the ledger does not tell which revision was in force: {error}"}


def _read(said: Found) -> Found:
    at = datetime.fromtimestamp(said["at_ms"] / 1000, UTC)
    return {
        "version": said["version"],
        "weight": said["weight"] / 100 if said.get("rollout") else None,
        "rollout": said.get("rollout") or None,
        "at": at.isoformat(timespec="milliseconds"),
        "predictions": _predictions(said["scores"], said["classes"]),
        "more": {name: value for name, value in said.items() if name not in _KNOWN},
        "revision": None,
        "digest": None,
        "note": "",
    }


def lines(found: Found) -> list[str]:
    """The same for people."""
    at = datetime.fromisoformat(found["at"])
    told = [
        f"{found['version']} answered",
        f"  weight       {_weight(found)}",
        f"  time         {shown(at)} and {at.microsecond // 1000} ms",
        f"  predictions  "
        f"{', '.join(map(_prediction, found['predictions'])) or 'not in the id: too many rows'}",
    ]
    told += [f"  {name:<12} {value}" for name, value in found["more"].items()]
    if found["revision"]:
        told.append(f"  revision     {found['revision']['revision']}, {found['revision']['said']}")
        told.append(
            f"  digest       {found['digest'] or 'that revision does not name the version'}"
        )

    return [*told, *([f"  note: {found['note']}"] if found["note"] else [])]


def _recorded(then: InForce, found: Found) -> Found:
    ledger = from_body(then.entry.body, then.entry.revision)
    known = ledger.versions.get(found["version"])
    return {
        "weight": ledger.weight(found["version"]) / 100
        if found["weight"] is None
        else found["weight"],
        "revision": {**row(then.entry), "said": deed(then.entry)},
        "digest": known.digest if known else None,
    }


def _weight(found: Found) -> str:
    if found["weight"] is None:
        return "not known: no rollout was in progress"
    if found["rollout"] is None:
        return f"{found['weight']:g} % for {found['version']}, no rollout was in progress"

    return (
        f"{found['weight']:g} % for the candidate of the rollout that began with revision "
        f"{found['rollout']}"
    )


def _predictions(scores: list[float], classes: list[str]) -> list[Found]:
    return [
        {"class": name or None, "score": score} for score, name in zip(scores, classes, strict=True)
    ]


def _prediction(prediction: Found) -> str:
    score = f"{prediction['score']:.6g}"
    if prediction["class"] is not None:
        return f"{prediction['class']} (score {score})"
    return score
