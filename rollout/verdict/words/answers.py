"""What a reader asks of a verdict first: is it worse, how sure, what is missing, how long."""

from dataclasses import dataclass
from typing import Any

from rollout.verdict.words.certainty import how_sure
from rollout.verdict.words.progress import how_long, what_is_missing
from rollout.verdict.words.stage import stage_of
from rollout.verdict.words.worse import is_it_worse


@dataclass(frozen=True)
class QuestionAnswer:
    """A question with its answer, of one sentence or a few."""

    question: str
    text: str


def answers(verdict: dict[str, Any], act: str = "") -> tuple[QuestionAnswer, ...]:
    """The four answers.

    verdict: as earlier_words.as_of_today gives it; act: what was done on it, as the ledger has it;
    empty for the verdict of now."""
    stage = stage_of(verdict, act)
    return (
        QuestionAnswer(f"Is {verdict['candidate']} worse?", is_it_worse(verdict, stage)),
        QuestionAnswer("How sure?", how_sure(verdict)),
        QuestionAnswer("What is missing?", what_is_missing(verdict, stage)),
        QuestionAnswer("How long?", how_long(verdict, stage)),
    )


def keyed(answered: tuple[QuestionAnswer, ...]) -> dict[str, str]:
    """The four as JSON has them."""
    keys = ("worse", "sure", "missing", "long")
    return dict(zip(keys, (answer.text for answer in answered), strict=True))
