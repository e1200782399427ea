"""The page and its snapshot over HTTP, of a real router with two workers."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx
import pytest

from tests.router.access.named_tokens import ANA, BOB, keep_tokens, signed_in
from tests.router.router_harness import router_harness
from tests.until import until


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """v1 released at 90 %, v2 serving 10 %; named tokens; two workers."""
    folder = tmp_path_factory.mktemp("watched")
    with router_harness(folder, workers=2, settings="[router]\nworkers = 2\n") as made:
        keep_tokens(folder)
        made.know(made.version("v1", "[0,1]"), made.version("v2", "[0,1]"))
        made.split({"v1": 9000, "v2": 1000})
        made.router()
        yield made


def get(watched, path, **headers):
    """One GET."""
    return httpx.get(f"{watched.url}{path}", headers=headers, timeout=120)


def test_the_page_is_rendered_before_any_script_runs(watched):
    page = get(watched, "/")
    assert page.status_code == 200
    assert "v1 answers all requests" in page.text
    assert re.search(r'id="split".*90\xa0%', page.text, re.DOTALL)
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["cache-control"] == "no-store"


def test_every_file_that_the_page_names_is_there_and_kept_for_ever(watched):
    names = re.findall(r'(?:src|href)="(static/[^"]+)"', get(watched, "/").text)
    assert len(names) > 4
    for name in names:
        answer = get(watched, f"/{name}")
        assert answer.status_code == 200, name
        assert "immutable" in answer.headers["cache-control"]


def test_the_snapshot_is_sent_once_and_then_only_said_to_be_the_same(watched):
    def unchanged():
        first = get(watched, "/live")
        again = get(watched, "/live", **{"If-None-Match": first.headers["etag"]})
        return (first, again) if again.status_code == 304 else None

    first, again = until(unchanged, "nothing new")
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert float(again.headers["x-now"]) >= float(first.headers["x-now"])
    assert set(first.json()) == {
        *("assets", "revision", "sections", "charts", "marks", "since", "until")
    }


def test_the_snapshot_says_which_files_the_page_should_have(watched):
    version = re.search(r'data-assets="(\w+)"', get(watched, "/").text)[1]
    assert get(watched, "/live").json()["assets"] == version


def test_the_snapshot_is_zipped_where_that_is_asked_for(watched):
    plain = get(watched, "/live", **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    zipped = get(watched, "/live", **{"Accept-Encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert int(zipped.headers["content-length"]) < len(plain.content) / 2


def poll(watched, times):
    """What one tab gets, which keeps its connection and the newest snapshot."""
    etag, codes = "", []
    with httpx.Client(timeout=120, verify=False) as tab:
        for _ in range(times):
            answer = tab.get(f"{watched.url}/live", headers={"If-None-Match": etag})
            etag = answer.headers["etag"]
            codes.append(answer.status_code)

    return codes


def test_two_hundred_tabs_get_their_snapshot_and_health_waits_for_none(watched):
    with ThreadPoolExecutor(16) as threads:
        tabs = [threads.submit(poll, watched, 8) for _ in range(200)]
        health = [get(watched, "/v2/health/live").status_code for _ in range(5)]
        codes = [code for tab in tabs for code in tab.result()]

    assert health == [200] * 5
    assert set(codes) == {200, 304}
    assert codes.count(304) > len(codes) / 2


def test_who_has_signed_in_is_named_and_sees_rows(watched):
    stranger, viewer = get(watched, "/live"), get(watched, "/live", **ANA)
    assert (stranger.headers["x-role"], stranger.headers["x-name"]) == ("local", "")
    assert (viewer.headers["x-role"], viewer.headers["x-name"]) == ("viewer", "ana")
    assert "sign in to see them" in stranger.json()["sections"]["worst"]
    assert "sign in to see them" not in viewer.json()["sections"]["worst"]
    assert signed_in(watched.url, "bob").get("/live").headers["x-role"] == "operator"


def test_the_page_of_an_operator_says_who_it_is(watched):
    page = get(watched, "/", **BOB).text
    assert 'data-role="operator" data-name="bob"' in page


def test_a_snapshot_for_one_caller_is_none_for_another(watched):
    own = get(watched, "/live", **ANA).headers["etag"]
    assert get(watched, "/live", **{"If-None-Match": own}).status_code == 200


def test_a_past_moment_shows_the_split_of_then(watched):
    before = datetime.now(UTC)
    watched.follows(watched.split({"v1": 5000, "v2": 5000}))
    try:
        at = before.isoformat().replace("+00:00", "Z")
        page = get(watched, f"/?at={at}").text
        assert re.search(r'id="split".*90\xa0%', page, re.DOTALL)
        assert "as it was then" in page
        # A snapshot is shown for a second.
        until(lambda: "50\xa0%" in get(watched, "/").text, "the page shows the new split")
        assert f'data-at="{at[:19]}' in page
    finally:
        watched.follows(watched.split({"v1": 9000, "v2": 1000}))


def test_a_moment_before_everything_is_empty_and_not_an_error(watched):
    page = get(watched, "/?at=2001-01-01T00:00:00Z")
    assert page.status_code == 200
    assert "Nothing released" in page.text


def in_two_days() -> str:
    """A moment that nobody has seen."""
    return (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("path", ["/", "/live"])
@pytest.mark.parametrize(
    "query",
    [
        *("at=FUTURE", "at=yesterday", "at=9999999999", "span=1y", "at=" + "1" * 300),
        *("at=1_700_000_000", f"at={quote('١٧٠٠٠٠٠٠٠٠')}"),
    ],
)
def test_a_query_that_means_nothing_is_refused_with_the_reason(watched, path, query):
    answer = get(watched, f"{path}?{query.replace('FUTURE', in_two_days())}")
    assert answer.status_code == 400
    assert answer.json()["detail"]


@pytest.mark.parametrize("path", ["/", "/live", "/static/x/page.js"])
def test_the_page_is_only_read(watched, path):
    assert httpx.post(f"{watched.url}{path}").status_code == 405
    assert httpx.options(f"{watched.url}{path}").headers["allow"] == "GET, HEAD, OPTIONS"
    assert httpx.head(f"{watched.url}{path}").content == b""


def test_a_stranger_gets_the_form_to_sign_in_and_its_files_alone(tmp_path):
    settings = '[router]\nhost = "0.0.0.0"\n'
    with router_harness(tmp_path, settings=settings) as made:
        made.know(made.version("v1"))
        made.split({"v1": 10000})
        made.router()
        page = httpx.get(made.url)
        assert page.status_code == 401
        for name in re.findall(r'(?:src|href)="(static/[^"]+)"', page.text):
            assert httpx.get(f"{made.url}/{name}").status_code == 200

        version = re.search(r"static/(\w+)/", page.text)[1]
        for name in ("page.js", "page.css", "vendor/uPlot-1.6.32.iife.min.js"):
            assert httpx.get(f"{made.url}/static/{version}/{name}").status_code == 401
        assert httpx.get(f"{made.url}/live").status_code == 401


def test_without_its_databases_the_page_shows_the_routers_own_counts(fresh):
    fresh.know(fresh.version("v1", "[0,1]"))
    fresh.split({"v1": 10000})
    fresh.router()
    fresh.predict({"x": 1})
    for name in ("ledger.db", "ledger-history.db", "ledger-evidence.db"):
        for path in fresh.folder.glob(f"{name}*"):
            path.unlink()

    def says_so():
        sections = get(fresh, "/live").json()["sections"]
        return "does not answer" in sections["notices"] and sections

    sections = until(says_so, "the page says that the ledger is away")
    assert '<td data-number="requests">1</td>' in sections["traffic"]
    assert get(fresh, "/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/live"])
@pytest.mark.parametrize("query", ["&" * 9, "a=1&b=2&c=3&d=4&e=5", "at=&" * 40])
def test_a_query_of_many_fields_is_refused(watched, path, query):
    answer = get(watched, f"{path}?{query}")
    assert answer.status_code == 400
    assert "takes `span` and `at`" in answer.json()["detail"]
