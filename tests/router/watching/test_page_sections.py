"""The sections of the page: what they say, in every state, and that no text of others is markup."""

import re
from dataclasses import replace
from types import MappingProxyType

import pytest

from rollout.state.ledger import Ledger
from router.access.callers import LOCAL
from router.watching.sections.number_words import with_code
from router.watching.sections.page_sections import SECTIONS, PageSections
from router.watching.sources.page_sources import VersionNumbers
from tests.rollout.drift import drift_factory
from tests.rollout.ledger_commands import STARTED
from tests.router.watching.page_factory import CANARY, NOW, act, counts, series, sources

HOSTILE = '<img src=x onerror="alert(1)">&\'"</script>'
PAGES = PageSections()


def hostile(ledger: Ledger) -> Ledger:
    """The same ledger whose versions have names that no version may have."""
    versions = {}
    for name, version in ledger.versions.items():
        versions[name] = replace(
            version, name=name, runtime=HOSTILE, task=HOSTILE, classes=(HOSTILE,), digest=HOSTILE
        )

    rollout = replace(ledger.rollout, started_by=HOSTILE) if ledger.rollout else None
    return replace(ledger, model=HOSTILE, versions=MappingProxyType(versions), rollout=rollout)


def test_html_in_any_text_is_text() -> None:
    evil = act(3, NOW - 10, HOSTILE, actor=HOSTILE, reason=HOSTILE, asked={HOSTILE: 10_000})
    predicted = counts(v1={"predictions": {HOSTILE: 5}}, v2={"predictions": {HOSTILE: 5}})
    seen = series((NOW - 20, predicted))
    report = {**(sources().report or {}), "capacity": HOSTILE, "breaker": HOSTILE}
    signals = [{**signal, "candidate": HOSTILE, "says": HOSTILE} for signal in report["signals"]]
    row = {"version": HOSTILE, "gap": 1.0, "row": HOSTILE, "answered": HOSTILE, "shadow": HOSTILE}
    hostile_column = replace(drift_factory.CITY, name=HOSTILE, more=HOSTILE)
    page = sources(
        hostile(CANARY),
        acts=[evil],
        series=seen,
        since_rollout=seen.total,
        report={**report, "signals": signals},
        worst=[row],
        away=HOSTILE,
        history_away=HOSTILE,
        drift=replace(
            drift_factory.REPORT,
            training=[replace(drift_factory.TRAINED, columns=[hostile_column])],
            change=replace(drift_factory.CHANGE, names={HOSTILE: 2.0}),
        ),
    )
    sections = {**PAGES.sections(page), "worst": PAGES.rows(page)}
    whole = PAGES.page(
        sections, asset=str, version="v", model=HOSTILE, span="1h", at=None, now=NOW, caller=LOCAL
    )
    assert whole.count("onerror") > 15
    assert "<img" not in whole
    assert "alert(1)&#34;" in whole
    assert not re.search(r"</script>(?!\n)", whole)


def test_a_model_without_versions_has_a_page() -> None:
    sections = PAGES.sections(sources(Ledger("flights"), acts=[], versions={}))
    assert set(sections) == set(SECTIONS)
    assert "Nothing released" in sections["headline"]
    assert "No version is deployed yet" in sections["traffic"]
    assert sections["acts"] == ""


def test_without_a_rollout_the_page_says_who_answers_and_what_came_last() -> None:
    verdict = sources().report
    last = act(9, NOW - 5, "promote", verdict=verdict, reason="proved")
    sections = PAGES.sections(sources(STARTED, acts=[last]))
    assert "v1 answers all requests; no rollout is in progress." in sections["headline"]
    assert "Last: <b>promote</b> by ana" in sections["headline"]
    assert "Nothing is compared while no rollout is in progress." in sections["signals"]


def test_a_rollout_in_progress_has_its_sentence_its_acts_and_its_plan() -> None:
    sections = PAGES.sections(sources())
    assert "v2 is no worse than v1" in sections["headline"]
    acts = re.findall(r'data-act="(\w+)"', sections["acts"])
    assert acts == ["rollback", "pause", "step", "promote", "abort"]
    assert 'aria-current="step"' in sections["plan"]
    assert "python deploy.py rollback" in sections["harm"]


def test_a_past_moment_offers_no_acts() -> None:
    assert PAGES.sections(sources(past=True))["acts"] == ""


def test_the_rollback_waits_for_no_revision_and_the_others_name_theirs() -> None:
    acts = PAGES.sections(sources())["acts"]
    revisions = dict(re.findall(r'data-act="(\w+)".*?data-revision="(\d*)"', acts, re.DOTALL))
    assert revisions["rollback"] == ""
    assert revisions["abort"] == str(CANARY.revision)


def test_times_are_greyed_with_the_reason_at_unequal_shares() -> None:
    sections = PAGES.sections(sources())
    assert "Not comparable: v2 has" in sections["traffic"]
    assert "Response times are compared only while both versions have half" in sections["signals"]


def test_users_rows_are_seen_by_who_has_signed_in_alone() -> None:
    row = {"version": "v2", "gap": 0.5, "row": '{"x": 1}', "answered": "a", "shadow": "b"}
    page = sources(worst=[row])
    assert "{&#34;x&#34;: 1}" in PAGES.rows(page)
    assert "sign in to see them" in PAGES.without_rows(page)
    assert all("{&#34;x" not in html for html in PAGES.sections(page).values())


def test_numbers_that_are_not_known_are_dashes() -> None:
    page = sources(versions={"v1": VersionNumbers(), "v2": VersionNumbers()})
    assert '<td data-number="p50_ms" class="grey">–</td>' in PAGES.sections(page)["traffic"]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("say `a b` now", "say <code>a b</code> now"),
        ("`<b>`", "<code>&lt;b&gt;</code>"),
        ("one ` alone <i>", "one ` alone &lt;i&gt;"),
    ],
)
def test_what_is_in_backticks_is_code_and_still_text(text: str, html: str) -> None:
    assert with_code(text) == html


def test_drift_is_a_table_per_version_and_two_sentences() -> None:
    html = PAGES.sections(sources(drift=drift_factory.REPORT))["drift"]
    text = re.sub(r"<[^>]+>", "", html)
    assert re.search(r"city\s+31\s%", text)
    assert "new values" in text
    assert "100 rows of users, 10 of them refused" in text
    assert "2 further columns are not counted" in text
    assert "no reference" in text
    assert "Different rows (40 and 60 units), most of all in city (Oslo)" in text
    assert "city, predict changed" in text
    assert "one false alarm in 30 days" in text
    assert html.count('class="alarm"') == 2


def test_a_broken_mix_is_a_warning_of_comparability() -> None:
    broken = drift_factory.REPORT
    assert "Column mix" in PAGES.sections(sources(drift=broken))["warnings"]
    sound = replace(broken, mix=replace(drift_factory.MIX, is_broken=False))
    assert "Column mix" not in PAGES.sections(sources(drift=sound))["warnings"]


def test_without_users_nothing_is_said_of_drift() -> None:
    assert "nothing can drift" in PAGES.sections(sources(STARTED))["drift"]
