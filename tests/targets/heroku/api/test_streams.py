"""Output that breaks off is read on from where it stopped, and the token is sent to neither stream
nor upload.
"""

import time

import pytest

from targets.heroku.api.streams import follow, upload
from targets.heroku.errors import HerokuFailure
from tests.targets.heroku.conftest import Made
from tests.targets.heroku.scripted_server import RESET, Asked, Reply, in_turn

TEXT = b"-----> Python app detected\n-----> Installing\nl\xc3\xa4uft\n-----> Done"
LINES = ["-----> Python app detected", "-----> Installing", "läuft", "-----> Done"]


def soon() -> float:
    """A deadline that is not met."""
    return time.monotonic() + 20


def over_after(times: int) -> object:
    """True from that call on."""
    left = iter([False] * times)
    return lambda: next(left, True)


def test_a_cut_stream_is_resumed_by_its_range(platform: Made) -> None:
    def answer(asked: Asked) -> Reply:
        begin = int(asked.headers.get("Range", "bytes=0-")[6:-1])
        rest = TEXT[begin:]
        return Reply(206 if begin else 200, rest, cut=20) if rest else Reply(416)

    _, server = platform(answer)
    said: list[str] = []
    assert follow(server.url, said.append, over_after(5), soon(), 0.001) == LINES
    assert said == LINES
    assert {each.headers.get("Authorization") for each in server.asked} == {None}


def test_whoever_knows_no_ranges_repeats_nothing(platform: Made) -> None:
    _, server = platform(in_turn(Reply(200, TEXT, cut=30), Reply(200, TEXT)))
    said: list[str] = []
    follow(server.url, said.append, over_after(3), soon(), 0.001)
    assert said == LINES


def test_a_stream_that_has_not_begun_is_asked_again(platform: Made) -> None:
    _, server = platform(in_turn(Reply(404), RESET, Reply(200, TEXT)))
    said: list[str] = []
    follow(server.url, said.append, over_after(3), soon(), 0.001)
    assert said == LINES


def test_a_stream_that_never_comes_ends_at_the_deadline() -> None:
    assert follow("http://127.0.0.1:9/x", print, lambda: False, time.monotonic() + 0.02, 0.01) == []


def test_output_cannot_move_the_cursor(platform: Made) -> None:
    _, server = platform(lambda _: Reply(200, b"\x1b[31mred\x1b[0m \x07bell\n"))
    assert follow(server.url, lambda _: None, lambda: True, soon()) == ["red  bell"]


def test_an_upload_has_a_length_and_an_empty_type_and_no_token(platform: Made) -> None:
    _, server = platform(in_turn(Reply(503), RESET, Reply(200)))
    upload(f"{server.url}/put?signature=1", b"tar", pause_s=0.001)
    last = server.asked[-1]
    assert (
        last.method,
        last.body,
        last.headers["Content-Length"],
        last.headers["Content-Type"],
    ) == (
        "PUT",
        b"tar",
        "3",
        "",
    )
    assert "Authorization" not in last.headers
    assert "Transfer-Encoding" not in last.headers


def test_a_refused_upload_does_not_tell_its_address(platform: Made) -> None:
    _, server = platform(lambda _: Reply(403))
    with pytest.raises(HerokuFailure, match="403") as caught:
        upload(f"{server.url}/put?signature=secret", b"tar")
    assert "secret" not in str(caught.value)
    assert len(server.asked) == 1
