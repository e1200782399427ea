"""Delivers in an environment of its own what the packages here do not fit.

The recipe is run, or the pickle loaded, and all of it proved and written in a process of that
environment.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from delivery.errors import DeliveryError
from delivery.request import DeliveryRequest, Report
from environments.environment_store import EnvironmentStore
from environments.errors import EnvironmentFailure
from environments.installed_packages import installed, markers_here
from environments.installer import ROOT, python_environment
from environments.lockfile import locked
from environments.specification import delivering

LOCK = ROOT / "requirements.txt"
# By a program and not as a module: a pickle that names `__main__` must not find that module in it.
PROGRAM = "from delivery.in_environment import main; raise SystemExit(main())"
END_S = 30.0


def deliver_elsewhere(
    request: DeliveryRequest, versions: Mapping[str, str], because: str, report: Report
) -> bool:
    """Deliver in an environment with these versions; returns whether the bundle is a new one.

    versions: a specifier by package, such as `==1.7.2`
    because: what does not fit here, in words
    Raises DeliveryError.
    """
    assert request.environments is not None
    report(f"{because}: delivering in an environment of its own")
    try:
        specification = delivering(versions, locked(LOCK, markers_here()))
        store = EnvironmentStore(request.environments)
        with store.in_use(specification, report) as environment:
            complete = replace(request, stack=installed(), stack_python=Path(sys.executable))
            return _run(environment.python, complete, report)
    except EnvironmentFailure as error:
        raise DeliveryError(
            f"the environment for {request.source} cannot be built: {error}"
        ) from error


def _run(python: Path, request: DeliveryRequest, report: Report) -> bool:
    """Run the delivery with that interpreter.

    What it reports comes through a pipe of its own: a library may write to any other.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as answers:
        process = subprocess.Popen(
            [str(python), "-P", "-c", PROGRAM, str(writer), str(os.getpid())],
            env=python_environment(),
            stdin=subprocess.PIPE,
            stdout=sys.stderr.fileno() if _has_descriptor(sys.stderr) else subprocess.DEVNULL,
            pass_fds=(writer,),
        )
        os.close(writer)
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(as_plain(request)).encode())
            process.stdin.close()
            return _outcome(answers, process, report)
        finally:
            _end(process)


def _outcome(answers: Any, process: "subprocess.Popen[bytes]", report: Report) -> bool:
    for line in answers:
        answer = json.loads(line)
        if "report" in answer:
            report(answer["report"])
        elif "error" in answer:
            raise DeliveryError(answer["error"])
        else:
            return bool(answer["fresh"])

    process.wait()
    raise DeliveryError(
        f"the delivery in an environment of its own ended without an answer (exit status "
        f"{process.returncode}): its output above says why"
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """It cleans up after itself when it is complete to end."""
    if process.poll() is None:
        try:
            process.wait(1.0)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def as_plain(request: DeliveryRequest) -> dict[str, Any]:
    """The request as JSON has it."""
    plain = asdict(request)
    return {name: str(value) if isinstance(value, Path) else value for name, value in plain.items()}


def request_of(plain: Mapping[str, Any]) -> DeliveryRequest:
    """The request of its JSON."""
    fields = dict(plain)
    paths = ("source", "releases", "keys", "sample", "environment", "environments", "stack_python")
    for name in paths:
        if fields[name] is not None:
            fields[name] = Path(fields[name])

    return DeliveryRequest(**fields)


def _has_descriptor(stream: Any) -> bool:
    try:
        stream.fileno()
    except (OSError, AttributeError, ValueError):
        return False
    return True
