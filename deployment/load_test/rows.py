"""Which rows a load test sends: recorded ones, those of a file, or the released version's golden
rows.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deployment.plan.recordings import recorded_rows
from deployment.workspace.bundles import check_seal, golden_rows, read_release
from deployment.workspace.errors import EdgeFailure
from deployment.workspace.workspace import Workspace
from rollout.state.ledger import Ledger

MOST_BYTES = 64 * 1024 * 1024
Row = dict[str, Any]


@contextmanager
def bodies_file(workspace: Workspace, ledger: Ledger, source: str | None) -> Iterator[Path]:
    """A file with a request's body a line, gone afterwards; raises EdgeFailure, ContractBroken."""
    rows = _rows(workspace, ledger, source)
    with TemporaryDirectory(prefix="sluice-load-") as folder:
        path = Path(folder) / "bodies.jsonl"
        path.write_bytes(b"".join(_lines(rows)))
        yield path


def _rows(workspace: Workspace, ledger: Ledger, source: str | None) -> list[Row]:
    if ledger.released is None:
        raise EdgeFailure("nothing is released, so nothing answers: `python deploy.py promote v1`")

    release = read_release(workspace.releases, ledger.released)
    if source is None:
        check_seal(release, workspace.public_key)
        return golden_rows(release).rows

    named = release.manifest.get("columns") or ()
    return recorded_rows(workspace, source, {one["name"]: one["dtype"] for one in named})


def _lines(rows: list[Row]) -> Iterator[bytes]:
    size = 0
    for row in rows:
        line = json.dumps({"instances": [row]}, separators=(",", ":")).encode() + b"\n"
        size += len(line)
        if size > MOST_BYTES:
            raise EdgeFailure("the rows are more than 64 MB: give --rows a smaller file")

        yield line
