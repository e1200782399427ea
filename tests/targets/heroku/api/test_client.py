"""The client's manners: what it repeats, what it looks for, what it says, and to whom the token
goes.
"""

import logging
from typing import Any

import pytest

from targets.heroku.api.auth import Account
from targets.heroku.api.client import ACCEPT, Client
from targets.heroku.errors import HerokuFailure, Refused, Unanswered
from tests.targets.heroku.conftest import QUICK, Made
from tests.targets.heroku.scripted_server import (
    HTML,
    RESET,
    TOKEN,
    Asked,
    Reply,
    answered,
    in_turn,
    refused,
)


def nothing() -> Any:
    """A look that finds nothing."""
    return None


def test_a_request_says_who_asks_and_in_which_version(platform: Made) -> None:
    client, server = platform(lambda _: answered({"name": "a"}))
    assert client.get("/apps/a") == {"name": "a"}
    headers = server.asked[0].headers
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Accept"] == ACCEPT
    assert headers["User-Agent"].startswith("sluice-deploy/")
    assert len(headers["Request-Id"]) == 36


@pytest.mark.parametrize(
    "fault", [HTML, RESET, Reply(503, b"busy"), Reply(200, b"<html>a proxy</html>")]
)
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_may_be_repeated_is_repeated(platform: Made, fault: Reply, method: str) -> None:
    client, server = platform(in_turn(fault, fault, answered({"done": True})))
    match method:
        case "GET":
            assert client.get("/apps/a") == {"done": True}
        case "PATCH":
            assert client.patch("/apps/a", {"maintenance": True}) == {"done": True}
        case "DELETE":
            client.delete("/apps/a")

    assert len(server.asked) == (
        1 if method == "DELETE" and fault.status == 200 and fault.cut is None else 3
    )


def test_what_a_lost_delete_removed_counts_as_removed(platform: Made) -> None:
    client, server = platform(in_turn(RESET, refused(404, "not_found")))
    client.delete("/apps/a")
    assert len(server.asked) == 2


@pytest.mark.parametrize("fault", [HTML, RESET, Reply(201, b'{"id": "cut off"}', cut=5)])
def test_a_post_with_an_unknown_outcome_looks_and_makes_nothing_twice(
    platform: Made, fault: Reply
) -> None:
    made: list[Any] = []

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            made.append(asked.json)
            return fault
        return answered(made[0]) if made else refused(404, "not_found")

    client, server = platform(answer)
    found = client.post("/apps", {"name": "a"}, look=lambda: client.get_or_none("/apps/a"))
    assert found == {"name": "a"}
    assert len(server.calls("POST")) == 1


def test_a_post_that_did_nothing_is_repeated_after_the_look(platform: Made) -> None:
    looks: list[int] = []
    client, server = platform(in_turn(RESET, answered({"id": 1}, 201)))
    assert client.post("/apps", {"name": "a"}, look=lambda: looks.append(1)) == {"id": 1}
    assert (len(server.asked), len(looks)) == (2, 1)


def test_a_repeated_post_that_is_refused_looks_once_more(platform: Made) -> None:
    """The first one was done late: its name is taken, by ourselves."""
    seen = iter([None, {"name": "a"}])
    client, _ = platform(in_turn(RESET, refused(422, "invalid_params", "Name a is already taken")))
    assert client.post("/apps", {"name": "a"}, look=lambda: next(seen)) == {"name": "a"}


def test_a_refused_post_is_not_repeated(platform: Made) -> None:
    client, server = platform(
        lambda _: refused(422, "invalid_params", "Name a is already taken", resource="app")
    )
    with pytest.raises(Refused) as caught:
        client.post("/apps", {"name": "a"}, look=nothing)

    error = caught.value
    assert (error.status, error.id, error.resource, error.request_id) == (
        422,
        "invalid_params",
        "app",
        "req-422",
    )
    assert "POST /apps" in str(error)
    assert "(request req-422)" in str(error)
    assert len(server.asked) == 1


def test_what_the_platform_does_not_know_is_not_asked_again(platform: Made) -> None:
    client, server = platform(lambda _: refused(501, "not_implemented"))
    with pytest.raises(Refused, match="501 not_implemented"):
        client.get("/odd")
    assert len(server.asked) == 1


def test_an_expired_token_is_said_with_the_next_step(platform: Made) -> None:
    client, server = platform(
        lambda _: refused(401, "unauthorized", f"Invalid credentials {TOKEN} provided.")
    )
    with pytest.raises(Refused, match="heroku auth:token") as caught:
        client.get("/account")

    assert TOKEN not in str(caught.value)
    assert len(server.asked) == 1


def test_the_end_of_patience_names_the_request_and_what_may_have_been_done(platform: Made) -> None:
    client, server = platform(lambda _: HTML)
    with pytest.raises(
        Unanswered, match=r"POST /apps within 1.5 s .*500.*may have been done.*\(request "
    ) as caught:
        client.post("/apps", {"name": "a"}, look=nothing)

    assert "Application Error" not in str(caught.value)
    assert len(server.asked) > 2


def test_nobody_there_ends_too_and_nothing_can_have_been_done() -> None:
    nobody = Account(TOKEN, "http://127.0.0.1:9", "the test")
    with (
        Client(nobody, patience=QUICK) as client,
        pytest.raises(Unanswered, match="ConnectError") as caught,
    ):
        client.post("/apps", {}, look=nothing)

    assert "may have been done" not in str(caught.value)


def test_a_rate_limit_is_waited_for_and_a_post_needs_no_look(
    platform: Made, said: list[str]
) -> None:
    client, server = platform(
        in_turn(refused(429, "rate_limit"), answered({"id": 1}, 201, RateLimit_Remaining="70"))
    )

    def look() -> Any:
        raise AssertionError("nothing can have been made")

    assert client.post("/apps", {}, look=look) == {"id": 1}
    assert client.remaining == 70
    client.get("/apps/a")
    assert any("requests are left" in line for line in said)
    assert len(server.asked) == 3


def test_retry_after_is_obeyed(platform: Made) -> None:
    client, _ = platform(
        lambda _: answered({"id": "rate_limit", "message": ""}, 429, Retry_After="3600")
    )
    with pytest.raises(Unanswered, match="429 rate_limit"):
        client.get("/apps")


def test_a_list_is_read_page_by_page(platform: Made) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.headers.get("Range") == "id b..; max=1":
            return answered(["b"])
        return answered(["a"], 206, Next_Range="id b..; max=1")

    client, server = platform(answer)
    assert client.list_all("/apps") == ["a", "b"]
    assert client.list_all("/apps", "id ..; max=1", pages=1) == ["a"]
    assert server.asked[-1].headers["Range"] == "id ..; max=1"


def test_a_list_that_repeats_itself_is_no_endless_loop(platform: Made) -> None:
    client, _ = platform(lambda _: answered(["a"], 206, Next_Range="id a.."))
    with pytest.raises(HerokuFailure, match="repeats its page"):
        client.list_all("/apps")


def test_a_warning_is_said_once_and_moves_no_cursor(platform: Made, said: list[str]) -> None:
    client, _ = platform(lambda _: answered({}, X_Heroku_Warning="old stack\x1b[2J"))
    client.get("/apps/a")
    client.get("/apps/a")
    assert said == ["Heroku warns: old stack [2J"]


def test_a_redirect_is_not_followed_with_the_token(platform: Made) -> None:
    _, other = platform(lambda _: answered({}))
    client, _ = platform(lambda _: Reply(302, b"", {"Location": other.url}))
    with pytest.raises(Refused, match="302 redirected"):
        client.get("/apps/a")
    assert other.asked == []


def test_the_token_is_in_no_log_and_no_repr(
    platform: Made, caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = platform(in_turn(HTML, answered({})))
    with caplog.at_level(logging.DEBUG):
        client.get("/apps/a")

    assert TOKEN not in caplog.text
    assert TOKEN not in repr(client)
    assert TOKEN not in repr(client.account)
