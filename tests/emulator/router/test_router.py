"""The router: hosts, headers, error codes and their log lines."""

import re
import socket
import threading
from contextlib import ExitStack

import httpx
import pytest

from tests.until import until


def test_an_unknown_host_is_no_such_app(heroku):
    answer = heroku.public.get("/", headers={"Host": "nothing-0123456789ab.herokuapp.com"})
    assert (answer.status_code, "No such app" in answer.text) == (404, True)


def test_the_routers_headers_reach_the_app(heroku):
    app = heroku.sample_app()
    given = {"X-Request-Id": "0123456789-abcdefghij", "X-Forwarded-For": "198.51.100.7"}
    headers = heroku.get(app, **given).json()["headers"]
    assert headers["X-Request-Id"] == given["X-Request-Id"]
    assert headers["X-Forwarded-For"] == "198.51.100.7, 127.0.0.1"
    assert (headers["X-Forwarded-Proto"], headers["X-Forwarded-Port"]) == ("https", "443")
    assert headers["Via"] == "2.0 heroku-router"
    assert headers["X-Request-Start"].isdigit()


def test_a_request_id_that_is_not_one_is_replaced(heroku):
    headers = heroku.get(heroku.sample_app(), **{"X-Request-Id": "short"}).json()["headers"]
    assert headers["X-Request-Id"] != "short"


def test_a_request_has_its_line_in_the_log(heroku):
    app = heroku.sample_app()
    answer = heroku.get(app, "/somewhere")
    line = next(line for line in heroku.log(app).splitlines() if "/somewhere" in line)
    assert 'heroku[router]: at=info method=GET path="/somewhere"' in line
    assert re.search(r" dyno=web\.1 connect=\d+ms service=\d+ms ", line)
    assert f"status=200 bytes={len(answer.content)} protocol=https" in line


def test_bodies_go_through_with_a_length_and_in_chunks(heroku):
    app = heroku.sample_app()
    host = {"Host": app["web_url"].removeprefix("https://").strip("/")}
    assert heroku.public.post("/", content=b"x" * 300_000, headers=host).json() == {
        "bytes": 300_000
    }
    assert heroku.public.head("/", headers=host).status_code in (200, 501)


def test_a_wish_for_another_protocol_is_passed_over(heroku):
    answer = heroku.get(heroku.sample_app(), Connection="Upgrade", Upgrade="websocket")
    assert (answer.status_code, "Upgrade" in answer.json()["headers"]) == (200, False)


def failed(heroku, app, code, status=503, path="/"):
    """The answer is this error, as a page, and has its line in the log."""
    answer = heroku.get(app, path)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "text/html; charset=utf-8",
    )
    assert f"at=error code={code} desc=" in heroku.logged(app, f"code={code}")


def test_h10_a_crashed_app(heroku):
    app = heroku.sample_app(wait=False, BOOT="crash")
    until(lambda: heroku.log(app).count("Process exited with status 4") >= 2, "two attempts")
    failed(heroku, app, "H10")


def test_h12_no_byte_in_time(hurried):
    failed(hurried, hurried.sample_app(), "H12", path="/slow")


def test_h13_closed_without_an_answer(heroku):
    failed(heroku, heroku.sample_app(), "H13", path="/mute")


def test_h17_an_answer_that_is_not_http(heroku):
    failed(heroku, heroku.sample_app(), "H17", path="/garble")


def test_h21_nobody_listens_any_more(heroku):
    app = heroku.sample_app()
    heroku.get(app, "/deaf")
    failed(heroku, app, "H21")


def test_h11_more_wait_than_may(heroku):
    app = heroku.sample_app()

    host, port = heroku.base.removeprefix("http://").split(":")
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection((host, int(port)), 60)) for _ in range(120)
        ]
        for client in clients:
            client.sendall(f"GET /second HTTP/1.1\r\nHost: {app['web_url'][8:-1]}\r\n\r\n".encode())
        codes = [client.recv(12)[-3:].decode() for client in clients]

    assert {code: codes.count(code) for code in codes} == {"200": 100, "503": 20}
    assert "code=H11" in heroku.log(app)


def test_h14_no_web_dynos(heroku):
    app = heroku.sample_app()
    heroku.scale(app, 0)
    failed(heroku, app, "H14")


@pytest.mark.parametrize(("path", "code"), [("/half", "H18"), ("/stall", "H15")])
def test_h18_and_h15_an_answer_that_breaks_or_stops(hurried, path, code):
    app = hurried.sample_app()
    with pytest.raises(httpx.TransportError):
        hurried.get(app, path)
    assert f"code={code}" in hurried.logged(app, f"code={code}")


def test_h20_nothing_is_up_in_time(hurried):
    app = hurried.sample_app(BOOT="")
    hurried.call("PATCH", f"/apps/{app['id']}/config-vars", json={"BOOT": "never"})
    failed(hurried, app, "H20")


def test_h27_a_client_that_leaves(heroku):
    app = heroku.sample_app()
    with pytest.raises(httpx.ReadTimeout):
        heroku.public.get("/second", headers={"Host": app["web_url"][8:-1]}, timeout=0.2)
    assert "status=499" in heroku.logged(app, "code=H27")


def test_h80_maintenance_and_h81_nothing_deployed(heroku):
    app = heroku.new()
    failed(heroku, app, "H81")
    heroku.call("PATCH", f"/apps/{app['id']}", json={"maintenance": True})
    failed(heroku, app, "H80")


def test_requests_of_many_clients_are_answered_side_by_side(heroku):
    app = heroku.sample_app()
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(heroku.get(app, "/second").status_code))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join(300)

    assert codes == [200] * 8
