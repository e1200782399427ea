"""A version's states and events. TRANSITIONS is the only source of truth: what is not in it is
refused.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from rollout.errors import IllegalEvent


class State(StrEnum):
    """Where a version stands; the words are those of docs/glossary.md."""

    DELIVERED = "delivered"
    DEPLOYED = "deployed"
    SHADOWING = "shadowing"
    SERVING = "serving"
    RELEASED = "released"
    RETIRED = "retired"


class Event(StrEnum):
    """What can happen to a version."""

    DEPLOY = "deploy"
    SHADOW = "shadow"
    SERVE = "serve"
    RELEASE = "release"
    WITHDRAW = "withdraw"
    RETIRE = "retire"


TRANSITIONS: Mapping[State, Mapping[Event, State]] = MappingProxyType(
    {
        State.DELIVERED: {Event.DEPLOY: State.DEPLOYED},
        State.DEPLOYED: {
            Event.DEPLOY: State.DEPLOYED,
            Event.SHADOW: State.SHADOWING,
            Event.SERVE: State.SERVING,
            Event.RELEASE: State.RELEASED,
            Event.RETIRE: State.RETIRED,
        },
        State.SHADOWING: {
            Event.SHADOW: State.SHADOWING,
            Event.SERVE: State.SERVING,
            Event.RELEASE: State.RELEASED,
            Event.WITHDRAW: State.DEPLOYED,
        },
        State.SERVING: {
            Event.SHADOW: State.SHADOWING,
            Event.SERVE: State.SERVING,
            Event.RELEASE: State.RELEASED,
            Event.WITHDRAW: State.DEPLOYED,
        },
        State.RELEASED: {
            Event.DEPLOY: State.RELEASED,
            Event.RELEASE: State.RELEASED,
            Event.WITHDRAW: State.DEPLOYED,
        },
        State.RETIRED: {Event.DEPLOY: State.DEPLOYED},
    }
)

LIVE = frozenset({State.DEPLOYED, State.SHADOWING, State.SERVING, State.RELEASED})


def after(state: State, event: Event, version: str) -> State:
    """The state that follows `event`; raises IllegalEvent and changes nothing where the table has
    no entry.
    """
    follower = TRANSITIONS[state].get(event)
    if follower is None:
        allowed = ", ".join(TRANSITIONS[state])
        raise IllegalEvent(
            f"{version} is {state}: '{event}' is not possible now (possible: {allowed})"
        )

    return follower
