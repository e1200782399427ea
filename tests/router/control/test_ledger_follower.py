"""What follows the ledger goes on where it cannot keep what it saw."""

from datetime import UTC, datetime

from rollout.state.ledger import Ledger
from router.control.ledger_follower import LedgerFollower


def test_a_table_that_cannot_be_kept_is_followed_all_the_same(tmp_path):
    state = tmp_path / "state"
    state.write_text(
        "a file where the folder should be, as a full disk would also refuse to be written"
    )
    watch = LedgerFollower(f"sqlite:///{tmp_path}/ledger.db", "toy", state)
    try:
        assert watch.first_table().revision == 0
        watch.store.append(1, Ledger(model="toy").to_body(), "test", "ann", "", datetime.now(UTC))
        assert watch.first_table().revision == 1
        assert watch.away_since is None
    finally:
        watch.engine.dispose()
        watch.threads.shutdown()
