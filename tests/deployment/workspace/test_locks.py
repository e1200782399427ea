"""One start of a version at a time."""

import pytest

from deployment.workspace.errors import EdgeFailure
from deployment.workspace.locks import held
from deployment.workspace.state_dir import make_folders
from tests.deployment.project_harness import ProjectHarness


def test_the_second_is_told_who_holds_it_and_the_third_finds_it_free(
    project: ProjectHarness,
) -> None:
    make_folders(project.workspace())
    with (
        held(project.workspace(SLUICE_ACTOR="ana@a"), "v2", "starting v2"),
        pytest.raises(EdgeFailure, match="ana@a is starting v2 right now"),
        held(project.workspace(SLUICE_ACTOR="ben@b"), "v2", "starting v2"),
    ):
        pass

    with held(project.workspace(), "v2", "starting v2"):
        pass
