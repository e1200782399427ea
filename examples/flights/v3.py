"""v3: trained on the freshest clean month; it passes its tests, and fails in production.

Its encoder refuses names that it never saw, and one month does not hold every airport: the flights
of summer to Anchorage, Nantucket or Traverse City, about one in a hundred, raise an error. Its
held-out rows are of that same month, so nothing before production shows it. A canary is to catch
it.
"""

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from delivery.recipe import Recipe
from examples.flights.data import COUNTS, NAMES, NUMBERS, months

MONTH = 2


def build() -> Recipe:
    """Train on three quarters of February and hold back the rest; answers are probabilities.

    They are those of [in time, late].
    """
    month = months(MONTH, MONTH)
    rows, held_out, late, labels = train_test_split(
        month.rows, month.late, test_size=0.25, random_state=0
    )
    known = [sorted(month.rows[name].unique()) for name in NAMES]
    fitted = pipeline(known).fit(rows, late)
    return Recipe(
        pipeline=fitted, held_out=held_out, labels=labels, output="predict_proba", training=rows
    )


def pipeline(known: list[list[str]]) -> Pipeline:
    """As v1, but an unknown name is an error. known: the names, a list a column."""
    weather = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    names = OneHotEncoder(categories=known, handle_unknown="error")
    columns = ColumnTransformer(
        [
            ("counts", StandardScaler(), COUNTS),
            ("weather", weather, NUMBERS),
            ("names", names, NAMES),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=500))
