"""The code beside a recipe: what of it travels, and what is said of code that cannot."""

import re
import shutil
import sys

import joblib
import pytest

from delivery.errors import DeliveryError
from delivery.proof.self_test import prove_in_fresh_process
from tests.delivery.delivery_harness import resign, vouch

pytestmark = pytest.mark.usefixtures("few_probes")
STEP = """
from sklearn.base import BaseEstimator, TransformerMixin
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import only_for_types
{imports}
class Scaled(TransformerMixin, BaseEstimator):
    def fit(self, frame, labels=None):
        return self
    def __sklearn_is_fitted__(self):
        return True
    def transform(self, frame):
        {lazy}
        return frame[["amount", "age"]] * {factor}
"""
RECIPE = """
from tests.delivery.loan_pipelines import *
{imports}
def build():
    training, held_out = loans(1), loans(2)
    pipeline = make_pipeline({step}, LogisticRegression()).fit(training, bad(training))
    return Recipe(pipeline, held_out, bad(held_out), "predict_proba", training)
"""


def step(factor="2", imports="", lazy="pass"):
    """The source of a step."""
    return STEP.format(factor=factor, imports=imports, lazy=lazy)


def write(harness, files, imports="from own_steps import Scaled", made="Scaled()"):
    """The recipe, with those files beside it."""
    for name, text in files.items():
        path = harness.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return harness.recipe("mine", RECIPE.format(imports=imports, step=made))


def code(made):
    """The modules of a bundle."""
    return sorted(path.name for path in made.path.iterdir() if path.name.startswith("code."))


def refused(harness, *arguments, **more):
    """Why it is not delivered, in one line, with nothing left."""
    with pytest.raises(DeliveryError) as failed:
        harness.deliver(write(harness, *arguments, **more))
    assert "\n" not in str(failed.value)
    assert harness.left() == []
    return str(failed.value)


def test_a_class_beside_the_recipe_travels_with_what_it_imports_and_with_nothing_else(harness):
    files = {
        "own_steps.py": step(
            "own_numbers.TWO", "import own_numbers\nimport shop.words", "from shop import lazy"
        ),
        "own_numbers.py": "TWO = 2\n",
        "shop/__init__.py": "",
        "shop/words.py": "from . import deeper\n",
        "shop/deeper.py": "",
        "shop/lazy.py": "",
        "shop/unused.py": "1 / 0",
        "only_for_types.py": "",
        "own_secrets.py": "TOKEN = 'hush'\n",
        "data.csv": "a\n1\n",
    }
    made = harness.deliver(
        write(harness, files, "import own_secrets\nfrom own_steps import Scaled")
    )
    names = ["own_numbers", "own_steps", "shop.__init__", "shop.deeper", "shop.lazy", "shop.words"]
    assert code(made) == [f"code.{name}.py" for name in names]
    assert set(code(made)) <= set(made.manifest.files)
    assert any(
        "code that travels with it: code.own_numbers.py, " in line for line in harness.reported
    )
    assert not {"own_steps", "own_numbers", "shop", "own_secrets"} & set(sys.modules)


def test_two_versions_with_other_modules_of_one_name_do_not_meet(harness):
    first = harness.deliver(write(harness, {"own_steps.py": step("2")}), "v1")
    with pytest.raises(DeliveryError, match="with other content"):
        harness.deliver(write(harness, {"own_steps.py": step("2") + "# changed\n"}), "v1")

    second = harness.deliver(write(harness, {"own_steps.py": step("-3")}), "v2")
    (harness.folder / "own_steps.py").unlink()
    for made in (first, second):
        assert "answered by sklearn" in prove_in_fresh_process(made.path, harness.public)


def test_a_module_that_was_changed_is_not_imported(harness):
    made = harness.deliver(write(harness, {"own_steps.py": step()}))
    path = shutil.copytree(made.path, harness.folder / "v1")
    changed = b"import sys\nsys.exit('it ran')\n"
    (path / "code.own_steps.py").write_bytes(changed)
    with pytest.raises(DeliveryError, match=r"code.own_steps.py was changed after it was signed"):
        prove_in_fresh_process(path, harness.public)

    # Signed it would run: what is imported are these very bytes.
    resign(path, harness.keys, lambda manifest: vouch(manifest, "code.own_steps.py", changed))
    with pytest.raises(DeliveryError, match="it ran"):
        prove_in_fresh_process(path, harness.public)


def test_a_pickle_brings_the_modules_at_its_side(harness):
    write(harness, {"own_steps.py": step()})
    sys.path.insert(0, str(harness.folder))
    try:
        from own_steps import Scaled

        from tests.delivery import loan_pipelines

        made = loan_pipelines.fitted(
            loan_pipelines.LogisticRegression(), loan_pipelines.bad, "predict", Scaled()
        )
        joblib.dump(made.pipeline, harness.folder / "model.pkl")
    finally:
        sys.path.remove(str(harness.folder))
        del sys.modules["own_steps"]

    made.held_out.to_parquet(harness.folder / "rows.parquet")
    delivered = harness.deliver(
        harness.folder / "model.pkl", sample=harness.folder / "rows.parquet"
    )
    assert code(delivered) == ["code.own_steps.py"]


@pytest.mark.parametrize(
    ("imports", "made", "said"),
    [
        (
            "",
            "FunctionTransformer(lambda f: f[['age']])",
            r"it holds a lambda \(mine.py, line \d+\).*write it as a function",
        ),
        (
            "def half(f):\n    return f[['age']] / 2",
            "FunctionTransformer(half)",
            r"half, which is defined in mine.py, line \d",
        ),
        (
            step(),
            "Scaled()",
            "Scaled, which is defined in mine.py, and a pickle holds names, not code: move it in "
            "a file",
        ),
        (
            "def outer():\n    def inner(f):\n        return f[['age']]\n    return inner",
            "FunctionTransformer(outer())",
            r"inner, which is defined inside outer \(mine.py, line \d+\).*at the top level",
        ),
    ],
)
def test_code_that_a_pickle_cannot_name_is_refused_with_the_way_to_write_it(
    harness, imports, made, said
):
    message = refused(harness, {}, imports=imports, made=made)
    assert re.search(said, message), message
    assert "in a file beside mine.py, such as steps.py" in message


def test_what_holds_something_that_cannot_be_pickled_is_named(harness):
    files = {"own_steps.py": step() + "import threading\nclass Locked(Scaled):\n    pass\n"}
    body = "from own_steps import Locked, threading\n"
    body += "def locked():\n    made = Locked()\n    made.lock = threading.Lock()\n    return made"
    message = refused(harness, files, imports=body, made="locked()")
    assert "cannot be pickled: TypeError: cannot pickle '_thread.lock' object (in " in message


def test_code_that_imports_what_a_service_does_not_have_is_refused(harness):
    message = refused(harness, {"own_steps.py": step(imports="from delivery.recipe import Recipe")})
    assert "needs own_steps.py, which imports delivery" in message
    assert "keep the classes and functions of the pipeline in a file without that import" in message


def test_data_does_not_travel(harness):
    imports = (
        "from pathlib import Path\nFACTOR = int((Path(__file__).parent / 'factor.txt').read_text())"
    )
    message = refused(harness, {"own_steps.py": step("FACTOR", imports), "factor.txt": "2"})
    assert "does not load in a fresh process" in message
    assert "factor.txt" in message
    assert "no data travels with a bundle" in message


def test_a_module_that_is_imported_by_a_text_is_missed_where_it_is_loaded(harness):
    files = {
        "own_steps.py": step(imports="import importlib\nimportlib.import_module('own_hidden')"),
        "own_hidden.py": "",
    }
    message = refused(harness, files)
    assert (
        "No module named 'own_hidden', which neither travels with the bundle nor is installed"
        in message
    )


def test_a_dataclass_may_be_defined_in_a_recipe(harness):
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom "
        "tests.delivery.loan_pipelines import *\n"
    )
    text += (
        "@dataclass\nclass Wanted:\n    rows: int\ndef build():\n    return logistic() if "
        "Wanted(1) else None\n"
    )
    assert harness.deliver(harness.recipe("mine", text)).fresh
