"""Warnings of other people's code: each once, in one line."""

import warnings

import pytest

from delivery.warnings_once import each_warning_once


@pytest.mark.filterwarnings("always")
def test_a_warning_is_told_once_in_one_line_with_its_origin():
    reported = []
    with each_warning_once(reported.append):
        for _ in range(3):
            warnings.warn("a column is empty\nand more", UserWarning, stacklevel=1)
        warnings.warn("another", UserWarning, stacklevel=1)

    assert [line.partition(" (")[0] for line in reported] == [
        "UserWarning: a column is empty",
        "UserWarning: another",
    ]
    assert "test_warnings_once.py, line " in reported[0]


@pytest.mark.filterwarnings("always")
def test_afterwards_warnings_are_shown_as_before():
    before = warnings.showwarning
    with each_warning_once(print):
        pass
    assert warnings.showwarning is before


@pytest.mark.filterwarnings("always")
def test_a_delivery_says_the_warning_of_its_recipe_once(harness):
    text = (
        "import warnings\nfrom tests.delivery.loan_pipelines import logistic\n"
        "def build():\n    for _ in range(3):\n        warnings.warn('it is old')\n    return "
        "logistic()\n"
    )
    harness.deliver(harness.recipe("warned", text))
    assert [line for line in harness.reported if "it is old" in line] == [
        f"UserWarning: it is old ({harness.folder / 'warned.py'}, line 5)"
    ]
