"""The platform's error codes as evidence: only those about memory, which no router can see.

Its other codes are requests that failed (H12 and the like), which the router has counted as
failures of that version already: counted here too, one fault would count twice."""

from collections.abc import Mapping

from rollout.verdict.evidence import Evidence

KIND = "complaints"
MEMORY = "memory"
ENOUGH = {"R14": 3, "R15": 1}
"""How many of a code are no chance. R14, short of memory, comes each 20 s while it lasts; after
R15, twice the memory, the process is killed."""


def short_of_memory(evidence: Evidence) -> str:
    """`v2: R14 x 3, v1: none` where the candidate's app lacks memory and the stable version's does
    not; else empty.
    """
    candidate, stable = evidence.candidate, evidence.stable
    candidates, stables = evidence.of(candidate, KIND), evidence.of(stable, KIND)
    if not _short(candidates) or _short(stables):
        return ""
    return f"{candidate}: {_listed(candidates)}, {stable}: {_listed(stables)}"


def _short(codes: Mapping[str, int]) -> bool:
    return any(codes.get(code, 0) >= enough for code, enough in ENOUGH.items())


def _listed(codes: Mapping[str, int]) -> str:
    return " and ".join(f"{code} x {codes[code]}" for code in ENOUGH if codes.get(code)) or "none"
