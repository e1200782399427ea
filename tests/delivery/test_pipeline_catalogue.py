"""A panel of pipelines: each is served as it answers itself, whatever stands in the batch beside,
or it is refused.

Every held-out row is sent as JSON, through the service's own code, alone, in pairs, in sevens, and
all together in three orders. The summary counts all of them."""

import functools
import random
from collections import Counter

import msgspec
import numpy as np
import pytest

from delivery import bundle_writer
from delivery.bundle_writer import write_contents
from delivery.errors import DeliveryError
from delivery.inputs import environment
from delivery.inputs.signature import rows_of
from delivery.recipe import Source, as_frame, checked
from delivery.request import DeliveryRequest
from environments import model_needs
from service.bundle import Bundle
from service.comparison import same
from service.predict import Predictor
from service.runtimes.json_values import listed
from service.runtimes.load_model import load_model
from tests.delivery.pipeline_catalogue import SIBLINGS, entries

PANEL = entries()
counts: Counter[str] = Counter()
NO_DIRECT_FORM = "there is none", "it leaves"


@pytest.fixture(scope="module", autouse=True)
def _asked_once():
    """The environment and the commit are the same for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "git_state", functools.cache(environment.git_state))
        for module in (bundle_writer, model_needs):
            patch.setattr(module, "installed", functools.cache(module.installed))

        yield


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in PANEL if name not in SIBLINGS])
@pytest.mark.usefixtures("few_probes")
def test_a_pipeline_is_served_as_it_answers_itself_or_refused(tmp_path, name):
    _served_or_refused(tmp_path, name)


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PANEL)
def test_so_is_every_pipeline_with_all_probe_rows(tmp_path, name):
    _served_or_refused(tmp_path, name)


def test_the_panel_is_large_and_no_answer_differs(record_property):
    for name in ("onnx", "sklearn", "refused", "answers", "mismatches"):
        record_property(name, counts[name])
    print(f"panel: {len(PANEL)} pipelines, {dict(counts)}")
    assert len(PANEL) >= 150
    assert len(PANEL) - len(SIBLINGS) >= 100
    assert PANEL.keys() >= SIBLINGS
    assert counts["mismatches"] == 0


def _served_or_refused(tmp_path, name):
    entry = PANEL[name]
    recipe = entry.build()
    if entry.refused is not None:
        with pytest.raises(DeliveryError, match=entry.refused):
            _delivered(tmp_path, recipe)
        counts["refused"] += 1
        return

    manifest = _delivered(tmp_path, recipe)
    # No direct form differs from its pipeline: there is one that is equal, or none.
    assert manifest.direct.served or manifest.direct.reason.startswith(NO_DIRECT_FORM)
    counts["direct"] += manifest.direct.served
    predictor = Predictor(manifest, load_model(Bundle(tmp_path, manifest, "")))
    tolerance = manifest.comparison.certification if manifest.runtime.certified == "onnx" else 1e-9
    expected = _own(recipe)
    rows = rows_of(as_frame(recipe.held_out))
    mismatches = 0
    for batch in _batches(len(rows)):
        outcome = predictor.predict(
            msgspec.json.encode({"instances": [rows[position] for position in batch]})
        )
        answers = msgspec.json.decode(msgspec.json.encode(outcome.predictions))
        mismatches += sum(
            not same(expected[position], answer, tolerance, manifest.comparison.scale)
            for position, answer in zip(batch, answers, strict=True)
        )
        counts["answers"] += len(batch)

    counts[manifest.runtime.certified] += 1
    counts["mismatches"] += mismatches
    assert mismatches == 0, manifest.runtime.reason


def _delivered(folder, recipe):
    request = DeliveryRequest("v1", folder, "panel", folder, folder)
    source = Source(checked(recipe, folder), "recipe", folder, "")
    return write_contents(folder, request, source, lambda line: None).manifest


def _own(recipe):
    """The pipeline on the user's own rows as they are given, each alone where that is asked for."""
    predict = getattr(recipe.pipeline, recipe.output)
    rows, count = recipe.held_out, len(recipe.held_out)
    if recipe.one_row_at_a_time:
        return [
            listed(np.asarray(predict(rows[position : position + 1])))[0]
            for position in range(count)
        ]

    answers = predict(rows)
    if len(answers) != count:
        # Fitted on a list or a series, and given as a frame.
        answers = predict(rows.iloc[:, 0])

    return listed(np.asarray(answers))


def _batches(count):
    places = list(range(count))
    for size in (1, 2, 7, count):
        yield from (places[start : start + size] for start in range(0, count, size))
    yield places[::-1]
    yield random.Random(3).sample(places * 3, count * 3)
