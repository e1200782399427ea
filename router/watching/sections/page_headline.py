"""What the page begins with: the verdict in one sentence, or that nothing is rolled out."""

from dataclasses import dataclass, replace

from rollout.verdict.words.answers import QuestionAnswer, answers
from rollout.verdict.words.earlier_words import as_of_today
from rollout.verdict.words.headline import headline
from rollout.verdict.words.stage import stage_of
from router.watching.sources.act_list import RecordedAct
from router.watching.sources.page_sources import PageSources

QUIET, EMPTY, UNJUDGED = "quiet", "empty", "unjudged"
SIGNS = {
    "better": "▲",
    "no worse": "✔",
    "worse": "▼",
    "differs": "≠",
    "unknown": "…",
    UNJUDGED: "◌",
    QUIET: "●",
    EMPTY: "○",
}
WORDS = {
    "better": "Better",
    "no worse": "No worse",
    "worse": "Worse",
    "differs": "Differs",
    "unknown": "Not yet known",
    UNJUDGED: "Not judged",
    QUIET: "No rollout",
    EMPTY: "Nothing released",
}


@dataclass(frozen=True)
class PageHeadline:
    """state: a word for the colour. sentence: all in one. answers: four questions of a reader, none
    where nothing is judged. last: the newest act that was decided on a verdict, without a rollout.
    """

    state: str
    sentence: str
    answers: tuple[QuestionAnswer, ...] = ()
    last: RecordedAct | None = None

    @property
    def word(self) -> str:
        """The state in words."""
        return WORDS[self.state]

    @property
    def sign(self) -> str:
        """The state as a sign, beside its colour."""
        return SIGNS[self.state]


def page_headline(sources: PageSources) -> PageHeadline:
    """The headline of now, or of the moment shown."""
    rollout = sources.ledger.rollout
    if rollout is None:
        return _without_rollout(sources)

    if rollout.policy is None:
        return PageHeadline(
            UNJUDGED,
            f"A {rollout.strategy} of {rollout.candidate} against {rollout.stable} is in progress; "
            "nobody judges it: a person promotes or aborts it.",
        )
    if sources.report is None:
        because = "no verdict was kept for this moment" if sources.past else "no verdict was made"
        return PageHeadline(
            "unknown",
            f"Not yet known whether {rollout.candidate} is worse than {rollout.stable}: {because}.",
        )

    stage = stage_of(sources.report, "")
    verdict = headline(sources.report, stage)
    return PageHeadline(verdict.state, verdict.sentence, answers(sources.report))


def _without_rollout(sources: PageSources) -> PageHeadline:
    released = sources.ledger.released
    if released is None:
        return PageHeadline(
            EMPTY,
            "No version is released yet: `python deploy.py deploy VERSION` starts one, "
            "`python deploy.py promote VERSION` gives it the traffic.",
        )

    quiet = PageHeadline(QUIET, f"{released} answers all requests; no rollout is in progress.")
    if sources.ledger.flagged:
        quiet = replace(
            quiet,
            state="worse",
            sentence=f"{released} answers all requests, and late labels say that it is worse than "
            "the version before it: roll it back, or leave it.",
        )

    last = next((act for act in sources.acts if act.verdict), None)
    if last is None:
        return quiet
    return replace(quiet, last=last, answers=_answers_of(last))


def _answers_of(act: RecordedAct) -> tuple[QuestionAnswer, ...]:
    try:
        return answers(as_of_today(act.verdict or {}), act.action)
    except (KeyError, TypeError, ValueError):
        return ()
