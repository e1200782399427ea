"""Where a load test may go."""

from dataclasses import replace

import pytest

from deployment.load_test import address
from deployment.load_test.options import LoadOptions
from deployment.workspace.errors import EdgeFailure
from rollout.settings import Deployment, LoadSettings, Settings
from tests.deployment.project_harness import ProjectHarness

FAR = "https://models.example.com"


@pytest.fixture
def workspace(tmp_path):
    """A workspace whose deploy.toml names one address, and whose router listens here."""
    made = ProjectHarness(tmp_path).workspace()
    made.url_file.parent.mkdir(parents=True)
    made.url_file.write_text("http://127.0.0.1:8000\n")
    return replace(made, settings=Settings(load=LoadSettings(addresses=(f"{FAR}/",))))


def found(workspace, to=None, said=None, **more) -> str:
    options = LoadOptions(to=to, **more)
    return address.address_of(workspace, options, 3600.0, (said if said is not None else []).append)


def test_it_is_this_stacks_router_or_one_that_deploy_toml_names(workspace):
    assert found(workspace) == "http://127.0.0.1:8000"
    assert found(workspace, FAR) == FAR
    with pytest.raises(EdgeFailure, match=r"load\.addresses"):
        found(workspace, "https://models.example.org")


def test_a_router_on_another_machine_has_to_be_named(workspace):
    workspace.url_file.write_text("http://192.0.2.7:8000\n")
    with pytest.raises(EdgeFailure, match=r"load\.addresses"):
        found(workspace)


def test_where_it_costs_the_bill_is_shown_first_and_has_to_be_accepted(workspace):
    settings = replace(workspace.settings, deployment=Deployment(target="heroku"))
    workspace, said = replace(workspace, settings=settings), []
    with pytest.raises(EdgeFailure, match="--yes-this-costs"):
        found(workspace, FAR, said)

    assert "a month" in said[-2]
    assert "1.00 h of load $" in said[-1]
    assert found(workspace, FAR, yes_this_costs=True) == FAR


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9:1", True),
        ("http://localhost:1", True),
        ("http://[::1]:1", True),
        ("http://0.0.0.0:1", False),
        ("http://10.0.0.1", False),
        ("https://127.0.0.1.example.com", False),
        ("https://localhost.example.com", False),
    ],
)
def test_what_is_on_this_machine(url, here):
    assert address.is_loopback(url) == here
