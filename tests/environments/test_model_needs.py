"""What a model needs, where its bundle does not name it."""

import pickle

import pytest

from environments.model_needs import needs_here, needs_of_older, roots_of_older

TRAINED = {"numpy": "2.2.1", "pandas": "2.2.3", "scikit-learn": "1.7.2", "pyarrow": "20.0.0"}
NOTHING = pickle.dumps(None)
HELD = ["timestamp[us][pyarrow]", "string[pyarrow]", "utf8[pyarrow]", "list<item: double>[pyarrow]"]


@pytest.mark.parametrize("dtype", HELD)
def test_a_frame_that_pyarrow_holds_needs_pyarrow_in_an_older_bundle_too(dtype: str) -> None:
    frame = ["int64", dtype]
    assert needs_of_older(TRAINED, NOTHING, [], frame).versions["pyarrow"] == "20.0.0"
    assert "pyarrow" in roots_of_older({}, NOTHING, [], frame)
    assert "pyarrow" in needs_here(NOTHING, [], frame)


def test_a_frame_without_it_does_not_though_it_was_installed_for_the_training() -> None:
    found = needs_of_older(TRAINED, NOTHING, [], ["int64", "object"])
    assert found.versions == {name: TRAINED[name] for name in ("numpy", "pandas", "scikit-learn")}
    assert found.others == TRAINED


def test_of_what_the_code_imports_an_older_bundle_has_what_was_installed_for_the_training() -> None:
    code = [b"import flask, pyarrow"]
    needed = roots_of_older(TRAINED, NOTHING, code, [])
    assert needed - {"joblib", "scipy"} == TRAINED.keys() - {"numpy"}
