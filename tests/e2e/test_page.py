"""The operator's page in a browser, at a real stack: what it shows is what was counted, and acts by
keyboard are acts.
"""

import re
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest

from tests.e2e.conftest import new_stack
from tests.e2e.page_browser import DARK, DESKTOP, PHONE, STILL, PageTab, page_browser
from tests.e2e.stack_harness import Users
from tests.until import until

HOSTILE = '<img src=x onerror="document.title=1">'
NUMBERS = ("requests", "errors", "fallbacks")


@pytest.fixture(scope="module")
def browser():
    """The browser of all tests."""
    with page_browser() as made:
        yield made


@pytest.fixture(scope="module")
def watched(browser, delivered, tmp_path_factory):
    """A canary of v2 at 50 % that nobody steps on with, after some requests; bob may act."""
    stack = new_stack(delivered, tmp_path_factory.mktemp("watched"))
    stack.up("v1", "v2")
    stack.token = re.search(r"sluice_\S+", stack.run("tokens", "add", "bob", *OPERATOR).out)[0]
    with Users(stack) as users:
        stack.run("canary", "v2", "--auto", "--steps", "50", "--every", "1h", "-m", HOSTILE)
        stack.wait_until_followed()
        users.more(1_500)
        until(lambda: bands(stack), "bands are kept", 60)

    yield stack
    stack.run("down")


OPERATOR = ("--role", "operator")
PASSED_ON = {**DESKTOP, "extra_http_headers": {"X-Forwarded-For": "192.0.2.1"}}
"""Of a browser behind a proxy, for which the router is not this machine's."""


def live(stack):
    """The snapshot of now."""
    return httpx.get(f"{stack.url}/live", timeout=120).json()


def bands(stack):
    """Whether the chart of errors has two moments."""
    return len(live(stack)["charts"].get("band-errors", {"at": []})["at"]) >= 2


def sign_in(tab: PageTab, token: str) -> None:
    """Sign in with the mouse."""
    tab.page.click("#sign-in")
    tab.page.fill("#sign-in-token", token)
    tab.page.click("#sign-in-dialog button.strong")
    tab.shows("#who", "bob (operator)")


def numbers(tab: PageTab) -> dict[str, dict[str, int]]:
    """The numbers of the traffic's table by version."""
    shown = {}
    for row in tab.page.query_selector_all("#traffic tr[data-version]"):
        cells = {}
        for name in NUMBERS:
            text = row.query_selector(f"[data-number={name}]").inner_text()
            cells[name] = int(text.replace(",", ""))

        shown[row.get_attribute("data-version")] = cells

    return shown


def test_the_numbers_are_those_of_status_and_of_metrics(browser, watched):
    with browser.tab() as tab:
        tab.open(watched.url)
        told = {}
        for row in watched.status()["versions"]:
            told[row["name"]] = {name: row[name] for name in NUMBERS}

        until(lambda: numbers(tab) == told, "the page has the numbers of `status`")
        tab.shows("#split", "50 %")
        tab.shows("#headline", "v2")

    # The rollout began under the first requests; metrics have all of them.
    sums = dict.fromkeys(told, 0.0)
    text = httpx.get(f"{watched.url}/metrics").text
    for version, value in re.findall(
        r'^sluice_requests_total\{[^}]*version="(\w+)"[^}]*\} (\S+)', text, re.MULTILINE
    ):
        sums[version] += float(value)

    since_start = httpx.get(f"{watched.url}/status").json()["versions"]
    assert {name: row["requests"] for name, row in since_start.items()} == sums
    assert 0 < told["v2"]["requests"] <= sums["v2"]


def test_every_table_has_the_numbers_of_its_chart(browser, watched):
    with browser.tab() as tab:
        tab.open(watched.url)

        def alike():
            tab.page.eval_on_selector_all(
                ".chart-numbers", "all => all.forEach((one) => { one.open = true; })"
            )
            shown, drawn = tables(tab), charts(live(watched))
            # Charts are some seconds behind the counts.
            return wanted <= set(shown) and shown == {name: drawn.get(name) for name in shown}

        wanted = {"split", "requests", "band-errors", "evidence-errors"}
        until(alike, "tables have the charts' numbers")


def charts(snapshot):
    """Of each chart with data: its names of lines, and the rows that are not empty."""
    rows = {}
    for name, chart in snapshot["charts"].items():
        lines = [line["values"] for line in chart["lines"]]
        values = [list(map(six_digits, row)) for row in zip(*lines, strict=True)]
        shown = [row for row in reversed(values) if any(value is not None for value in row)]
        if shown:
            rows[name] = [[line["name"] for line in chart["lines"]], shown]

    return rows


def six_digits(value):
    """A number as the page shows it."""
    return None if value is None else float(f"{value:.6g}")


def tables(tab: PageTab):
    """The same of the tables on the page."""
    return tab.page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("figure[data-chart]")]
          .map((figure) => [figure.dataset.chart, figure.querySelector(".chart-numbers table")])
          .filter(([, table]) => table !== null)
          .map(([name, table]) => [name, [
            [...table.querySelectorAll("thead th")].slice(1).map((cell) => cell.textContent),
            [...table.querySelectorAll("tbody tr")].map((row) =>
              [...row.querySelectorAll("td")].map((cell) =>
                cell.textContent === "–" ? null : parseFloat(cell.textContent)))]]))"""
    )


def test_a_newer_snapshot_leaves_what_is_the_same_alone(browser, watched):
    with browser.tab() as tab:
        tab.open(watched.url)
        tab.page.click("#chart-split summary")
        tab.page.focus("[data-act=abort]")
        tab.page.evaluate("document.querySelector('#signal-errors').marked = true")
        html = """<h2>Signals</h2>
            <div class="signals"><article id="signal-new"></article>
            <article id="signal-errors"><h3>Errors</h3></article></div>"""
        tab.page.evaluate(
            """async (html) => {
              const script = document.querySelector("script[type=module]").src;
              const { morph } = await import(script.replace("page.js", "morph.js"));
              morph(document.getElementById("signals"), html);
            }""",
            html,
        )
        assert tab.page.evaluate("document.querySelector('#signal-errors').marked")
        assert tab.page.evaluate("document.querySelector('#signal-latency') === null")
        assert tab.page.evaluate("document.querySelector('#chart-split details').open")
        assert tab.page.evaluate("document.activeElement.dataset.act") == "abort"


def test_every_chart_has_a_label_that_says_it(browser, watched):
    with browser.tab() as tab:
        tab.open(watched.url)
        labels = tab.page.eval_on_selector_all(
            "[role=img]:not([hidden])", "all => all.map((one) => one.getAttribute('aria-label'))"
        )
        assert len(labels) > 6
        assert all(label.endswith(".") and "UTC" in label for label in labels)


@pytest.mark.parametrize(
    ("name", "options"),
    [("desktop", DESKTOP), ("dark", DARK), ("phone", PHONE), ("still", STILL)],
)
def test_axe_finds_nothing(browser, watched, name, options):
    with browser.tab(**options) as tab:
        tab.open(watched.url)
        assert tab.axe() == []
        tab.picture(name)
        tab.page.click("#sign-in")
        assert tab.axe() == []
        tab.page.keyboard.press("Escape")
        tab.page.click("[data-act=rollback]")
        assert tab.axe() == []


def test_nothing_is_wider_than_a_phone(browser, watched):
    with browser.tab(**PHONE) as tab:
        tab.open(watched.url)
        width = tab.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390


def test_html_in_a_reason_is_text(browser, watched):
    with browser.tab() as tab:
        tab.open(watched.url)
        assert HOSTILE in tab.text("#history")
        assert tab.page.query_selector("main img") is None
        assert tab.page.title() == "Sluice: flights"


def test_a_wrong_token_is_said_to_be_one(browser, watched):
    with browser.tab() as tab:
        tab.open(watched.url)
        tab.page.click("#sign-in")
        tab.page.fill("#sign-in-token", "sluice_not-this-one")
        tab.page.keyboard.press("Enter")
        tab.shows("#sign-in-refused", "no valid token")
        assert tab.text("#who") == "not signed in"


def test_without_a_token_an_act_shows_its_command_and_asks_to_sign_in(browser, watched):
    before = watched.ledger.revision
    with browser.tab() as tab:
        tab.open(watched.url)
        tab.page.click("[data-act=promote]")
        assert tab.text("#act-command") == "python deploy.py promote v2"
        tab.page.fill("#act-reason", "it's good")
        assert tab.text("#act-command") == "python deploy.py promote v2 -m 'it'\"'\"'s good'"
        tab.page.click("#act-confirm")
        assert tab.page.is_visible("#sign-in-dialog")

    assert watched.ledger.revision == before


def test_a_browser_whose_clock_is_wrong_shows_true_times(browser, watched):
    with browser.tab() as tab:
        tab.page.add_init_script("const now = Date.now; Date.now = () => now() + 3 * 864e5")
        tab.open(watched.url)
        tab.page.wait_for_timeout(1_200)
        assert re.search(r"\d+ (s|min) ago", tab.text("#history"))
        assert " d ago" not in tab.text("#history")


def of_another(route):
    """The router's answer as a router of another Sluice would give it."""
    answer = route.fetch()
    route.fulfill(response=answer, json={**answer.json(), "assets": "another"})


def test_an_old_page_says_that_another_sluice_answers(browser, watched):
    with browser.tab() as tab:
        tab.page.route(lambda url: "/live?" in url, of_another)
        tab.open(watched.url)
        tab.shows("#banner", "of another Sluice")
        assert tab.page.is_visible("#banner button")


def test_a_hidden_tab_polls_seldom(browser, watched):
    with browser.tab() as tab:
        tab.page.add_init_script("Object.defineProperty(document, 'hidden', { get: () => true })")
        polls = []
        tab.page.on("request", lambda request: polls.append(request.url))
        tab.open(watched.url)
        polls.clear()
        tab.page.wait_for_timeout(4_000)
        assert [url for url in polls if "/live" in url] == []


def test_a_stranger_signs_in_and_then_sees_the_page(browser, watched):
    with browser.tab(**PASSED_ON) as tab:
        tab.page.goto(watched.url)
        assert tab.axe() == []
        tab.page.fill("#token", "sluice_not-this-one")
        tab.page.keyboard.press("Enter")
        tab.shows("#refused", "no valid token")
        tab.page.fill("#token", watched.token)
        tab.page.keyboard.press("Enter")
        tab.page.wait_for_selector("#headline .sentence")
        assert tab.text("#who") == "bob (operator)"


def test_without_scripts_one_signs_in_and_sees_the_moment(browser, watched):
    with browser.tab(**PASSED_ON, java_script_enabled=False) as tab:
        tab.page.goto(watched.url)
        tab.page.fill("#token", watched.token)
        tab.page.click("form button")
        tab.page.wait_for_selector("#headline .sentence")
        assert "50 %" in tab.text("#split")
        assert "Without a script" in tab.text("noscript .banner")


def test_a_router_that_is_gone_is_said_to_be_and_the_page_comes_back(browser, watched):
    with browser.tab() as tab:
        tab.open(watched.url)
        supervised(watched, "stop", "router")
        tab.page.wait_for_selector("body[data-state=lost]", timeout=60_000)
        tab.shows("#banner", "The router does not answer.")
        assert "old" in tab.text("#banner")
        supervised(watched, "start", "router")
        tab.page.wait_for_selector("body[data-state=live]", timeout=60_000)
        assert not tab.page.is_visible("#banner")


def supervised(stack, *words: str) -> None:
    """Stop or start a program of the stack."""
    config = stack.folder / "var" / "supervisord.conf"
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(config), *words]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


def test_a_canary_is_rolled_back_by_keyboard_alone_and_the_moment_before_stays(browser, watched):
    with browser.tab() as tab:
        tab.open(watched.url)
        tab.press_until("Tab", "#sign-in")
        tab.page.keyboard.press("Enter")
        tab.page.keyboard.type(watched.token)
        tab.page.keyboard.press("Enter")
        tab.shows("#who", "bob (operator)")

        tab.press_until("Tab", "[data-act=rollback]")
        tab.page.keyboard.press("Enter")
        tab.page.keyboard.type("it looks wrong")
        assert tab.text("#act-command") == "python deploy.py rollback -m 'it looks wrong'"
        seen_at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        tab.page.keyboard.press("Enter")
        tab.shows("#said", "To undo it:")
        tab.shows("#headline", "no rollout is in progress")

        tab.page.goto(f"{watched.url}/?at={seen_at}")
        tab.shows("#split", "50 %")
        tab.shows("#headline", "v2")
        assert "as it was then" in tab.text(".banner.past")
        assert tab.page.query_selector("[data-act]") is None
        tab.page.wait_for_selector("#chart-band-errors canvas")
        tab.picture("before-a-rollback")

    newest = httpx.get(f"{watched.url}/live").json()["sections"]["history"]
    assert watched.ledger.rollout is None
    assert "it looks wrong" in newest
    assert "bob" in newest


def test_a_canary_is_promoted_and_taken_back_by_keyboard_alone(browser, watched):
    watched.run("canary", "v2", "--steps", "50")
    watched.wait_until_followed()
    with browser.tab() as tab:
        tab.open(watched.url)
        tab.press_until("Tab", "#sign-in")
        tab.page.keyboard.press("Enter")
        tab.page.keyboard.type(watched.token)
        tab.page.keyboard.press("Enter")
        tab.shows("#who", "bob (operator)")
        for act, released in (("promote", "v2"), ("rollback", "v1")):
            tab.page.wait_for_selector(f"[data-act={act}]:enabled")
            tab.press_until("Tab", f"[data-act={act}]")
            tab.page.keyboard.press("Enter")
            tab.shows("#act-command", f"python deploy.py {act}")
            tab.page.keyboard.press("Enter")
            until(lambda expected=released: watched.ledger.released == expected, f"{act} is done")

    assert watched.ledger.rollout is None


def test_a_page_after_a_full_restart_shows_the_earlier_rollout(browser, watched):
    watched.run("down")
    watched.run("up", "--port", "0")
    with browser.tab() as tab:
        tab.open(f"{watched.url}/?span=1h")
        tab.page.wait_for_selector("#chart-requests canvas")
        assert "v2 served" in tab.page.get_attribute("#chart-split [role=img]", "aria-label")
        assert "canary" in tab.text("#history")
        tab.picture("after-a-rollback")


def test_who_signs_out_is_nobody_again(browser, watched):
    with browser.tab() as tab:
        tab.open(watched.url)
        sign_in(tab, watched.token)
        tab.page.click("#sign-out")
        tab.page.wait_for_selector("#sign-in:not([hidden])")
        tab.shows("#who", "not signed in")


def test_a_revoked_token_ends_the_session_of_an_open_page(browser, watched):
    with browser.tab(**PASSED_ON) as far, browser.tab() as near:
        far.page.goto(watched.url)
        far.page.fill("#token", watched.token)
        far.page.keyboard.press("Enter")
        far.page.wait_for_selector("body[data-state=live], body[data-state=stale]")
        near.open(watched.url)
        sign_in(near, watched.token)
        watched.run("tokens", "revoke", "bob")
        near.shows("#who", "not signed in")
        far.page.wait_for_selector("body[data-state=signed-out]")
        far.shows("#banner", "You are signed out")
        assert far.axe() == []
