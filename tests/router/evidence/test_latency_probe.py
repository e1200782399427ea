"""Both versions are asked the same batch, beside the users and never before them."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from rollout.settings import from_mapping
from rollout.verdict.bins import ratio_bin
from router.dispatch.upstream import Answer, Failure
from router.evidence.latency_probe import SIZES, LatencyProbe, PairedTimes, model_seconds, times_of
from tests.router.fakes import DispatcherHarness, begun, deployed

BESIDE_S = 0.002


class Quick:
    """A pool that answers at once and says how long its model took; `asked` is shared and keeps the
    order.
    """

    address = "unix:toy"

    def __init__(self, name, asked, ms=1.0, status=200, errors=(), cpu_ms=None):
        self.name, self.asked, self.ms, self.status, self.errors = (
            name,
            asked,
            ms,
            status,
            list(errors),
        )
        self.cpu_ms = cpu_ms

    def predict(self, body, callback, timeout_s):
        rows = msgspec.json.decode(body)["instances"]
        self.asked.append((self.name, rows))
        if self.status == 0:
            callback(Failure("connect", "as asked"))
            return

        told = {"predictions": rows} | ({"errors": self.errors} if self.errors else {})
        cpu = b"" if self.cpu_ms is None else b", cpu;dur=%.3f" % self.cpu_ms
        timing = [(b"server-timing", b"predict;dur=%.3f%b" % (self.ms, cpu))]
        callback(Answer(self.status, timing, msgspec.json.encode(told)))

    def close(self):
        pass


class Stand:
    """A judged canary whose versions are quick pools, and one worker's comparisons."""

    def __init__(self, ledger=None, cold_s=0.0, chance=0.0, **changes):
        self.harness = DispatcherHarness(ledger or begun(deployed("v1", "v2", "v3")), cold_s=cold_s)
        self.asked = []
        for name, lane in self.harness.traffic.lanes.items():
            lane.pool = Quick(name, self.asked, **(changes if name == "v2" else {}))

        self.harness.traffic.sample = [msgspec.Raw(b"7")]
        self.comparing = LatencyProbe(from_mapping({}), self.harness.traffic, lambda: chance)

    def compare(self, times=1):
        async def several():
            for _ in range(times):
                await self.comparing.once()

        asyncio.run(several())

    @property
    def timing(self):
        return self.harness.counted("v2").get("timing", {})


def test_a_pair_is_counted_by_how_much_longer_the_candidate_took_beside_what_both_take():
    stand = Stand(ms=3.0)
    stand.compare()
    assert stand.timing == {str(ratio_bin(0.003 + BESIDE_S, 0.001 + BESIDE_S)): 1}


def test_both_get_the_same_rows_in_batches_of_each_size_and_the_first_call_warms():
    stand = Stand()
    stand.compare(len(SIZES))
    assert sum(stand.timing.values()) == len(SIZES)
    sizes = [len(rows) for _, rows in stand.asked]
    assert sizes == [size for size in SIZES for _ in range(4)]
    assert [name for name, _ in stand.asked] == ["v1", "v1", "v2", "v2"] * len(SIZES)


@pytest.mark.parametrize(("chance", "first"), [(0.0, "v1"), (0.49, "v1"), (0.5, "v2"), (0.9, "v2")])
def test_chance_says_who_goes_first(chance, first):
    stand = Stand(chance=chance)
    stand.compare()
    assert stand.asked[0][0] == first


def test_by_default_each_goes_first_about_half_of_the_time():
    stand = Stand()
    stand.comparing = LatencyProbe(from_mapping({}), stand.harness.traffic)
    stand.compare(200)
    firsts = [name for name, _ in stand.asked[::4]]
    # 100 are expected, with a standard deviation of 7.
    assert 50 < firsts.count("v2") < 150


@pytest.mark.parametrize("status", [0, 500, 503, 422])
def test_a_version_that_fails_gives_no_pair(status):
    stand = Stand(status=status)
    stand.compare(5)
    assert any(name == "v2" for name, _ in stand.asked)
    assert stand.timing == {}


def test_a_batch_with_a_row_at_fault_gives_no_pair():
    stand = Stand(errors=[{"row": 0, "status": 500, "detail": "as asked"}])
    stand.compare(5)
    assert stand.timing == {}


def test_a_version_that_is_gone_gives_no_pair():
    stand = Stand()
    del stand.harness.traffic.lanes["v2"]
    stand.compare()
    assert stand.timing == {}


def test_nothing_is_compared_while_a_version_is_cold():
    stand = Stand(cold_s=5.0)
    stand.compare()
    assert stand.asked == []
    stand.harness.loop.now += 5.0
    stand.compare()
    assert sum(stand.timing.values()) == 1


def test_nothing_is_compared_while_users_wait():
    stand = Stand()
    stand.harness.traffic.lanes["v3"].queued_rows = 17
    stand.compare()
    assert stand.asked == []
    stand.harness.traffic.lanes["v3"].queued_rows = 16
    stand.compare()
    assert sum(stand.timing.values()) == 1


@pytest.mark.parametrize("ledger", [deployed("v1", "v2"), begun(deployed("v1", "v2"), auto=False)])
def test_nothing_is_compared_where_no_rollout_is_judged(ledger):
    stand = Stand(ledger)
    stand.compare()
    assert stand.asked == []


def test_nothing_is_compared_before_a_user_was_answered():
    stand = Stand()
    stand.harness.traffic.sample = []
    stand.compare()
    assert stand.asked == []


def test_a_shadow_that_runs_by_itself_is_compared_too():
    stand = Stand(begun(deployed("v1", "v2"), how="shadow"))
    stand.compare()
    assert sum(stand.timing.values()) == 1


def test_a_pair_belongs_to_the_weight_at_which_it_was_begun():
    stand = Stand()
    ledger = stand.harness.traffic.table.ledger

    def grow():
        grown = ledger.split.reweighted({"v1": 5000, "v2": 5000})
        stand.harness.traffic.table = replace(stand.harness.traffic.table, split=grown)
        return 0.0

    stand.comparing.chance = grow
    stand.compare()
    assert sum(stand.harness.counted("v2", 2000)["timing"].values()) == 1


def test_a_request_does_not_wait_for_a_comparison():
    harness = DispatcherHarness(begun(deployed("v1", "v2")))
    harness.traffic.sample = [msgspec.Raw(b"7")]

    async def meanwhile():
        comparing = asyncio.create_task(
            LatencyProbe(from_mapping({}), harness.traffic, lambda: 0.0).once()
        )
        while not harness.versions["v1"].sent:
            await asyncio.sleep(0)

        assert len(harness.versions["v1"].sent) == 1, "the comparison is under way"
        told = harness.ask(harness.unit_of("v1"))
        assert len(harness.versions["v1"].sent) == 2, "the request left at once"
        harness.versions["v1"].sent.reverse()
        harness.versions["v1"].answer()
        assert told[0].version == "v1"
        comparing.cancel()

    asyncio.run(asyncio.wait_for(meanwhile(), 10))


def test_the_rows_of_one_large_request_are_not_copied_beyond_the_batch():
    stand = Stand()
    row = msgspec.Raw(b'"' + b"a" * 2_000_000 + b'"')
    stand.harness.traffic.sample = [row] * 20
    stand.compare(len(SIZES))
    largest = from_mapping({}).router.limits.max_body_bytes
    assert stand.asked
    assert max(len(rows) for _, rows in stand.asked) * 2_000_000 <= largest


def test_comparisons_go_on_after_one_that_broke(caplog):
    stand = Stand()
    stand.comparing = LatencyProbe(
        from_mapping({"verdict": {"compare_ms": 1}}), stand.harness.traffic, lambda: 0.0
    )
    broken = [ValueError("as asked")]

    def chance():
        if broken:
            raise broken.pop()
        return 0.0

    stand.comparing.chance = chance

    async def until_a_pair():
        going = asyncio.create_task(stand.comparing.compare())
        while not stand.timing:
            await asyncio.sleep(0)
        going.cancel()

    asyncio.run(asyncio.wait_for(until_a_pair(), 10))
    assert "a comparison failed" in caplog.text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"predict;dur=2.5", 0.0025),
        (b"predict;dur=1, db;dur=9", 0.001),
        (b"db;dur=9", None),
        (b"predict;dur=x", None),
    ],
)
def test_the_models_own_time_is_read_from_server_timing(value, seconds):
    assert model_seconds(Answer(200, [(b"server-timing", value)], b"{}")) == seconds


def test_processor_time_and_time_by_the_clock_are_counted_apart():
    stand = Stand(ms=9.0, cpu_ms=3.0)
    stand.compare()
    assert stand.timing == {str(ratio_bin(0.003 + BESIDE_S, 0.001 + BESIDE_S)): 1}
    assert stand.harness.counted("v2")["elapsed"] == {
        str(ratio_bin(0.009 + BESIDE_S, 0.001 + BESIDE_S)): 1
    }


@pytest.mark.parametrize(
    ("value", "times"),
    [
        (b"predict;dur=2.5, cpu;dur=1.5", PairedTimes(0.0025, 0.0015)),
        (b"cpu;dur=1.5,predict;dur=2.5", PairedTimes(0.0025, 0.0015)),
        (b"predict;dur=2.5", PairedTimes(0.0025, 0.0025)),
        (b"predict;dur=2.5, cpu;dur=x", PairedTimes(0.0025, 0.0025)),
        (b"cpu;dur=1.5", None),
    ],
)
def test_a_version_that_tells_no_processor_time_is_taken_by_the_clock(value, times):
    assert times_of(Answer(200, [(b"server-timing", value)], b"{}")) == times


@pytest.mark.parametrize("acting", ["v1", "v2"])
def test_no_version_is_asked_where_predictions_change_something(acting):
    ledger = begun(deployed("v1", "v2"))
    changed = replace(ledger.version(acting), side_effects=True)
    stand = Stand(ledger.with_version(changed))
    stand.compare()
    assert (stand.asked, stand.timing) == ([], {})
