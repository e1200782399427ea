"""Columns of arrays: vectors and images, as lists, tuples, numpy's arrays or pyarrow's lists."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from delivery.errors import DeliveryError
from delivery.inputs.kinds.kind import FrameKind, Probed, ProbedColumn, SeenColumn, arrow_dtype
from service.bundle import FrameColumn, ValueForm
from service.columns.array_cells import NDARRAY
from service.columns.arrays import MOST_DIMENSIONS
from service.frames import pandas_dtype

KIND_OF_DTYPE = {"b": "bool", "i": "int", "u": "int", "f": "float"}
DTYPE_OF_ITEMS = {"bool": "bool", "int": "int64", "float": "float64", "string": "object"}
SEVERAL = "several"
LISTS = ("list<", "large_list<", "fixed_size_list<")
# Items of these are asked as the first and as the last item of an array.
ITEMS: dict[str, tuple[Any, ...]] = {
    "float": (0.0, -1.0, 0.5, 1e-9),
    "int": (0, 1, 255),
    "bool": (False, True),
    "string": ("", "never seen before", "été"),
}
FAR_ITEMS = (1e9, -1e9, 3e38)


@dataclass(frozen=True)
class ArrayLook:
    """What one array looks like. shape: None where its lists have different lengths.

    cell: what holds it. items: float, int, bool, string, empty without any, or `several`.
    nulls: what stands for null among the items: NaN, None, both.
    """

    shape: tuple[int, ...] | None
    cell: str
    items: str
    nulls: frozenset[str] = frozenset()


class ArrayKind(FrameKind):
    """Arrays of numbers, booleans or texts."""

    name = "array"

    def has_dtype(self, dtype: Any) -> bool:
        """See FrameKind."""
        held = str(arrow_dtype(dtype))
        return held.startswith(LISTS) and "struct" not in held

    def has_value(self, value: Any) -> bool:
        """See FrameKind."""
        if not isinstance(value, list | tuple | np.ndarray):
            return False

        look = look_of(value)
        return look.shape is not None and look.items != SEVERAL

    def form(self, column: SeenColumn) -> tuple[FrameColumn, ValueForm]:
        """See FrameKind."""
        looks = list(map(look_of, column.present()))
        shape, longest = _common_shape(column.name, looks)
        items, nulls = _common_items(column.name, looks), _common_nulls(column.name, looks)
        frame, item_dtype = _held(column, looks, DTYPE_OF_ITEMS[items], nulls)
        form = ValueForm(
            shape=shape,
            longest=longest,
            items=items,
            item_dtype=item_dtype,
            nullable_items=bool(nulls),
        )
        return frame, form

    def probes(self, column: ProbedColumn) -> Iterator[Probed]:
        """See FrameKind."""
        form = column.form
        for base in column.values[:2]:
            yield from _with_items(form, base)
            if form.shape[0] is None:
                for length in (0, 1, form.longest):
                    yield (base * (length + 1))[:length], False


def _with_items(form: ValueForm, base: list[Any]) -> Iterator[Probed]:
    """The array with other items at its ends, and with all of them alike."""
    items = ITEMS[form.items]
    if form.nullable_items:
        items = (*items, None)

    for item in items:
        yield _with_item(base, 0, item), False
        yield _with_item(base, -1, item), False
        yield _filled(base, item), False

    if form.items == "float":
        for item in FAR_ITEMS:
            yield _with_item(base, 0, item), True


def look_of(value: Any) -> ArrayLook:
    """What an array looks like, from a list, a tuple or an array of numpy's."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return _look_of_numpy(value)

    items: list[str] = []
    nulls: set[str] = set()
    shape = _shape(value, items, nulls)
    return ArrayLook(shape, type(value).__name__, _one_kind(items), frozenset(nulls))


def _look_of_numpy(array: np.ndarray) -> ArrayLook:
    items = KIND_OF_DTYPE.get(array.dtype.kind, SEVERAL)
    # Numbers of more than 64 bits have no form in JSON.
    if array.ndim == 0 or array.dtype.itemsize > np.dtype(np.int64).itemsize:
        return ArrayLook(None, "", SEVERAL)

    nulls = frozenset[str]()
    if items == "float" and np.isnan(array).any():
        nulls = frozenset(("NaN",))

    return ArrayLook(array.shape, f"{NDARRAY}{array.dtype.name}]", items, nulls)


def _shape(values: Any, items: list[str], nulls: set[str]) -> tuple[int, ...] | None:
    """The lengths; collects the kinds of the items and of the nulls among them."""
    shapes: set[tuple[int, ...] | None] = set()
    for value in values:
        if isinstance(value, list | tuple | np.ndarray):
            shapes.add(_shape(value, items, nulls))
            # One cell of numpy's inside another, or lists of them, cannot be told from lists.
            if type(value) is not type(values):
                shapes.add(None)
        else:
            shapes.add(())
            _add_item(value, items, nulls)

    if None in shapes or len(shapes) > 1 or isinstance(values, np.ndarray):
        return None

    inner = shapes.pop() if shapes else ()
    assert inner is not None
    return (len(values), *inner)


def _add_item(value: Any, items: list[str], nulls: set[str]) -> None:
    if value is None:
        nulls.add("None")
    elif isinstance(value, bool):
        items.append("bool")
    elif isinstance(value, int):
        items.append("int")
    elif isinstance(value, float):
        # NaN alone differs from itself.
        if value != value:
            nulls.add("NaN")
        items.append("float")
    else:
        items.append("string" if type(value) is str else SEVERAL)


def _one_kind(items: Sequence[str]) -> str:
    kinds = set(items)
    if kinds <= {"int", "float"} and "float" in kinds:
        return "float"
    if len(kinds) == 1:
        return kinds.pop()

    return SEVERAL if kinds else ""


def _common_shape(name: str, looks: Sequence[ArrayLook]) -> tuple[list[int | None], int]:
    """The lengths that all arrays have, None where one varies; and the longest of those."""
    dimensions = {len(look.shape or ()) for look in looks}
    if len(dimensions) != 1:
        raise DeliveryError(
            f"column {name!r} holds arrays of {_listed(dimensions)} dimensions: give all of them "
            f"the same, such as frame[{name!r}].map(np.ravel)"
        )

    if max(dimensions) > MOST_DIMENSIONS:
        raise DeliveryError(
            f"column {name!r} holds arrays of {max(dimensions)} dimensions, and at most "
            f"{MOST_DIMENSIONS} are served: flatten them before fit, frame[{name!r}].map(np.ravel)"
        )

    shape: list[int | None] = []
    longest = 0
    for lengths in zip(*(look.shape or () for look in looks), strict=True):
        if len(set(lengths)) == 1:
            shape.append(lengths[0])
        else:
            shape.append(None)
            longest = max(longest, *lengths)

    return shape, longest


def _common_items(name: str, looks: Sequence[ArrayLook]) -> str:
    kinds = _one_kind([look.items for look in looks if look.items])
    if kinds in DTYPE_OF_ITEMS:
        return kinds

    if not kinds:
        # Only nulls, or nothing.
        return "float"

    raise DeliveryError(
        f"column {name!r} holds arrays whose items are of several kinds, or no numbers, booleans "
        f"or texts: make them one kind in both frames and before fit, such as "
        f"frame[{name!r}].map(lambda array: np.asarray(array, float))"
    )


def _common_nulls(name: str, looks: Sequence[ArrayLook]) -> str:
    """What stands for null among the items: NaN, None, or nothing."""
    nulls = frozenset[str]().union(*(look.nulls for look in looks))
    if not nulls:
        return ""

    kinds = {look.items for look in looks if look.items}
    if len(nulls) > 1 or not kinds <= {"float", "int"} or "float" not in kinds:
        raise DeliveryError(
            f"column {name!r} holds arrays with {_listed(nulls)} among their items, which only "
            f"numbers with fractions may have, and one kind of null: make them floats with NaN "
            f"before fit, frame[{name!r}].map(lambda array: np.asarray(array, float))"
        )

    return "".join(nulls)


def _held(
    column: SeenColumn, looks: Sequence[ArrayLook], item_dtype: str, nulls: str
) -> tuple[FrameColumn, str]:
    """How the pipeline's own frame holds the arrays, and numpy's name of their items."""
    if column.frame.dtype != "object":
        return column.frame, _arrow_items(column) or item_dtype

    cell = _common_cell(column.name, looks)
    frame = FrameColumn(dtype="object", null=column.frame.null, cell=cell, null_item=nulls or "NaN")
    if cell.startswith(NDARRAY):
        item_dtype = cell[len(NDARRAY) : -1]

    return frame, item_dtype


def _common_cell(name: str, looks: Sequence[ArrayLook]) -> str:
    cells = {look.cell for look in looks}
    if len(cells) > 1:
        raise DeliveryError(
            f"column {name!r} holds arrays as {_listed(cells)}: make them one in both frames and "
            f"before fit, such as frame[{name!r}].map(np.asarray)"
        )

    return cells.pop()


def _arrow_items(column: SeenColumn) -> str | None:
    """numpy's name of the items of pyarrow's lists, None of texts."""
    held = pandas_dtype(column.frame).pyarrow_dtype
    while hasattr(held, "value_type"):
        held = held.value_type

    if str(held) in ("string", "large_string"):
        return None

    return str(np.dtype(held.to_pandas_dtype()).name)


def _with_item(base: list[Any], index: int, item: Any) -> list[Any]:
    """The array with another first or last item."""
    if not base:
        return base

    changed = list(base)
    if isinstance(base[index], list):
        changed[index] = _with_item(base[index], index, item)
    else:
        changed[index] = item

    return changed


def _filled(base: Any, item: Any) -> Any:
    """The array with all items alike."""
    if isinstance(base, list):
        return [_filled(inner, item) for inner in base]

    return item


def _listed(values: Any) -> str:
    return " and ".join(map(str, sorted(values)))
