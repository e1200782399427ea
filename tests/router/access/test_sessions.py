"""Sessions of browsers against a real router: what a cookie is good for, and when it ends."""

import socket
from functools import partial

import httpx
import pytest
from itsdangerous import URLSafeTimedSerializer

from rollout.access_tokens import NamedToken, digest_of
from router.access.sessions import Sessions
from router.access.token_list import TokenList
from router.access.wrong_tokens import MOST_AT_ONCE, WrongTokens
from tests.router.access.named_tokens import ANA, BOB, TOKENS, Browser, keep_tokens, signed_in
from tests.router.router_harness import OPERATOR, TOKEN_KEY, router_harness
from tests.until import until


@pytest.fixture(scope="module")
def router(tmp_path_factory):
    """A router of two workers on loopback that takes nobody for local, with ana and bob."""
    folder = tmp_path_factory.mktemp("sessions")
    settings = "[router]\nopen_on_loopback = false\n"
    with router_harness(folder, settings=settings, workers=2) as made:
        made.know(made.version("v1"), made.version("v2"))
        made.split({"v1": 10000})
        made.router()
        yield made


@pytest.fixture(autouse=True)
def both_have_tokens(router):
    keep_tokens(router.folder)


def test_a_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(router):
    answer = Browser(router.url).post("/session", json={"token": TOKENS["ana"][1]})
    assert answer.json() == {"name": "ana", "role": "viewer", "by": "session"}
    cookie = answer.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"):
        assert part in cookie

    assert "Secure" not in cookie
    assert "sluice_of-ana" not in cookie
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", TOKENS)
def test_every_worker_knows_the_session_and_its_role(router, name):
    client = signed_in(router.url, name)
    for _ in range(10):
        # A new connection may reach another worker.
        assert client.who() == f"{name} {TOKENS[name][0]}"

    assert "worst" in client.get("/status").json()


def test_a_form_is_sent_to_the_page(router):
    answer = Browser(router.url).post("/session", data={"token": TOKENS["bob"][1]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "sluice" in answer.headers["set-cookie"]


@pytest.mark.parametrize("by", ["https", "https, http", "HTTPS"])
def test_behind_tls_the_cookie_is_secure(router, by):
    token = {"token": TOKENS["ana"][1]}
    answer = Browser(router.url).post("/session", {"X-Forwarded-Proto": by}, json=token)
    assert "; Secure" in answer.headers["set-cookie"]


def test_signing_out_ends_the_session(router):
    client = signed_in(router.url, "ana")
    assert client.request("DELETE", "/session").status_code == 204
    assert not client.cookies
    assert client.who() == "stranger"
    assert client.request("DELETE", "/session").status_code == 204


def test_a_revoked_token_ends_its_sessions_at_once_and_no_other_one(router):
    ana, bob = signed_in(router.url, "ana"), signed_in(router.url, "bob")
    keep_tokens(router.folder, "bob")
    assert (ana.who(), bob.who()) == ("stranger", "bob operator")
    assert httpx.get(f"{router.url}/status", headers=ANA).status_code == 401


def test_a_token_that_is_made_anew_under_the_same_name_ends_the_old_sessions(router):
    ana = signed_in(router.url, "ana")
    keep_tokens(router.folder, "ana", "bob", ana="sluice_another")
    assert ana.who() == "stranger"
    keep_tokens(router.folder)
    assert ana.who() == "ana viewer"


def test_a_role_that_changes_changes_the_session(router):
    bob = signed_in(router.url, "bob")
    path = keep_tokens(router.folder)
    path.write_text(path.read_text().replace('"role": "operator"', '"role": "viewer"'))
    assert bob.who() == "bob viewer"
    assert bob.post("/acts/rollback").status_code == 403


def signed(value: object, key: bytes = TOKEN_KEY.encode()) -> str:
    """A value signed as the router would, with the key that no forger has."""
    return str(Sessions(key, TokenList(""), 60)._signer.dumps(value))


def fingerprint(name: str) -> str:
    role, token = TOKENS[name]
    sessions = Sessions(TOKEN_KEY.encode(), TokenList(""), 60)
    return sessions._fingerprint(NamedToken(name, role, digest_of(token.encode())))


def test_what_the_forgeries_are_made_of_is_a_session(router):
    ((name, _),) = signed_in(router.url, "ana").cookies.items()
    made = signed(["ana", fingerprint("ana")])
    assert Browser(router.url).who(Cookie=f"{name}={made}") == "ana viewer"


FORGERIES = {
    "another last digit": lambda value: value[:-2] + ("AA" if value[-2:] != "AA" else "BB"),
    "another payload": lambda value: "x" + value,
    "no signature": lambda value: value.rpartition(".")[0],
    "empty": lambda _: "",
    "dots": lambda _: "..",
    "no base64": lambda _: "a.b.c",
    "many": lambda value: value * 20,
    "another key": lambda _: signed(["ana", fingerprint("ana")], b"another key of sixteen bytes"),
    "the token of another": lambda _: signed(["bob", fingerprint("ana")]),
    "no token": lambda _: signed(["ana", "00"]),
    "nobody": lambda _: signed(["eve", fingerprint("ana")]),
    "a text": lambda _: signed("ana"),
    "other types": lambda _: signed([["ana"], {}]),
    "null": lambda _: signed(["ana", None]),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_cookie_is_a_strangers(router, forgery):
    ((name, value),) = signed_in(router.url, "ana").cookies.items()
    forged = {"Cookie": f"{name}={FORGERIES[forgery](value)}"}
    assert Browser(router.url).who(**forged) == "stranger"
    assert httpx.get(f"{router.url}/status", headers=forged).status_code == 401


def test_a_good_cookie_among_bad_ones_counts(router):
    ((name, value),) = signed_in(router.url, "ana").cookies.items()
    for cookies in (f"a=b; {name}={value}", f"{name}=x; {name}={value}"):
        assert Browser(router.url).who(Cookie=cookies) == "ana viewer"


def test_a_session_ends_with_its_time(tmp_path):
    settings = "[router]\nopen_on_loopback = false\nsession_s = 2\n"
    with router_harness(tmp_path, settings=settings) as made:
        keep_tokens(tmp_path)
        made.know(made.version("v1"))
        made.split({"v1": 10000})
        made.router()
        client = signed_in(made.url, "bob")
        assert client.who() == "bob operator"
        until(lambda: client.who() == "stranger", "the session's end")
        assert client.post("/acts/rollback").status_code == 401


def test_a_signature_for_another_purpose_is_no_session():
    tokens = TokenList("the operator's own of sixteen")
    sessions = Sessions(b"key", tokens, 60)
    own = tokens.of_name("operator")
    assert own is not None
    name, _, value = sessions.begun(own, encrypted=False).partition(";")[0].partition("=")
    assert sessions.token_of(f"{name}={value}") == own
    assert Sessions(b"other", tokens, 60).token_of(f"{name}={value}") is None
    payload = ["operator", sessions._fingerprint(own)]
    other = URLSafeTimedSerializer(sessions._key, salt="other").dumps(payload)
    assert sessions.token_of(f"{name}={other}") is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        # Another program's page on this machine is of the same site, and of another origin.
        {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1:99999999"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_page_of_another_origin_acts_and_signs_nobody_in_or_out(router, headers):
    client = signed_in(router.url, "bob")
    foreign = {"Origin": "", "Sec-Fetch-Site": "", **headers}
    for method, path in (("POST", "/acts/rollback"), ("DELETE", "/session")):
        refused = client.request(method, path, foreign)
        assert refused.status_code == 403
        assert "does not come from this router's own page" in refused.json()["detail"]

    signs_in = client.post("/session", foreign, json={"token": TOKENS["ana"][1]})
    assert signs_in.status_code == 403
    assert client.who() == "bob operator"


def test_a_cookie_without_an_origin_does_not_act_and_a_bearer_token_does(router):
    client = signed_in(router.url, "bob")
    client.headers = {}
    assert client.post("/acts/rollback").status_code == 403
    assert client.post("/acts/rollback", BOB).status_code == 409
    assert client.post("/acts/rollback", {"Sec-Fetch-Site": "same-origin"}).status_code == 409


def test_a_page_under_a_name_that_was_made_to_point_here_is_nobodys(router):
    port = router.url.rpartition(":")[2]
    rebound = {"Host": f"evil.example:{port}", "Origin": f"http://evil.example:{port}"}
    client = signed_in(router.url, "bob")
    for method, path in (
        *(("GET", "/status"), ("GET", "/session"), ("POST", "/acts/rollback")),
        ("DELETE", "/session"),
    ):
        assert client.request(method, path, rebound).status_code == 403

    refused = client.post("/session", rebound, json={"token": TOKENS["bob"][1]})
    assert refused.status_code == 403
    assert "`router.hosts`" in refused.json()["detail"]


def test_a_loopback_router_that_is_open_is_closed_under_a_name_that_points_to_it(pair):
    for path in ("/status", "/metrics", "/docs", "/"):
        assert httpx.get(f"{pair.url}{path}").status_code == 200
        rebound = httpx.get(f"{pair.url}{path}", headers={"Host": "evil.example"})
        assert rebound.status_code == 401


def test_the_name_of_a_proxy_counts_once_deploy_toml_has_it(tmp_path):
    settings = '[router]\nopen_on_loopback = false\nhosts = ["models.example.com"]\n'
    with router_harness(tmp_path, settings=settings) as made:
        keep_tokens(tmp_path)
        made.know(made.version("v1"))
        made.split({"v1": 10000})
        made.router()
        client = Browser(made.url, "https://models.example.com")
        client.headers |= {"Host": "models.example.com", "X-Forwarded-For": "10.0.0.1"}
        answer = client.post("/session", json={"token": TOKENS["bob"][1]})
        assert answer.status_code == 200
        assert "; Secure" in answer.headers["set-cookie"]
        assert client.post("/acts/rollback").status_code == 409
        # A proxy that changes the Host header.
        changed = {"Host": made.url.removeprefix("http://")}
        assert client.post("/acts/rollback", changed).status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"token": "wrong"}', 401),
        (b'{"token": "\\ud83d\\ude00"}', 401),
        (b"{}", 400),
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b"\xff", 400),
        (b'{"token": 1}', 400),
        (b'{"token": ""}', 400),
        (b'{"token": "%b"}' % (b"x" * 201), 400),
        (b'{"token": "%b"}' % (b"x" * 5000), 413),
        (b"[" * 4000, 400),
    ],
)
def test_anything_but_a_token_signs_nobody_in(router, body, status):
    answer = Browser(router.url).post("/session", content=body)
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers


def test_a_body_that_does_not_arrive_is_given_up(router):
    port = int(router.url.rpartition(":")[2])
    head = b"POST /session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 30\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.settimeout(60)
        slow.sendall(head)
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")


def test_wrong_tokens_are_bounded_and_lock_nobody_out(router):
    guesser = Browser(router.url)
    guess = partial(guesser.post, "/session", json={"token": "a-guess"})
    until(lambda: guess().status_code == 429, "too many")
    last = until(lambda: _if(guess(), 429), "too many again")
    assert int(last.headers["retry-after"]) >= 1
    assert last.headers["connection"] == "close"
    # From the same address, at the same time, at each worker.
    for _ in range(10):
        assert signed_in(router.url, "ana").who() == "ana viewer"

    assert httpx.get(f"{router.url}/status", headers=OPERATOR).status_code == 200
    assert "at the sign-in" in router.log("router")
    assert router.log("router").count("at the sign-in") <= 2 * router.workers
    assert "a-guess" not in router.log("router")


def _if(answer: httpx.Response, status: int) -> httpx.Response | None:
    return answer if answer.status_code == status else None


def test_the_bound_fills_again_with_time():
    now = 0.0
    wrong = WrongTokens(lambda: now)
    assert [wrong.counted() for _ in range(MOST_AT_ONCE)] == [0] * MOST_AT_ONCE
    assert wrong.counted() == 2
    now = 2.0
    assert (wrong.counted(), wrong.counted()) == (0, 2)
    now = 1e6
    assert [wrong.counted() for _ in range(MOST_AT_ONCE + 1)][-1] == 2


def test_a_bearer_token_makes_no_session(router):
    answer = httpx.get(f"{router.url}/session", headers=ANA)
    assert answer.json() == {"name": "ana", "role": "viewer", "by": "token"}
    assert "set-cookie" not in answer.headers
