"""Which converter a class of estimators has.

A converter is a module of delivery/onnx/converters/ with

* `convert(scope, operator, container)`: adds the nodes of one fitted step. skl2onnx calls it;
  `Graph(scope, operator, container)` is what it is written with. `operator.raw_operator` is the
  estimator, `operator.inputs` are one or several variables: of a frame every column by itself, of
  its own type (double, int64, bool, string), of another step's output one matrix.
* `shape(operator)`, if the default of delivery/onnx/shapes.py does not fit: sets the types and
  shapes of `operator.outputs`.
* `OUTPUTS`, if the default does not fit: names of its outputs. By default a classifier and an
  outlier detector have a label and scores, a cluster a label and distances, all others one value.

Each folder of converters has a `table.py` with `CONVERTERS`: the public name of the class ->
the module's name in that folder. A new folder is one more line in `TABLES`. A class is looked up,
and its converter imported, only where its library was imported, which a pipeline that holds one
of its estimators has done.

Every output is of double (labels are int64, double or string), computed as scikit-learn computes
it: where that casts to 32 bits, the converter casts, and nowhere else. What a converter cannot do
it refuses with `NotConvertible`. A class without a line here is converted by skl2onnx's own
converter, if there is one.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from delivery.onnx import shapes

HERE = "delivery.onnx.converters"
TABLES = (
    *(
        "connectors",
        "preprocessing",
        "curves",
        "selection",
        "decomposition",
        "linear",
        "projections",
    ),
    *("trees", "boosters", "bayes", "clusters", "kernels", "meta", "neighbours"),
    *("others", "targets", "texts"),
)


@dataclass(frozen=True)
class Converter:
    """How the estimators of one class are converted."""

    convert: Callable[[Any, Any, Any], None]
    shape: Callable[[Any], None]
    outputs: tuple[str, ...] | None


def converters() -> dict[type, Converter]:
    """The converters of all classes whose library is imported."""
    return {kind: _of_module(module) for kind, module in _known_classes()}


def converter_of(model: Any) -> Converter | None:
    """The converter of an estimator's own class; None where it has no line here."""
    for kind, module in _known_classes():
        if type(model) is kind:
            return _of_module(module)

    return None


def _known_classes() -> Iterator[tuple[type, str]]:
    """Classes of imported libraries with the module of their converter."""
    for folder in TABLES:
        for name, module in _table(folder).items():
            library, _, kind = name.rpartition(".")
            known = getattr(sys.modules.get(library), kind, None)
            if known is not None:
                yield known, f"{HERE}.{folder}.{module}"


@cache
def _table(folder: str) -> dict[str, str]:
    table: dict[str, str] = importlib.import_module(f"{HERE}.{folder}.table").CONVERTERS
    return table


@cache
def _of_module(name: str) -> Converter:
    module: ModuleType = importlib.import_module(name)
    return Converter(
        convert=module.convert,
        shape=getattr(module, "shape", shapes.default),
        outputs=getattr(module, "OUTPUTS", None),
    )
