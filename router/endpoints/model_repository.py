"""The model repository and statistics extensions of the protocol, as Triton describes them.

https://github.com/triton-inference-server/server (docs/protocol/extension_model_repository.md,
extension_statistics.md)"""

from collections.abc import Iterable
from typing import Any

import msgspec

from rollout.verdict.evidence import summed
from router.dispatch.routing_table import RoutingTable
from router.evidence.worker_metrics import Snapshot, split_keys
from router.problems import Problem


class _IndexRequest(msgspec.Struct):
    ready: bool = False


def check_index_request(body: bytes) -> None:
    """Raise Problem 400 for a malformed body. `ready` excludes nothing: all versions are ready."""
    try:
        if body:
            msgspec.json.decode(body, type=_IndexRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f'the body is not {{"ready": true}}: {error}') from error


def index(table: RoutingTable, in_full: bool) -> list[dict[str, str]]:
    """Name, version and state of each version: READY, since a deployed one passed its golden rows.

    in_full: of all deployed versions, else of those that have a share of the traffic."""
    entries = []
    for name in sorted(table.addresses):
        if in_full or table.weights.get(name, 0) > 0:
            entry = {"name": table.ledger.model, "version": name, "state": "READY", "reason": ""}
            entries.append(entry)

    return entries


def statistics(
    table: RoutingTable, snapshots: Iterable[Snapshot], model: str, version: str | None
) -> dict[str, Any]:
    """Counts of each version since the router started; raises Problem 404 for another one.

    inference_count: rows sent. execution_count: batches. ns: nanoseconds from draw to answer, the
    sum of all requests."""
    if model != table.ledger.model:
        raise Problem(404, f"there is no model {model!r} here: the model is {table.ledger.model!r}")

    if version is not None and version not in table.addresses:
        raise Problem(404, f"version {version!r} is not deployed")

    counts = split_keys(summed(snapshot.counts for snapshot in snapshots))
    names = [version] if version is not None else sorted(table.addresses)
    return {"model_stats": [_of_version(model, name, counts) for name in names]}


def _of_version(model: str, version: str, counts: dict[tuple[str, ...], float]) -> dict[str, Any]:
    total: dict[str, float] = dict.fromkeys(("latency_sum", "batch_rows", "batch_rows_sum"), 0)
    succeeded = failed = 0
    for key, n in counts.items():
        if key[1:2] != (version,):
            continue

        if key[0] in total:
            total[key[0]] += n
        elif key[0] == "requests" and key[3] == "200":
            succeeded += int(n)
        elif key[0] == "requests":
            failed += int(n)

    return {
        "name": model,
        "version": version,
        "inference_count": int(total["batch_rows_sum"]),
        "execution_count": int(total["batch_rows"]),
        "inference_stats": {"success": {"count": succeeded}, "fail": {"count": failed}},
        "requests": {"count": succeeded + failed, "ns": int(total["latency_sum"] * 1e9)},
    }
