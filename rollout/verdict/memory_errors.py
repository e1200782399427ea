"""What the platform complains of, as evidence: memory alone, which no router can see.

Its other codes are requests that failed (H12 and the like), which the router has counted as
failures of that version already: counted here too, one fault would speak twice."""

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
    mine, theirs = (evidence.of(version, KIND) for version in (evidence.candidate, evidence.stable))
    if not _short(mine) or _short(theirs):
        return ""
    return f"{evidence.candidate}: {_told(mine)}, {evidence.stable}: {_told(theirs)}"


def _short(codes: Mapping[str, int]) -> bool:
    return any(codes.get(code, 0) >= enough for code, enough in ENOUGH.items())


def _told(codes: Mapping[str, int]) -> str:
    return " and ".join(f"{code} x {codes[code]}" for code in ENOUGH if codes.get(code)) or "none"
