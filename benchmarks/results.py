"""Where a benchmark leaves its JSON for benchmarks/report.py."""

import json
from typing import Any

from benchmarks.processes import STATE


def leave(name: str, result: dict[str, Any]) -> None:
    """Print the result as the last line, and keep it."""
    folder = STATE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
