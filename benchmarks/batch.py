"""How fast `predict` is over files: `python -m benchmarks.batch [--json] [--rows 2000000]`.

Beside the best loop that a careful person writes for the same pipeline and the same file (pyarrow
to pandas, `predict_proba`, pyarrow), at that loop's best chunk, each alone on one thread,
alternated; and beside the bare model in memory. The last line is one JSON object of ratios.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.processes import ROOT
from benchmarks.setups.bundles import bundle

GROUP_ROWS = 500_000
LOOP_CHUNKS = (4_096, 65_536, 262_144)
ROUNDS = 3
PUBLIC_KEY = ROOT / "keys" / "sluice.pub"
LOOP = """
import sys, joblib, pyarrow as pa, pyarrow.parquet as pq
source, target, pickle, chunk = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
pipeline = joblib.load(pickle)
schema = pa.schema([(f"probability_{name}", pa.float64()) for name in pipeline.classes_])
with pq.ParquetWriter(target, schema, compression="zstd") as writer:
    names = list(pipeline.feature_names_in_)
    for batch in pq.ParquetFile(source).iter_batches(chunk, columns=names):
        answer = pipeline.predict_proba(batch.to_pandas())
        writer.write_table(pa.table(list(answer.T), schema=schema))
"""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the last line")
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows (%(default)s)")
    parser.add_argument("--many", type=int, default=30, help="times the rows, for the memory")
    options = parser.parse_args()
    say: Callable[[str], None] = (lambda _line: None) if options.json else print
    with tempfile.TemporaryDirectory(prefix="sluice-batch-") as folder:
        print(json.dumps(measured(Path(folder), options.rows, options.many, say)))

    return 0


def measured(folder: Path, rows: int, many: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The ratios."""
    source = write_flights(folder / "flights.parquet", rows)
    result: dict[str, Any] = {"rows": rows}
    for version, runtime in (("v1", "onnx"), ("v2", "onnx"), ("v1", "sklearn")):
        result |= against_the_loop(folder, source, version, runtime, rows, say)

    result |= two_processes(folder, source, rows, say)
    result |= on_dask(folder, source, rows, say)
    result |= memory(folder, rows // 2, many, say)
    return result


def against_the_loop(
    folder: Path,
    source: Path,
    version: str,
    runtime: str,
    rows: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Rows a second of `predict` over the best loop's; with ONNX also over the bare model's."""
    path = bundle(version)
    chunk = best_loop_chunk(folder, source, path)
    ours, loops = [], []
    for number in range(ROUNDS):
        out = folder / f"{version}-{runtime}-{number}"
        loops.append(rows / seconds(loop_command(folder, source, path, chunk)))
        ours.append(rows / run_seconds(out, [source], path, runtime=runtime)[0])

    mine, theirs = statistics.median(ours), statistics.median(loops)
    say(
        f"{version} on {runtime}: predict {mine:,.0f} rows/s, the loop {theirs:,.0f} (chunks of "
        f"{chunk:,})"
    )
    if runtime == "sklearn":
        return {"ratio_sklearn": round(mine / theirs, 2)}

    bare = bare_model(path)
    say(f"{version}: the bare model {bare:,.0f} rows/s")
    return {
        f"ratio_{version}_onnx": round(mine / theirs, 2),
        f"fraction_of_model_{version}": round(mine / bare, 2),
    }


def best_loop_chunk(folder: Path, source: Path, path: Path) -> int:
    """The chunk at which the loop is fastest."""
    times = {chunk: seconds(loop_command(folder, source, path, chunk)) for chunk in LOOP_CHUNKS}
    return min(times, key=times.__getitem__)


def loop_command(folder: Path, source: Path, path: Path, chunk: int) -> list[str]:
    """The loop in a process of its own, as `predict` is one."""
    files = [source, folder / "loop.parquet", path / "model.pkl"]
    return [sys.executable, "-c", LOOP, *map(str, files), str(chunk)]


def seconds(command: list[str]) -> float:
    """How long a command takes."""
    started = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return time.perf_counter() - started


def run_seconds(
    out: Path, sources: list[Path], path: Path, processes: int = 1, **options: str
) -> tuple[float, int]:
    """Seconds of a batch run, and the peak of its memory in MB. options: more of the job."""
    job = {
        "bundle": str(path),
        "public_key": str(PUBLIC_KEY),
        "patterns": list(map(str, sources)),
        "out": str(out),
        "processes": processes,
        **options,
    }
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED],
        input=json.dumps(job).encode(),
        capture_output=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    taken = time.perf_counter() - started
    return taken, int(done.stderr.split()[-1]) // 1024


_MEASURED = """
import resource, sys
from batch.__main__ import main
code = main()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def bare_model(path: Path) -> float:
    """Rows a second of the model alone on columns in memory, at its best chunk."""
    from batch.model import load
    from service.rows import row_count, take_rows

    model = load(str(path), str(PUBLIC_KEY))
    chunk = model.best_chunk()
    rows = np.arange(chunk) % row_count(model.rows)
    columns = take_rows(model.rows, rows)
    times = []
    for _ in range(50):
        started = time.perf_counter()
        model.answers.of_answer(model.model.answer(columns), chunk)
        times.append(time.perf_counter() - started)

    return chunk / statistics.median(times)


def two_processes(
    folder: Path, source: Path, rows: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Rows a second of two processes over one's, on v2."""
    path = bundle("v2")
    sources = [source, write_flights(folder / "more.parquet", rows)]
    one, two = [], []
    for number in range(ROUNDS):
        one.append(run_seconds(folder / f"one-{number}", sources, path)[0])
        two.append(run_seconds(folder / f"two-{number}", sources, path, 2)[0])

    ratio = statistics.median(one) / statistics.median(two)
    say(f"two processes: {ratio:.2f} times one")
    return {"ratio_two_processes": round(ratio, 2)}


def on_dask(folder: Path, source: Path, rows: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of two workers of a local Dask cluster, its start included, over two processes'."""
    path = bundle("v2")
    sources = [source, write_flights(folder / "more.parquet", rows)]
    local, dask = [], []
    for number in range(ROUNDS):
        local.append(run_seconds(folder / f"local-{number}", sources, path, 2)[0])
        dask.append(run_seconds(folder / f"dask-{number}", sources, path, 2, engine="dask")[0])

    overhead = statistics.median(dask) / statistics.median(local)
    say(f"Dask: {overhead:.2f} times the seconds of two processes")
    return {"dask_overhead": round(overhead, 2)}


def memory(folder: Path, rows: int, many: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The peak of `many` times the rows over that of the rows, at equal row groups."""
    few = write_flights(folder / "few.parquet", rows)
    large = write_flights(folder / "many.parquet", rows * many)
    _, small_mb = run_seconds(folder / "few", [few], bundle("v1"))
    _, large_mb = run_seconds(folder / "many", [large], bundle("v1"))
    say(f"memory: {small_mb} MB for {rows:,} rows, {large_mb} MB for {rows * many:,}")
    return {"peak_memory_ratio": round(large_mb / small_mb, 3), "peak_mb": large_mb}


def write_flights(path: Path, rows: int) -> Path:
    """Flights, again and again, in row groups of GROUP_ROWS."""
    from examples.flights.data import months

    table = pa.Table.from_pandas(months(11, 12).rows, preserve_index=False)
    with pq.ParquetWriter(path, table.schema) as writer:
        while rows > 0:
            copies = -(-min(rows, GROUP_ROWS) // table.num_rows)
            group = pa.concat_tables([table] * copies).slice(0, min(rows, GROUP_ROWS))
            writer.write_table(group.combine_chunks(), row_group_size=GROUP_ROWS)
            rows -= group.num_rows

    return path


if __name__ == "__main__":
    sys.exit(main())
