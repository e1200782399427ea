"""Samples go to the versions that count them, and the counts to the history's kinds."""

import asyncio
import json
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from rollout.drift.between_versions import between_versions
from rollout.history.counts import CellKey, merged
from rollout.history.series import by_version
from rollout.history.worker_counts import DRIFT, counts_of
from router.dispatch.upstream import Answer, Failure
from router.drift.drift_counter import MOST_WEIGHTS, DriftCounter
from router.drift.drift_sample import DriftSample
from service.bundle import Column, Output
from service.distributions.bins import of_numbers, of_texts
from service.distributions.bundle_distributions import BundleDistributions
from service.distributions.row_counter import RowCounter
from tests.rollout.ledger_commands import STARTED, ledger_after
from tests.router.fakes import DispatcherHarness

CANARY = ledger_after("canary v2 --auto --steps 50", ledger=STARTED)
COLUMNS = [
    Column(name="age", dtype="int", nullable=False, minimum=0, maximum=99),
    Column(name="city", dtype="string", nullable=True, categories=["Bergen", "Oslo"]),
]


def row_counter(ages: range) -> RowCounter:
    """What a version trained on these ages counts with."""
    texts = np.array(["Bergen", "Oslo"] * 50, dtype=object)
    trained = BundleDistributions(
        columns=[of_numbers("age", np.array(ages, float)), of_texts("city", texts)],
        columns_of="training",
        predictions={"predict": [of_numbers("", np.array([0.0, 1.0]))]},
    )
    output = Output(name="predict", shape=[], datatype="int")
    return RowCounter(SimpleNamespace(columns=COLUMNS, outputs=[output], classes=[0, 1]), trained)


class VersionsThatCount:
    """The versions' pages, each with its real counter; one that is None is an older bundle's."""

    def __init__(self, **counters: RowCounter | None) -> None:
        self.counters, self.asked, self.is_away = counters, [], False

    async def get(self, version: str, _rest: str) -> Answer | Failure:
        """Its distributions."""
        self.asked.append(version)
        counter = self.counters.get(version)
        if counter is None:
            return Failure("garbled", "it answered 404")

        return Answer(200, [], msgspec.json.encode(counter.watched))

    async def post(self, version: str, _rest: str, body: bytes) -> Answer | Failure:
        """The counts of a body."""
        if self.is_away:
            return Failure("timeout", "it is away")

        return Answer(200, [], msgspec.json.encode(self.counters[version].count(body)))


class Stage:
    """A dispatcher, whose sample these versions count."""

    def __init__(self, ledger, folder, **counters: RowCounter | None) -> None:
        self.harness = DispatcherHarness(ledger, units=folder)
        self.traffic = self.harness.traffic
        self.traffic.drift = DriftSample(2_000.0)
        self.pages = VersionsThatCount(**counters)
        self.counter = DriftCounter(self.traffic, self.pages)

    def ask(self, version: str, number: int, **changes) -> None:
        """One request of a unit that belongs to a version."""
        row = {"age": number % 50, "city": "Oslo", **changes}
        unit, replies = self.harness.unit_of(version), []
        raw = msgspec.Raw(msgspec.json.encode(row))
        self.harness.send([raw], unit, True, None, 10.0, replies.append)
        self.harness.loop.run()

    def sampled(self, version: str) -> dict[str, float]:
        """The rows that were counted of a version."""
        return self.counted[version].of(self.counter.references[version].sampled_kind)

    def count(self) -> None:
        """Have the sample counted, and add all of it."""
        asyncio.run(self.counter.count())
        self.counter.add()

    @property
    def counted(self):
        """By version, as the history has it."""
        own = {key: n for key, n in self.traffic.counts.values.items() if key[0] == DRIFT}
        return by_version(merged([counts_of(own, {})]), 1)


def test_each_version_counts_its_own_rows_and_the_stable_one_those_of_both(tmp_path) -> None:
    stage = Stage(CANARY, tmp_path, v1=row_counter(range(50)), v2=row_counter(range(90)))
    for number in range(30):
        stage.ask("v1", number)
        stage.ask("v2", number, city="Atlantis")

    stage.count()
    references, counted = stage.counter.references, stage.counted
    for version in ("v1", "v2"):
        assert stage.sampled(version) == {"rows": 30}
        age, city = references[version].columns_in(counted[version])
        assert (age.rows, city.rows) == (30, 30)

    assert references["v2"].columns_in(counted["v2"])[1].unseen == 30
    number = CANARY.rollout.number
    mix = between_versions(references["v1"], number, counted["v2"], counted["v1"])
    assert (mix.candidate, mix.stable, mix.columns[0].name) == (30, 30, "city")
    assert mix.is_broken
    assert between_versions(None, number, counted["v2"], counted["v1"]) is None
    other = between_versions(references["v1"], number + 1, counted["v2"], counted["v1"])
    assert (other.candidate, other.stable) == (0, 0)


def test_a_refused_row_is_counted_as_such(tmp_path) -> None:
    stage = Stage(STARTED, tmp_path, v1=row_counter(range(50)))
    stage.ask("v1", 1, age="old")
    stage.ask("v1", 2)
    stage.count()
    assert stage.sampled("v1") == {"rows": 2, "refused": 1}


def test_an_older_bundle_has_no_reference_and_is_not_asked_each_second(tmp_path) -> None:
    stage = Stage(STARTED, tmp_path, v1=None)
    for _ in range(3):
        stage.ask("v1", 1)
        stage.count()

    assert stage.counter.references["v1"] is None
    assert stage.pages.asked.count("v1") == 1
    assert stage.counted == {}


def test_what_a_version_does_not_count_is_left_out_for_both_alike(tmp_path) -> None:
    stage = Stage(CANARY, tmp_path, v1=row_counter(range(50)), v2=row_counter(range(50)))
    stage.pages.is_away = True
    stage.ask("v2", 1)
    stage.count()
    assert stage.counted == {}
    stage.pages.is_away = False
    stage.ask("v2", 2)
    stage.count()
    assert stage.sampled("v2") == {"rows": 1}


BROKEN = {
    "nothing": b"",
    "another form": b'{"rows": 1}',
    "no end": b"[" * 5_000,
    "other bins": b'[{"rows": 1, "refused": 0, "columns": [[1]], "answers": []}]',
    "fewer groups": b"[]",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_version_that_does_not_count_is_told_once_and_costs_no_other_its_counts(
    tmp_path, caplog, broken
) -> None:
    stage = Stage(CANARY, tmp_path, v1=row_counter(range(50)), v2=row_counter(range(50)))
    count = stage.pages.post

    async def post(version: str, rest: str, body: bytes) -> Answer | Failure:
        return (
            Answer(200, [], BROKEN[broken]) if version == "v1" else await count(version, rest, body)
        )

    stage.pages.post = post
    for number in range(3):
        stage.ask("v1", number)
        stage.ask("v2", number)
        stage.count()

    assert stage.sampled("v2") == {"rows": 3}
    assert "v1" not in stage.counted
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "the rows of v1 are not counted for drift"
    ]


IMPOSSIBLE = {
    "rows below zero": lambda group: {**group, "rows": -1},
    "refused rows beyond any number": lambda group: {**group, "refused": 10**400},
    "a bin below zero": lambda group: {
        **group,
        "columns": [[-1, *group["columns"][0][1:]], *group["columns"][1:]],
    },
    "answers among the columns": lambda group: {
        **group,
        "columns": [*group["columns"], *group["answers"]],
        "answers": [],
    },
}


@pytest.mark.parametrize("impossible", IMPOSSIBLE)
def test_counts_that_cannot_be_are_left_out(tmp_path, impossible) -> None:
    stage = Stage(STARTED, tmp_path, v1=row_counter(range(50)))
    count = stage.pages.post

    async def post(*asked) -> Answer:
        groups = msgspec.json.decode((await count(*asked)).body)
        changed = json.dumps(list(map(IMPOSSIBLE[impossible], groups)))
        return Answer(200, [], changed.encode())

    stage.pages.post = post
    stage.ask("v1", 1)
    stage.count()
    assert "v1" not in stage.counted


def test_versions_that_are_away_are_told_once_each(tmp_path, caplog) -> None:
    caplog.set_level("INFO", "sluice.drift")
    stage = Stage(CANARY, tmp_path, v1=row_counter(range(50)), v2=None)
    stage.pages.is_away = True
    for number in range(3):
        stage.ask("v1", number)
        stage.ask("v2", number)
        stage.count()

    assert sorted(record.getMessage() for record in caplog.records) == [
        "the rows of v1 are not counted for drift: it is away",
        "the rows of v2 are not counted for drift: it answered 404",
        "the rows of v3 are not counted for drift: it answered 404",
    ]


def test_a_version_that_hangs_costs_no_other_its_counts(tmp_path) -> None:
    stage = Stage(CANARY, tmp_path, v1=row_counter(range(50)), v2=row_counter(range(50)))
    get, post = stage.pages.get, stage.pages.post

    async def hangs(version: str, *rest) -> Answer | Failure:
        if version == "v1":
            await asyncio.Event().wait()

        return await (post if len(rest) > 1 else get)(version, *rest)

    async def seconds() -> None:
        for number in range(3):
            stage.ask("v1", number)
            stage.ask("v2", number)
            await stage.counter.count()
            # It told its bins, and counts nothing any more.
            stage.pages.get = stage.pages.post = hangs

    stage.pages.post = hangs
    asyncio.run(seconds())
    stage.counter.add()
    assert stage.sampled("v2") == {"rows": 3}
    assert "v1" not in stage.counted


def test_a_row_without_end_costs_no_other_row_its_count(tmp_path) -> None:
    stage = Stage(STARTED, tmp_path, v1=row_counter(range(50)))

    # The version has less room on its stack than who reads the request.
    async def lower(version: str, rest: str, body: bytes) -> Answer | Failure:
        def deeper(left: int) -> list:
            return deeper(left - 1) if left else stage.pages.counters[version].count(body)

        return Answer(200, [], msgspec.json.encode(deeper(150)))

    stage.pages.post = lower
    stage.ask("v1", 1)
    depth = 900
    while depth:
        row = b'{"age": 1, "city": %b1%b}' % (b"[" * depth, b"]" * depth)
        try:
            msgspec.json.decode(row, type=msgspec.Raw)
            break
        except RecursionError:
            depth -= 10

    stage.traffic.drift.take([msgspec.Raw(row)], "v1", 0, 0)
    stage.ask("v1", 2, city="[" * 900)
    stage.count()
    assert stage.sampled("v1") == {"rows": 3, "refused": 1}


def test_strangers_values_and_weights_make_a_bounded_number_of_counts(tmp_path) -> None:
    stage = Stage(STARTED, tmp_path, v1=row_counter(range(50)))
    for number in range(300):
        stage.ask("v1", number, city=f"city {number}")

    stage.count()
    few = len(stage.traffic.counts.values)
    for number in range(300):
        stage.ask("v1", number, city=f"town {number}", age=10**12 + number)

    stage.count()
    assert len(stage.traffic.counts.values) <= few + 2
    assert few < 100


def test_weights_beyond_some_are_not_counted_apart(tmp_path) -> None:
    stage = Stage(CANARY, tmp_path, v1=row_counter(range(50)), v2=row_counter(range(50)))
    row = msgspec.Raw(b'{"age": 1, "city": "Oslo"}')
    for weight in range(1, 3 * MOST_WEIGHTS):
        stage.traffic.drift.take([row], "v1", CANARY.rollout.number, weight)

    stage.count()
    weights = {key[3].partition("/")[0] for key in stage.traffic.counts.values if "/" in key[-1]}
    assert len(weights) == MOST_WEIGHTS


def test_a_worker_hands_in_soon_at_first_and_seldom_later(tmp_path) -> None:
    stage = Stage(STARTED, tmp_path, v1=row_counter(range(50)))
    stage.count()
    key = (DRIFT, "v1", stage.counter.references["v1"].sampled_kind, "rows")
    seen = []
    for number in range(100):
        stage.ask("v1", number)
        asyncio.run(stage.counter.count())
        seen.append(stage.traffic.counts.values.get(key, 0))

    assert seen[0] == 1
    assert seen[-1] >= 90
    assert len(set(seen)) < 60


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{}", b"[" * 5_000, b'{"id": "a", "columns": 1}'),
        b'{"id": "a", "columns_of": "training", "columns": ["x"], "answers": [], "left_out": 0}',
        b'{"id": "a", "columns_of": "training", "columns": [{"name": "x", "counts": [1, 2]}], '
        b'"answers": [], "left_out": 0}',
        b'{"id": "a", "columns_of": "training", "columns": [{"name": "x", "counts": [-1], '
        b'"nulls": 1}], "answers": [], "left_out": 0}',
        b'{"id": "%b", "columns_of": "training", "columns": [], "answers": [], "left_out": 0}'
        % (b"a" * 1_000),
    ],
)
def test_distributions_that_cannot_be_read_are_none(tmp_path, body: bytes) -> None:
    stage = Stage(STARTED, tmp_path)

    async def garbled(_version: str, _rest: str) -> Answer:
        return Answer(200, [], body)

    stage.pages.get = garbled
    stage.count()
    assert stage.counter.references["v1"] is None
    assert CellKey("v1") not in stage.counted
