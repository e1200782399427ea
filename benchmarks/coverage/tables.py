"""The tables that the panel's pipelines are fitted on: 900 rows to fit, 300 held out."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

FITTED, HELD_OUT = 900, 300
ROWS = FITTED + HELD_OUT
CITIES = ("Oslo", "Bergen", "Tromsø", "Aix-en-Provence", "Ōsaka", "Kyiv", "Rome", "Nuuk")
CITY_SHARES = (0.3, 0.25, 0.15, 0.1, 0.1, 0.06, 0.03, 0.01)
PLANS = ("basic", "gold", "platinum")
SKUS, SHOPS = 400, 60
WORDS = (
    ("good", "great", "fine", "café", "friendly", "fast", "excellent", "10/10"),
    ("bad", "poor", "sad", "übel", "slow", "broken", "refund", "never again"),
    ("the", "a", "room", "was", "and", "staff", "in", "I'd", "it's", "très", "food", "2nd"),
)


@dataclass(frozen=True)
class Table:
    """A frame of ROWS rows and its targets.

    binary: 0 or 1. several: one of four texts. value: a positive number.
    """

    frame: pd.DataFrame
    binary: np.ndarray
    several: np.ndarray
    value: np.ndarray


def fitted_rows(rows: Any) -> Any:
    """The rows that a pipeline is fitted on."""
    return rows[:FITTED]


def held_out_rows(rows: Any) -> Any:
    """The rows that it is proved on."""
    return rows[FITTED:]


@cache
def customers() -> Table:
    """Integers, floats, a boolean and texts, none missing."""
    chance = np.random.default_rng(11)
    frame = pd.DataFrame(
        {
            "age": chance.integers(18, 90, ROWS),
            "visits": chance.poisson(6, ROWS),
            "income": chance.lognormal(3.4, 0.4, ROWS).round(2),
            "balance": chance.normal(200, 900, ROWS).round(2),
            "active": chance.random(ROWS) < 0.6,
            "city": chance.choice(CITIES, ROWS, p=CITY_SHARES),
            "plan": chance.choice(PLANS, ROWS, p=(0.6, 0.3, 0.1)),
        }
    )
    return _with_targets(frame, _score_of_customers(frame), chance)


@cache
def gaps() -> Table:
    """The customers with missing numbers and missing texts, as nearly every real table has them."""
    table, chance = customers(), np.random.default_rng(12)
    frame = table.frame.copy()
    shares = {"age": 0.08, "income": 0.12, "balance": 0.05, "city": 0.08, "plan": 0.04}
    for name, share in shares.items():
        missing = chance.random(ROWS) < share
        if name == "age":
            frame[name] = frame[name].astype(float)

        frame.loc[missing, name] = None

    return Table(frame, table.binary, table.several, table.value)


@cache
def integers() -> Table:
    """Integers alone. Those to fit on are even, so that odd ones lie on the trees' thresholds.

    `opened` and `cents` are beyond 2^24, where floats of 32 bits no longer hold every integer.
    """
    chance = np.random.default_rng(13)
    frame = pd.DataFrame(
        {
            "age": chance.integers(18, 90, ROWS),
            "visits": chance.poisson(9, ROWS),
            "rooms": chance.integers(1, 12, ROWS),
            "opened": 1_600_000_000 + chance.integers(0, 90_000_000, ROWS),
            "cents": chance.integers(-40_000_000, 90_000_000, ROWS),
        }
    )
    frame[:FITTED] -= frame[:FITTED] % 2
    score = (
        (frame["age"] - 50) / 20
        - (frame["visits"] - 9) / 4
        + ((frame["rooms"] > 6) ^ (frame["age"] > 60))
        + frame["cents"] / 5e7
    )
    return _with_targets(frame, score.to_numpy(), chance)


@cache
def sensors() -> Table:
    """Six floats, positive and not, of several sizes."""
    chance = np.random.default_rng(14)
    hidden = chance.normal(size=(ROWS, 3))
    frame = pd.DataFrame(
        {
            "temperature": (20 + 5 * hidden[:, 0] + chance.normal(0, 1, ROWS)).round(1),
            "pressure": (1013 + 9 * hidden[:, 1] + chance.normal(0, 2, ROWS)).round(1),
            "humidity": chance.beta(4, 3, ROWS).round(3),
            "vibration": (hidden[:, 0] + hidden[:, 2] + chance.normal(0, 0.3, ROWS)).round(4),
            "current": chance.gamma(2.0, 1.5, ROWS).round(3),
            "voltage": (hidden[:, 1] - hidden[:, 2] + chance.normal(0, 0.3, ROWS)).round(4),
        }
    )
    score = hidden[:, 0] - hidden[:, 1] * hidden[:, 2] + (frame["humidity"] - 0.5).to_numpy()
    return _with_targets(frame, score, chance)


@cache
def products() -> Table:
    """Two columns of many categories, a few frequent and most rare, beside two numbers."""
    chance = np.random.default_rng(15)
    sku = np.minimum(chance.zipf(1.3, ROWS), SKUS)
    shop = chance.integers(0, SHOPS, ROWS)
    frame = pd.DataFrame(
        {
            "sku": np.char.add("SKU-", sku.astype(str)),
            "shop": np.char.add("shop ", shop.astype(str)),
            "price": chance.lognormal(3, 0.7, ROWS).round(2),
            "quantity": chance.integers(1, 40, ROWS),
        }
    )
    frame = frame.astype({"sku": "str", "shop": "str"})
    score = (sku % 7) / 3 - (shop % 5) / 2 + frame["quantity"].to_numpy() / 20
    return _with_targets(frame, score, chance)


@cache
def reviews() -> Table:
    """A text of several scripts' letters, and a number of stars."""
    chance = np.random.default_rng(16)
    mood = chance.normal(size=ROWS)
    texts = [_review(chance, bool(value > 0)) for value in mood]
    stars = np.clip((3 + mood + chance.normal(0, 1, ROWS)).round(), 1, 5).astype(int)
    frame = pd.DataFrame({"review": texts, "stars": stars})
    return _with_targets(frame, mood, chance)


def _review(chance: np.random.Generator, is_good: bool) -> str:
    telling = chance.choice(WORDS[0 if is_good else 1], 3)
    filling = chance.choice(WORDS[2], int(chance.integers(2, 12)))
    words = chance.permutation(np.concatenate([telling, filling])).tolist()
    return " ".join(words) + str(chance.choice([".", "!", "", " :-)", "?!"]))


def _score_of_customers(frame: pd.DataFrame) -> np.ndarray:
    """What their targets are made of: no line parts them."""
    in_oslo = (frame["city"] == "Oslo").to_numpy()
    old = (frame["age"] > 50).to_numpy()
    wealth = (np.log(frame["income"]) - 3.4).to_numpy() / 0.4
    gold = (frame["plan"] != "basic").to_numpy()
    return 0.8 * wealth + (old ^ in_oslo) - 0.7 * gold - frame["visits"].to_numpy() / 12


def _with_targets(frame: pd.DataFrame, score: np.ndarray, chance: np.random.Generator) -> Table:
    noisy = (score - score.mean()) / score.std() + chance.normal(0, 0.4, ROWS)
    quarters = np.digitize(noisy, np.quantile(noisy, [0.2, 0.6, 0.85]))
    several = np.array(["low", "middle", "high", "très haut"])[quarters]
    value = np.exp(1 + 0.5 * noisy).round(3)
    return Table(frame, (noisy > 0).astype(int), several, value)
