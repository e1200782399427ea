"""Where a pipeline comes from, and what is said when it cannot come from there."""

import hashlib
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from delivery.errors import DeliveryError
from delivery.recipe import Recipe, checked
from delivery.sources.source import load_source
from tests.delivery import loan_pipelines

HEAD = "from tests.delivery.loan_pipelines import *\n"


def refused(*arguments):
    """What load_source says against it, in one line."""
    with pytest.raises(DeliveryError) as error:
        load_source(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_recipe_is_built_and_its_file_is_digested(harness):
    path = harness.recipe("logistic")
    source = load_source(path)
    assert (source.kind, source.path) == ("recipe", path)
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert source.recipe.output == "predict_proba"
    assert len(source.recipe.held_out) == len(source.recipe.labels) == loan_pipelines.ROWS


def test_a_recipe_is_built_anew_each_time(harness):
    text = HEAD + (
        "count = []\ndef build():\n    count.append(1)\n    assert count == [1]\n    return "
        "logistic()\n"
    )
    path = harness.recipe("mine", text)
    assert load_source(path).recipe is not load_source(path).recipe


@pytest.mark.parametrize("name", ["nowhere.py", "nowhere.pkl"])
def test_a_file_that_is_not_there_is_named(tmp_path, name):
    assert f"{tmp_path / name} is not there: give a recipe" in refused(tmp_path / name)


def test_a_folder_is_called_a_folder(tmp_path):
    start = f"{tmp_path} is a folder without MLmodel: give a recipe"
    assert refused(tmp_path).startswith(start)


@pytest.mark.parametrize(
    ("name", "raw"), [("settings.toml", b"a = 1"), ("rows.csv", b"a,b"), ("notes", b"")]
)
def test_a_file_that_is_neither_recipe_nor_pickle_is_told_so(tmp_path, name, raw):
    (tmp_path / name).write_bytes(raw)
    assert refused(tmp_path / name).startswith(
        f"{tmp_path / name} is none of these: a recipe (.py with build()), a pickled pipeline"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def make():\n    pass\n", "has no build(): a recipe defines"),
        ("def build(:\n", "failed when it was imported: SyntaxError"),
        (
            "import nowhere_to_be_found\n",
            "failed when it was imported (line 2, in <module>): ModuleNotFoundError: No module "
            "named 'nowhere_to",
        ),
        ("1 / 0\n", "failed when it was imported (line 2, in <module>): ZeroDivisionError"),
        (
            "def build():\n    raise SystemExit(3)\n",
            "build() failed (line 3, in build): SystemExit: 3",
        ),
        (
            "def build():\n    raise ValueError('the data are away')\n",
            "build() failed (line 3, in build): ValueError: the data are away",
        ),
        ("def build(path):\n    pass\n", "build() failed: TypeError"),
        (
            "def build():\n    return None\n",
            "build() returned NoneType, not a delivery.recipe.Recipe",
        ),
        ("def build():\n    return logistic().pipeline\n", "build() returned Pipeline, not"),
        ("def build():\n    return (1, 2, 3)\n", "build() returned tuple, not"),
        ("build = 3\n", "build() failed: TypeError"),
    ],
)
def test_a_recipe_at_fault_is_named_with_what_is_wrong(harness, text, message):
    path = harness.recipe("mine", HEAD + text)
    result = refused(path)
    assert result.startswith(f"{path}")
    assert message in result


def test_the_line_is_told_of_a_recipe_that_is_named_from_where_one_stands(harness, monkeypatch):
    path = harness.recipe("mine", "def build():\n    return {}['bmi']\n")
    monkeypatch.chdir(path.parent)
    assert refused(Path("mine.py")) == "mine.py: build() failed (line 2, in build): KeyError: 'bmi'"


def test_the_line_is_told_of_a_file_beside_the_recipe_too(harness, monkeypatch):
    harness.recipe("beside_the_recipe", "def rows():\n    return {}['bmi']\n")
    path = harness.recipe(
        "mine", "from beside_the_recipe import rows\ndef build():\n    return rows()\n"
    )
    monkeypatch.syspath_prepend(path.parent)
    assert refused(path).endswith(
        "build() failed (beside_the_recipe.py, line 2, in rows): KeyError: 'bmi'"
    )


def test_an_error_of_several_lines_is_told_in_one(harness):
    text = "def build():\n    raise ValueError('the first line\\nthe second')\n"
    assert refused(harness.recipe("mine", text)).endswith(
        "build() failed (line 2, in build): ValueError: the first line"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"output": "inverse_transform"},
            "output is one of predict, predict_proba, decision_function, score_samples, "
            "transform, not 'inverse_transform'",
        ),
        ({"output": None}, "output is one of"),
        ({"output": []}, "output is empty: name one of predict"),
        ({"output": ["predict", 3]}, "output is one of"),
        ({"output": ["predict", "predict"]}, "output names 'predict' twice"),
        (
            {"output": ["predict", "transform"]},
            "has no transform (it has predict, predict_proba, decision_function)",
        ),
        ({"pipeline": loan_pipelines.price}, "the pipeline has no predict_proba (it has predict)"),
        (
            {"held_out": lambda: loan_pipelines.loans(2).head(0), "labels": None},
            "the held-out frame is empty",
        ),
        ({"labels": [0, 1]}, f"2 labels for {loan_pipelines.ROWS} held-out rows"),
        ({"labels": []}, f"0 labels for {loan_pipelines.ROWS} held-out rows"),
        ({"labels": 3}, "labels is int, not a series, an array or a list"),
        (
            {"held_out": np.zeros((5, 2)), "labels": None},
            "held_out is ndarray, not a pandas DataFrame",
        ),
        ({"held_out": [{"a": 1}], "labels": None}, "held_out is list, not a pandas DataFrame"),
        ({"held_out": None, "labels": None}, "held_out is NoneType, not a pandas DataFrame"),
        ({"training": np.zeros((5, 2))}, "training is ndarray, not a pandas DataFrame"),
        ({"segments": "city"}, "segments is a list of texts, not a text"),
        ({"targets": "city"}, "targets is a list of texts, not a text"),
    ],
)
def test_a_part_at_fault_is_named(tmp_path, changes, message):
    made = loan_pipelines.logistic()
    parts = {
        name: getattr(made, name)
        for name in ("pipeline", "held_out", "labels", "output", "training")
    }
    parts |= {name: value() if callable(value) else value for name, value in changes.items()}
    if isinstance(parts["pipeline"], Recipe):
        parts["pipeline"] = parts["pipeline"].pipeline

    with pytest.raises(DeliveryError) as error:
        checked(Recipe(**parts), tmp_path / "mine.py")

    assert str(error.value).startswith(f"{tmp_path / 'mine.py'}: ")
    assert message in str(error.value)


@pytest.fixture
def pickled(harness):
    """A pickle with samples: rows.parquet and rows.csv, with the truth in the column `default`."""
    made = loan_pipelines.logistic()
    joblib.dump(made.pipeline, harness.folder / "model.pkl")
    rows = made.held_out.assign(default=made.labels)
    rows.to_parquet(harness.folder / "rows.parquet")
    rows.to_csv(harness.folder / "rows.csv", index=False)
    return harness.folder / "model.pkl"


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv"])
def test_a_pickle_comes_with_a_sample_whose_label_is_taken_off(pickled, name):
    source = load_source(pickled, pickled.parent / name, "default")
    assert source.kind == "pickle"
    assert source.sha256 == hashlib.sha256(pickled.read_bytes()).hexdigest()
    assert list(source.recipe.held_out.columns) == list(loan_pipelines.ROW)
    assert source.recipe.labels.tolist() == loan_pipelines.logistic().labels.tolist()
    assert (source.recipe.output, source.recipe.training) == ("predict_proba", None)


def test_a_sample_without_a_label_gives_no_metrics(pickled):
    source = load_source(pickled, pickled.parent / "rows.parquet")
    assert source.recipe.labels is None
    assert "default" in source.recipe.held_out.columns


def test_predict_is_served_where_there_are_no_probabilities(pickled):
    joblib.dump(loan_pipelines.price().pipeline, pickled)
    assert load_source(pickled, pickled.parent / "rows.csv", "default").recipe.output == "predict"


def test_a_pickle_without_a_sample_is_refused(pickled):
    assert "is a pickle: add --sample with rows it has not seen" in refused(pickled)


def test_a_recipe_with_a_sample_is_refused(harness, pickled):
    assert refused(harness.recipe("logistic"), pickled.parent / "rows.csv").startswith(
        "--sample goes with a pickle"
    )


def test_a_label_that_is_not_there_is_named_beside_the_columns_that_are(pickled):
    result = refused(pickled, pickled.parent / "rows.csv", "left")
    assert "has no column 'left' (columns: amount, age, member, city, income, default)" in result


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nowhere.parquet", None, "nowhere.parquet cannot be read"),
        ("nowhere.csv", None, "nowhere.csv cannot be read"),
        ("rows.json", b"[]", "a sample is .parquet or .csv"),
        ("rows", b"", "a sample is .parquet or .csv"),
        ("not.parquet", b"a,b\n1,2\n", "not.parquet cannot be read"),
        ("empty.csv", b"", "empty.csv cannot be read"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3,4\n", "ragged.csv cannot be read"),
        ("latin.csv", b"city\n\xff\xfe\n", "latin.csv cannot be read"),
        ("headers.csv", b"amount,age\n", "the held-out frame is empty"),
    ],
)
def test_a_sample_that_cannot_be_read_is_named(pickled, name, content, message):
    path = pickled.parent / name
    if content is not None:
        path.write_bytes(content)
    assert message in refused(pickled, path)


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x04."])
def test_a_pickle_that_cannot_be_loaded_is_named(pickled, content):
    pickled.write_bytes(content)
    result = refused(pickled, pickled.parent / "rows.csv")
    assert result.startswith(f"{pickled} cannot be loaded as a pickled pipeline (")
    assert result.endswith(
        "): make it anew with joblib.dump(pipeline, path), and check that what it needs is "
        "installed"
    )


def test_a_pickle_of_something_else_is_refused(pickled):
    joblib.dump({"not": "a pipeline"}, pickled)
    assert "the pipeline has no predict" in refused(pickled, pickled.parent / "rows.csv")


def test_a_csv_may_have_labels_of_any_kind(pickled):
    frame = pd.read_csv(pickled.parent / "rows.csv")
    frame.assign(default=frame["default"].map({0: "no", 1: "yes"})).to_csv(
        pickled.parent / "words.csv", index=False
    )
    labels = load_source(pickled, pickled.parent / "words.csv", "default").recipe.labels
    assert set(labels) == {"no", "yes"}


class Ageing(LogisticRegression):
    """Speaks of a deprecation while it is unpickled, as some of scikit-learn's do; on request of
    another version.
    """

    def __setstate__(self, state):
        if "inconsistent" in state:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name="Ageing",
                    current_sklearn_version="1.9",
                    original_sklearn_version="1.2",
                ),
                stacklevel=1,
            )

        warnings.warn("Ageing will go", FutureWarning, stacklevel=1)
        super().__setstate__(state)


@pytest.fixture
def ageing(tmp_path):
    """ageing(**state): a pickle of such a pipeline and a sample."""

    def make(**state):
        frame = loan_pipelines.loans(1)
        columns = loan_pipelines.columns()
        pipeline = make_pipeline(columns, Ageing()).fit(frame, loan_pipelines.bad(frame))
        vars(pipeline[-1]).update(state)
        joblib.dump(pipeline, tmp_path / "model.pkl")
        loan_pipelines.loans(2).to_parquet(tmp_path / "rows.parquet")
        return tmp_path / "model.pkl", tmp_path / "rows.parquet"

    return make


def test_a_deprecation_while_a_pickle_is_loaded_refuses_nothing_and_is_told(harness, ageing):
    path, sample = ageing()
    with pytest.warns(FutureWarning, match="Ageing will go"):
        harness.write(load_source(path, sample).recipe)


def test_a_pickle_of_another_scikit_learn_is_refused_with_both_versions(ageing):
    message = refused(*ageing(inconsistent=True))
    assert "Ageing was pickled by scikit-learn 1.2, and 1.9 is installed" in message


def test_a_recipe_that_loads_a_pickle_of_another_scikit_learn_is_refused(harness, ageing):
    path, _ = ageing(inconsistent=True)
    text = f"import joblib\ndef build():\n    joblib.load({str(path)!r})\n"
    assert "was pickled by scikit-learn 1.2" in refused(harness.recipe("old", text))
