"""v1: logistic regression on January to June."""

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from delivery.recipe import Recipe
from examples.flights.data import COUNTS, NAMES, NUMBERS, months


def build() -> Recipe:
    """Train, and hold back 20,000 flights of July to September; answers are probabilities.

    They are those of [in time, late].
    """
    training, held_out = months(1, 6), months(7, 9).sample(20_000)
    fitted = pipeline().fit(training.rows, training.late)
    return Recipe(
        pipeline=fitted,
        held_out=held_out.rows,
        labels=held_out.late,
        output="predict_proba",
        training=training.rows,
    )


def pipeline() -> Pipeline:
    """Nulls become the median; a name never seen in training counts as none of the known ones."""
    weather = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    names = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer(
        [
            ("counts", StandardScaler(), COUNTS),
            ("weather", weather, NUMBERS),
            ("names", names, NAMES),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=500))
