"""Writes a history of days of dense traffic, and says how large it is."""

import json
import random

import numpy as np

from rollout.history.counts import CellKey, from_body, merged, to_body
from rollout.history.levels import DRIFT_KEPT_S, HOURS, MINUTES, ROLLED, SECONDS, rolled_up
from rollout.history.moments import shortened, thinned
from router.drift.drift_counter import ADD_EVERY_S
from store.engine import engine
from store.history.history_store import HistoryStore
from tests.rollout.verdict.test_report import EVERYTHING, report_of

DAYS = 90
DAY = 86_400
END = 1_800_000_000
REPORT = report_of(*EVERYTHING)
"""The report of a verdict on a canary by all its signals."""


def second(rng, requests):
    """What a version did in a second, or in a longer time: 40 latency bins, batches, classes."""
    drawn = np.random.default_rng(rng.randrange(10**9)).normal(70, 12, min(requests, 400))
    indexes, numbers = np.unique(drawn.astype(int), return_counts=True)
    each_time = max(1, requests // 400)
    bins = {str(index): int(n) * each_time for index, n in zip(indexes, numbers, strict=True)}
    return {
        "requests": {"2xx": requests, "4xx": rng.randrange(3), "5xx": rng.randrange(3)},
        "latency": bins,
        "times": {"us": requests * rng.randrange(900, 1500)},
        "batches": {str(size): requests // (size + 2) for size in range(6)},
        "batch rows": {"rows": requests},
        "queue": {"3": 1},
        "predictions": {"0": requests // 3, "1": requests - requests // 3},
        "shadow": {"agree": requests // 2, "differ": requests // 9},
        "labels": {"right": requests // 4, "wrong": requests // 9},
        "label delay": {str(index): rng.randrange(requests) for index in range(40, 60)},
    }


def counts(rng, requests, rollout):
    """Two versions, both with requests of two roles."""
    return {
        CellKey("v1", "serving", rollout): second(rng, requests),
        CellKey("v2", "canary", rollout): second(rng, max(1, requests // 10)),
    }


def with_drift(rng, requests, rollout):
    """The same with what is counted for drift: of 13 columns, and of the first rows of units."""
    known = counts(rng, requests, rollout)
    for cell in known.values():
        cell["sampled 0123abcd"] = {"rows": 30_000, "refused": rng.randrange(9)}
        for column in range(13):
            bins = {str(number): rng.randrange(3_000) for number in range(22)}
            cell[f"column 0123abcd {column}"] = bins
            first = {f"1000/{number}": rng.randrange(300) for number in range(22)}
            cell[f"mix 0123abcd {column} 41"] = first

        for answer in range(2):
            bins = {str(number): rng.randrange(3_000) for number in range(22)}
            cell[f"answer 0123abcd {answer}"] = bins

    return known


def report(rng):
    """A report whose numbers are others each time."""
    changed = json.loads(json.dumps(REPORT))
    for signal in changed["signals"]:
        signal["against"] = rng.gauss(0, 3)
        signal["candidate"] = f"{rng.random():.2f} %"
        signal["difference"] = f"{rng.gauss(0, 1):+.2f} pp [{-rng.random():+.2f}, +0.30]"
        signal["band"] = [rng.gauss(0, 1), rng.gauss(0, 1), rng.gauss(0, 1)]
        signal["more_s"] = rng.randrange(5_000)

    changed["against"], changed["requests"] = rng.gauss(0, 3), rng.randrange(10**6)
    return {
        "released": "v1",
        "asked": {"v1": 9000, "v2": 1000},
        "rollout": None,
        "report": shortened(changed),
    }


def history_bytes(folder, days=DAYS, in_seconds=7_200):
    """The size of the history's files after these days, in bytes.

    in_seconds: of so many seconds everything, as it is written, rolled up and deleted.
    """
    rng = random.Random(7)
    ledger = engine(f"sqlite:///{folder}/ledger.db")
    store = HistoryStore(ledger, "flights")
    store.create()
    # Steps and moments as they stand after days in which each second had requests and a rollout was
    # judged.
    with store.rolling_up() as rolling:
        for at in range(END - days * DAY, END, HOURS.step):
            made = with_drift if at >= END - DRIFT_KEPT_S else counts
            rolling.put(HOURS.step, at, to_body(made(rng, 40_000, "41")))

        for at in range(END - DAY, END - in_seconds, MINUTES.step):
            made = counts if at % int(ADD_EVERY_S) else with_drift
            rolling.put(MINUTES.step, at, to_body(made(rng, 4_000, "41")))

    for at in range(END - days * DAY, END - DAY, HOURS.step):
        store.keep_moment(at, 41, report(rng))
    for at in range(END - DAY, END - in_seconds, MINUTES.step):
        store.keep_moment(at, 41, report(rng))

    for serial, at in enumerate(range(END - in_seconds, END, 5)):
        samples = [(at + second, to_body(counts(rng, 100, "41"))) for second in range(5)]
        store.hand_in("machine", serial, samples, samples[0][1], at + 5)
        store.keep_moment(at, 41, report(rng))
        if serial % 12 == 11:
            roll_up(store)
            store.forget(at - SECONDS.kept, {60: at - MINUTES.kept, 3600: at - HOURS.kept}, at)
            store.forget_moments(thinned(store.times_of_moments(), at))

    taken = sum(path.stat().st_size for path in folder.glob("ledger-history.db*"))
    ledger.dispose()
    return taken


def roll_up(store):
    with store.rolling_up() as rolling:
        samples = [(at, from_body(body)) for block in rolling.blocks(1_000) for at, body in block]
        for level in ROLLED:
            for at, new in rolled_up(samples, level.step).items():
                stands = from_body(rolling.step(level.step, at))
                rolling.put(level.step, at, to_body(merged([stands, new])))

        rolling.done()
