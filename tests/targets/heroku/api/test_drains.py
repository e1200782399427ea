"""The log drain of a version's app: made once, replaced where its secret is old, and never told."""

import json
from typing import Any

import pytest

from targets.heroku.api.drains import drained, ensure_drain
from targets.heroku.errors import HerokuFailure
from tests.targets.heroku.conftest import Made
from tests.targets.heroku.scripted_server import RESET, Asked, Reply, answered, refused

URL = "https://drain:5ec7e7@router-0123.herokuapp.com/drains/v1"
OLD = "https://drain:01d@router-0123.herokuapp.com/drains/v1"
MOVED = "https://drain:5ec7e7@router-9999.herokuapp.com/drains/v1"
OTHERS = "https://logs.example.com/drains/v1"


class Drains:
    """The drains of one app. lost: the next POST is done, and its answer never arrives."""

    def __init__(self, *urls: str) -> None:
        self.urls, self.lost = list(urls), False

    def answer(self, asked: Asked) -> Reply:
        """The reply to one request."""
        assert asked.path.startswith("/apps/fl-v1/log-drains")
        if asked.method == "POST":
            url = json.loads(asked.body)["url"]
            if len(self.urls) >= 5:
                return refused(422, "invalid_params", f"Url {url} is one too many")
            self.urls.append(url)
            return RESET if self.lost else answered(self.shown(url), 201)

        if asked.method == "DELETE":
            return answered(self.shown(self.urls.pop(int(asked.path.rpartition("-")[2]))))

        return answered([self.shown(url) for url in self.urls])

    def shown(self, url: str) -> dict[str, Any]:
        """As the platform shows one."""
        return {
            "id": f"id-{self.urls.index(url) if url in self.urls else 0}",
            "url": url,
            "token": "d.1",
        }


def test_it_is_made_once(platform: Made) -> None:
    there = Drains(OTHERS)
    client, server = platform(there.answer)
    assert not drained(client, "fl-v1", URL)
    assert [ensure_drain(client, "fl-v1", URL) for _ in range(3)] == [True, False, False]
    assert there.urls == [OTHERS, URL]
    assert len(server.calls("POST")) == 1
    assert drained(client, "fl-v1", URL)


def test_one_whose_answer_was_lost_is_found(platform: Made) -> None:
    there = Drains()
    there.lost = True
    client, _ = platform(there.answer)
    assert ensure_drain(client, "fl-v1", URL)
    assert there.urls == [URL]


@pytest.mark.parametrize("before", [OLD, MOVED])
def test_one_of_an_older_secret_or_router_is_replaced_and_others_stay(
    platform: Made, before: str
) -> None:
    there = Drains(OTHERS, before)
    client, _ = platform(there.answer)
    assert not drained(client, "fl-v1", URL)
    assert ensure_drain(client, "fl-v1", URL)
    assert there.urls == [OTHERS, URL]


def test_what_the_platform_refuses_is_told_without_the_secret(
    platform: Made, said: list[str]
) -> None:
    client, _ = platform(Drains(*(f"https://example.com/{number}" for number in range(5))).answer)
    with pytest.raises(
        HerokuFailure, match=r"no log drain .*422.* `heroku drains -a fl-v1` lists them"
    ) as refusal:
        ensure_drain(client, "fl-v1", URL)

    assert "5ec7e7" not in f"{refusal.value!r}{refusal.value.__cause__!r}{said}"
