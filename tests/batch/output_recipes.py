"""Pipelines with other outputs than one value a row. Each function returns a recipe."""

from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from tests.delivery.test_outputs import kind, recipe_of, two_kinds, two_targets


def kinds():
    """Classes and their probabilities."""
    return recipe_of(LogisticRegression(), ["predict", "predict_proba"], kind)


def two_numbers():
    """Two targets."""
    return recipe_of(LinearRegression(), "predict", two_targets)


def margins():
    """Scores of three classes."""
    return recipe_of(LogisticRegression(), "decision_function", kind)


def margin():
    """The score of two classes."""
    return recipe_of(LogisticRegression(), "decision_function", lambda rows: rows["a"] > 0)


def components():
    """What a transformer makes."""
    return recipe_of(PCA(2), "transform")


def two_odds():
    """Probabilities of two targets with three and two classes."""
    forests = MultiOutputClassifier(RandomForestClassifier(5, random_state=0))
    return recipe_of(forests, "predict_proba", two_kinds)
