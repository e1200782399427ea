"""The acts that the page offers now, each with its words and the command that does the same."""

from dataclasses import dataclass

from rollout.decide.decisions import COMMAND
from router.watching.sections.harm import rollback
from router.watching.sections.number_words import share
from router.watching.sources.page_sources import PageSources


@dataclass(frozen=True)
class ActButton:
    """act: as POST /acts/ACT has it. title: on the button; effect: what it does to users.

    revision: the one that was looked at; a rollback needs none, so that nothing is before it."""

    act: str
    title: str
    effect: str
    command: str
    revision: int | None = None


def act_buttons(sources: PageSources) -> list[ActButton]:
    """The acts that make sense now, the rollback first; none of a past moment."""
    if sources.past:
        return []
    return [*_rollback(sources), *_of_rollout(sources)]


def _rollback(sources: PageSources) -> list[ActButton]:
    leads_to = rollback(sources)
    if not leads_to.target:
        return []

    title = f"Roll back to {leads_to.target}"
    return [ActButton("rollback", title, leads_to.gives_back, leads_to.command)]


def _of_rollout(sources: PageSources) -> list[ActButton]:
    rollout = sources.ledger.rollout
    if rollout is None:
        return []

    name, revision = rollout.candidate, sources.ledger.revision
    buttons = []
    if rollout.paused or rollout.held:
        effect = f"The {rollout.strategy} of {name} goes on."
        if rollout.held:
            effect += " What it was held for counts as looked at and accepted."
        buttons.append(_button("resume", "Resume", effect, revision))
    elif rollout.steps:
        effect = f"{name} keeps its share until somebody resumes the {rollout.strategy}."
        buttons.append(_button("pause", "Pause", effect, revision))

    later = rollout.steps[rollout.step + 1 :]
    if later:
        effect = f"{name} gets {share(later[0].weight)} of the requests now."
        command = f"{COMMAND} promote {name} --step"
        buttons.append(ActButton("step", "Next step", effect, command, revision))

    effect = f"{name} answers all requests, whatever the verdict says, and the rollout ends."
    command = f"{COMMAND} promote {name}"
    buttons.append(ActButton("promote", f"Promote {name}", effect, command, revision))
    effect = f"{rollout.stable} answers all requests again, and the rollout ends."
    buttons.append(_button("abort", "Abort", effect, revision))
    return buttons


def _button(act: str, title: str, effect: str, revision: int) -> ActButton:
    return ActButton(act, title, effect, f"{COMMAND} {act}", revision)
