"""What every signal of a verdict has: its evidence, its proof and its words."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from rollout.state.policy import SignalPolicy, title_of
from rollout.verdict.baseline import Reference
from rollout.verdict.evidence import Evidence
from rollout.verdict.sequential import Array
from rollout.verdict.signals.numbers import SignalNumbers


@dataclass(frozen=True)
class SignalInput:
    """What the numbers of one signal are made of.

    weight: basis points of the candidate now; beta: the chance of a wrong proof.
    """

    rule: SignalPolicy
    evidence: Evidence
    reference: Reference
    weight: int
    beta: float


class VerdictSignal(ABC):
    """One signal. `name` is its name in ledgers, metrics and JSON."""

    name = ""
    threshold_kinds: tuple[str, ...] = ()
    """Kinds of counts that it reads by thresholds of the reference."""

    @abstractmethod
    def against(self, rule: SignalPolicy, evidence: Evidence, reference: Reference) -> Array:
        """Log capital of who bets that the candidate is worse than the tolerance allows."""

    def proof(
        self, _rule: SignalPolicy, _evidence: Evidence, _reference: Reference
    ) -> Array | None:
        """Log capital of who bets that the candidate is inside the margin; None: there is no proof.

        Asked only where the margin is above 0.
        """
        return None

    def margin(self, rule: SignalPolicy, _reference: Reference) -> float:
        """The margin in force."""
        return rule.margin

    @abstractmethod
    def numbers(self, seen: SignalInput) -> SignalNumbers:
        """Its counts in words."""

    def margin_text(self, _seen: SignalInput) -> str:
        """Its margin in words; empty where it has no proof."""
        return ""

    def more_to_proof(
        self, _seen: SignalInput, _share: float | None, _quantile: float, _proof: float
    ) -> float | None:
        """How many more counts until its proof is there, if the versions are alike.

        share: as `numbers` has it; proof: log capital at present. inf: never at this rate; None:
        it is unknown.
        """
        return None

    def more_pairs_to_proof(
        self, _seen: SignalInput, _quantile: float, _proof: float
    ) -> float | None:
        """The same by requests that both versions were asked; None where they prove nothing."""
        return None

    def fault(self, seen: SignalInput) -> str:
        """What is worse about the candidate.

        The rates are of all weights together, and may be the other way round than at each weight,
        which the difference is of.
        """
        numbers = self.numbers(seen)
        fault = (
            f"{title_of(self.name)}: {numbers.candidate}, "
            f"{numbers.stable} on {seen.evidence.stable}"
        )
        if "pp [" in numbers.difference:
            fault += f", difference {numbers.difference}"

        return fault
