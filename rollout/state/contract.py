"""The contract: what users of one version may send and read, and what of it another version would
break.

It is judged for those who send today's requests and read today's answers. The service takes a row
only with every column of the version and no other (service/rows.py), so a new column breaks today's
requests even where it may be null. A value that training did not see is not refused, and the
pipeline may do anything with it, hence a note."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rollout.errors import Breaking
from rollout.state.classes import DECISION, PROBABILITIES
from rollout.state.column_values import (
    Change,
    dtype_changes,
    form_changes,
    trained_on,
    width_changes,
)

COMMAND = "python deploy.py"
BY_CLASS = (PROBABILITIES, DECISION)
"""Outputs with a number for each class."""
SHOWN = 3


class ContractVerdict(StrEnum):
    """What a change means to today's users. A single difference may also be a note, which decides
    nothing.
    """

    COMPATIBLE = "compatible"
    ADDITIVE = "additive"
    BREAKING = "breaking"


class Kind(StrEnum):
    """What one difference means to today's users."""

    NOTE = "note"
    ADDITIVE = "additive"
    BREAKING = "breaking"


@dataclass(frozen=True)
class Difference:
    """One difference. where: the column, class or part of the contract; says: one sentence."""

    kind: Kind
    where: str
    says: str


@dataclass(frozen=True)
class Contract:
    """The contract of `candidate` compared with the one that users of `stable` have."""

    candidate: str
    stable: str
    differences: tuple[Difference, ...] = ()

    @property
    def verdict(self) -> ContractVerdict:
        """The gravest of its differences."""
        if self.breaks():
            return ContractVerdict.BREAKING
        if any(difference.kind == Kind.ADDITIVE for difference in self.differences):
            return ContractVerdict.ADDITIVE
        return ContractVerdict.COMPATIBLE

    def breaks(self) -> tuple[Difference, ...]:
        """Only what breaks."""
        return tuple(filter(_breaks, self.differences))


def _breaks(difference: Difference) -> bool:
    return difference.kind == Kind.BREAKING


@dataclass(frozen=True)
class ContractColumn:
    """One input column: its dtype, whether null is taken, and what training saw of it.

    form, held: what its values look like, and the dtype of the pipeline's own frame.
    """

    name: str
    dtype: str
    nullable: bool
    minimum: float | None
    maximum: float | None
    categories: tuple[str, ...] | None
    form: Mapping[str, Any] = field(default_factory=dict)
    held: str = ""


@dataclass(frozen=True)
class ContractOutput:
    """One output. shape: of a row's answer, None where it is not known. names: of its places.

    classes: of each target, where it has several.
    """

    name: str
    shape: tuple[int, ...] | None = None
    names: tuple[str, ...] = ()
    classes: tuple[tuple[Any, ...], ...] = ()


@dataclass(frozen=True)
class Signature:
    """What goes in and what comes out of one version. outputs: all of them, the first in front."""

    columns: Mapping[str, ContractColumn]
    task: str
    classes: tuple[Any, ...] | None
    outputs: tuple[ContractOutput, ...]

    @property
    def output(self) -> str:
        """The first output: what users read as `predictions`."""
        return self.outputs[0].name


def compare(
    candidate: str, tomorrow: Mapping[str, Any], stable: str, today: Mapping[str, Any]
) -> Contract:
    """The contract of two parsed release.yaml; breaking where one of them lacks its signature."""
    try:
        signatures = [_signature(today, stable), _signature(tomorrow, candidate)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return unknown(candidate, stable, f"a manifest lacks its signature: {error}")
    return Contract(candidate, stable, tuple(_differences(*signatures)))


def unknown(candidate: str, stable: str, because: str) -> Contract:
    """The contract where one side cannot be read: it counts as breaking."""
    says = f"what {candidate} breaks cannot be told ({because})"
    return Contract(candidate, stable, (Difference(Kind.BREAKING, "manifest", says),))


def refuse_breaking(contract: Contract | None, allowed: bool) -> None:
    """Raise Breaking where the contract breaks and the operator did not allow it; contract: None
    where there are no users to break.
    """
    if contract is None or allowed or contract.verdict != ContractVerdict.BREAKING:
        return

    first, *others = contract.breaks()
    more = f" (and {len(others)} more)" if others else ""
    raise Breaking(
        f"{contract.candidate} breaks what users of {contract.stable} rely on: {first.says}{more}. "
        f"`{COMMAND} plan {contract.candidate}` shows all of it; it needs --breaking"
    )


def _signature(manifest: Mapping[str, Any], name: str) -> Signature:
    for key in ("columns", "task", "output"):
        if not manifest.get(key):
            raise ValueError(f"{name} names no {key}")

    columns = {}
    for row in manifest["columns"]:
        column = _column(row)
        columns[column.name] = column

    task, output = str(manifest["task"]), str(manifest["output"])
    classes = manifest.get("classes")
    if classes is not None:
        classes = tuple(classes)

    outputs = tuple(map(_output, manifest.get("outputs") or [_only_output(output)]))
    return Signature(columns, task, classes, outputs)


def _only_output(name: str) -> dict[str, Any]:
    """Of a manifest from before outputs were listed: one value a row, or probabilities."""
    if name == PROBABILITIES:
        return {"name": name}
    return {"name": name, "shape": []}


def _output(row: Mapping[str, Any]) -> ContractOutput:
    shape = row.get("shape")
    if shape is not None:
        shape = tuple(shape)

    classes = tuple(map(tuple, row.get("classes") or ()))
    return ContractOutput(str(row["name"]), shape, tuple(row.get("names") or ()), classes)


def _column(row: Mapping[str, Any]) -> ContractColumn:
    categories = row.get("categories")
    if categories is not None:
        categories = tuple(map(str, categories))

    return ContractColumn(
        str(row["name"]),
        str(row["dtype"]),
        bool(row["nullable"]),
        row.get("minimum"),
        row.get("maximum"),
        categories,
        row.get("form") or {},
        str((row.get("frame") or {}).get("dtype", "")),
    )


def _differences(today: Signature, tomorrow: Signature) -> Iterator[Difference]:
    for name, column in today.columns.items():
        if name in tomorrow.columns:
            yield from _of_column(column, tomorrow.columns[name])
        else:
            yield _breaking(f"column '{name}'", "is gone: rows that send it are refused")

    for name, column in tomorrow.columns.items():
        if name not in today.columns:
            says = "is new: rows without it are refused"
            if column.nullable:
                says += ", although it may be null"

            yield _breaking(f"column '{name}'", says)

    yield from _of_answers(today, tomorrow)


def _of_column(today: ContractColumn, tomorrow: ContractColumn) -> Iterator[Difference]:
    where = f"column '{today.name}'"
    for breaks, says in _value_changes(today, tomorrow):
        yield _breaking(where, says) if breaks else _additive(where, says)

    if today.nullable and not tomorrow.nullable:
        yield _breaking(where, "takes no null any more: rows with null are refused")

    if tomorrow.nullable and not today.nullable:
        yield _additive(where, "may be null now")

    yield from _of_range(where, today, tomorrow)
    yield from _of_categories(where, today, tomorrow)


def _value_changes(today: ContractColumn, tomorrow: ContractColumn) -> Iterator[Change]:
    """Which values are refused tomorrow and which are taken too."""
    if today.dtype != tomorrow.dtype:
        yield dtype_changes(today.dtype, tomorrow.dtype, tomorrow.form)
    elif today.dtype == "int":
        yield from width_changes(today.held, tomorrow.held)
    else:
        yield from form_changes(today.dtype, today.form, tomorrow.form)


def _of_range(where: str, today: ContractColumn, tomorrow: ContractColumn) -> Iterator[Difference]:
    before, after = _range(today), _range(tomorrow)
    if before is not None and after is not None and before != after:
        yield _note(
            where, f"was trained on {after}, before on {before}: no value is refused for that"
        )


def _range(column: ContractColumn) -> str | None:
    if column.minimum is None or column.maximum is None:
        return trained_on(column.form)

    return f"{column.minimum:g} to {column.maximum:g}"


def _of_categories(
    where: str, today: ContractColumn, tomorrow: ContractColumn
) -> Iterator[Difference]:
    if today.categories is None or tomorrow.categories is None:
        return

    lost = _missing(today.categories, tomorrow.categories)
    if lost:
        yield _note(
            where,
            f"was trained without {_some(lost)}: the pipeline may answer such rows or fail on them",
        )

    added = _missing(tomorrow.categories, today.categories)
    if added:
        yield _note(where, f"was trained with {_some(added)} too")


def _missing(names: Sequence[str], others: Sequence[str]) -> list[str]:
    """The names that the others do not have."""
    known = set(others)
    return [name for name in names if name not in known]


def _of_answers(today: Signature, tomorrow: Signature) -> Iterator[Difference]:
    if today.task != tomorrow.task:
        yield _breaking(
            "task", f"is {tomorrow.task}, it was {today.task}: answers mean something else"
        )

    if today.output != tomorrow.output:
        yield _breaking(
            "output", f"is {tomorrow.output}, it was {today.output}: answers have another form"
        )

    yield from _of_outputs(today, tomorrow)
    if today.task == tomorrow.task:
        yield from _of_classes(today, tomorrow)


def _of_outputs(today: Signature, tomorrow: Signature) -> Iterator[Difference]:
    """Outputs that are gone or new beside the first, and what changed within those of both."""
    before = {output.name: output for output in today.outputs}
    after = {output.name: output for output in tomorrow.outputs}
    for name, output in before.items():
        if name in after:
            yield from _of_output(output, after[name])
        elif name != today.output:
            yield _breaking(f"output '{name}'", "is gone: no answer has it any more")

    for name in after:
        if name not in before and name != tomorrow.output:
            yield _additive(f"output '{name}'", "is new: answers have it beside the predictions")


def _of_output(today: ContractOutput, tomorrow: ContractOutput) -> Iterator[Difference]:
    where = f"output '{today.name}'"
    # A class more or less is said by its name.
    known = today.name != PROBABILITIES and None not in (today.shape, tomorrow.shape)
    if known and today.shape != tomorrow.shape:
        yield _breaking(
            where, f"answers {_form(tomorrow.shape)} a row where it answered {_form(today.shape)}"
        )
    elif today.names and today.names != tomorrow.names:
        yield _breaking(
            where,
            f"answers {_some(tomorrow.names) or 'no names'} where it answered "
            f"{_some(today.names)}: its lists mean something else",
        )
    elif tomorrow.names and not today.names:
        yield _additive(where, "names its values now")

    before, after = (list(map(_with_types, output.classes)) for output in (today, tomorrow))
    if before != after:
        yield _breaking(where, "has other classes of its targets, or in another order")


def _form(shape: tuple[int, ...] | None) -> str:
    if not shape:
        return "one value"

    lengths = " times ".join(str(length) for length in shape if length >= 0)
    return f"a list of {lengths}"


def _of_classes(today: Signature, tomorrow: Signature) -> Iterator[Difference]:
    before, after = _with_types(today.classes), _with_types(tomorrow.classes)
    for value in before:
        if value not in after:
            yield _breaking(f"class {value[1]!r}", "is gone: no answer names it any more")

    for value in after:
        if value not in before:
            yield _breaking(f"class {value[1]!r}", "is new: answers may hold what nobody expects")

    if before != after and sorted(before, key=repr) == sorted(after, key=repr):
        listed = f"are {_listed(tomorrow.classes)}, they were {_listed(today.classes)}"
        if any(output.name in BY_CLASS for output in (*today.outputs, *tomorrow.outputs)):
            yield _breaking("classes", f"{listed}: the probabilities stand in another order")
        else:
            yield _note("classes", f"{listed}: only their order changed, which no answer shows")


def _with_types(classes: tuple[Any, ...] | None) -> list[tuple[str, Any]]:
    # Python takes 1, 1.0 and True for the same; a client that reads JSON does not.
    return [(type(value).__name__, value) for value in classes or ()]


def _listed(classes: tuple[Any, ...] | None) -> str:
    return ", ".join(map(repr, classes or ()))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN])
    if len(names) > SHOWN:
        shown += f" and {len(names) - SHOWN} more"

    return shown


def _breaking(where: str, says: str) -> Difference:
    return Difference(Kind.BREAKING, where, f"{where} {says}")


def _additive(where: str, says: str) -> Difference:
    return Difference(Kind.ADDITIVE, where, f"{where} {says}")


def _note(where: str, says: str) -> Difference:
    return Difference(Kind.NOTE, where, f"{where} {says}")
