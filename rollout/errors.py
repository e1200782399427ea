"""Why an act is refused. Each message is one sentence with the cause and the next step; no HTTP
code lives here.

Refusal
├── UnknownVersion     the ledger has no such version
├── IllegalEvent       the version's state does not allow the event
├── BadWeight          a weight is not a share, or the weights do not sum to all traffic
├── NotReady           the version has not answered its golden rows
├── Breaking           the version breaks what users of the released one rely on
├── RolloutInProgress  another rollout holds the traffic
├── NothingToDo        there is no rollout, release or version the act could apply to
├── TooSlow            the rollout cannot end before its deadline at the traffic that is there
├── BadSetting         a key or value of deploy.toml is not known
├── BadTokens          the list of named tokens cannot be read, or not be changed so
└── BrokenRecord       a ledger body cannot be read
"""


class Refusal(Exception):
    """An act that the rules do not allow; `str()` is the sentence to show."""


class UnknownVersion(Refusal):
    """The ledger has no such version."""


class IllegalEvent(Refusal):
    """The version's state does not allow the event."""


class BadWeight(Refusal):
    """A weight is not a share, or the weights do not sum to all traffic."""


class NotReady(Refusal):
    """The version has not answered its golden rows."""


class Breaking(Refusal):
    """The version breaks what users of the released one rely on, and nobody allowed it."""


class RolloutInProgress(Refusal):
    """Another rollout holds the traffic."""


class NothingToDo(Refusal):
    """There is no rollout, release or version the act could apply to."""


class TooSlow(Refusal):
    """The rollout cannot end before its deadline at the traffic that is there."""


class BadSetting(Refusal):
    """A key or value of deploy.toml is not known."""


class BadTokens(Refusal):
    """The list of named tokens cannot be read, or not be changed so."""


class BrokenRecord(Refusal):
    """A ledger body cannot be read."""
