"""Clients of a scripted server, without long pauses."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from targets.heroku.api.auth import Account
from targets.heroku.api.client import Client
from targets.heroku.api.retry import Patience
from tests.targets.heroku.scripted_server import TOKEN, Asked, Reply, Scripted, serving

QUICK = Patience(
    deadline_s=1.5,
    first_s=0.01,
    longest_s=0.02,
    limited_s=0.01,
    limited_most_s=0.02,
    limited_deadline_s=1.5,
    slow_s=0.0,
)
Made = Callable[[Callable[[Asked], Reply]], tuple[Client, Scripted]]


@pytest.fixture
def said() -> list[str]:
    """What the client said."""
    return []


@pytest.fixture
def platform(said: list[str]) -> Iterator[Made]:
    """platform(answer): a client and the server it talks to."""
    with ExitStack() as stack:

        def made(answer: Callable[[Asked], Reply]) -> tuple[Client, Scripted]:
            server = stack.enter_context(serving(answer))
            client = Client(Account(TOKEN, server.url, "the test"), said.append, QUICK)
            return stack.enter_context(client), server

        yield made
