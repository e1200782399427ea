"""Input files of loans, batch runs over them, and what the service answers for the same rows."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from batch.job import BatchJob
from batch.model import BatchModel, load
from batch.run import BatchRun, Ended
from delivery.inputs.signature import rows_of
from service.bundle import verify_bundle
from service.predict import Predictor
from service.runtimes.load_model import load_model
from tests.delivery import typed_pipelines
from tests.delivery.loan_pipelines import loans

WAIT_S = 240.0
ROOT = Path(__file__).parents[2]
SCHEMA = pa.schema(
    {
        "amount": pa.float64(),
        "age": pa.int64(),
        "member": pa.bool_(),
        "city": pa.string(),
        "income": pa.float64(),
    }
)


@dataclass
class BatchHarness:
    """A folder with inputs and an output."""

    folder: Path
    bundles: Callable[[str], tuple[Path, Path]]
    events: list[Any] = field(default_factory=list)

    @property
    def inputs(self) -> Path:
        """The folder of the inputs."""
        return self.folder / "in"

    @property
    def out(self) -> Path:
        """The folder of the predictions."""
        return self.folder / "out"

    def write(self, frame: pd.DataFrame, name: str = "rows.parquet", **options: Any) -> Path:
        """Write an input file, of the loans' types where it has the loans' columns."""
        path = self.inputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            frame.to_csv(path, index=False)
        elif path.suffix == ".jsonl":
            rows = map(msgspec.json.encode, rows_of(frame))
            path.write_bytes(b"".join(row + b"\n" for row in rows))
        else:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            pq.write_table(table, path, **options)

        return path

    def write_groups(self, name: str, groups: int, rows: int) -> Path:
        """Write a Parquet file of so many row groups, no two of them alike, each with a bad row."""
        path = self.inputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = many_loans(rows)
        schema = pa.schema([pa.field("id", pa.string()), *SCHEMA])
        with pq.ParquetWriter(path, schema) as writer:
            for group in range(groups):
                changed = frame.assign(
                    id=frame["id"] + f" of {group}", amount=frame["amount"] * (1 + group / 100)
                )
                changed.loc[group, "amount"] = np.nan
                table = pa.Table.from_pandas(changed, schema, preserve_index=False)
                writer.write_table(table, row_group_size=rows)

        return path

    def job(self, name: str = "logistic", **more: Any) -> BatchJob:
        """A job over all inputs."""
        bundle, public_key = self.bundles(name)
        options = {"patterns": [str(self.inputs)], "out": str(self.out), "chunk_rows": 256} | more
        return BatchJob(bundle=str(bundle), public_key=str(public_key), **options)

    def run(self, name: str = "logistic", **more: Any) -> Ended:
        """Run it here."""
        return BatchRun(self.job(name, **more), self.events.append).run()

    def loaded(self, name: str) -> BatchModel:
        """A version's model, as a run loads it."""
        return load(*map(str, self.bundles(name)))

    def start(
        self, name: str = "logistic", start_new_session: bool = False, **more: Any
    ) -> "subprocess.Popen[bytes]":
        """Run it in a process of its own, which reports to its standard output."""
        process = subprocess.Popen(
            [sys.executable, "-m", "batch"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=start_new_session,
        )
        process.stdin.write(msgspec.json.encode(self.job(name, **more)))
        process.stdin.close()
        return process

    def command(self, *options: str, name: str = "logistic") -> "subprocess.Popen[bytes]":
        """`deploy.py predict` over all inputs."""
        bundle, public_key = self.bundles(name)
        settings = self.folder / "deploy.toml"
        settings.write_text('model = "loans"\n')
        command = [sys.executable, "deploy.py", "predict", name, "--in", str(self.inputs)]
        return subprocess.Popen(
            [*command, "--out", str(self.out), "--chunk-rows", "256", *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "SLUICE_STATE": str(self.folder / "var"),
                "SLUICE_CONFIG": str(settings),
                "SLUICE_RELEASES": str(bundle.parent),
                "SLUICE_KEYS": str(public_key.parent),
            },
        )

    def output(self, name: str = "rows.parquet") -> pa.Table:
        """The predictions of an input."""
        return pq.read_table(self.out / name)

    def predictions(self, name: str = "rows.parquet") -> list[Any]:
        """The same as the service has them: a list of probabilities, or one value."""
        return as_answers(self.output(name))

    def bad_rows(self) -> list[dict[str, Any]]:
        """The report of bad rows."""
        lines = (self.out / "_bad_rows.jsonl").read_bytes().splitlines()
        return list(map(msgspec.json.decode, lines))

    def served(self, name: str, frame: pd.DataFrame) -> list[Any]:
        """What the service answers for the frame's rows."""
        bundle = verify_bundle(*self.bundles(name))
        predictor = Predictor(bundle.manifest, load_model(bundle))
        body = msgspec.json.encode({"instances": rows_of(frame)})
        outcome = predictor.predict(body)
        assert not outcome.errors
        return outcome.predictions


class TypedHarness(BatchHarness):
    """The same with the recipes of tests/delivery/typed_pipelines.py."""

    def held_out(self, name: str) -> pd.DataFrame:
        """The rows that users of a recipe send, with lists for arrays, as Parquet has them."""
        recipe = getattr(typed_pipelines, name)()
        frame = recipe.held_out.reset_index(drop=True)
        for column in frame.columns:
            if isinstance(frame.loc[0, column], np.ndarray):
                frame[column] = frame[column].map(np.ndarray.tolist)

        return frame


def as_answers(table: pa.Table) -> list[Any]:
    """The prediction columns as the service's answers."""
    names = [name for name in table.column_names if name.startswith(("prediction", "probability"))]
    rows = [list(row.values()) for row in table.select(names).to_pylist()]
    if names == ["prediction"]:
        return [row[0] for row in rows]

    return [None if row[0] is None else row for row in rows]


def many_loans(rows: int = 3000) -> pd.DataFrame:
    """Loans with an id."""
    frame = loans(3, rows)
    frame.insert(0, "id", [f"loan-{number}" for number in range(rows)])
    return frame


def events_of(process: "subprocess.Popen[bytes]") -> list[dict[str, Any]]:
    """The events of a run, to its end."""
    with process.stdout as lines:
        return [msgspec.json.decode(line) for line in lines]


def ended(process: "subprocess.Popen[bytes]") -> None:
    """End a run by force."""
    process.kill()
    process.stdout.close()
    process.wait(WAIT_S)
