"""What is served is what the pipeline says of the user's own row, alone and in any batch, or it is
not delivered.
"""

import math
import warnings
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from delivery.bundle_writer import write_contents
from delivery.errors import DeliveryError
from delivery.inputs.signature import rows_of
from delivery.recipe import Source, checked
from delivery.request import DeliveryRequest
from service.bundle import Bundle
from service.predict import Predictor
from service.runtimes.load_model import load_model
from tests.trials.pipelines import TRIALS

TOLERANCE = 1e-4


def delivered(folder, recipe):
    """The manifest of a recipe whose bundle is written into the folder, and a service's predictor
    of it.
    """
    request = DeliveryRequest("v1", folder, "trials", folder, folder)
    source = Source(checked(recipe, folder), "recipe", folder, "")
    manifest = write_contents(folder, request, source, lambda line: None).manifest
    return manifest, Predictor(manifest, load_model(Bundle(folder, manifest, "")))


def own(recipe, rows) -> list[Any]:
    """The pipeline's answers, each row alone; None where it raises."""
    predict, result = getattr(recipe.pipeline, recipe.output), []
    for position in range(len(rows)):
        try:
            result.append(
                np.asarray(predict(_as_fitted(recipe, rows.iloc[[position]])))[0].tolist()
            )
        except Exception:  # noqa: BLE001 (a pipeline may raise anything on a row)
            result.append(None)

    return result


def _as_fitted(recipe, row):
    """The columns in the order of the fit; a pipeline that was fitted on texts takes a sequence of
    them.
    """
    names = getattr(recipe.pipeline, "feature_names_in_", None)
    if names is not None:
        return row[[name for name in names if name in row.columns]]
    return row.iloc[:, 0] if isinstance(recipe.pipeline[0], TfidfVectorizer) else row


def differs(mine: Any, other: Any) -> bool:
    """Whether a served answer is another one than the pipeline's own."""
    if mine is None or other is None:
        return mine is not other
    if isinstance(mine, list):
        return len(mine) != len(other) or any(map(differs, mine, other))
    if isinstance(mine, float):
        return not math.isclose(mine, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)

    return bool(mine != other)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, trial in TRIALS.items() if trial.refused is None])
def test_it_is_served_as_it_answers_itself(tmp_path, name):
    recipe, more = TRIALS[name].build()
    manifest, predictor = delivered(tmp_path, recipe)
    given = recipe.held_out.iloc[:28]
    for rows in (given, more):
        if rows is None:
            continue
        expected, sent = own(recipe, rows), rows_of(rows)
        for size in (1, 2, 7):
            for start in range(0, len(sent), size):
                body = msgspec.json.encode({"instances": sent[start : start + size]})
                answers = predictor.predict(body).predictions
                wrong = [
                    (row, mine, other)
                    for row, mine, other in zip(
                        sent[start:], expected[start:], answers, strict=False
                    )
                    if differs(mine, other)
                ]
                assert not wrong, (size, manifest.runtime.certified, wrong[0])


@pytest.mark.parametrize(
    "name", [name for name, trial in TRIALS.items() if trial.refused is not None]
)
def test_or_it_is_refused_in_one_sentence_that_names_the_cause(tmp_path, name):
    trial = TRIALS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recipe, _ = trial.build()
        with pytest.raises(DeliveryError, match=trial.refused) as refused:
            delivered(tmp_path, recipe)

    assert "\n" not in str(refused.value)


@pytest.mark.filterwarnings("ignore")
def test_no_text_of_a_training_row_is_in_the_manifest(tmp_path):
    recipe, _ = TRIALS["private texts"].build()
    delivered(tmp_path, recipe)
    assert "4000-" not in (tmp_path / "release.yaml").read_text()


@pytest.mark.filterwarnings("ignore")
def test_minus_one_and_one_are_classes(tmp_path):
    manifest, _ = delivered(tmp_path, TRIALS["outliers"].build()[0])
    assert (manifest.task, manifest.classes) == ("classification", [-1, 1])
