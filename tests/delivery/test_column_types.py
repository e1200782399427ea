"""Columns of every kind that pandas has: the user's answer is the pipeline's own on the user's own
frame, alone and in any batch, by /predict and by the Open Inference Protocol.
"""

import msgspec
import numpy as np
import pytest

from delivery.inputs.signature import rows_of
from service.bundle import Bundle
from service.columns.registry import column_kind
from service.oip import metadata, signature_of_columns
from service.predict import Predictor
from service.runtimes.load_model import load_model
from tests.delivery import typed_pipelines
from tests.delivery.typed_pipelines import RECIPES
from wire.oip.request import parse
from wire.oip.request_check import check_request
from wire.oip.rows import table_of

ROWS_ASKED = 30


def own(recipe):
    """What the pipeline itself says of the user's own frame."""
    return getattr(recipe.pipeline, recipe.output)(recipe.held_out[:ROWS_ASKED])


@pytest.fixture(scope="module", params=RECIPES, ids=lambda recipe: recipe.__name__)
def delivered(request, tmp_path_factory):
    """The recipe, its manifest and what serves it."""
    from tests.delivery.delivery_harness import DeliveryHarness

    harness = DeliveryHarness(tmp_path_factory.mktemp(request.param.__name__))
    recipe = request.param()
    manifest = harness.write(recipe)
    predictor = Predictor(manifest, load_model(Bundle(harness.folder / "draft", manifest, "")))
    return recipe, manifest, predictor


def sent(recipe):
    """The held-out rows as a user sends them."""
    return rows_of(recipe.held_out[:ROWS_ASKED])


def body(rows):
    """Rows as a body."""
    return msgspec.json.encode({"instances": rows})


def test_a_batch_gets_the_pipelines_own_answers(delivered):
    recipe, _, predictor = delivered
    outcome = predictor.predict(body(sent(recipe)))
    assert not outcome.errors
    assert np.allclose(
        np.array(outcome.predictions, float), np.array(own(recipe), float), atol=1e-9
    )


def test_a_row_alone_gets_the_same(delivered):
    recipe, _, predictor = delivered
    alone = [predictor.predict(body([row])).predictions[0] for row in sent(recipe)]
    assert np.allclose(np.array(alone, float), np.array(own(recipe), float), atol=1e-9)


def test_tensors_of_the_metadatas_types_carry_the_same_rows(delivered):
    recipe, manifest, predictor = delivered
    rows, tensors = sent(recipe), []
    for described in metadata(manifest)["inputs"]:
        values = [row[described["name"]] for row in rows]
        shape = [len(rows), *described["shape"][1:]]
        tensors.append({**described, "shape": shape, "data": values})

    request = parse(msgspec.json.encode({"inputs": tensors}))
    signature = signature_of_columns(manifest.columns)
    check_request(request.request, signature)
    read = table_of(request, signature=signature).rows(signature.names)
    assert list(map(msgspec.json.decode, read)) == rows
    predictions = predictor.predict(msgspec.json.encode({"instances": read})).predictions
    assert np.allclose(np.array(predictions, float), np.array(own(recipe), float), atol=1e-9)


@pytest.mark.parametrize(
    ("recipe", "kinds"),
    [
        (typed_pipelines.rides, {"began": "datetime", "asked": "datetime"}),
        (typed_pipelines.nights, {"seen": "datetime", "a": "float"}),
        (typed_pipelines.digits, {"image": "array"}),
        (typed_pipelines.prices, {"price": "decimal"}),
        (typed_pipelines.accounts, {"id": "int", "member": "bool", "plan": "int"}),
    ],
)
def test_the_signature_names_the_kinds(recipe, kinds):
    from delivery.inputs.signature import columns_of

    made = recipe()
    columns = columns_of(made.held_out, made.training)
    assert {column.name: column.dtype for column in columns} == kinds
    assert all(map(column_kind, columns))


def test_a_datetime_that_the_pipeline_drops_leaves_it_its_onnx_form(tmp_path):
    from tests.delivery.delivery_harness import DeliveryHarness
    from tests.trials.pipelines import dates

    recipe, _ = dates()
    manifest = DeliveryHarness(tmp_path).write(recipe)
    assert manifest.runtime.certified == "onnx"
    assert {column.name: column.dtype for column in manifest.columns}["seen"] == "datetime"


def test_a_kind_that_no_converter_knows_is_named_as_the_reason(delivered):
    _, manifest, _ = delivered
    assert manifest.runtime.certified == "sklearn"
    kinds = {column.dtype for column in manifest.columns}
    if "array" in kinds:
        assert "is of kind array, which ONNX has no form for" in manifest.runtime.reason
