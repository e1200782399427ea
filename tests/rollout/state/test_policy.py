"""How a rollout is judged: made of the settings for each strategy, kept with it, and refused where
it cannot be.
"""

import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest

from rollout.errors import BadSetting
from rollout.settings import from_mapping
from rollout.state.classes import Answers, answers_of
from rollout.state.policy import (
    ACTIONS,
    PROVABLE,
    SIGNALS,
    Policy,
    SignalPolicy,
    VerdictConfig,
    check,
    numbers,
    policy,
    policy_of,
    section_of,
    title_of,
)
from rollout.state.signal_settings import LOSSES, Errors, Labels, Latency
from rollout.state.strategy import STRATEGIES, strategy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.signals import registry
from rollout.verdict.verdict import proof

SPLIT = [
    *("errors", "refusals", "pairs", "outages", "latency", "wait", "tails", "prediction", "labels")
]
BESIDE = ["errors", "pairs", "outages", "latency"]


def set_to(name: str, **changes: Any) -> VerdictConfig:
    """The defaults, one signal of them changed."""
    defaults = VerdictConfig()
    return replace(defaults, **{name: replace(getattr(defaults, name), **changes)})


def required(by: Policy) -> list[str]:
    """What must be proved."""
    return [rule.name for rule in by.rules if rule.required]


@pytest.mark.parametrize(
    ("how", "signals", "proved"),
    [
        ("shadow", ["latency", "labels", "agreement"], ["latency", "agreement"]),
        ("canary", SPLIT, ["errors", "latency"]),
        ("blue-green", BESIDE, ["errors", "latency"]),
        ("ramp", SPLIT, []),
        ("ab", SPLIT, []),
        ("release-in-place", BESIDE, ["errors", "latency"]),
    ],
)
def test_each_strategy_looks_at_its_signals_and_requires_those_it_decides_by(
    how: str, signals: list[str], proved: list[str]
) -> None:
    made = policy(VerdictConfig(), strategy(how))
    assert ([rule.name for rule in made.rules], required(made)) == (signals, proved)


def test_a_policy_has_what_the_settings_say() -> None:
    judging = set_to("errors", action="hold", weight=0.2, tolerance=0.001, margin=0.02)
    made = policy(
        replace(judging, alpha=0.01, step_requests=7, on_conflict="supersede"), strategy("canary")
    )
    rule = made.rules[0]
    assert (rule.action, rule.weight, rule.tolerance, rule.margin) == ("hold", 0.2, 0.001, 0.02)
    assert (made.alpha, made.beta, made.step_requests, made.on_conflict) == (
        0.01,
        0.05,
        7,
        "supersede",
    )
    assert [rule.overhead_ms for rule in made.rules if rule.overhead_ms] == [2.0, 2.0]


@pytest.mark.parametrize("how", STRATEGIES)
def test_the_stored_form_gives_the_same_policy_back(how: str) -> None:
    made = policy(VerdictConfig(), strategy(how))
    stored = json.loads(json.dumps(made.to_body(), allow_nan=False))
    assert policy_of(stored) == made
    with pytest.raises(KeyError):
        policy_of({key: value for key, value in stored.items() if key != "rules"})

    with pytest.raises(TypeError):
        policy_of({**stored, "gamma": 1})


def test_the_stored_form_keeps_the_keys_that_older_ledgers_have() -> None:
    stored = policy(VerdictConfig(on_conflict="queue"), strategy("canary")).to_body()
    assert stored["hotfix"] == "queue"
    rules = {rule["name"]: rule for rule in stored["rules"]}
    assert [name for name in rules if rules[name]["beside_ms"]] == ["latency", "wait"]
    assert rules["wait"]["apart"] == 0.05
    assert not {"on_conflict", "overhead_ms", "share_tolerance", "response_time"} & {
        *stored,
        *rules,
        *rules["wait"],
    }


def test_a_policy_of_an_older_ledger_is_read() -> None:
    rule = {
        "name": "wait",
        "action": "hold",
        "weight": 0.1,
        "required": False,
        "tolerance": 0.5,
        "margin": 0.0,
        "beside_ms": 3.0,
        "apart": 0.1,
        "loss": "",
        "bound": 1.0,
    }
    made = policy_of(
        {
            "alpha": 0.05,
            "beta": 0.05,
            "rules": [rule],
            "step_requests": 300,
            "deadline_s": 86_400.0,
            "undecided": "hold",
            "watch_s": 120.0,
            "hotfix": "supersede",
        }
    )
    assert made.on_conflict == "supersede"
    (wait,) = made.rules
    assert (wait.name, wait.overhead_ms, wait.share_tolerance) == ("wait", 3.0, 0.1)


def test_people_read_the_name_that_a_signals_section_has() -> None:
    assert [title_of(name) for name in ("wait", "errors")] == ["response time", "errors"]


def test_the_defaults_share_alpha_among_the_signals_and_no_more() -> None:
    check(VerdictConfig())
    for row in STRATEGIES.values():
        for action in ("rollback", "hold"):
            rules = policy(VerdictConfig(), row).rules
            assert sum(rule.weight for rule in rules if rule.action == action) <= 1 + 1e-9


@pytest.mark.parametrize(
    "judging",
    [
        set_to("errors", weight=0.41),
        set_to("agreement", weight=0.61, action="rollback"),
        set_to("agreement", weight=1.01),
        replace(VerdictConfig(), latency=Latency(weight=1.0), errors=Errors(weight=0.0)),
    ],
    ids=["split", "shadow", "what holds", "one signal"],
)
def test_weights_above_one_would_lose_alpha(judging: VerdictConfig) -> None:
    with pytest.raises(
        BadSetting, match=r"'verdict' whose action is \w+ sum to 1\.\d+: alpha is shared"
    ):
        check(judging)


def test_signals_that_no_strategy_looks_at_together_need_not_share() -> None:
    check(set_to("agreement", weight=0.55))


@pytest.mark.parametrize("name", ["response_time", "prediction"])
def test_what_has_no_proof_cannot_be_required(name: str) -> None:
    with pytest.raises(
        BadSetting, match=f"'verdict.{name}.required': there is no proof of '{name}'"
    ):
        check(set_to(name, required=True, margin=0.1))


@pytest.mark.parametrize("name", PROVABLE)
def test_what_is_required_needs_a_margin_that_says_something(name: str) -> None:
    with pytest.raises(BadSetting, match=f"'verdict.{name}.margin' must be above 0"):
        check(set_to(name, required=True, margin=0.0))

    check(set_to(name, required=True, margin=0.9))
    if name == "latency":
        check(set_to(name, margin=1.5))
        return

    with pytest.raises(BadSetting, match=f"'verdict.{name}.margin' must be below 1"):
        check(set_to(name, margin=1.0))


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        ("alpha", 0.51, "'verdict.alpha' is a probability of at most 0.5"),
        ("beta", 0.51, "'verdict.beta' is a probability of at most 0.5"),
        ("alpha", 0, "'verdict.alpha' is a number above 0, not 0"),
        ("undecided", "wait", "'verdict.undecided' is one of hold, rollback, not 'wait'"),
        (
            "on_conflict",
            "maybe",
            "'verdict.on_conflict' is one of supersede, queue, refuse, not 'maybe'",
        ),
        (
            "labels.loss",
            "hinge",
            "'verdict.labels.loss' is one of wrong, brier, log, absolute, not 'hinge'",
        ),
        ("labels.bound", 0, "'verdict.labels.bound' is a number above 0"),
        (
            "errors.action",
            "page",
            "'verdict.errors.action' is one of rollback, hold, watch, not 'page'",
        ),
        ("errors.weight", -0.1, "'verdict.errors.weight' is a number of at least 0"),
        ("errors.loss", "wrong", "unknown key 'verdict.errors.loss'"),
        ("error", 1, "unknown key 'verdict.error'"),
        ("errors", 0.3, "'verdict.errors' is a table, not 0.3"),
        ("step_requests", 0, "'verdict.step_requests' is a number above 0, not 0"),
        ("step_requests", 1.5, "'verdict.step_requests' is a whole number, not 1.5"),
        ("deadline_s", 0, "'verdict.deadline_s' is a number above 0"),
        (
            "response_time.required",
            True,
            "'verdict.response_time.required': there is no proof of 'response_time'",
        ),
    ],
)
def test_a_wrong_key_or_value_of_deploy_toml_is_refused_by_its_path(
    keys: str, value: object, said: str
) -> None:
    table: object = value
    for key in reversed(keys.split(".")):
        table = {key: table}
    with pytest.raises(BadSetting, match=f"deploy.toml: {re.escape(said)}"):
        from_mapping({"verdict": table})


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_known_words_are_taken(action: str, loss: str) -> None:
    labels = from_mapping({"verdict": {"labels": {"action": action, "loss": loss}}}).verdict.labels
    assert (labels.action, labels.loss) == (action, loss)


def test_every_signal_can_be_bet_on_and_every_proof_is_of_a_signal() -> None:
    assert tuple(registry.SIGNALS) == SIGNALS
    rules = [
        SignalPolicy(name, "watch", 0.1, required=False, tolerance=0.0, margin=0.1)
        for name in SIGNALS
    ]
    nothing = Evidence("v2", "v1", {})
    for rule in rules:
        against = registry.SIGNALS[rule.name].against(rule, nothing, Reference())
        assert math.isfinite(float(against))

    proved = [rule.name for rule in rules if proof(rule, nothing, Reference()) is not None]
    assert set(proved) == set(PROVABLE) < set(SIGNALS)


def test_every_key_of_the_table_is_an_option_or_a_signal() -> None:
    assert [path for path, _ in numbers(VerdictConfig())] == [
        "verdict",
        *(f"verdict.{section_of(name)}" for name in SIGNALS),
        "verdict.breaker",
    ]


VALUES = Answers("regression")


@pytest.mark.parametrize(
    ("loss", "answers", "reason"),
    [
        (
            "brier",
            answers_of("classification", [0, 1, 2], "predict_proba"),
            "second of two classes",
        ),
        ("log", answers_of("classification", [0, 1], "predict"), "second of two classes"),
        (
            "log",
            answers_of("classification", range(5_000), "predict_proba"),
            "second of two classes",
        ),
        (
            "absolute",
            answers_of("classification", [0, 1], "predict_proba"),
            "this version answers classes",
        ),
        ("wrong", VALUES, "one of classes, not of values"),
        ("brier", VALUES, "one of classes, not of values"),
    ],
)
def test_a_loss_that_no_label_could_ever_show_is_not_promised(
    loss: str, answers: Answers, reason: str
) -> None:
    made = policy(set_to("labels", loss=loss), strategy("canary"), answers)
    assert made.labels is None
    ((name, because),) = made.unjudged
    assert name == "labels"
    assert reason in because
    assert policy_of(json.loads(json.dumps(made.to_body()))) == made
    with pytest.raises(BadSetting, match=r"'verdict\.labels' is required"):
        policy(set_to("labels", loss=loss, required=True), strategy("canary"), answers)


@pytest.mark.parametrize("loss", ["wrong", "brier", "log"])
@pytest.mark.parametrize("classes", [[0.0, 1.0], ["bad", "good"], [False, True]])
def test_of_two_classes_every_loss_can_be_judged(loss: str, classes: list[Any]) -> None:
    answers = answers_of("classification", classes, "predict_proba")
    assert policy(set_to("labels", loss=loss), strategy("canary"), answers).labels == Labels(
        loss=loss
    )


@pytest.mark.parametrize(
    ("weights", "judged"), [([100, 500], False), ([100, 4_600], True), ([100, 5_000], True)]
)
def test_a_wait_that_is_to_act_needs_a_step_at_which_it_is_compared(
    weights: list[int], judged: bool
) -> None:
    judging = set_to("response_time", action="hold")
    made = policy(judging, strategy("canary"), weights=weights)
    assert ("wait" in [rule.name for rule in made.rules]) is judged
    assert [name for name, _ in made.unjudged] == ([] if judged else ["wait"])
    shown = policy(VerdictConfig(), strategy("canary"), weights=weights)
    assert "wait" in [rule.name for rule in shown.rules]


def test_labels_are_not_judged_where_their_loss_is_none_of_such_predictions() -> None:
    """Else the plan would promise a way back that no label can bring about."""
    judging = VerdictConfig()
    assert "labels" not in [rule.name for rule in policy(judging, strategy("canary"), VALUES).rules]
    absolute = set_to("labels", loss="absolute", bound=200.0)
    made = policy(absolute, strategy("canary"), VALUES)
    assert made.labels == Labels(loss="absolute", bound=200.0)
    assert policy_of(made.to_body()).labels == made.labels
    assert policy(judging, strategy("canary")).labels == Labels()
    assert policy(judging, strategy("blue-green")).labels is None


def test_required_labels_that_have_no_loss_are_refused() -> None:
    judging = set_to("labels", required=True)
    with pytest.raises(
        BadSetting, match=r"'verdict.labels' is required, and its 'loss' is one of classes"
    ):
        policy(judging, strategy("canary"), VALUES)

    assert policy(judging, strategy("blue-green"), VALUES).labels is None
