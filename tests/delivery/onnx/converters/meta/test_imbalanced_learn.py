"""imbalanced-learn in ONNX: samplers are passed by, ensembles are those that they extend."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.preprocessing import StandardScaler

from tests.delivery.onnx.converters.trees.tree_harness import assert_equal_classifier, training

pytest.importorskip("imblearn", reason="imbalanced-learn is not installed: `make boosters`")

FRAME = training() / np.array([1, 30, 1, 1e4])
LABELS = (FRAME[:, 0] + FRAME[:, 1] > 3.5).astype(int)


def test_a_pipeline_passes_its_sampler_by():
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline

    forest = RandomForestClassifier(5, random_state=0)
    model = make_pipeline(StandardScaler(), RandomOverSampler(random_state=0), forest)
    assert_equal_classifier(model.fit(FRAME, LABELS), FRAME)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "name",
    [
        "BalancedRandomForestClassifier",
        "BalancedBaggingClassifier",
        "EasyEnsembleClassifier",
        "RUSBoostClassifier",
    ],
)
def test_an_ensemble(name):
    from imblearn import ensemble

    model = getattr(ensemble, name)(n_estimators=4, random_state=0)
    assert_equal_classifier(model.fit(FRAME, LABELS), FRAME)
