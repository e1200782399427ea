"""Real processes: what a shadow, or the other version of a pair, answered is kept, and the label of
the user's answer speaks of both.
"""

import httpx

from rollout.state.signal_settings import Agreement, Labels
from router.evidence.prediction_id import signature_of
from store.feedback import FeedbackStore
from store.shadow_answers import ShadowAnswerStore
from tests.router.fakes import begun
from tests.router.router_harness import router_harness
from tests.until import until

LOSS = {"labels": Labels(loss="absolute", bound=2.0), "agreement": Agreement(action="watch")}


def test_a_shadow_that_is_further_from_the_truth_than_the_users_answers_goes_back(tmp_path):
    with router_harness(tmp_path) as made:
        made.know(made.version("v1"), made.version("v2"))
        made.split({"v1": 10_000})
        made.record(begun(made.ledger, how="shadow", **LOSS))
        made.router()
        number = made.ledger.running().number
        tokens = [made.predict({}).headers["x-prediction-id"] for _ in range(40)]
        copies = ShadowAnswerStore(made.engine, "toy")
        ids = [signature_of(token.encode()) for token in tokens]
        until(lambda: len(copies.of(ids)) > 30, "answers of the shadow are kept")
        labels = [{"prediction_id": token, "label": 1.0} for token in tokens]
        assert httpx.post(f"{made.url}/feedback", json=labels, timeout=120).json()["counted"] == 40
        until(lambda: made.store.newest().action == "rollback", "the shadow goes back")
        pairs = FeedbackStore(made.engine, "toy").pairs(number, "v2", "v1")
        assert [levels for *levels, _ in pairs] == [[8, 0]]
        assert "labels" in made.store.newest().reason


def test_of_users_who_come_again_each_label_of_a_pair_speaks_of_both_versions(tmp_path):
    with router_harness(tmp_path) as made:
        made.know(made.version("v1"), made.version("v2"))
        made.split({"v1": 10_000})
        made.record(begun(made.ledger, how="canary", labels=LOSS["labels"]))
        made.router()
        number = made.ledger.running().number
        answers, tokens = [], []
        copies = ShadowAnswerStore(made.engine, "toy")

        def are_kept():
            # Ever more: only so many pairs are made in a second.
            answers.append(made.predict({}, **{"X-Unit-Id": f"user-{len(answers) % 8}"}))
            tokens.append(answers[-1].headers["x-prediction-id"])
            ids = [signature_of(token.encode()) for token in tokens]
            return len(answers) >= 40 and len(copies.of(ids)) > 20

        until(are_kept, "other answers of pairs are kept")
        labels = [{"prediction_id": token, "label": 1.0} for token in tokens]
        httpx.post(f"{made.url}/feedback", json=labels, timeout=120).raise_for_status()
        ((candidate, stable, count),) = FeedbackStore(made.engine, "toy").pairs(number, "v2", "v1")
        assert (candidate, stable) == (8, 0)
        assert count > 8
        assert {answer.headers["x-model-version"] for answer in answers} == {"v1", "v2"}
