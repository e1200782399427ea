"""What `lint` and `doctor` print: one line a check, and the exit code."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from cli.render.exit_codes import BROKEN, DONE, REFUSED, Out
from deployment.commands.lint_checks import Check
from targets.findings import Finding


def show_lint(out: Out, checks: Sequence[Check]) -> int:
    """Print every check; returns the exit code, 6 where a bundle or the record is broken."""
    failed = any(check.fault for check in checks)
    out.result({"checks": list(map(asdict, checks)), "ok": not failed}, *map(_check_line, checks))
    if any(check.broken for check in checks):
        return BROKEN

    if failed:
        return REFUSED
    return DONE


def show_findings(out: Out, findings: Sequence[Finding]) -> int:
    """Print every finding of `doctor`; returns the exit code, 1 where one is a fault."""
    faults = sum(1 for finding in findings if finding.fault)
    value = {
        "act": "doctor",
        "checks": list(map(_as_json, findings)),
        "faults": faults,
        "ok": not faults,
    }
    out.result(value, *_finding_lines(findings, faults))
    if faults:
        return REFUSED
    return DONE


def _as_json(finding: Finding) -> dict[str, str]:
    """The finding under the names that scripts know: its state is called `found`."""
    fields = asdict(finding)
    return {"what": fields.pop("what"), "found": fields.pop("state"), **fields}


def _check_line(check: Check) -> str:
    if check.fault:
        return f"✖ {check.what}: {check.fault}"
    if check.warning:
        return f"! {check.what}: {check.warning}"
    return f"✔ {check.what}"


def _finding_lines(findings: Sequence[Finding], faults: int) -> Iterator[str]:
    for finding in findings:
        yield finding.line

    if faults:
        yield f"✖ {faults} of {len(findings)} are not as they should be"
    else:
        yield "✔ all is as it should be"
