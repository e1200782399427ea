"""What a caller is told of a failure, and what is logged."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from service.runtimes.failure_causes import (
    LOG_EVERY_S,
    LOGGED_CHARACTERS,
    MOST_LOGGED,
    NO_MEMORY,
    NO_PREDICTION,
    FailureCause,
    LibraryFaultLog,
    cause_of,
)


def caused(raises):
    """The cause of what a function raises."""
    with pytest.raises(Exception) as caught:
        raises()

    return cause_of(caught.value)


def of_the_model():
    """An error of code beside the pipeline."""
    raise ValueError("an age is below 150")


@pytest.mark.parametrize(
    ("raises", "words"),
    [
        (lambda: LogisticRegression().fit([[1.0], [2.0]], [0, 1]).predict([["x"]]), "'numeric'"),
        (lambda: np.linalg.inv(np.zeros((2, 2))), "Singular matrix"),
        (lambda: __import__("json").loads("{"), "Expecting property name"),
        (lambda: __import__("pandas").Timestamp("the day after"), "the day after"),
    ],
)
def test_a_librarys_words_are_for_the_log_alone(raises, words):
    cause = caused(raises)
    assert cause.plain == NO_PREDICTION
    assert words in cause.full
    assert words in cause.text


def test_what_the_models_own_code_says_is_passed_on_and_not_logged():
    told = "ValueError: an age is below 150"
    assert caused(of_the_model) == FailureCause(told, told)


def test_an_error_without_a_place_is_passed_on():
    assert cause_of(KeyError("city")).plain == "KeyError: 'city'"


def test_too_little_memory_is_told_as_such():
    def fails():
        raise MemoryError("Unable to allocate 7.45 GiB for an array with shape (1000000000,)")

    cause = caused(fails)
    assert cause.plain == NO_MEMORY
    assert "7.45 GiB" in cause.full


def test_a_log_repeats_nothing_within_a_minute(caplog):
    now = [0.0]
    failures = LibraryFaultLog(lambda: now[0])
    one, other = (FailureCause("short", NO_PREDICTION, text) for text in ("one", "other"))
    for cause in (one, one, other, FailureCause("of the model", "of the model")):
        failures.add(cause)

    assert [record.getMessage()[-5:] for record in caplog.records] == [": one", "other"]
    now[0] = LOG_EVERY_S
    failures.add(one)
    assert len(caplog.records) == 3


def test_a_log_is_bounded_in_texts_and_in_their_length(caplog):
    def fails():
        raise MemoryError("x" * 2 * LOGGED_CHARACTERS)

    failures = LibraryFaultLog(lambda: 0.0)
    for number in range(3 * MOST_LOGGED):
        failures.add(FailureCause("", NO_PREDICTION, str(number)))

    assert len(failures._logged) <= MOST_LOGGED
    assert len(caused(fails).full) == LOGGED_CHARACTERS
