"""The contract: for every difference the verdict that today's users would give."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.errors import Breaking
from rollout.state.contract import (
    Contract,
    ContractVerdict,
    Difference,
    Kind,
    compare,
    refuse_breaking,
    unknown,
)

AGE = {
    "name": "age",
    "dtype": "int",
    "nullable": False,
    "minimum": 18.0,
    "maximum": 80.0,
    "categories": None,
}
CITY = {"name": "city", "dtype": "string", "nullable": False, "categories": ["Bergen", "Oslo"]}
TODAY = {
    "task": "classification",
    "output": "predict_proba",
    "classes": [0, 1],
    "columns": [AGE, CITY],
}

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.none() | st.integers(-3, 3).map(float)
COLUMNS = st.builds(
    dict,
    name=NAMES,
    dtype=st.sampled_from(["int", "float", "bool", "string"]),
    nullable=st.booleans(),
    minimum=VALUES,
    maximum=VALUES,
    categories=st.none() | st.lists(NAMES, unique=True),
)
OUTPUTS = st.builds(
    dict,
    name=st.sampled_from(["predict", "predict_proba", "transform"]),
    shape=st.sampled_from([[], [2], [3]]),
    names=st.sampled_from([[], ["a", "b"], ["b", "a"]]),
)
MANIFESTS = st.builds(
    dict,
    outputs=st.lists(OUTPUTS, max_size=2, unique_by=lambda output: output["name"]),
    task=st.sampled_from(["classification", "regression"]),
    output=st.sampled_from(["predict", "predict_proba"]),
    classes=st.none() | st.lists(st.sampled_from([0, 1, True, 1.0, "1"]), min_size=1),
    columns=st.lists(COLUMNS, min_size=1, unique_by=lambda column: column["name"]),
)


def contract(tomorrow: dict[str, Any], today: dict[str, Any] = TODAY) -> Contract:
    """Of v2 with users of v1."""
    return compare("v2", tomorrow, "v1", today)


def with_column(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Today's manifest with one column changed."""
    columns = [
        {**base, **changes} if column["name"] == base["name"] else column for column in (AGE, CITY)
    ]
    return {**TODAY, "columns": columns}


def new_column(**about: Any) -> dict[str, Any]:
    """Today's manifest with one column more."""
    return {
        **TODAY,
        "columns": [AGE, CITY, {"name": "job", "dtype": "string", "nullable": False, **about}],
    }


@pytest.mark.parametrize(
    ("tomorrow", "says"),
    [
        (new_column(), "column 'job' is new: rows without it are refused"),
        (
            new_column(nullable=True),
            "column 'job' is new: rows without it are refused, although it may be null",
        ),
        ({**TODAY, "columns": [AGE]}, "column 'city' is gone: rows that send it are refused"),
        (
            with_column(AGE, dtype="bool"),
            "column 'age' takes bool where it took int: today's values are refused",
        ),
        (
            with_column(CITY, dtype="int"),
            "column 'city' takes int where it took string: today's values are refused",
        ),
        (
            {**TODAY, "task": "regression", "classes": None},
            "task is regression, it was classification",
        ),
        (
            {**TODAY, "output": "predict"},
            "output is predict, it was predict_proba: answers have another form",
        ),
        ({**TODAY, "classes": [0, 1, 2]}, "class 2 is new: answers may hold what nobody expects"),
        ({**TODAY, "classes": [0]}, "class 1 is gone: no answer names it any more"),
        (
            {**TODAY, "classes": [1, 0]},
            "classes are 1, 0, they were 0, 1: the probabilities stand in another order",
        ),
        (
            {**TODAY, "classes": [0, True]},
            "class True is new: answers may hold what nobody expects",
        ),
    ],
)
def test_what_today_s_users_would_notice_is_breaking(tomorrow: dict[str, Any], says: str) -> None:
    compared = contract(tomorrow)
    assert compared.verdict == ContractVerdict.BREAKING
    assert any(says in difference.says for difference in compared.breaks()), compared.differences


def test_a_null_that_is_refused_and_a_dtype_made_narrower_are_breaking() -> None:
    today = with_column(AGE, dtype="float", nullable=True)
    assert [difference.says for difference in contract(TODAY, today).breaks()] == [
        "column 'age' takes int where it took float: today's values are refused",
        "column 'age' takes no null any more: rows with null are refused",
    ]


@pytest.mark.parametrize(
    ("tomorrow", "says"),
    [
        (
            with_column(AGE, dtype="float"),
            "column 'age' takes float where it took int: 1.5 is accepted too",
        ),
        (with_column(CITY, nullable=True), "column 'city' may be null now"),
    ],
)
def test_what_only_allows_more_is_additive(tomorrow: dict[str, Any], says: str) -> None:
    compared = contract(tomorrow)
    assert (compared.verdict, [difference.says for difference in compared.differences]) == (
        ContractVerdict.ADDITIVE,
        [says],
    )


@pytest.mark.parametrize(
    ("tomorrow", "says"),
    [
        (
            with_column(AGE, maximum=90.0),
            "column 'age' was trained on 18 to 90, before on 18 to 80",
        ),
        (
            with_column(CITY, categories=["Oslo"]),
            "column 'city' was trained without 'Bergen': the pipeline may",
        ),
        (
            with_column(CITY, categories=["Bergen", "Oslo", *"abcd"]),
            "was trained with 'a', 'b', 'c' and 1 more too",
        ),
    ],
)
def test_what_training_saw_is_a_note(tomorrow: dict[str, Any], says: str) -> None:
    compared = contract(tomorrow)
    (only,) = compared.differences
    assert (compared.verdict, only.kind) == (ContractVerdict.COMPATIBLE, Kind.NOTE)
    assert says in only.says


def test_the_order_of_classes_is_a_note_where_answers_are_the_classes_themselves() -> None:
    today = {**TODAY, "output": "predict"}
    compared = contract({**today, "classes": [1, 0]}, today)
    assert (compared.verdict, [difference.kind for difference in compared.differences]) == (
        ContractVerdict.COMPATIBLE,
        [Kind.NOTE],
    )


@pytest.mark.parametrize(
    "broken", [{}, {**TODAY, "columns": []}, {**TODAY, "columns": [{}]}, {**TODAY, "columns": 7}]
)
def test_a_manifest_without_its_signature_is_taken_for_breaking(broken: dict[str, Any]) -> None:
    for compared in (contract(broken), contract(TODAY, broken), contract(broken, broken)):
        assert compared.verdict == ContractVerdict.BREAKING
        assert "cannot be told" in compared.differences[0].says


@given(MANIFESTS)
def test_the_same_signature_is_compatible_without_a_difference(manifest: dict[str, Any]) -> None:
    compared = contract(manifest, manifest)
    assert (compared.verdict, compared.differences) == (ContractVerdict.COMPATIBLE, ())


@given(MANIFESTS, MANIFESTS)
def test_the_verdict_is_the_gravest_difference_and_every_difference_names_its_place(
    today: dict[str, Any], tomorrow: dict[str, Any]
) -> None:
    compared = contract(tomorrow, today)
    kinds = {difference.kind for difference in compared.differences}
    assert (compared.verdict == ContractVerdict.BREAKING) == (Kind.BREAKING in kinds)
    assert (compared.verdict == ContractVerdict.COMPATIBLE) == (kinds <= {Kind.NOTE})
    assert all(difference.says.startswith(difference.where) for difference in compared.differences)


@given(MANIFESTS, MANIFESTS)
def test_what_is_added_on_the_way_there_breaks_on_the_rollback_target(
    today: dict[str, Any], tomorrow: dict[str, Any]
) -> None:
    if contract(tomorrow, today).verdict == ContractVerdict.ADDITIVE:
        assert contract(today, tomorrow).verdict == ContractVerdict.BREAKING


@given(MANIFESTS, MANIFESTS, MANIFESTS)
def test_two_steps_that_break_nobody_break_nobody_together(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]
) -> None:
    steps = (contract(second, first), contract(third, second))
    if all(step.verdict != ContractVerdict.BREAKING for step in steps):
        assert contract(third, first).verdict != ContractVerdict.BREAKING


def test_breaking_is_refused_with_the_first_reason_and_the_next_step_unless_it_is_allowed() -> None:
    compared = contract({**TODAY, "columns": [AGE], "classes": [0, 1, 2]})
    with pytest.raises(Breaking) as refused:
        refuse_breaking(compared, allowed=False)

    assert str(refused.value) == (
        "v2 breaks what users of v1 rely on: column 'city' is gone: rows that send it are refused "
        "(and 1 more). "
        "`python deploy.py plan v2` shows all of it; it needs --breaking"
    )
    refuse_breaking(compared, allowed=True)


def test_what_breaks_nobody_passes() -> None:
    refuse_breaking(None, allowed=False)
    refuse_breaking(Contract("v2", "v1", (Difference(Kind.ADDITIVE, "a", "a"),)), allowed=False)
    refuse_breaking(contract(TODAY), allowed=False)


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(Breaking, match=r"what v2 breaks cannot be told \(gone\)"):
        refuse_breaking(unknown("v2", "v1", "gone"), allowed=False)


def answering(*outputs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Today's manifest with these outputs."""
    return {**TODAY, "output": outputs[0]["name"], "outputs": list(outputs), **changes}


PREDICT = {"name": "predict", "shape": []}
PROBABILITIES = {"name": "predict_proba", "shape": [2]}
VALUES = {"name": "transform", "shape": [2], "names": ["a", "b"]}


def test_a_further_output_is_additive_and_one_less_is_breaking() -> None:
    one, two = answering(PREDICT), answering(PREDICT, PROBABILITIES)
    assert contract(two, one).verdict == ContractVerdict.ADDITIVE
    (gone,) = contract(one, two).breaks()
    assert gone.says == "output 'predict_proba' is gone: no answer has it any more"


def test_another_first_output_is_breaking_although_the_old_one_stays() -> None:
    changed = contract(answering(PROBABILITIES, PREDICT), answering(PREDICT, PROBABILITIES))
    assert [difference.where for difference in changed.breaks()] == ["output"]


def test_a_bundle_that_does_not_list_its_outputs_has_the_one_that_it_names() -> None:
    assert contract(answering(PROBABILITIES)).verdict == ContractVerdict.COMPATIBLE
    assert contract(TODAY, answering(PROBABILITIES)).verdict == ContractVerdict.COMPATIBLE
    assert contract(answering(PROBABILITIES, PREDICT)).verdict == ContractVerdict.ADDITIVE


def test_lists_of_another_length_or_of_other_names_are_breaking() -> None:
    longer = {**VALUES, "shape": [3], "names": ["a", "b", "c"]}
    (first,) = contract(answering(longer), answering(VALUES)).breaks()
    assert first.says == (
        "output 'transform' answers a list of 3 a row where it answered a list of 2"
    )
    other = {**VALUES, "names": ["b", "a"]}
    (second,) = contract(answering(other), answering(VALUES)).breaks()
    assert "answers 'b', 'a' where it answered 'a', 'b'" in second.says


def test_other_classes_of_a_target_are_breaking() -> None:
    today = {"name": "predict", "shape": [2], "classes": [[0, 1], ["a", "b"]]}
    tomorrow = {**today, "classes": [[0, 1], ["b", "a"]]}
    (changed,) = contract(answering(tomorrow), answering(today)).breaks()
    assert changed.where == "output 'predict'"


def test_another_order_of_classes_breaks_probabilities_that_stand_second() -> None:
    today = answering(PREDICT, PROBABILITIES)
    tomorrow = {**today, "classes": [1, 0]}
    assert contract(tomorrow, today).verdict == ContractVerdict.BREAKING
