"""Columns of every kind through a whole stack: delivered, deployed and asked over HTTP."""

import httpx
import numpy as np
import pytest

from delivery.inputs.signature import rows_of
from tests.delivery import typed_pipelines
from tests.e2e.stack_harness import StackHarness
from tests.until import until

VERSIONS = {"v1": "visits", "v2": "fewer_trees", "v3": "digits"}
ROWS = 12


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack with a version of each pipeline deployed, the first released."""
    made = StackHarness(tmp_path_factory.mktemp("column_types"))
    for version, name in VERSIONS.items():
        recipe = made.folder / f"{name}.py"
        recipe.write_text(f"from tests.delivery.typed_pipelines import {name} as build\n")
        made.run("deliver", version, "--from", str(recipe))

    try:
        made.up(*VERSIONS)
        yield made
    finally:
        made.run("down", check=False)


def own(recipe):
    """What the pipeline itself says of the user's own frame."""
    return np.array(getattr(recipe.pipeline, recipe.output)(recipe.held_out[:ROWS]), float)


def tensor(described, rows):
    """A column of the rows as the metadata describes it."""
    data = [row[described["name"]] for row in rows]
    return {**described, "shape": [len(rows), *described["shape"][1:]], "data": data}


@pytest.mark.parametrize("version", VERSIONS)
def test_users_get_the_pipelines_own_answers_in_either_protocol(stack, version):
    recipe = getattr(typed_pipelines, VERSIONS[version])()
    rows, expected = rows_of(recipe.held_out[:ROWS]), own(recipe)
    chosen = {"X-Model-Version": version}
    answer = httpx.post(
        f"{stack.url}/predict", json={"instances": rows}, headers=chosen, timeout=120
    ).json()
    assert np.allclose(np.array(answer["predictions"], float), expected, atol=1e-9)

    model = f"{stack.url}/v2/models/flights/versions/{version}"
    inputs = httpx.get(model, timeout=120).json()["inputs"]
    tensors = [tensor(described, rows) for described in inputs]
    answer = httpx.post(f"{model}/infer", json={"inputs": tensors}, timeout=120).json()
    assert "outputs" in answer, answer
    data = np.array(answer["outputs"][0]["data"], float).reshape(expected.shape)
    assert np.allclose(data, expected, atol=1e-9)


def test_a_bad_text_is_refused_with_row_column_and_what_to_send(stack):
    row = rows_of(typed_pipelines.visits().held_out[:1])[0]
    answer = stack.predict({**row, "day": "2021-02-30"})
    assert answer.status_code == 422
    assert answer.json()["detail"] == (
        "row 0, column 'day': \"2021-02-30\" is no day of the calendar: send a day as ISO 8601, "
        'such as "2021-01-31"'
    )


def test_what_was_asked_is_replayed_against_another_version(stack):
    for row in rows_of(typed_pipelines.visits().held_out[:ROWS]):
        stack.predict(row)

    recent = stack.folder / "var" / "run" / "recent"
    until(
        lambda: (
            sum(len(path.read_bytes().splitlines()) for path in recent.glob("*/*.jsonl")) >= ROWS
        ),
        "the rows are recorded",
    )
    answer = stack.run("plan", "v2", "--replay", "recent", "--json").json
    assert answer["contract"]["verdict"] == "compatible"
    found = answer["replay"]["found"]
    assert (found["errors"], found["rows"] >= ROWS) == ([], True)
    assert {"day", "took", "visit"} <= set(found["worst"][0]["row"])
