"""Two versions' runs over the same inputs, and their comparison."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from batch.compare.comparison import Compared, RunComparison
from batch.compare.job import ComparedVersion, ComparisonJob
from batch.run import BatchRun
from delivery.inputs.signature import rows_of
from deployment.plan.replay_diff import differences
from deployment.plan.traffic_replay import Pair, ReplayResult, RowAnswer
from deployment.workspace.bundles import read_release
from rollout.differences.summary import Differences, from_json
from service.bundle import verify_bundle
from service.runtimes.outputs import by_output, outputs_of
from tests.batch.batch_harness import BatchHarness

TOLERANCE = 1e-6


class CompareHarness(BatchHarness):
    """Does here what `predict today tomorrow --compare` does."""

    def compare(self, today: str, tomorrow: str, **more: Any) -> Compared:
        """Predict with both where that was not done, and compare."""
        for name in (today, tomorrow):
            assert self.predict(name, keep=more.get("keep", [])).state == "done"

        return RunComparison(self.comparison_job(today, tomorrow, **more), self.events.append).run()

    def predict(self, name: str, **more: Any):
        """A version's own run."""
        options = {"out": str(self.predictions_of(name)), "output_format": "parquet"} | more
        return BatchRun(self.job(name, max_bad=1.0, **options), self.events.append).run()

    def comparison_job(self, today: str, tomorrow: str, **more: Any) -> ComparisonJob:
        """A comparison of what was predicted."""
        options = {"tolerance": TOLERANCE, "by_largest": self.by_largest(tomorrow)} | more
        return ComparisonJob(
            public_key=str(self.bundles(today)[1]),
            out=str(self.out),
            today=self.version(today),
            tomorrow=self.version(tomorrow),
            **options,
        )

    def version(self, name: str) -> ComparedVersion:
        """A version with the folder of its predictions."""
        return ComparedVersion(name, str(self.bundles(name)[0]), str(self.predictions_of(name)))

    def predictions_of(self, name: str) -> Path:
        """The folder of a version's predictions."""
        return self.out / "predictions" / name

    def differing(self, name: str = "rows.parquet") -> pa.Table:
        """The rows that differ."""
        return pq.read_table(self.out / "differences" / name)

    def by_largest(self, name: str) -> bool:
        """Whether the largest of a list names the class."""
        bundle, _ = self.bundles(name)
        return read_release(bundle.parent, bundle.name).answers.by_largest

    def replayed(self, today: str, tomorrow: str, frame: pd.DataFrame) -> Differences:
        """What `plan --replay` says of the same rows."""
        answers = [self.answers(name, frame) for name in (today, tomorrow)]
        pairs = list(map(Pair, rows_of(frame), *answers))
        by_largest = self.by_largest(tomorrow)
        result = ReplayResult(pairs, [], 1)
        return differences(result, today, tomorrow, TOLERANCE, by_largest)

    def answers(self, name: str, frame: pd.DataFrame) -> list[RowAnswer]:
        """What the service answers, as a replay has it."""
        outputs = outputs_of(verify_bundle(*self.bundles(name)).manifest)
        names = [output.name for output in outputs]
        columns = by_output(names, self.served(name, frame))
        rows = zip(*columns.values(), strict=True)
        return [
            RowAnswer(row[0], others=dict(zip(names[1:], row[1:], strict=True))) for row in rows
        ]


def summary(compared: Compared) -> Differences:
    """The summary of a comparison."""
    return from_json(compared.differences)


def changes_of(table: pa.Table, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Some columns of the rows that differ."""
    return [tuple(row.values()) for row in table.select(list(columns)).to_pylist()]
