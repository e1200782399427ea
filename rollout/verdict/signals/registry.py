"""All signals, in the order of `[verdict]`. A new one is a file of this folder and a line here."""

from collections.abc import Mapping
from types import MappingProxyType

from rollout.verdict.signals.agreement import AgreementSignal
from rollout.verdict.signals.errors import ErrorsSignal
from rollout.verdict.signals.labels import LabelsSignal
from rollout.verdict.signals.latency import LatencySignal
from rollout.verdict.signals.outages import OutagesSignal
from rollout.verdict.signals.pairs import PairsSignal
from rollout.verdict.signals.prediction import PredictionSignal
from rollout.verdict.signals.refusals import RefusalsSignal
from rollout.verdict.signals.response_time import ResponseTimeSignal
from rollout.verdict.signals.signal import VerdictSignal
from rollout.verdict.signals.tails import TailsSignal

_ALL = (
    ErrorsSignal(),
    RefusalsSignal(),
    PairsSignal(),
    OutagesSignal(),
    LatencySignal(),
    ResponseTimeSignal(),
    TailsSignal(),
    PredictionSignal(),
    LabelsSignal(),
    AgreementSignal(),
)

SIGNALS: Mapping[str, VerdictSignal] = MappingProxyType({signal.name: signal for signal in _ALL})


def threshold_kinds() -> tuple[str, ...]:
    """Kinds of counts that are read by thresholds of the reference."""
    kinds: tuple[str, ...] = ()
    for signal in _ALL:
        kinds += signal.threshold_kinds

    return kinds
