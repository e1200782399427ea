"""Statements on drift of a canary, for the tests of who shows them."""

from rollout.drift.statements import (
    ALARM,
    ChangeStatement,
    ColumnMixRow,
    DriftReport,
    MixStatement,
    NameDrift,
    TrainingStatement,
)

CITY = NameDrift("city", 90, 0.31, 0.02, "moved", True, 28, 3, 0.01, "new values")
AGE = NameDrift("age", 90, 0.03, 0.03, "as before", False, 0, 0, 0.0, "20 to 30")
ANSWER = NameDrift("predict", 90, 0.2, 0.01, "moved", True, 0, 0, 0.0, "1.0")
TRAINED = TrainingStatement("v1", "training", 100, 10, 2, (CITY, AGE), (ANSWER,))
OLDER = TrainingStatement("v2")
MIX = MixStatement(
    40,
    60,
    1.4,
    True,
    (ColumnMixRow("city", 1.6, 0.4, "Oslo"), ColumnMixRow("age", 0.0, 0.02, "20 to 30")),
)
CHANGE = ChangeStatement(
    "v1", ALARM, 30.0, 600.0, 9_000.0, {"city": 2.5, "predict": 1.5, "age": 0.2}, 150, 24
)
REPORT = DriftReport((TRAINED, OLDER), MIX, CHANGE)
