"""The steps of a judged canary for the traffic that is there, through `plan` and `canary`."""

import json
import math
from collections.abc import Iterator

import pytest

from deployment.commands.verbs import judged_canary
from deployment.plan.canary_choice import CanaryChoice, CanaryWish, chosen
from deployment.plan.choice_words import (
    expected_lines,
    refuse_if_too_slow,
    shown_rate,
    shown_span,
    shown_time,
)
from deployment.plan.plan import Options, make_plan
from deployment.plan.traffic import KnownTraffic, known_traffic, pace
from deployment.workspace.errors import BadOption
from rollout.errors import BadSetting, BadWeight, TooSlow
from rollout.forecast.expected_time import Span
from rollout.forecast.traffic import Pace, Traffic
from rollout.settings import Settings
from rollout.state.ledger import Step
from rollout.state.policy import VerdictConfig, policy
from rollout.state.signal_settings import Labels
from rollout.state.strategy import strategy
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import NO_ROLLOUT
from store import EvidenceStore
from store.engine import engine
from store.evidence import EvidenceRow
from tests.deployment.project_harness import ProjectHarness

USUAL = (Step(100, 30.0), Step(500, 30.0), Step(2500, 30.0), Step(5000))
SLOW = {"rate": 1 / 6, "requests": 100, "seconds": 600}
BUSY = {"rate": 400.0, "requests": 24_000, "seconds": 60}
HALF = "50"


PAIRED, UNPAIRED = Pace(pairs_per_s=50.0), Pace()


def choice(
    rate: float | None,
    *weights: int,
    pace: Pace = PAIRED,
    judging: VerdictConfig | None = None,
) -> CanaryChoice:
    """The choice at a rate, of steps with these weights where some are typed."""
    judged = judging or VerdictConfig()
    typed = tuple(Step(weight, 30.0) for weight in weights) or None
    wish = CanaryWish(
        "v2",
        typed,
        USUAL,
        30.0,
        lambda steps: policy(judged, strategy("canary"), weights=[s.weight for s in steps]),
        policy(judged, strategy("shadow")),
    )
    traffic = None if rate is None else Traffic(rate)
    return chosen(wish, KnownTraffic(traffic, "here", pace))


def weights(made: CanaryChoice) -> list[int]:
    """Of its ladder."""
    return [step.weight for step in made.ladder.steps]


def words(made: CanaryChoice) -> str:
    """All that a plan says of it."""
    lines = expected_lines(made)
    return "\n".join([*lines.before, *lines.steps, *lines.after])


# What is chosen.


def test_the_configured_steps_are_kept_where_they_fit() -> None:
    made = choice(60.0)
    assert made.ladder.steps == USUAL
    assert "verdict.steps" not in words(made)
    assert "shadow" not in words(made)


def test_below_one_request_a_second_one_half_is_proposed_and_a_shadow_first() -> None:
    made = choice(1 / 6)
    assert made.ladder.steps == (Step(5000),)
    text = words(made)
    assert "  traffic  10 requests a minute (here)" in text
    assert "at the first of verdict.steps (1,5,25,50) it would answer 6 requests an hour" in text
    assert (
        "  first    a shadow, which no user meets: python deploy.py shadow v2 --auto  (about "
        in text
    )
    assert "about 30 min (90 %: 27 min to 33 min) without the proof" in text
    assert "  time     proof after about 1.8 h (90 %: " in text
    assert "if v2 is like the released version" in text
    refuse_if_too_slow(made)


def test_in_between_the_first_weight_has_its_requests_within_the_hour() -> None:
    made = choice(3.0)
    assert made.ladder.steps == (Step(300, 30.0), *USUAL[1:])
    assert made.ladder.expected is not None
    assert made.ladder.expected.steps[0].median < 3600


def test_steps_that_would_not_end_before_the_deadline_give_way_to_one_half() -> None:
    made = choice(10.0, pace=UNPAIRED, judging=VerdictConfig(deadline_s=1800.0))
    assert weights(made) == [5000]
    assert "verdict.steps (1,5,25,50) would not end before the deadline" in words(made)


def test_without_traffic_nothing_is_refused_and_nothing_is_promised() -> None:
    made = choice(None)
    assert made.ladder.steps == USUAL
    assert made.ladder.expected is None
    assert "  traffic  not known (here), nor how long it takes: --rate says" in words(made)
    refuse_if_too_slow(made)
    assert weights(choice(None, 100)) == [100]


def test_typed_steps_that_cannot_end_in_time_are_refused_with_what_to_write() -> None:
    made = choice(1 / 6, 100, 500, 2500, 5000, pace=UNPAIRED)
    assert not made.ladder.in_time
    with pytest.raises(TooSlow) as refused:
        refuse_if_too_slow(made)

    assert "at 10 requests a minute, steps 1,5,25,50 take about 2.7 days (90 %: " in str(
        refused.value
    )
    assert "verdict.deadline_s is 24 h" in str(refused.value)
    assert "`python deploy.py canary v2 --auto --steps 50` takes about 3" in str(refused.value)
    assert "✖ refused with --auto: at 10 requests a minute" in words(made)


def test_copies_count_in_a_step_so_that_a_small_one_does_not_starve() -> None:
    alone, paired = (choice(1 / 6, 100, 5000, pace=pace) for pace in (UNPAIRED, PAIRED))
    assert alone.ladder.expected is not None
    assert paired.ladder.expected is not None
    assert alone.ladder.expected.steps[0].median == pytest.approx(50 * 3600, rel=0.02)
    assert paired.ladder.expected.steps[0].median == pytest.approx(1800, rel=0.02)
    assert paired.ladder.in_time


def test_typed_steps_that_end_in_time_are_taken_as_they_are() -> None:
    made = choice(1 / 6, 2000, 5000)
    assert (weights(made), made.instead) == ([2000, 5000], None)
    assert "verdict.steps" not in words(made)
    refuse_if_too_slow(made)


def test_where_nothing_ends_in_time_the_refusal_names_other_ways() -> None:
    for made in (choice(1 / 3600), choice(1 / 3600, 100)):
        with pytest.raises(TooSlow, match=r"raise verdict\.deadline_s .* --rate .* canary v2`"):
            refuse_if_too_slow(made)


def test_a_close_deadline_is_a_warning() -> None:
    made = choice(1 / 6, judging=VerdictConfig(deadline_s=3 * 3600.0))
    assert "it may be undecided at its deadline, after 3 h" in words(made)
    refuse_if_too_slow(made)


def test_a_proof_that_waits_for_labels_is_named() -> None:
    made = choice(1 / 6, judging=VerdictConfig(labels=Labels(required=True)))
    assert "and the proof of labels, which waits for labels" in words(made)


def test_all_traffic_as_last_step_is_left_to_the_decision() -> None:
    made = choice(60.0, 5000, 10_000)
    assert made.ladder.expected is None
    refuse_if_too_slow(made)


def test_a_choice_as_plain_json() -> None:
    body = choice(1 / 6).to_json()
    assert (body["rate"], body["source"], body["weights"]) == (1 / 6, "here", [5000])
    assert body["in_time"]
    assert body["proof"]["low_s"] < body["proof"]["median_s"] < body["proof"]["high_s"]
    json.dumps(body)
    unknown = choice(None).to_json()
    assert (unknown["rate"], "proof" in unknown) == (None, False)


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (412.3, "410 requests a second"),
        (60, "60 requests a second"),
        (1.25, "1.2 requests a second"),
        (1 / 6, "10 requests a minute"),
        (1 / 600, "6 requests an hour"),
        (1 / 60, "1 request a minute"),
    ],
)
def test_a_rate_is_shown_in_the_unit_in_which_there_is_one(rate: float, words: str) -> None:
    assert shown_rate(rate) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "3 s"),
        (89, "89 s"),
        (90, "1.5 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (172_800, "2 days"),
        (9_000_000, "100 days"),
        (math.inf, "never"),
    ],
)
def test_a_time_is_shown_to_two_digits(seconds: float, words: str) -> None:
    assert shown_time(seconds) == words


def test_a_range_is_shown_where_there_is_one() -> None:
    assert shown_span(Span(30, 30, 30)) == "about 30 s"
    assert shown_span(Span(30, 60, math.inf)) == "about 60 s (90 %: 30 s to never)"
    assert shown_span(Span(30, math.inf, math.inf)) == "more time than anybody has"


# Where the traffic is from, and what the verbs do with it.


@pytest.fixture
def stack(running: ProjectHarness) -> Iterator[ProjectHarness]:
    """v1 is released, v2 deployed, and no traffic is known."""
    if running.ledger().released is None:
        running.act("deploy", "v1")
        running.act("promote", "v1")
        running.act("deploy", "v2")

    settings = running.folder / "deploy.toml"
    before = settings.read_text()
    yield running
    settings.write_text(before)
    (running.state / "run" / "recent-traffic").unlink(missing_ok=True)
    if running.ledger().rollout is not None:
        running.act("abort")


def comes(stack: ProjectHarness, traffic: dict[str, float]) -> None:
    """So much comes to the router now."""
    (stack.state / "run" / "recent-traffic").write_text(json.dumps(traffic))


def test_the_rate_is_the_routers_and_says_how_it_was_measured(stack: ProjectHarness) -> None:
    workspace = stack.workspace()
    assert known_traffic(workspace, "v2") == KnownTraffic(None, "too few requests came lately")
    comes(stack, SLOW)
    known = known_traffic(workspace, "v2")
    assert known.traffic == Traffic(1 / 6, 100)
    assert known.source == "100 requests in the last 10 minutes"
    assert known.pace == pace(workspace.settings)
    comes(stack, BUSY)
    assert known_traffic(workspace, "v2").source == "24,000 requests in the last minute"


def test_without_a_router_the_traffic_is_not_known(project: ProjectHarness) -> None:
    known = known_traffic(project.workspace(), "v2")
    assert known.traffic is None
    assert "`python deploy.py up`" in known.source


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_rate_that_is_none_is_refused(project: ProjectHarness, rate: float) -> None:
    with pytest.raises(BadOption, match="--rate is requests a second, above 0"):
        known_traffic(project.workspace(), "v2", rate)


def test_what_the_released_version_did_before_is_taken_for_normal(stack: ProjectHarness) -> None:
    workspace = stack.workspace()
    database = engine(workspace.database_url)
    body = {"finished": {"ok": 990, "error": 10}, "waits": {"40": 1000}}
    rows = [EvidenceRow(NO_ROLLOUT, version, 10_000, body) for version in ("v1", "v9")]
    EvidenceStore(database, "flights").flush("a worker", 1, rows)
    try:
        traffic = known_traffic(workspace, "v2", 2.0).traffic
    finally:
        EvidenceStore(database, "flights").flush(
            "a worker", 2, [EvidenceRow(NO_ROLLOUT, "v1", 10_000, {})]
        )
        database.dispose()

    assert traffic is not None
    assert (traffic.rate, traffic.answered) == (2.0, 1000)
    assert traffic.reference.errors == pytest.approx(11 / 2000)
    again = known_traffic(workspace, "v2", 2.0).traffic
    assert again is not None
    assert again.reference == Reference()


def test_a_pace_is_that_of_the_settings() -> None:
    assert pace(Settings()) == Pace(workers=1, pairs_per_s=50.0, compare_s=0.1, cold_s=5.0)
    assert pace(Settings(), paired=False).pairs_per_s == 0


def test_a_canary_takes_the_steps_that_suit_and_says_so(stack: ProjectHarness) -> None:
    comes(stack, SLOW)
    answer = stack.run("canary", "v2", "--auto")
    rollout = stack.ledger().running()
    assert rollout.steps == (Step(5000),)
    assert rollout.policy is not None
    assert "traffic  10 requests a minute (100 requests in the last 10 minutes)" in answer.out
    assert "step 1     50 %  at least 300 requests, and until it is proved; about" in (answer.out)
    assert answer.out.index("  proof ") < answer.out.index("  time ") < answer.out.index("  ends ")


def test_a_canary_that_cannot_end_in_time_is_refused_and_nothing_moves(
    stack: ProjectHarness,
) -> None:
    comes(stack, SLOW)
    (stack.folder / "deploy.toml").write_text("[verdict]\npairs_per_s = 0.0\n")
    revision = stack.ledger().revision
    refused = stack.run("canary", "v2", "--auto", "--steps", "1,5,25,50", "--json", code=1)
    assert refused.json["next"] == "python deploy.py canary v2 --auto --steps 50"
    assert stack.ledger().revision == revision


def test_a_rate_that_is_expected_counts_instead(stack: ProjectHarness) -> None:
    comes(stack, SLOW)
    answer = stack.run("canary", "v2", "--auto", "--steps", "1,5,25,50", "--rate", "60")
    assert "traffic  60 requests a second (--rate)" in answer.out
    assert stack.ledger().running().steps == USUAL


def test_a_plan_shows_the_times_and_a_warning_where_it_would_be_refused(
    stack: ProjectHarness,
) -> None:
    comes(stack, SLOW)
    (stack.folder / "deploy.toml").write_text("[verdict]\npairs_per_s = 0.0\n")
    shown = stack.run("plan", "v2", "--auto", "--steps", "1,5,25,50")
    assert "✖ refused with --auto: at 10 requests a minute, steps 1,5,25,50 take" in shown.out
    body = stack.run("plan", "v2", "--auto", "--rate", "60", "--json").json
    assert body["expected"]["rate"] == 60
    assert [span["median_s"] is not None for span in body["expected"]["steps"]] == [True] * 4
    assert body["next"] == "python deploy.py canary v2 --auto --rate 60"
    by_hand = make_plan(stack.workspace(), "v2", "canary", None)
    assert by_hand.body()["expected"] is None
    assert "traffic" not in "\n".join(by_hand.steps)


def test_a_rate_without_a_judge_is_refused(stack: ProjectHarness) -> None:
    assert (
        "--rate is for a canary with --auto" in stack.run("canary", "v2", "--rate", "5", code=2).err
    )
    with pytest.raises(BadOption, match="--rate is for a canary with --auto"):
        make_plan(stack.workspace(), "v2", "ramp", None, Options(auto=True, rate=5.0))


def test_steps_that_are_none_are_refused_as_before(stack: ProjectHarness) -> None:
    workspace = stack.workspace()
    for steps in ("50,5", "0,50", "101"):
        with pytest.raises(BadWeight):
            judged_canary(workspace, "v2", steps, None, None)

    with pytest.raises(BadWeight, match="must end below 100 %"):
        stack.act("canary", "v2", "50,100", None, False, True)

    (stack.folder / "deploy.toml").write_text('[verdict]\nsteps = "5,2"\n')
    with pytest.raises(BadSetting, match=r"verdict\.steps"):
        judged_canary(stack.workspace(), "v2", None, None, None)
