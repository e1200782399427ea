"""What counts as a dyno that does not boot."""

from targets.heroku.api.dynos import Dyno
from targets.heroku.build.crash_watch import CrashWatch


def dyno(id_: str, state: str, release: int = 4) -> Dyno:
    """web.1 as it was seen once."""
    return Dyno(id_, "web.1", "web", state, release, "Basic", "now")


def test_a_dyno_that_crashed_under_another_id_had_crashed_before() -> None:
    watch = CrashWatch(grace_s=60)
    assert watch.broken([dyno("a", "starting")], 4) is None
    assert watch.broken([dyno("b", "crashed")], 4) == dyno("b", "crashed")


def test_the_id_of_an_earlier_release_counts_for_nothing() -> None:
    watch = CrashWatch(grace_s=60)
    assert watch.broken([dyno("a", "up", 3)], 3) is None
    assert watch.broken([dyno("b", "crashed")], 4) is None
