"""Which columns of a run's output hold which output of its version."""

from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import Any

import pyarrow as pa

from batch.answer_columns import OutputColumns
from service.bundle import Bundle
from service.bundle_files import GOLDEN
from service.proof.golden_rows import read_golden
from service.runtimes.outputs import by_output, outputs_of


@dataclass(frozen=True)
class OutputLayout:
    """One output. columns: its names, in order, all of one type.

    targets: of a list, the columns of each target; empty where it is one value a row.
    """

    name: str
    columns: list[str]
    type: pa.DataType
    targets: list[slice]


def layouts(bundle: Bundle) -> list[OutputLayout]:
    """All outputs of a version, the judged one first."""
    manifest = bundle.manifest
    outputs = outputs_of(manifest)
    golden = read_golden(bundle.read(GOLDEN), bundle.path / GOLDEN)
    answer = golden[0].answer(manifest.output)
    examples = by_output(list(map(attrgetter("name"), outputs)), [answer])
    alone = len(outputs) == 1
    made = []
    for output in outputs:
        (example,) = examples[output.name]
        fields = OutputColumns(output, manifest, alone, example).fields
        names = list(map(attrgetter("name"), fields))
        made.append(OutputLayout(output.name, names, fields[0].type, _targets(example)))

    return made


def _targets(example: Any) -> list[slice]:
    if not isinstance(example, list):
        return []

    lengths = [len(example)]
    if example and isinstance(example[0], list):
        lengths = list(map(len, example))

    return [slice(*ends) for ends in pairwise(accumulate(lengths, initial=0))]
