"""What `lint` says of this machine's packages."""

import sys
from pathlib import Path

import pytest

from deployment.workspace.errors import EdgeFailure
from deployment.workspace.workspace import Workspace, workspace_from_environment
from rollout.settings import from_mapping
from targets.local.lint import checks


def traces_checked(state: Path, **traces: str) -> list[str]:
    """The names of the checks of spans, each of which has passed."""
    environ = {"SLUICE_STATE": str(state), "SLUICE_RELEASES": str(state / "none"), "HOME": "/none"}
    workspace: Workspace = workspace_from_environment(environ, from_mapping({"traces": traces}))
    passed = []
    for what, check in checks(workspace):
        if what == "traces":
            check()
            passed.append(what)

    return passed


def test_the_packages_of_spans_are_looked_for_where_spans_are_asked_for(tmp_path) -> None:
    assert traces_checked(tmp_path) == []
    assert traces_checked(tmp_path, endpoint="http://127.0.0.1:4318") == ["traces"]


def test_missing_packages_are_named_with_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    words = "`pip install opentelemetry-exporter-otlp-proto-http opentelemetry-sdk`, or empty"
    with pytest.raises(EdgeFailure, match=words):
        traces_checked(tmp_path, endpoint="http://127.0.0.1:4318")
