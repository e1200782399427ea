"""Proves that a pipeline's direct form predicts what the pipeline itself predicts.

Both run in this process on the same rows. What differs by more than rounding, or is answered where
the pipeline refuses, is not served: then every request goes through the pipeline.
"""

from dataclasses import dataclass
from typing import Any

from delivery.proof.expected_answers import ExpectedAnswers, PipelineAnswers, pipeline_answers
from delivery.proof.invariance import LARGEST_BATCH
from delivery.proof.number_values import spread
from delivery.proof.output_checks import all_predictions
from service.bundle import DirectCalls, Manifest
from service.comparison import Scale, difference
from service.rows import Columns, take_rows
from service.runtimes.direct.errors import NoDirectForm
from service.runtimes.direct.form import DirectForm
from service.runtimes.model import Model, Predictions, RowByRow
from service.runtimes.outputs import PREDICT
from service.runtimes.pipeline_model import PipelineModel

# What the order of additions leaves.
ROUNDING = 1e-9
HELD_OUT = 4000
ALONE = 32
# A direct form that leaves more rows than this to the pipeline only costs time.
MOST_LEFT = 0.5


@dataclass
class _Compared:
    """What was compared so far. objection: the first reason not to serve the direct form."""

    rows: int = 0
    left: int = 0
    difference: float = 0.0
    objection: str = ""


class _DirectModel:
    """A service.runtimes.model.Model that fails on rows that are left to the pipeline."""

    name = "direct"

    def __init__(self, pipeline: PipelineModel, form: DirectForm) -> None:
        self._pipeline, self._form = pipeline, form

    def predict(self, columns: Columns) -> Predictions:
        """See Model."""
        return self._pipeline.predict_directly(self._form, columns)


def prove_direct(served: Model, description: Manifest, expected: ExpectedAnswers) -> DirectCalls:
    """Compare held-out rows, in batches and alone, and probe rows.

    served: the pipeline, which answers by its direct form from then on where the proof holds.
    """
    pipeline = _pipeline_of(served)
    if description.side_effects:
        return DirectCalls(served=False, reason="a prediction changes something")

    if any(output.name == PREDICT and output.shape for output in description.outputs):
        return DirectCalls(served=False, reason="there is none: it has several targets")

    try:
        form = pipeline.direct_form()
    except NoDirectForm as error:
        return DirectCalls(served=False, reason=f"there is none: {error}")

    compared = _compare_all(served, form, description, expected)
    if not compared.objection:
        pipeline.direct = form

    return DirectCalls(
        served=not compared.objection,
        reason=compared.objection or _equal(compared),
        steps=list(dict.fromkeys(form.direct)),
        max_difference=compared.difference,
        rows_compared=compared.rows,
        left_to_pipeline=compared.left,
    )


def _pipeline_of(served: Model) -> PipelineModel:
    if isinstance(served, RowByRow):
        served = served.model

    assert isinstance(served, PipelineModel)
    return served


def _compare_all(
    own: Model, form: DirectForm, description: Manifest, expected: ExpectedAnswers
) -> _Compared:
    direct: Model = _DirectModel(_pipeline_of(own), form)
    if description.one_row_at_a_time:
        direct = RowByRow(direct)

    compared = _Compared()
    scale = description.comparison.scale
    held_out = expected.held_out.chosen(spread(expected.held_out.rows, HELD_OUT))
    # A few rows first: if most are left to the pipeline, the rest would take long for nothing.
    for row in spread(held_out.rows, ALONE):
        alone = pipeline_answers(own, take_rows(held_out.columns, [row]), 1)
        _compare(alone, direct, "held-out", scale, compared)

    if compared.left > MOST_LEFT * compared.rows:
        compared.objection = (
            compared.objection
            or f"it leaves {compared.left} of {compared.rows} held-out rows to the pipeline"
        )

    for kind, answers in (("held-out", held_out), ("probe", expected.probes)):
        for batch in answers.parts(LARGEST_BATCH):
            if compared.objection:
                return compared

            _compare(batch, direct, kind, scale, compared)

    return compared


def _compare(
    expected: PipelineAnswers, direct: Model, kind: str, scale: Scale, compared: _Compared
) -> None:
    """Add the comparison of one batch."""
    answered, _ = all_predictions(direct, expected.columns, expected.rows)
    for own_prediction, prediction in zip(expected.predictions, answered, strict=True):
        compared.rows += 1
        if prediction is None:
            compared.left += 1
        elif not compared.objection:
            compared.objection = _objection(own_prediction, prediction, kind, scale)
            if not compared.objection:
                size = difference(own_prediction, prediction, scale)
                compared.difference = max(compared.difference, size)


def _objection(own: Any, direct: Any, kind: str, scale: Scale) -> str:
    if own is None:
        return f"it answers a {kind} row that the pipeline refuses"

    size = difference(own, direct, scale)
    if not size <= ROUNDING:
        return f"a {kind} row differs by {size:.2g} from what the pipeline predicts"

    if _is_probabilities(own) and _largest(own) != _largest(direct):
        return f"a {kind} row gets another class than in the pipeline"

    return ""


def _is_probabilities(prediction: Any) -> bool:
    return isinstance(prediction, list) and bool(prediction)


def _largest(prediction: list[Any]) -> int:
    return prediction.index(max(prediction))


def _equal(compared: _Compared) -> str:
    left = f", {compared.left} of them left to the pipeline" if compared.left else ""
    return f"equal on {compared.rows} held-out and probe rows{left}"
