"""Pipelines with other outputs than one value a row. Each function returns a recipe."""

from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.tree import DecisionTreeRegressor

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


def other_kinds():
    """The same as kinds, of a stiffer model."""
    return recipe_of(LogisticRegression(C=0.01), ["predict", "predict_proba"], kind)


def other_numbers():
    """The same as two_numbers, of a tree."""
    return recipe_of(DecisionTreeRegressor(max_depth=2), "predict", two_targets)


def other_odds():
    """The same as two_odds, of other forests."""
    forests = MultiOutputClassifier(RandomForestClassifier(3, random_state=1))
    return recipe_of(forests, "predict_proba", two_kinds)


def other_margins():
    """The same as margins, of a stiffer model."""
    return recipe_of(LogisticRegression(C=0.01), "decision_function", kind)
