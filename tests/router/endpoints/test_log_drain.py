"""A version's log arrives: what the platform itself complains of is counted, once, and from no
stranger.
"""

import time
from base64 import b64encode
from contextlib import suppress
from dataclasses import replace

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.log_drain import drain_secret, drain_url
from router.endpoints.logplex import MOST_LINES, Garbled, codes, lines
from router.evidence import seen_batches
from router.evidence.seen_batches import SeenBatches
from store.evidence import EvidenceStore
from tests.router.fakes import begun
from tests.router.router_harness import TOKEN_KEY, router_harness
from tests.until import until

R14 = "Error R14 (Memory quota exceeded)"
SHORT = ("heroku", "web.1", R14)
H12 = (
    "heroku",
    "router",
    'at=error code=H12 desc="Request timeout" method=POST path="/predict" status=503',
)
FINE = ("heroku", "router", 'at=info method=GET path="/?at=error code=H99 Error R15" status=200')
quick = settings(max_examples=50, derandomize=True, database=None, deadline=None)
printed = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=40)


def batch(*said):
    """Lines of (source, dyno, text) as they are sent."""
    sent = [
        f"<158>1 2026-08-01T12:00:00+00:00 host {source} {dyno} - {text}\n".encode()
        for source, dyno, text in said
    ]
    return b"".join(b"%d %s" % (len(line), line) for line in sent)


@given(st.lists(st.binary(max_size=200), max_size=20))
@quick
def test_what_was_framed_is_read_again(said):
    assert list(lines(b"".join(b"%d %s" % (len(line), line) for line in said))) == said


@given(st.binary(max_size=300))
@quick
def test_any_bytes_are_read_or_refused(body):
    with suppress(Garbled):
        assert sum(codes(body).values()) <= len(body)


@given(st.integers(1, 60))
@quick
def test_a_batch_that_is_cut_off_is_refused(missing):
    with pytest.raises(Garbled, match=r"cut off|no length"):
        codes(batch(SHORT)[:-missing])


@given(printed)
@quick
def test_what_an_app_writes_is_no_complaint(text):
    assert (
        codes(batch(("app", "web.1", text), ("app", "web.1", f"host heroku web.1 - {R14}"))) == {}
    )


@given(printed)
@quick
def test_what_a_user_asks_for_is_no_complaint(path):
    assert (
        codes(batch(FINE, ("heroku", "router", f'at=info method=GET path="{path} code=H12"'))) == {}
    )


def test_the_platforms_own_lines_are_counted_by_code():
    reset = ("heroku", "router", "sock=client at=warning code=H27 desc=x")
    lost = ("heroku", "logplex", "Error L10 (output buffer overflow): 7 messages dropped")
    assert codes(batch(SHORT, FINE, H12, SHORT, reset, lost), 6) == {
        "R14": 2,
        "H12": 1,
        "H27": 1,
        "L10": 1,
    }


def test_a_batch_without_a_line_that_was_told_is_refused():
    with pytest.raises(Garbled, match="1 lines instead of 2"):
        codes(batch(SHORT), 2)


def test_a_batch_has_no_more_lines_than_can_be_read_at_once():
    with pytest.raises(Garbled, match="more than"):
        codes(b"1 x" * (MOST_LINES + 1))


def test_a_frame_is_new_once_and_only_the_newest_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(seen_batches, "KEPT", 5)
    first, second = SeenBatches(tmp_path / "drained"), SeenBatches(tmp_path / "drained")
    assert (first.first("a"), second.first("a"), second.first("b")) == (True, False, True)
    for number in range(20):
        first.first(str(number))

    assert len(list((tmp_path / "drained").iterdir())) == 5
    assert not second.first("19")


def test_where_nothing_can_be_written_a_frame_is_new(tmp_path):
    (tmp_path / "file").write_text("")
    assert [SeenBatches(tmp_path / "file").first("a") for _ in range(2)] == [True, True]


def test_each_version_has_a_secret_of_its_own_and_the_address_holds_it():
    secret = drain_secret("v1", b"key")
    assert len({secret, drain_secret("v2", b"key"), drain_secret("v1", b"other")}) == 3
    assert (
        drain_url("https://r.herokuapp.com", "v1", b"key")
        == f"https://drain:{secret}@r.herokuapp.com/drains/v1"
    )


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """A router of two workers that rolls v2 out by itself."""
    with router_harness(tmp_path_factory.mktemp("drained"), workers=2) as made:
        made.know(made.version("v1"), made.version("v2"))
        made.split({"v1": 10_000})
        now, rolling = time.time(), begun(made.ledger)
        made.record(
            replace(rolling, rollout=replace(rolling.running(), started_at=now, step_since=now))
        )
        made.router()
        made.follows(made.ledger.revision)
        yield made


def sent(there, version, body, frame="", secret="", **headers):
    """The status of one POST."""
    secret = secret or drain_secret(version, TOKEN_KEY.encode())
    credentials = b64encode(f"drain:{secret}".encode()).decode()
    told = {"Content-Type": "application/logplex-1", "Authorization": f"Basic {credentials}"}
    told |= {"Logplex-Frame-Id": frame} if frame else {}
    answer = httpx.post(f"{there.url}/drains/{version}", content=body, headers={**told, **headers})
    assert secret not in answer.text
    return answer.status_code


def counted(there):
    """Complaints by version and code, as /metrics has them."""
    text = httpx.get(f"{there.url}/metrics").text
    found = [line for line in text.splitlines() if line.startswith("sluice_platform_errors_total{")]
    return {
        line.partition(" ")[0][len("sluice_platform_errors_total") :]: float(
            line.rpartition(" ")[2]
        )
        for line in found
    }


def test_complaints_are_counted_once_in_the_metrics_and_for_the_verdict(there):
    assert [sent(there, "v2", batch(SHORT, FINE, H12), "one") for _ in range(6)] == [204] * 6
    assert sent(there, "v2", batch(SHORT), "two") == 204
    assert sent(there, "v2", batch(FINE), "three") == 204
    wanted = {'{code="H12",version="v2"}': 1.0, '{code="R14",version="v2"}': 2.0}
    until(lambda: counted(there) == wanted, "each once, by whichever worker")
    evidence, rollout = EvidenceStore(there.engine, "toy"), there.ledger.running()

    def handed_in():
        bodies = [body.get("complaints", {}) for _, _, body in evidence.counted(rollout.id)]
        return sum(body.get("R14", 0) for body in bodies) == 2

    until(handed_in, "they are in the evidence")


def test_a_candidate_short_of_memory_is_held_with_the_counts(there):
    assert sent(there, "v2", batch(SHORT, SHORT, SHORT), "short") == 204
    entry = until(
        lambda: (newest := there.store.newest()) and newest.action == "hold" and newest,
        "it is held",
    )
    assert "canary of v2 on hold: memory (v2: R14 x" in entry.reason
    assert entry.body["rollout"]["held"] == ["memory"]


def test_the_log_of_a_version_that_is_not_there_any_more_counts_nowhere(there):
    assert sent(there, "v9", batch(SHORT), "nine") == 204
    assert not [labels for labels in counted(there) if "v9" in labels]


@pytest.mark.parametrize(
    ("status", "version", "body", "more"),
    [
        (401, "v1", batch(SHORT), {"secret": drain_secret("v2", TOKEN_KEY.encode())}),
        (401, "v1", batch(SHORT), {"secret": "\xe9"}),
        (401, "v1", batch(SHORT), {"Authorization": "Bearer x"}),
        (404, "", batch(SHORT), {}),
        (404, "v1/x", batch(SHORT), {}),
        (415, "v1", batch(SHORT), {"Content-Type": "text/plain"}),
        (400, "v1", b"nonsense", {}),
        (400, "v1", batch(SHORT), {"Logplex-Msg-Count": "2"}),
        (400, "v1", batch(SHORT), {"Logplex-Msg-Count": "9" * 5_000}),
        (413, "v1", b"x" * (5 * 1024 * 1024), {}),
    ],
)
def test_what_is_no_log_of_that_version_is_refused(there, status, version, body, more):
    assert sent(there, version, body, **more) == status
    assert not [labels for labels in counted(there) if "v1" in labels]


def test_a_log_is_not_read_with_get(there):
    assert httpx.get(f"{there.url}/drains/v1").status_code == 405


def test_no_secret_is_in_the_routers_own_log(there):
    assert drain_secret("v2", TOKEN_KEY.encode()) not in there.log("router")
