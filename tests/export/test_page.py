"""The exported page in Debian's Chromium: it predicts what the bundle does, also offline."""

import json
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.e2e.page_browser import DESKTOP, PHONE, page_browser
from tests.until import until


@pytest.fixture(scope="module")
def browser():
    """The browser of all tests."""
    with page_browser() as made:
        yield made


@contextmanager
def served(folder):
    """Any static server, here Python's own; yields its process and the page's address."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        port = re.search(r"port (\d+)", process.stdout.readline()).group(1)
        yield process, f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@pytest.fixture
def golden(exported):
    """The golden rows with their answers."""
    lines = (exported.folder / "golden.jsonl").read_text().splitlines()
    return list(map(json.loads, lines))


def shown(tab):
    """The probabilities by class and the class that the page shows; None while it shows none."""
    cells = tab.page.locator("#prediction tbody th, #prediction tbody td").all_inner_texts()
    answer = tab.page.locator("#prediction .answer").all_inner_texts()
    if not answer:
        return None

    return dict(zip(cells[::2], map(float, cells[1::2]), strict=True)), answer[0]


def shows(tab, answer):
    """Wait until it shows that answer, to the digits that are shown."""
    expected = dict(zip(("large", "small", "usual"), answer["predict_proba"], strict=True))

    def is_shown():
        now = shown(tab)
        return now is not None and now == (
            pytest.approx(expected, rel=1e-6, abs=1e-6),
            answer["predict"],
        )

    until(is_shown, f"the page shows {answer}")


def test_every_golden_row_is_predicted_as_by_the_bundle_online_and_offline(
    browser, exported, golden
):
    with browser.tab(**DESKTOP) as tab, served(exported.folder / "page") as (server, url):
        tab.open(url)
        assert tab.page.get_attribute("body", "data-state") == "ready", tab.text("#state")
        assert tab.text("#proof").startswith("44 recorded predictions were made again here")
        tab.page.click("button.strong")
        shows(tab, golden[0]["answer"])
        for line in golden[1:]:
            tab.page.click("#example")
            shows(tab, line["answer"])

        tab.page.wait_for_selector("body[data-offline=ready]")
        server.terminate()
        server.wait()
        tab.page.reload()
        tab.page.wait_for_selector("body[data-state=ready]")
        tab.page.click("button.strong")
        shows(tab, golden[0]["answer"])
        assert not tab.page.is_visible("#file-note")


def test_a_bad_row_is_refused_in_the_services_words_at_its_field(browser, exported):
    with browser.tab(**DESKTOP) as tab, served(exported.folder / "page") as (_, url):
        tab.open(url)
        for label, value, detail in [
            ("amount", "much", "Expected `float`, got `str`"),
            ("age", "4.5", "Expected `int`, got `float`"),
            ("age", "9223372036854775808", "Expected `int` <= 9223372036854775807"),
            ("children", "200", "Expected `int` <= 127"),
            ("income", "1e39", "Expected `float` <= 3.4028234e+38"),
        ]:
            field = tab.page.get_by_label(label, exact=True)
            before = field.input_value()
            field.fill(value)
            tab.page.keyboard.press("Enter")
            tab.shows("#prediction", f"column '{label}': {detail}")
            assert field.get_attribute("aria-invalid") == "true"
            assert field.evaluate("element => element === document.activeElement")
            assert tab.axe() == []
            field.fill(before)


def test_axe_finds_nothing_and_nothing_overflows(browser, exported):
    with browser.tab(**DESKTOP) as tab, served(exported.folder / "page") as (_, url):
        tab.open(url)
        tab.page.click("button.strong")
        until(lambda: shown(tab) is not None, "a prediction is shown")
        for colours in ("light", "dark"):
            for size in (DESKTOP["viewport"], PHONE["viewport"]):
                tab.page.emulate_media(color_scheme=colours)
                tab.page.set_viewport_size(size)
                assert tab.axe() == []
                wide, window = tab.page.evaluate("[document.body.scrollWidth, innerWidth]")
                assert wide <= window


def test_the_policy_allows_nothing_but_the_pages_own_files_and_wasm(browser, exported):
    with browser.tab(**DESKTOP) as tab, served(exported.folder / "page") as (_, url):
        tab.open(url)
        outcome = tab.page.evaluate(
            "fetch('http://127.0.0.1:9/').then(() => 'sent', error => error.message)"
        )
        assert outcome == "Failed to fetch"
        evaluated = tab.page.evaluate(
            "new Promise((done) => { const made = document.createElement('script'); "
            "made.textContent = 'window.ran = 1'; document.head.append(made); "
            "setTimeout(() => done(window.ran ?? 0)) })"
        )
        assert evaluated == 0
        assert all("Content Security Policy" in problem for problem in tab.problems)
        assert len(tab.problems) >= 2
        tab.problems.clear()


def test_a_changed_model_is_not_used(browser, copy):
    path = copy / "page" / "model.onnx"
    path.write_bytes(path.read_bytes() + b" ")
    with browser.tab(**DESKTOP) as tab, served(copy / "page") as (_, url):
        tab.open(url)
        assert tab.page.get_attribute("body", "data-state") == "failed"
        assert "model.onnx was changed after it was signed" in tab.text("#state")


def test_opened_as_a_file_it_says_what_to_do(browser, exported):
    with browser.tab(**DESKTOP) as tab:
        tab.page.goto((exported.folder / "page" / "index.html").as_uri())
        assert "python -m http.server" in tab.text("#file-note")
        assert any("CORS" in problem for problem in tab.problems)
        tab.problems.clear()
        tab.hosts.clear()
