"""Who may see and ask what: everybody, a caller on this machine, the operator."""

import socket

import httpx
import pytest

from rollout.access_tokens import NamedToken, TokenRole, digest_of, to_text
from rollout.settings import RouterSettings
from router.access.origin import is_loopback
from router.access.rules import Access
from router.access.token_list import TokenList
from router.config import from_environment
from router.problems import Problem
from tests.router.router_harness import OPERATOR, SECRET, router_harness
from tests.wire.processes import Client

TOKEN = "toy-operator-token-of-sixteen"
BEARER = (b"authorization", f"Bearer {TOKEN}".encode())
VIEWER = (b"authorization", b"Bearer sluice_of-ana")
ANA = NamedToken("ana", TokenRole.VIEWER, digest_of(b"sluice_of-ana"))
LOCAL = (b"host", b"127.0.0.1:8000")


def rules(host, token=TOKEN, **settings):
    """The rules of a router with a viewer's token beside its own."""
    tokens = TokenList(token, text=to_text((ANA,)))
    return Access(RouterSettings(**settings), host, tokens, b"k" * 64)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *(
            (host, True)
            for host in ("127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost", "LOCALHOST.")
        ),
        *(
            (host, False)
            for host in ("0.0.0.0", "::", "10.0.0.1", "example.com", "", "localhost.example.com")
        ),
    ],
)
def test_a_loopback_host_is_known(host, loopback):
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("host", "headers", "allowed"),
    [
        ("127.0.0.1", [LOCAL], True),
        ("127.0.0.1", [(b"host", b"[::1]:8000")], True),
        ("127.0.0.1", [(b"host", b"localhost")], True),
        ("127.0.0.1", [], False),
        ("127.0.0.1", [(b"host", b"models.example.com")], False),
        ("127.0.0.1", [LOCAL, (b"host", b"models.example.com")], False),
        *(
            ("127.0.0.1", [(b"host", host)], False)
            for host in (
                *(b"127.0.0.1:80@evil.com", b"[::1]evil.com", b"[::1", b"::1]", b"127.0.0.1@x"),
                *(b"localhost:80:80", b"x@localhost", b"[[::1]]", b"127.0.0.1:x", b""),
            )
        ),
        *(
            ("127.0.0.1", [LOCAL, (name, b"10.0.0.1")], False)
            for name in (b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip")
        ),
        ("0.0.0.0", [LOCAL], False),
        ("0.0.0.0", [LOCAL, BEARER], True),
        ("127.0.0.1", [(b"host", b"models.example.com"), BEARER], True),
    ],
)
def test_what_says_that_it_comes_from_elsewhere_needs_the_token(host, headers, allowed):
    assert rules(host).sees("GET", headers) is allowed
    assert rules(host, open_on_loopback=False).sees("GET", headers) is (BEARER in headers)


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer x",
        TOKEN.encode(),
        f"Basic {TOKEN}".encode(),
        b"Bearer \xe9",
    ],
)
def test_only_the_token_makes_an_operator(given):
    for token in (TOKEN, ""):
        assert not rules("127.0.0.1", token).caller("GET", [(b"authorization", given)]).acts


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/status", 200),
        (b"http://127.0.0.1/status", 200),
        (b"http://[::1]:80/status", 200),
        (b"http://evil.com/status", 401),
        (b"HTTP://evil.com:80/status", 401),
        (b"http://127.0.0.1@evil.com/status", 401),
        (b"http://127.0.0.1:80@evil.com/status", 401),
        (b"http:///status", 401),
    ],
)
def test_the_name_in_an_absolute_target_counts_and_not_the_host_header(pair, target, status):
    with socket.create_connection(("127.0.0.1", int(pair.url.rpartition(":")[2]))) as made:
        client = Client(made)
        assert client.ask(b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % target) == status


def test_the_scheme_is_of_any_case():
    assert rules("0.0.0.0").caller("GET", [(b"authorization", f"bearer {TOKEN}".encode())]).acts


@pytest.mark.parametrize(
    ("pinning", "host", "headers", "status"),
    [
        ("loopback", "127.0.0.1", [LOCAL], None),
        ("loopback", "0.0.0.0", [LOCAL], 403),
        ("loopback", "0.0.0.0", [LOCAL, BEARER], None),
        ("loopback", "0.0.0.0", [LOCAL, (b"authorization", b"Bearer wrong")], 401),
        ("loopback", "127.0.0.1", [LOCAL, (b"authorization", b"Bearer wrong")], None),
        ("loopback", "127.0.0.1", [LOCAL, VIEWER], None),
        ("loopback", "0.0.0.0", [LOCAL, VIEWER], 403),
        (False, "127.0.0.1", [LOCAL, VIEWER], 403),
        (True, "0.0.0.0", [LOCAL], None),
        (False, "127.0.0.1", [LOCAL], 403),
        (False, "127.0.0.1", [LOCAL, BEARER], None),
    ],
)
def test_a_version_is_chosen_by_whoever_the_setting_names(pinning, host, headers, status):
    access = rules(host, pinning=pinning)
    if status is None:
        access.require_pinning(headers)
        return

    with pytest.raises(Problem) as refused:
        access.require_pinning(headers)

    assert refused.value.status == status


def test_a_dyno_is_reached_from_outside_its_host(tmp_path):
    (tmp_path / "deploy.toml").write_text('model = "toy"\n')
    environ = {"SLUICE_SERVICE_SECRET": "s" * 16, "SLUICE_TOKEN_KEY": "t" * 16}
    environ["SLUICE_CONFIG"] = str(tmp_path / "deploy.toml")
    assert from_environment(environ).host == "127.0.0.1"
    assert from_environment({**environ, "DYNO": "web.1"}).host == "0.0.0.0"


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A router that takes nobody for local: v1 released, v2 a shadow that answers otherwise."""
    with router_harness(
        tmp_path_factory.mktemp("closed"), settings="[router]\nopen_on_loopback = false\n"
    ) as made:
        made.know(made.version("v1"), made.version("v2"))
        made.split({"v1": 10000}, {"v2": 10000})
        made.router()
        yield made


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/docs", "/openapi.json", "/status", "/metrics", "/whoserved/x", "/acts/rollback"),
        "/v2/models/toy/stats",
    ],
)
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": f"Bearer {SECRET}"}, {"X-Forwarded-For": "127.0.0.1"}]
)
def test_the_operators_pages_are_closed_to_strangers(closed, path, headers):
    for method in ("GET", "HEAD"):
        answer = httpx.request(method, f"{closed.url}{path}", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "v1" not in answer.text


@pytest.mark.parametrize("path", ["/v2", "/v2/health/live", "/v2/models/toy"])
def test_the_protocol_is_for_everybody(closed, path):
    assert httpx.get(f"{closed.url}{path}").status_code == 200


def test_health_says_no_more_than_it_must(closed):
    assert httpx.get(f"{closed.url}/v2/health/ready").json() == {"ready": True}
    assert (
        httpx.get(f"{closed.url}/v2/health/ready", headers=OPERATOR).json()["ledger"] == "answers"
    )


def test_a_stranger_chooses_no_version_and_is_told_of_none(closed):
    for version in ("v2", "v9"):
        answer = closed.predict({"x": 1}, **{"X-Model-Version": version})
        assert answer.status_code == 403
        assert "v1" not in answer.text
        inferred = httpx.post(
            f"{closed.url}/v2/models/toy/versions/{version}/infer", json={"inputs": []}
        )
        assert (inferred.status_code, set(inferred.json())) == (403, {"error"})

    assert (
        closed.predict({"x": 1}, **{"X-Model-Version": "v2"}, **OPERATOR).headers["x-model-version"]
        == "v2"
    )
    unknown = closed.predict({"x": 1}, **{"X-Model-Version": "v9"}, **OPERATOR)
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "version 'v9' is not deployed")


def test_the_index_shows_strangers_only_what_answers_users(closed):
    def versions(**headers):
        found = httpx.post(f"{closed.url}/v2/repository/index", headers=headers).json()
        return [(entry["version"], entry["state"]) for entry in found]

    assert versions() == [("v1", "READY")]
    assert versions(**OPERATOR) == [("v1", "READY"), ("v2", "READY")]


def test_users_rows_never_go_out_without_the_token(pair):
    assert "worst" not in httpx.get(f"{pair.url}/status").json()
    assert "worst" in httpx.get(f"{pair.url}/status", headers=OPERATOR).json()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nowhere", 404),
        ("GET", "/v2/", 404),
        ("POST", "/v2/health/live", 405),
        ("DELETE", "/v2/models/toy", 405),
        ("GET", "/v2/models/toy/infer", 405),
        ("GET", "/v2/models/other", 404),
        ("GET", "/v2/models/toy/versions/v9", 404),
        ("GET", "/v2/models/toy/versions/v9/stats", 404),
        ("POST", "/v2/repository/index", 400),
    ],
)
def test_every_error_under_v2_is_the_protocols(pair, method, path, status):
    answer = httpx.request(method, f"{pair.url}{path}", content=b"{" if status == 400 else b"")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert list(answer.json()) == ["error"]
    assert ("allow" in answer.headers) == (status == 405)


def test_infer_is_bounded_in_rows(pair):
    url = f"{pair.url}/v2/models/toy/infer"
    many = httpx.post(
        url, json={"inputs": [{"name": "x", "shape": [101], "datatype": "FP64", "data": []}]}
    )
    assert (many.status_code, many.json()["error"]) == (
        413,
        "101 rows in one request: at most 100 are allowed",
    )


def test_head_is_answered_where_get_is(pair):
    for path in ("/v2/models/toy", "/v2/models/toy/ready", "/v2/health/ready", "/status"):
        answer = httpx.head(f"{pair.url}{path}")
        assert (answer.status_code, answer.content) == (200, b"")


def test_what_does_not_infer_is_drawn_and_counted_nowhere(pair):
    before = pair.status()["versions"]["v1"]
    for _ in range(20):
        assert httpx.get(f"{pair.url}/v2/models/toy/ready").headers["x-model-version"] == "v1"
    after = pair.status()["versions"]["v1"]
    assert (after["drawn"], after["requests"]) == (before["drawn"], before["requests"])
