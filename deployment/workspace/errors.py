"""Why an act of the operator failed. Each message is the cause and the next step.

EdgeFailure            the act failed; what it had started is stopped again
├── NotRunning         no supervisor runs for this state folder
├── CannotStart        a process could not be started, or ended at once
├── NotReadyInTime     a deadline passed
├── ContractBroken     a bundle is not what was signed
├── Misconfigured      Procfile, environment or state folder do not allow it
└── Interrupted        Ctrl-C; the message says what was and what was not done

BadOption              what was typed cannot be read: nothing was tried
"""


class EdgeFailure(Exception):
    """The act failed; `str()` is the sentence to show."""


class BadOption(Exception):
    """An option's text cannot be read."""


class NotRunning(EdgeFailure):
    """No supervisor runs for this state folder."""

    def __init__(self) -> None:
        super().__init__("nothing is running here: `python deploy.py up` first")


class CannotStart(EdgeFailure):
    """A process could not be started, or ended at once."""


class NotReadyInTime(EdgeFailure):
    """A deadline passed before the condition held."""


class ContractBroken(EdgeFailure):
    """A bundle is not what was signed."""


class Misconfigured(EdgeFailure):
    """Procfile, environment or state folder do not allow the act."""


class Interrupted(EdgeFailure):
    """The operator pressed Ctrl-C."""
