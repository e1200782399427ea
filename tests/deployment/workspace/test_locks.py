"""One start of a version at a time."""

import pytest

from deployment.workspace.errors import EdgeFailure
from deployment.workspace.locks import held
from deployment.workspace.state_dir import make_folders
from tests.deployment.stage import Stage


def test_the_second_is_told_who_holds_it_and_the_third_finds_it_free(stage: Stage) -> None:
    make_folders(stage.workspace())
    with (
        held(stage.workspace(SLUICE_ACTOR="ana@a"), "v2", "starting v2"),
        pytest.raises(EdgeFailure, match="ana@a is starting v2 right now"),
        held(stage.workspace(SLUICE_ACTOR="ben@b"), "v2", "starting v2"),
    ):
        pass

    with held(stage.workspace(), "v2", "starting v2"):
        pass
