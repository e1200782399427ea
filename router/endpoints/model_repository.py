"""The protocol's extensions for a model repository and for statistics, as Triton describes them.

https://github.com/triton-inference-server/server (docs/protocol/extension_model_repository.md,
extension_statistics.md)"""

from collections.abc import Iterable
from typing import Any

import msgspec

from rollout.verdict.evidence import summed
from router.dispatch.routing_table import RoutingTable
from router.evidence.worker_metrics import Snapshot, split_key
from router.problems import Problem


class _IndexRequest(msgspec.Struct):
    ready: bool = False


def check_index_request(body: bytes) -> None:
    """Raise Problem 400 for a body that is neither empty nor a request; its `ready` leaves out
    nothing that is here.
    """
    try:
        if body:
            msgspec.json.decode(body, type=_IndexRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f'the body is not {{"ready": true}}: {error}') from error


def index(table: RoutingTable, in_full: bool) -> list[dict[str, str]]:
    """Name, version and state of each version; what is deployed has answered its golden rows, so it
    is READY.

    in_full: of all that are deployed, else of those that have a share of the traffic.
    """
    names = (
        table.addresses
        if in_full
        else [name for name in table.addresses if table.weights.get(name, 0) > 0]
    )
    return [
        {"name": table.ledger.model, "version": name, "state": "READY", "reason": ""}
        for name in sorted(names)
    ]


def statistics(
    table: RoutingTable, snapshots: Iterable[Snapshot], model: str, version: str | None
) -> dict[str, Any]:
    """What each version answered since the router started; raises Problem 404 for another model or
    version.

    inference_count: rows sent to it; execution_count: batches; ns: nanoseconds from draw to answer,
    together."""
    if model != table.ledger.model:
        raise Problem(404, f"there is no model {model!r} here: the model is {table.ledger.model!r}")
    if version is not None and version not in table.addresses:
        raise Problem(404, f"version {version!r} is not deployed")

    counts = {
        split_key(joined): value for joined, value in summed(s.counts for s in snapshots).items()
    }
    names = [version] if version is not None else sorted(table.addresses)
    return {"model_stats": [_of_version(model, name, counts) for name in names]}


def _of_version(model: str, version: str, counts: dict[tuple[str, ...], float]) -> dict[str, Any]:
    codes = [
        (int(key[3]), n) for key, n in counts.items() if key[0] == "requests" and key[1] == version
    ]
    total = {
        name: sum(n for key, n in counts.items() if key[:2] == (name, version))
        for name in ("latency_sum", "batch_rows", "batch_rows_sum")
    }
    succeeded = int(sum(n for code, n in codes if code == 200))
    failed = int(sum(n for code, n in codes if code != 200))
    return {
        "name": model,
        "version": version,
        "inference_count": int(total["batch_rows_sum"]),
        "execution_count": int(total["batch_rows"]),
        "inference_stats": {"success": {"count": succeeded}, "fail": {"count": failed}},
        "requests": {"count": succeeded + failed, "ns": int(total["latency_sum"] * 1e9)},
    }
