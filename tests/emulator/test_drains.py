"""Log drains: the form of batches, their repetition where they are refused, and their end."""

import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from emulator.dynos.logs import Line
from emulator.router.log_drains import syslog_frame
from tests.emulator.emulator_harness import PLAIN
from tests.until import until


class Receiver:
    """Accepts batches, but for the first `refuses`, which it answers with 503."""

    def __init__(self, refuses=0):
        self.refuses, self.batches, self.url = refuses, [], ""

    def text(self):
        return b"".join(body for _, body in self.batches)


@contextmanager
def receiver(refuses=0):
    """A receiver that listens."""
    collector = Receiver(refuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            collector.batches.append(
                (dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))
            )
            self.send_response(503 if len(collector.batches) <= collector.refuses else 204)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://drain:secret@127.0.0.1:{server.server_port}/drains/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()


def drained(heroku, app, url):
    """A drain of the app."""
    return heroku.call("POST", f"/apps/{app['id']}/log-drains", 201, json={"url": url})


def test_a_drain_is_made_listed_looked_at_and_removed(heroku):
    app = heroku.new()
    drain = drained(heroku, app, "http://127.0.0.1:9/drains/v1")
    path = f"/apps/{app['name']}/log-drains"
    assert heroku.call("GET", path) == [drain]
    assert (
        heroku.call("GET", f"{path}/{drain['id']}")
        == heroku.call("GET", f"{path}/{drain['token']}")
        == drain
    )
    assert (drain["url"], drain["addon"]) == ("http://127.0.0.1:9/drains/v1", None)
    assert heroku.call("DELETE", f"{path}/{drain['id']}") == drain
    assert heroku.call("GET", path) == []
    assert heroku.call("GET", f"{path}/{drain['id']}", 404)["resource"] == "log_drain"


@pytest.mark.parametrize(("url", "status"), [("no address", 422), ("https://example.com/", 501)])
def test_an_address_that_nothing_can_be_sent_to_is_refused(heroku, url, status):
    heroku.call("POST", f"/apps/{heroku.new()['id']}/log-drains", status, json={"url": url})


def test_an_app_has_five_drains_at_most_and_none_twice(heroku):
    app = heroku.new()
    for number in range(5):
        drained(heroku, app, f"http://127.0.0.1:9/{number}")

    path = f"/apps/{app['id']}/log-drains"
    assert (
        "taken" in heroku.call("POST", path, 422, json={"url": "http://127.0.0.1:9/1"})["message"]
    )
    assert (
        "limit of 5"
        in heroku.call("POST", path, 422, json={"url": "http://127.0.0.1:9/5"})["message"]
    )


def test_the_lines_of_app_and_platform_arrive_with_their_lengths_and_the_secret(heroku):
    with receiver() as collector:
        app = heroku.new()
        drained(heroku, app, collector.url)
        heroku.release(app, heroku.slug("sample", PLAIN))
        heroku.up(app)
        until(
            lambda: b"State changed from starting to up" in collector.text(),
            "the dyno manager's line",
        )
        until(
            lambda: b" host app web.1 - the sample app starts\n" in collector.text(),
            "the app's line",
        )
        for headers, body in collector.batches:
            lines = re.findall(rb"\d+ <\d+>1 \S+ host (?:app|heroku) \S+ - .*\n", body)
            assert b"".join(lines) == body
            assert all(
                len(line.partition(b" ")[2]) == int(line.partition(b" ")[0]) for line in lines
            )
            assert int(headers["Logplex-Msg-Count"]) == len(lines)
            assert headers["Content-Type"] == "application/logplex-1"
            assert headers["Authorization"] == "Basic ZHJhaW46c2VjcmV0"
        assert len({headers["Logplex-Frame-Id"] for headers, _ in collector.batches}) == len(
            collector.batches
        )


def test_a_batch_that_was_not_taken_is_sent_again_under_its_id(heroku):
    with receiver(refuses=2) as collector:
        app = heroku.sample_app()
        drained(heroku, app, collector.url)
        heroku.get(app)
        until(lambda: len(collector.batches) >= 3, "the third try", 30)
        assert len({headers["Logplex-Frame-Id"] for headers, _ in collector.batches[:3]}) == 1
        assert len({body for _, body in collector.batches[:3]}) == 1


def test_what_nobody_takes_is_lost_and_the_log_says_so(heroku):
    app = heroku.sample_app()
    drain = drained(heroku, app, "http://127.0.0.1:9/")
    heroku.get(app)
    heroku.logged(app, "heroku[logplex]: Error L10 (output buffer overflow): 1 messages dropped")
    heroku.call("DELETE", f"/apps/{app['id']}/log-drains/{drain['id']}")


def test_another_app_is_reached_at_its_own_host(heroku):
    target, app = heroku.sample_app(), heroku.sample_app()
    host = target["web_url"].removeprefix("https://").strip("/")
    drained(heroku, app, f"https://drain:secret@{host}/drains/v1")
    heroku.get(app)
    log = heroku.logged(target, 'method=POST path="/drains/v1"')
    assert "secret" not in log


def test_the_length_before_a_line_is_in_bytes():
    line = Line(1, "2026-08-01T12:00:00.000000+00:00", "app", "web.1", "søm")
    length, _, rest = syslog_frame(line).partition(b" ")
    assert int(length) == len(rest) == 62
