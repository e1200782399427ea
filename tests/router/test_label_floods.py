"""Real processes: what anybody may do with labels, beside users who predict and an operator who
rolls back.
"""

import json
import os
import sqlite3
import threading

import httpx
import pytest

from rollout.state.ledger import Step
from store.engine import part_engine
from store.evidence import EvidenceStore
from store.feedback import FeedbackStore
from store.schema import EVIDENCE_PART, LABELS_PART
from tests.router.fakes import begun
from tests.router.router_harness import router_harness
from tests.until import until


@pytest.fixture
def stack(tmp_path):
    """Two router workers before v1."""
    with router_harness(tmp_path, workers=2) as made:
        made.know(made.version("v1", "[0,1]"))
        made.split({"v1": 10_000})
        made.router()
        made.follows(made.ledger.revision)
        yield made


@pytest.fixture
def canary(stack):
    """The same with a canary of v2 at one half, judged from now to for ever."""
    stack.know(stack.version("v2", "[0,1]"))
    stack.record(begun(stack.ledger, steps=(Step(5_000),), deadline_s=1e12))
    stack.follows(stack.ledger.revision)
    return stack


def answered_by(made, version, row):
    """The id of one answer of a version."""
    for _ in range(200):
        answer = made.predict(row)
        if answer.headers["x-model-version"] == version:
            return answer.headers["x-prediction-id"]
    raise AssertionError(f"{version} never answered")


def answered_by_rows(made, rows):
    """The id of one answer to these rows."""
    return made.predict(*rows).headers["x-prediction-id"]


def spellings(token, count):
    """Texts that a lenient decoder takes for one id."""
    signs = "!#$%&()*,.:;<>?@[]^{|}~"
    return [
        token + signs[n % 23] + signs[n // 23 % 23] + signs[n // 529] + "!" for n in range(count)
    ]


def test_a_thousand_spellings_of_one_id_are_one_label_and_decide_nothing(canary):
    token = answered_by(canary, "v2", {"x": [0.1, 0.9]})
    labels = [
        {"prediction_id": each, "label": 0} for each in [token, *spellings(token, 999), token]
    ]
    detail = httpx.post(f"{canary.url}/feedback", json=labels, timeout=30).json()
    assert (detail["counted"], detail["duplicates"]) == (1, 1)
    # As many are described as of bad rows.
    assert (len(detail["invalid"]), detail["invalid_not_listed"]) == (100, 899)
    number = canary.ledger.running().number
    assert sum(count for *_, count in FeedbackStore(canary.engine, "toy").levels(number)) == 1
    looked = EvidenceStore(canary.engine, "toy")
    rollout = canary.ledger.running().id
    until(lambda: looked.counted(rollout), "the conductor has counted")
    assert canary.store.newest().revision == canary.ledger.revision


def test_a_list_of_labels_for_one_row_costs_little_and_counts_nothing(stack):
    rows = [{"x": [0.1, 0.9]}] * 17
    token = answered_by_rows(stack, rows)
    body = b'{"prediction_id":"%b","label":[%b0]}' % (token.encode(), b"0," * 900_000)
    detail = httpx.post(f"{stack.url}/feedback", content=body, timeout=30)
    assert detail.json()["counted"] == 0
    assert "for a prediction of 17 rows" in detail.json()["invalid"][0]["detail"]
    assert (
        httpx.post(f"{stack.url}/feedback", content=body + b" " * 2_097_152, timeout=30).status_code
        == 413
    )
    assert FeedbackStore(stack.engine, "toy").outcomes() == []
    assert (
        httpx.post(
            f"{stack.url}/feedback", json={"prediction_id": token, "label": [0] * 17}
        ).json()["counted"]
        == 17
    )


def test_an_act_is_recorded_and_followed_while_labels_and_evidence_cannot_be_written(stack):
    held = []
    for part in (LABELS_PART, EVIDENCE_PART):
        writer = sqlite3.connect(
            str(part_engine(stack.engine, part).url.database), isolation_level=None
        )
        writer.execute("BEGIN IMMEDIATE")
        held.append(writer)

    token = stack.predict({"x": [0.1, 0.9]}).headers["x-prediction-id"]
    lost = httpx.post(
        f"{stack.url}/feedback", json={"prediction_id": token, "label": 1}, timeout=30
    )
    assert (lost.status_code, lost.headers["retry-after"]) == (503, "5")
    # Refused after the time that a statement waits for a lock, if it needed one of theirs.
    stack.split({"v1": 10_000})
    stack.follows(stack.ledger.revision)
    for writer in held:
        writer.close()

    again = httpx.post(
        f"{stack.url}/feedback", json={"prediction_id": token, "label": 1}, timeout=30
    )
    assert again.json()["counted"] == 1


def test_while_labels_flood_in_an_act_is_recorded_users_are_answered_and_nothing_grows(stack):
    rows = [{"x": [0.1, 0.9]}] * 500
    stop, codes = threading.Event(), []

    def flood():
        with httpx.Client(timeout=60) as client:
            while not stop.is_set():
                tokens = [answered_by_rows(stack, rows) for _ in range(4)]
                body = json.dumps(
                    [{"prediction_id": token, "label": [0] * 500} for token in tokens]
                )
                codes.append(client.post(f"{stack.url}/feedback", content=body).status_code)

    attackers = [threading.Thread(target=flood) for _ in range(4)]
    for attacker in attackers:
        attacker.start()

    try:
        until(lambda: len(codes) >= 4, "labels come in", 60)
        for _ in range(5):
            before = len(codes)
            stack.record(stack.ledger)
            assert stack.predict({"x": [0.1, 0.9]}).status_code == 200
            until(lambda before=before: len(codes) > before, "labels still come in", 60)
        stack.follows(stack.ledger.revision)
    finally:
        stop.set()
        for attacker in attackers:
            attacker.join()

    assert set(codes) <= {200, 503}
    labels = str(part_engine(stack.engine, LABELS_PART).url.database)
    assert os.path.getsize(f"{labels}-wal") < 64 * 1024 * 1024


def test_more_calls_than_may_wait_are_told_to_come_again(stack):
    rows = [{"x": [0.1, 0.9]}] * 500
    tokens = [answered_by_rows(stack, rows) for _ in range(20)]
    body = json.dumps([{"prediction_id": token, "label": [0] * 500} for token in tokens])
    codes = []
    senders = [
        threading.Thread(
            target=lambda: codes.append(
                httpx.post(f"{stack.url}/feedback", content=body, timeout=120).status_code
            )
        )
        for _ in range(30)
    ]
    for sender in senders:
        sender.start()

    for sender in senders:
        sender.join()

    assert set(codes) == {200, 503}
