"""HTTP as other clients speak it: served where the standard says so, else problem JSON that names
the cause.
"""

import gzip
import json
import socket
import zlib

import httpx
import pytest

from tests.router.router_harness import tensor
from tests.until import until
from tests.wire.processes import Client

ROW = {"x": 1}
BODY = json.dumps({"instances": [ROW]}).encode()
TENSORS = json.dumps({"inputs": [tensor(1)]}).encode()


def post(pair, content=BODY, path="/predict", **headers):
    return httpx.post(f"{pair.url}{path}", content=content, headers=headers, timeout=20)


def raw(pair):
    """A connection on which any bytes can be sent."""
    return Client(
        socket.create_connection(("127.0.0.1", int(pair.url.rpartition(":")[2])), timeout=10)
    )


def told(answer, status):
    """The detail of a problem with that status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return answer.json()["detail"]


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": (gzip.compress(BODY, mtime=0), "gzip"),
    "x-gzip": (gzip.compress(BODY, mtime=0), "X-GZip"),
    "two members": (gzip.compress(BODY[:5], mtime=0) + gzip.compress(BODY[5:], mtime=0), "gzip"),
    "deflate": (zlib.compress(BODY), "deflate"),
    "deflate without its frame": (raw_deflate(BODY), "deflate"),
    "identity": (BODY, "identity"),
}


@pytest.mark.parametrize("name", PACKED)
def test_packed_bodies_are_served(pair, name):
    content, encoding = PACKED[name]
    assert post(pair, content, **{"Content-Encoding": encoding}).json()["predictions"] == [1]
    chunked = post(pair, iter([content[:10], content[10:]]), **{"Content-Encoding": encoding})
    assert chunked.json()["predictions"] == [1]


def test_packed_bodies_are_served_for_infer_and_feedback_too(pair):
    packed = {"Content-Encoding": "gzip"}
    infer = post(pair, gzip.compress(TENSORS, mtime=0), "/v2/models/toy/infer", **packed)
    assert infer.json()["outputs"][0]["data"] == [1.0]
    rows = gzip.compress(b'{"dataframe_records": [{"x": 1}]}', mtime=0)
    assert post(pair, rows, "/invocations", **packed).json() == {"predictions": [1]}
    token = pair.predict({"x": [0.1, 0.9]}).headers["x-prediction-id"]
    label = gzip.compress(json.dumps({"prediction_id": token, "label": 1}).encode(), mtime=0)
    assert post(pair, label, "/feedback", **{"Content-Encoding": "gzip"}).json()["counted"] == 1


@pytest.mark.parametrize(
    ("content", "encoding", "status", "cause"),
    [
        (gzip.compress(b" " * 10_000_000, mtime=0), "gzip", 413, "200000 bytes"),
        (zlib.compress(b" " * 10_000_000), "deflate", 413, "200000 bytes"),
        (gzip.compress(b"", mtime=0) * 1000, "gzip", 400, "members"),
        (gzip.compress(BODY, mtime=0)[:-9], "gzip", 400, "too early"),
        (BODY, "gzip", 400, "not gzip"),
        (BODY, "deflate", 400, "not deflate"),
        (gzip.compress(BODY, mtime=0), "br", 415, "'br'"),
        (gzip.compress(gzip.compress(BODY, mtime=0), mtime=0), "gzip, gzip", 415, "gzip, gzip"),
        (gzip.compress(BODY, mtime=0), "identity", 400, "Content-Encoding: gzip"),
    ],
)
def test_what_is_packed_otherwise_or_too_large_is_refused_with_its_cause(
    pair, content, encoding, status, cause
):
    for body in (content, iter([content])):
        answer = post(pair, body, **{"Content-Encoding": encoding})
        assert cause in told(answer, status)
        if status == 415:
            assert answer.headers["accept-encoding"] == "gzip, deflate"


def test_a_byte_order_mark_at_the_start_is_skipped(pair):
    assert post(pair, b"\xef\xbb\xbf" + BODY).json()["predictions"] == [1]


@pytest.mark.parametrize(
    ("content", "causes"),
    [
        (b'{"instances": [{"x": NaN}]}', ("NaN", "'x'", "null")),
        (b'{"instances": [{"y": 1, "x": nan}]}', ("nan", "'x'", "null")),
        (b'{"instances": [{"x": Infinity}]}', ("Infinity", "'x'", "null")),
        (b'{"instances": [{"x": 1}, {"x":-Infinity}]}', ("-Infinity", "'x'", "null")),
        (BODY.decode().encode("utf-16"), ("UTF-16", "UTF-8")),
        (BODY.decode().encode("utf-16-le"), ("UTF-16", "UTF-8")),
        (BODY.decode().encode("utf-32"), ("UTF-32", "UTF-8")),
        (b'{"instances": [{"x": "\xfc"}]}', ("UTF-8", "byte")),
        (b"", ("empty", '{"instances": [')),
        (b'[{"x": 1}]', ("list", '{"instances": [')),
        (b'{"x": 1}', ("no `instances`", '{"instances": [')),
        (b'{"instances": {"x": 1}}', ("not a list", '{"instances": [')),
        (b'{"dataframe_split": {}}', ("no `instances`", '{"instances": [')),
        (
            b'{"signature_name": "s", "instances": [{"x": 1}]}',
            ("signature_name", '{"instances": ['),
        ),
        (b'{"instances": [{"x": 1},]}', ("trailing comma", '{"instances": [')),
        (b'{"instances": [{"x": 1}]', ("truncated", '{"instances": [')),
    ],
)
def test_a_body_of_another_form_is_refused_with_its_cause_and_what_to_send(pair, content, causes):
    detail = told(post(pair, content), 400)
    assert all(cause in detail for cause in causes), detail
    assert len(detail) < 500


ROUTES = {
    "/predict": (BODY, "instances"),
    "/v2/models/toy/infer": (TENSORS, "inputs"),
    "/invocations": (b'{"instances": [[1]]}', "inputs"),
    "/feedback": (b"[]", "prediction_id"),
}


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_takes_a_byte_order_mark_and_names_what_is_no_json(pair, path):
    body, form = ROUTES[path]
    assert post(pair, b"\xef\xbb\xbf" + body, path).status_code == 200
    for content, cause in (
        (b"", "the body is empty: send "),
        (b" ", "the body is empty: send "),
        (body.decode().encode("utf-16"), "the body is UTF-16: send it as UTF-8"),
        (b"\x1f\x8b1", "the body is gzip and does not say so"),
        (f'{{"{form}": [NaN]}}'.encode(), "is not JSON: send null"),
        (f'{{"{form}": '.encode(), "truncated): send "),
    ):
        answer = post(pair, content, path)
        said = answer.json()
        assert answer.status_code == 400
        assert cause in (said.get("detail") or said.get("error") or said.get("message")), said


def test_of_a_name_that_is_given_twice_the_last_value_counts(pair):
    assert post(pair, b'{"instances": [], "instances": [{"x": 1, "x": 2}]}').json()[
        "predictions"
    ] == [2]


@pytest.mark.parametrize(
    "value", ["soon", "-5", "0", "0.0", "", "1e3", "nan", "inf", "١٢", "1 2", "+5"]
)
def test_a_timeout_that_is_no_positive_number_is_400_and_says_so(pair, value):
    answer = post(pair, **{"X-Timeout-Ms": value.encode()})
    assert "X-Timeout-Ms" in told(answer, 400)


@pytest.mark.parametrize("value", ["250", "2500.5", "9" * 400, "0" * 300 + "900"])
def test_a_timeout_may_be_any_positive_number(pair, value):
    assert post(pair, **{"X-Timeout-Ms": value}).status_code == 200


@pytest.mark.parametrize("name", ["X-Unit-Id", "X-Model-Version", "X-Timeout-Ms"])
@pytest.mark.parametrize("first", ["2000", ""])
def test_a_header_that_steers_is_sent_once(pair, name, first):
    pairs = [(name, first), (name, "3000")]
    said = f"the header {name.lower()} is given twice: send it once"
    answer = httpx.post(f"{pair.url}/predict", content=BODY, headers=pairs)
    assert told(answer, 400) == said
    answer = httpx.post(f"{pair.url}/v2/models/toy/infer", content=b"{}", headers=pairs)
    assert (answer.status_code, answer.json()) == (400, {"error": said})


def test_refusals_are_counted(pair):
    def refused(status):
        metrics = httpx.get(f"{pair.url}/metrics").text.splitlines()
        found = [
            line
            for line in metrics
            if line.startswith("sluice_refusals_total") and f'"{status}"' in line
        ]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    before = refused(400), refused(415)
    post(pair, **{"X-Timeout-Ms": "soon"})
    post(pair, **{"Content-Encoding": "br"})
    with raw(pair) as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert client.read() == [400]

    until(
        lambda: refused(400) >= before[0] + 2 and refused(415) >= before[1] + 1, "all three count"
    )


def test_an_empty_pin_is_none(pair):
    assert post(pair, **{"X-Model-Version": ""}).status_code == 200


@pytest.mark.parametrize("value", [b'a"b<c>', b"a" * 128])
def test_a_request_id_is_given_back(pair, value):
    assert post(pair, **{"X-Request-Id": value}).headers["x-request-id"] == value.decode()


@pytest.mark.parametrize("value", ["ü".encode(), b"\xff", b"a" * 129, b"a\tb"])
def test_a_request_id_that_not_every_client_can_read_is_replaced(pair, value):
    given = post(pair, **{"X-Request-Id": value}).headers["x-request-id"]
    assert given.isascii()
    assert given.encode() != value
    assert 0 < len(given) <= 128


PLACES = {
    "/": "GET",
    "/docs": "GET",
    "/openapi.json": "GET",
    "/metrics": "GET",
    "/status": "GET",
    "/v2": "GET",
    "/v2/health/live": "GET",
    "/v2/health/ready": "GET",
    "/v2/models/toy": "GET",
    "/v2/models/toy/ready": "GET",
    "/v2/models/toy/versions/v1": "GET",
    "/predict": "POST",
    "/feedback": "POST",
    "/drains/v1": "POST",
    "/v2/models/toy/infer": "POST",
    "/invocations": "POST",
    "/ping": "GET",
    "/health": "GET",
    "/version": "GET",
}


@pytest.mark.parametrize("path", [path for path, method in PLACES.items() if method == "GET"])
def test_head_is_get_without_its_body(pair, path):
    whole, head = httpx.get(f"{pair.url}{path}"), httpx.head(f"{pair.url}{path}", timeout=3)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert "body bytes on a no-body response" not in pair.log("router")


@pytest.mark.parametrize("path", PLACES)
def test_another_method_is_405_with_those_that_are_allowed_and_options_lists_them(pair, path):
    right = PLACES[path]
    for wrong in ("PUT", "DELETE", "GET" if right == "POST" else "POST"):
        answer = httpx.request(wrong, f"{pair.url}{path}", content=b"")
        assert answer.status_code == 405
        assert right in answer.headers["allow"]
        assert wrong not in answer.headers["allow"].split(", ")
        assert answer.headers["content-type"] in ("application/problem+json", "application/json")
        assert set(answer.json()) & {"detail", "error", "message"}

    options = httpx.options(f"{pair.url}{path}")
    assert options.status_code in (200, 204)
    assert {right, "OPTIONS"} <= set(options.headers["allow"].split(", "))


@pytest.mark.parametrize(
    "path",
    ["/predict/", "//predict", "/nope", "/status/", "//status", "/v2//health/live", "/PREDICT"],
)
def test_another_path_is_404(pair, path):
    with raw(pair) as client:
        assert (
            client.ask(
                b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}" % path.encode()
            )
            == 404
        )
        assert client.answers.headers[0][b"content-type"] in (
            b"application/problem+json",
            b"application/json",
        )


@pytest.mark.parametrize("target", [b"http://x/predict", b"/predict?x=1", b"/%70redict"])
def test_predict_is_also_reached_by_other_forms_of_its_target(pair, target):
    with raw(pair) as client:
        client.send(
            b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
            % (target, len(BODY), BODY)
        )
        assert client.read(1) == [200]


def test_expect_chunked_and_http_1_0_are_served(pair):
    head = b"POST /predict HTTP/1.%d\r\nHost: x\r\n%b\r\n\r\n"
    with raw(pair) as client:
        assert (
            client.ask(head % (1, b"Expect: 100-continue\r\nContent-Length: %d" % len(BODY))) == 100
        )
        assert client.ask(BODY) == 200
        assert (
            client.ask(
                head % (1, b"Transfer-Encoding: chunked")
                + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
            )
            == 200
        )

    with raw(pair) as client:
        assert client.ask(head % (0, b"Content-Length: %d" % len(BODY)) + BODY) == 200


def test_a_client_that_closes_its_side_gets_its_answer(pair):
    slow = json.dumps({"instances": [{"x": 1, "slow_s": 0.1}]}).encode()
    with raw(pair) as client:
        client.send(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(slow), slow)
        )
        client.socket.shutdown(socket.SHUT_WR)
        assert (client.read(), client.closed) == ([200], True)
