"""Debian's Chromium at the operator's page. It notes errors on the console, and requests to other
machines.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.until import until

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
]
VENDORED = Path(__file__).parent / "vendor"
PICTURES = Path(__file__).parents[2] / "var" / "pictures"
"""What the pages looked like in the last run."""
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""Of axe.min.js in the tarball axe-core-4.14.1.tgz of the npm registry."""
DESKTOP = {"viewport": {"width": 1440, "height": 1000}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DARK = {**DESKTOP, "color_scheme": "dark"}
STILL = {**DESKTOP, "reduced_motion": "reduce"}
# What a browser says of a request that got no answer, or an error that the page shows.
EXPECTED = ("Failed to load resource", "net::ERR_")


@dataclass
class PageTab:
    """One tab. problems: errors of its console; hosts: to which it sent requests.

    page: Playwright's page."""

    page: Any
    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", self._note_request)

    def open(self, url: str) -> None:
        """Open a page and wait for its first snapshot."""
        self.page.goto(url)
        self.page.wait_for_selector("body:not([data-state=loading])")

    def text(self, selector: str) -> str:
        """The text of the first element that fits."""
        return str(self.page.inner_text(selector)).replace("\xa0", " ")

    def shows(self, selector: str, text: str) -> None:
        """Wait until the element has the text."""
        until(lambda: text in self.text(selector), f"{selector} has {text!r}")

    def picture(self, name: str) -> None:
        """Keep how the whole page looks, for people to look at."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    def axe(self) -> list[str]:
        """What axe-core finds, a line a node."""
        source = (VENDORED / "axe-4.14.1.min.js").read_text()
        assert sha256(source.encode()).hexdigest() == AXE_SHA256
        self.page.evaluate(source)
        violations = self.page.evaluate("async () => (await axe.run()).violations")
        return [
            f"{violation['id']}: {node['html'][:150]}"
            for violation in violations
            for node in violation["nodes"]
        ]

    def press_until(self, key: str, selector: str) -> None:
        """Press a key until the element that fits has the focus."""
        for _ in range(200):
            if self.page.evaluate("s => document.activeElement?.matches(s) ?? false", selector):
                return
            self.page.keyboard.press(key)

        raise AssertionError(f"{key} does not lead to {selector}")

    def _note_message(self, message: Any) -> None:
        expected = any(word in message.text for word in EXPECTED)
        if message.type in ("error", "warning") and not expected:
            self.problems.append(message.text)

    def _note_request(self, request: Any) -> None:
        self.hosts.add(urlsplit(request.url).hostname or "")


@dataclass
class PageBrowser:
    """The browser. Each tab has cookies of its own."""

    browser: Any

    @contextmanager
    def tab(self, **options: Any) -> Iterator[PageTab]:
        """A tab, which must have shown no error and asked no other machine in the end."""
        context = self.browser.new_context(**(options or DESKTOP))
        made = PageTab(context.new_page())
        try:
            yield made
        finally:
            context.close()

        assert made.problems == []
        assert made.hosts <= {"127.0.0.1"}


@contextmanager
def page_browser() -> Iterator[PageBrowser]:
    """Chromium; skips the test where it is not installed."""
    if not Path(CHROMIUM).exists():
        pytest.skip("Chromium is missing: `make system` installs it (root, Debian)")

    playwright = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is missing: `make setup` installs it"
    )
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield PageBrowser(browser)
        finally:
            browser.close()
