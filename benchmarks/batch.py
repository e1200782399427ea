"""How fast `predict` is over files: `python -m benchmarks.batch [--json] [--rows 2000000]`.

Beside the best loop that a careful person writes for the same pipeline and the same file (pyarrow
to pandas, `predict_proba`, pyarrow), at that loop's best chunk, alternated; and beside the bare
model, which predicts the same file's rows from memory at its best chunk. The model has one thread
in all of them. The last line is one JSON object of ratios.
"""

import argparse
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.processes import ROOT
from benchmarks.setups.bundles import bundle
from benchmarks.setups.environments import PEERS, program

GROUP_ROWS = 500_000
LOOP_CHUNKS = (4_096, 65_536, 262_144)
ROUNDS = 3
COPIES = 8
"""Times the file that one process and two are measured over, so that their start counts little."""
RAY = "raydata"
ALONE = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
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
    with TemporaryDirectory(prefix="sluice-batch-") as folder:
        print(json.dumps(measured(Path(folder), options.rows, options.many, say)))

    return 0


def measured(folder: Path, rows: int, many: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The ratios."""
    source = write_flights(folder / "flights.parquet", rows)
    result: dict[str, Any] = {"rows": rows}
    for version, runtime in (("v1", "onnx"), ("v2", "onnx"), ("v1", "sklearn")):
        result |= against_the_loop(folder, source, version, runtime, rows, say)

    result |= two_processes(folder, source, say)
    result |= on_dask(folder, source, rows, say)
    if ray_is_installed():
        result |= beside_ray_data(folder, source, say)

    result |= long_runs(folder, rows // 2, many, say)
    return result


def against_the_loop(
    folder: Path,
    source: Path,
    version: str,
    runtime: str,
    rows: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Rows a second of `predict` over the best loop's."""
    path = bundle(version)
    chunk = best_loop_chunk(folder, source, path)
    ours, loops = [], []
    for number in range(ROUNDS):
        out = folder / f"{version}-{runtime}-{number}"
        loops.append(rows / seconds(loop_command(folder, source, path, chunk)))
        ours.append(rows / run(out, [source], path, runtime=runtime).seconds)

    mine, theirs = statistics.median(ours), statistics.median(loops)
    say(
        f"{version} on {runtime}: predict {mine:,.0f} rows/s, the loop {theirs:,.0f} (chunks of "
        f"{chunk:,})"
    )
    if runtime == "sklearn":
        return {"ratio_sklearn": round(mine / theirs, 2)}

    return {f"ratio_{version}_onnx": round(mine / theirs, 2)}


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
    subprocess.run(command, check=True, cwd=ROOT, env=ONE_THREAD, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


@dataclass(frozen=True)
class RunCost:
    """A run from the start of its process to its end. cpu: seconds of all its processes. peak_mb:
    of the first one.
    """

    seconds: float
    cpu: float
    peak_mb: int


def run(out: Path, sources: list[Path], path: Path, processes: int = 1, **options: str) -> RunCost:
    """Run a batch job. options: more of it."""
    job = {
        "bundle": str(path),
        "public_key": str(PUBLIC_KEY),
        "patterns": list(map(str, sources)),
        "out": str(out),
        "processes": processes,
        **options,
    }
    before, started = _spent(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED],
        input=json.dumps(job).encode(),
        capture_output=True,
        check=True,
        cwd=ROOT,
        env=ONE_THREAD,
    )
    taken = time.perf_counter() - started
    return RunCost(taken, _spent() - before, int(done.stderr.split()[-1]) // 1024)


def _spent() -> float:
    """CPU seconds of processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


# Not ru_maxrss, which begins with the peak of the process that forked this one.
_MEASURED = """
import re, sys
from pathlib import Path
from batch.__main__ import main
code = main()
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1], file=sys.stderr)
sys.exit(code)
"""
_BARE = """
import sys, time
import numpy as np
from batch.inputs.input_files import find_input_files
from batch.inputs.parquet_rows import ParquetFileRows
from batch.inputs.work_units import units_of
from batch.model import load
from service.rows import take_rows
source, bundle, key = sys.argv[1:]
model = load(bundle, key)
reader = ParquetFileRows(model.bundle.manifest.columns, [])
read = [chunk.fitted.columns for chunk in reader.read(units_of(*find_input_files([source]))[0], 1)]
columns = {name: np.concatenate([chunk[name] for chunk in read]) for name in read[0]}
rows = len(next(iter(columns.values())))
best = 0.0
for chunk in (1024, 4096, 16_384):
    for _ in range(3):
        started = time.perf_counter()
        for start in range(0, rows, chunk):
            model.model.answer(take_rows(columns, slice(start, start + chunk)))
        best = max(best, rows / (time.perf_counter() - started))
print(best)
"""


def bare_models(source: Path, path: Path, together: int = 1) -> float:
    """Rows a second of the model alone on the first rows of a file, in memory, at its best chunk:
    of so many processes at once, together.
    """
    command = [sys.executable, "-c", _BARE, str(source), str(path), str(PUBLIC_KEY)]
    running = [
        subprocess.Popen(command, cwd=ROOT, env=ONE_THREAD, stdout=subprocess.PIPE)
        for _ in range(together)
    ]
    return sum(float(process.communicate()[0]) for process in running)


def two_processes(folder: Path, source: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Rows a second of two processes over one's, on v2; the same of two bare models at once, which
    is what the cores allow; and how many cores one process uses, since it reads and writes while
    the model predicts.
    """
    path = bundle("v2")
    sources = copies(folder, source, COPIES)
    one, two, cores = [], [], []
    for number in range(ROUNDS):
        alone = run(folder / f"one-{number}", sources, path)
        one.append(alone.seconds)
        cores.append(alone.cpu / alone.seconds)
        two.append(run(folder / f"two-{number}", sources, path, 2).seconds)

    ratio = statistics.median(one) / statistics.median(two)
    models = bare_models(source, path, 2) / bare_models(source, path)
    used = statistics.median(cores)
    say(
        f"two processes: {ratio:.2f} times one, which uses {used:.2f} cores; two bare models "
        f"{models:.2f} times one"
    )
    return {
        "ratio_two_processes": round(ratio, 2),
        "ratio_two_models": round(models, 2),
        "cores_of_one": round(used, 2),
    }


def copies(folder: Path, source: Path, count: int) -> list[Path]:
    """A file under several names."""
    names = [folder / f"copy-{number}.parquet" for number in range(count)]
    for name in names:
        name.hardlink_to(source)

    return names


def on_dask(folder: Path, source: Path, rows: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of two workers of a local Dask cluster, its start included, over two processes'."""
    path = bundle("v2")
    sources = [source, write_flights(folder / "more.parquet", rows)]
    local, dask = [], []
    for number in range(ROUNDS):
        local.append(run(folder / f"local-{number}", sources, path, 2).seconds)
        dask.append(run(folder / f"dask-{number}", sources, path, 2, engine="dask").seconds)

    overhead = statistics.median(dask) / statistics.median(local)
    say(f"Dask: {overhead:.2f} times the seconds of two processes")
    return {"dask_overhead": round(overhead, 2)}


def ray_is_installed() -> bool:
    """Whether `make peers` made its environment."""
    return (PEERS / RAY).exists()


def beside_ray_data(folder: Path, source: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Rows a second of two processes over Ray Data's with two actors, its start included, on v2.

    Ray listens on every address, so it has a network namespace of its own.
    """
    path, sources = bundle("v2"), [source]
    ours, theirs = [], []
    for number in range(ROUNDS):
        ours.append(run(folder / f"beside-ray-{number}", sources, path, 2).seconds)
        with TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as own:
            words = [path / "model.onnx", source, folder / f"ray-{number}", own]
            theirs.append(seconds([*ALONE, "sh", "-c", ray_command(list(map(str, words)))]))

    ratio = statistics.median(theirs) / statistics.median(ours)
    say(f"Ray Data: {ratio:.2f} times the seconds of two processes")
    return {"ratio_ray_data": round(ratio, 2)}


def ray_command(words: list[str]) -> str:
    """The script that runs it with a loopback alone."""
    command = [program(RAY, "python"), "-m", "benchmarks.peers.raydata_batch", *words]
    return f"ip link set lo up && RAY_USAGE_STATS_ENABLED=0 exec {shlex.join(command)}"


def long_runs(folder: Path, rows: int, many: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The peak of `many` times the rows over that of the rows, at equal row groups; and the speed
    of the long run over the bare model's, in which the start counts little.
    """
    few = write_flights(folder / "few.parquet", rows)
    large = write_flights(folder / "many.parquet", rows * many)
    small = run(folder / "few", [few], bundle("v1"))
    result: dict[str, Any] = {}
    for version in ("v1", "v2"):
        cost = run(folder / f"many-{version}", [large], bundle(version))
        speed, bare = rows * many / cost.seconds, bare_models(few, bundle(version))
        say(
            f"{version}: {rows * many:,} rows at {speed:,.0f} rows/s on "
            f"{cost.cpu / cost.seconds:.2f} cores, the bare model {bare:,.0f}"
        )
        result[f"fraction_of_model_{version}"] = round(speed / bare, 2)
        if version == "v1":
            say(f"memory: {small.peak_mb} MB for {rows:,} rows, {cost.peak_mb} MB for these")
            result["peak_memory_ratio"] = round(cost.peak_mb / small.peak_mb, 3)
            result["peak_mb"] = cost.peak_mb

    return result


def write_flights(path: Path, rows: int) -> Path:
    """Flights, again and again, in row groups of GROUP_ROWS."""
    from examples.flights.data import months

    table = pa.Table.from_pandas(months(11, 12).rows, preserve_index=False)
    copied = pa.concat_tables([table] * -(-GROUP_ROWS // table.num_rows))
    group = copied.slice(0, GROUP_ROWS).combine_chunks()
    with pq.ParquetWriter(path, table.schema) as writer:
        while rows > 0:
            writer.write_table(group.slice(0, rows), row_group_size=GROUP_ROWS)
            rows -= GROUP_ROWS

    return path


if __name__ == "__main__":
    sys.exit(main())
