"""The sections of the page as HTML. Jinja escapes every value: names and reasons are strangers'
texts.
"""

from collections.abc import Mapping
from typing import Any

from flask import Flask

from rollout.drift.drift_words import drift_lines
from router.watching.sections.act_buttons import act_buttons
from router.watching.sections.comparability import served_differs, warnings, why_times_differ
from router.watching.sections.harm import harm, rollback
from router.watching.sections.label_maturity import maturity
from router.watching.sections.number_words import FILTERS
from router.watching.sections.page_headline import page_headline
from router.watching.sections.predictions import predictions
from router.watching.sections.rollout_plan import rollout_plan
from router.watching.sections.signal_rows import signal_rows
from router.watching.sources.page_sources import PageSources
from router.watching.sources.time_span import TITLES

SECTIONS = (
    *("notices", "headline", "acts", "split", "signals", "traffic", "predictions", "shadow"),
    *("labels", "drift", "warnings", "harm", "plan", "history", "versions"),
)
WITH_ROWS = "worst"
"""The section with rows of users, for who has signed in."""
HISTORY_ROWS = 30


class PageSections:
    """Renders the templates of the page."""

    def __init__(self) -> None:
        self._templates = Flask("router").jinja_env
        self._templates.filters.update(FILTERS)
        self._templates.trim_blocks = self._templates.lstrip_blocks = True

    def sections(self, sources: PageSources) -> dict[str, str]:
        """The HTML of each section that everybody may see who may see the page, by its id."""
        values = self._values(sources)
        sections = {}
        for name in SECTIONS:
            sections[name] = self._section(name, values)

        return sections

    def rows(self, sources: PageSources) -> str:
        """The HTML of the rows on which a shadow differs most."""
        return self._section(WITH_ROWS, {"s": sources, "seen": True})

    def without_rows(self, sources: PageSources) -> str:
        """What who has not signed in sees instead."""
        return self._section(WITH_ROWS, {"s": sources, "seen": False})

    def page(self, sections: Mapping[str, str], **values: Any) -> str:
        """The whole page around its sections."""
        template = self._templates.get_template("page.html")
        return template.render(sections=sections, spans=TITLES, **values)

    def sign_in(self, **values: Any) -> str:
        """The page for who has to sign in first."""
        return self._templates.get_template("sign_in.html").render(**values)

    def _section(self, name: str, values: Mapping[str, Any]) -> str:
        return self._templates.get_template(f"sections/{name}.html").render(values).strip()

    def _values(self, sources: PageSources) -> dict[str, Any]:
        return {
            "s": sources,
            "rollout": sources.ledger.rollout,
            "headline": page_headline(sources),
            "buttons": act_buttons(sources),
            "signals": signal_rows(sources),
            "served": served_differs(sources),
            "greyed": why_times_differ(sources),
            "predictions": predictions(sources),
            "maturity": maturity(sources),
            "drift_lines": drift_lines(sources.drift),
            "warnings": warnings(sources),
            "harm": harm(sources),
            "rollback": rollback(sources),
            "plan": rollout_plan(sources),
            "acts": sources.acts[:HISTORY_ROWS],
        }
