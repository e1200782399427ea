"""When is an old version done?"""

import pytest

from deployment.router_client import is_drained

OLD = "unix:/run/v1-1.sock"


def status(revisions: list[int], in_flight: int) -> dict[str, object]:
    """A router's status."""
    return {
        "revision": min(revisions),
        "workers": [{"pid": n, "revision": revision} for n, revision in enumerate(revisions)],
        "versions": {"v1": {"addresses": {OLD: in_flight, "unix:/run/v1-5.sock": 3}}, "v2": {}},
    }


@pytest.mark.parametrize(
    ("revisions", "in_flight", "drained"),
    [([5, 5], 0, True), ([5, 4], 0, False), ([5, 5], 2, False), ([6, 7], 0, True)],
)
def test_an_address_is_drained_when_all_workers_moved_on_and_nothing_is_under_way(
    revisions: list[int], in_flight: int, drained: bool
) -> None:
    assert is_drained(status(revisions, in_flight), 5, OLD) is drained


def test_an_address_no_worker_names_has_nothing_under_way() -> None:
    assert is_drained({"revision": 5, "workers": [], "versions": {}}, 5, OLD)
