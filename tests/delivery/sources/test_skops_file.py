"""A skops file is delivered, and no type in it is loaded that nobody trusts."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from delivery.errors import DeliveryError
from delivery.sources.skops_file import load_skops
from delivery.sources.source import load_source

FRAME = pd.DataFrame(np.random.default_rng(0).normal(size=(150, 2)), columns=["a", "b"])
LABELS = (FRAME["a"] > 0).astype(int)
LOADED = []


class Unknown(StandardScaler):
    """A type that skops does not know, and which says when it is made."""

    def __setstate__(self, state):
        """Take the state."""
        LOADED.append("loaded")
        super().__setstate__(state)


@pytest.fixture
def sample(tmp_path):
    """Rows with their truth."""
    path = tmp_path / "rows.parquet"
    FRAME.assign(truth=LABELS).to_parquet(path)
    return path


def saved(folder, *steps):
    """A fitted pipeline of these steps as a skops file."""
    path = folder / "model.skops"
    skops.io.dump(make_pipeline(*steps, LogisticRegression()).fit(FRAME, LABELS), path)
    return path


def test_a_skops_file_is_delivered_with_its_sample(harness, sample, tmp_path):
    path = saved(tmp_path, StandardScaler())
    made = harness.deliver(path, sample=sample, label="truth")
    assert made.manifest.source["kind"] == "skops"
    assert made.manifest.output == "predict_proba"
    assert made.manifest.metrics["accuracy"] > 0.9


def test_an_unknown_type_is_refused_before_it_is_loaded(sample, tmp_path):
    path = saved(tmp_path, Unknown())
    LOADED.clear()
    name = f"{Unknown.__module__}.Unknown"
    with pytest.raises(DeliveryError, match=rf"--trust {name}$"):
        load_source(path, sample, "truth")

    assert not LOADED


def test_a_type_that_is_trusted_by_name_is_loaded(sample, tmp_path):
    path = saved(tmp_path, Unknown())
    source = load_source(path, sample, "truth", trusted=[f"{Unknown.__module__}.Unknown"])
    assert type(source.recipe.pipeline[0]) is Unknown


def test_to_trust_one_type_is_not_to_trust_another(sample, tmp_path):
    path = saved(tmp_path, FunctionTransformer(np.sin), Unknown())
    with pytest.raises(DeliveryError, match="Unknown, which skops does not know"):
        load_source(path, sample, "truth", trusted=["numpy.sin"])


def test_a_file_that_is_no_skops_file_is_refused(sample, tmp_path):
    path = tmp_path / "model.skops"
    path.write_bytes(b"no archive")
    with pytest.raises(DeliveryError, match=r"is no skops file: save the pipeline with skops"):
        load_source(path, sample)


def test_a_damaged_skops_file_is_refused(tmp_path):
    import zipfile

    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", "{}")

    with pytest.raises(DeliveryError, match="cannot be loaded as a skops file"):
        load_skops(path, ())


def test_a_skops_file_without_a_sample_says_what_to_add(tmp_path):
    with pytest.raises(DeliveryError, match="is a skops: add --sample"):
        load_source(saved(tmp_path))
