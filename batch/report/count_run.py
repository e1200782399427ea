"""Counts the columns and predictions of a finished run in the bins of its bundle."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter, itemgetter

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from batch.compare.answer_layout import layouts
from batch.errors import BatchError
from batch.inputs.arrow_types import is_number
from batch.inputs.input_files import find_input_files
from batch.inputs.work_units import units_of
from batch.outputs.finished_folder import FinishedFolder
from batch.predict_unit import reader_of
from batch.progress import ProgressMeter
from batch.storage.listed_files import suffix_of
from batch.storage.parquet_source import parquet_source
from batch.storage.remote_file import native_stream, open_stream
from service.bundle import Bundle
from service.distributions.bins import Distribution
from service.distributions.bundle_distributions import BundleDistributions, answer_text
from service.distributions.countable import countable

ROWS = 65_536
MOST_REASONS = 20
SHOWN_REASON = 160
# A caller's value in a reason, which is not the reason itself.
_VALUE = re.compile(r"^(column '[^']*': )(['\"].*['\"]|-?[\d.e+]+|-?inf)( )")


class RunCounts(msgspec.Struct, frozen=True):
    """What was counted, by name."""

    columns: dict[str, Distribution]
    predictions: dict[str, Distribution]


class FinishedCounts:
    """Counts one run. Raises BatchError where it is not finished, or its inputs were changed."""

    def __init__(self, bundle: Bundle, address: str) -> None:
        self.bundle, self.folder = bundle, FinishedFolder(address)
        self.layouts = layouts(bundle)
        self.notes = self.folder.notes
        if self.notes.bundle != bundle.digest:
            raise BatchError(
                f"{self.folder.address} was predicted with another bundle of "
                f"{self.notes.version}: name the version that predicted it"
            )

        self._require_unchanged()

    def count(self, training: BundleDistributions, meter: ProgressMeter) -> RunCounts:
        """Read inputs and predictions once, in chunks."""
        columns = {one.name: one.empty() for one in training.columns}
        predictions = dict(self._empty_predictions(training))
        for number, file in enumerate(self.notes.inputs):
            for unit in units_of(file):
                reader = reader_of(file.format, self.bundle.manifest.columns, [])
                for chunk in reader.read(unit, ROWS):
                    self._add_columns(columns, chunk.fitted.columns)
                    meter.add(chunk.fitted.rows, 0)

            for batch in self._outputs(number):
                _add_predictions(predictions, batch)

        self._require_unchanged()
        return RunCounts(columns, predictions)

    def _add_columns(self, counts: dict[str, Distribution], values: dict[str, np.ndarray]) -> None:
        for column in self.bundle.manifest.columns:
            if column.name in counts:
                counted = countable(column, values[column.name])
                counts[column.name] += counts[column.name].counted(counted)

    def _empty_predictions(
        self, training: BundleDistributions
    ) -> Iterator[tuple[str, Distribution]]:
        """By the names that the output has."""
        for layout in self.layouts:
            known = training.predictions.get(layout.name, [])
            for name, distribution in zip(layout.columns, known, strict=False):
                if distribution is not None:
                    yield name, msgspec.structs.replace(distribution.empty(), name=name)

    def _outputs(self, file_number: int) -> Iterator[pa.RecordBatch]:
        """The predictions of a file, in the format that they were written in."""
        path = self.folder.output(file_number)
        schema = pa.schema([(name, one.type) for one in self.layouts for name in one.columns])
        readers = {".parquet": _parquet, ".csv": _csv, ".jsonl": _lines}
        return readers[suffix_of(path)](path, schema)

    def reasons(self) -> tuple[list[tuple[str, int]], int]:
        """Bad rows by reason, the most frequent first, and those without a line of their own."""
        counts: Counter[str] = Counter()
        for line in self.folder.bad_rows():
            reason = msgspec.json.decode(line)["reason"]
            counts[_shown(reason)] += 1

        shown = counts.most_common(MOST_REASONS)
        return shown, counts.total() - sum(map(itemgetter(1), shown))

    def _require_unchanged(self) -> None:
        paths = list(map(attrgetter("path"), self.notes.inputs))
        now = {file.path: file for file in find_input_files(paths)}
        for file in self.notes.inputs:
            if msgspec.structs.replace(now[file.path], name=file.name) != file:
                raise BatchError(
                    f"{file.path} was changed since it was predicted into {self.folder.address}, "
                    f"so the report would be of other rows: predict into another folder"
                )


def _shown(reason: str) -> str:
    """A reason without the value that it speaks of, cut where it is long."""
    reason = _VALUE.sub(r"\1…\3", reason)
    if len(reason) <= SHOWN_REASON:
        return reason

    return f"{reason[:SHOWN_REASON]}…"


def _add_predictions(counts: dict[str, Distribution], batch: pa.RecordBatch) -> None:
    for name, before in counts.items():
        # A row without a prediction is a bad one, which is told apart.
        answers = batch.column(name).drop_null()
        counts[name] = before + before.counted(_countable_answers(answers, before))


def _countable_answers(values: pa.Array, bins: Distribution) -> np.ndarray:
    numbers = bool(bins.edges) or isinstance(next(iter(bins.values), None), float)
    if numbers and is_number(values.type):
        return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))

    texts = np.empty(len(values), dtype=object)
    for row, value in enumerate(values.to_pylist()):
        texts[row] = answer_text(value)

    return texts


def _parquet(path: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with parquet_source(path) as source, pq.ParquetFile(source, pre_buffer=False) as file:
        yield from file.iter_batches(columns=schema.names, use_threads=False)


def _csv(path: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    types = dict(zip(schema.names, schema.types, strict=True))
    options = pyarrow.csv.ConvertOptions(
        include_columns=schema.names,
        column_types=types,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    with (
        native_stream(path) as file,
        pyarrow.csv.open_csv(file, parse_options=parsing, convert_options=options) as reader,
    ):
        yield from reader


def _lines(path: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with open_stream(path) as lines:
        rows = map(msgspec.json.decode, lines)
        while some := list(islice(rows, ROWS)):
            yield pa.RecordBatch.from_pylist(some, schema)
