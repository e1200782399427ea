"""What `predict --target` refuses before anything is started."""

from dataclasses import replace

import pytest

from deployment.batch_elsewhere import predict_elsewhere
from deployment.batch_run import BatchOptions
from deployment.workspace.errors import BadOption
from deployment.workspace.workspace import workspace_from_environment
from rollout.settings import from_mapping

ADDRESSES = {"patterns": "s3://in/*.parquet", "out": "s3://out/v1"}


def refused(tmp_path, target="heroku", env="", through="", of_settings="heroku", **options):
    """Ask for a run that is refused; returns why."""
    settings = from_mapping({"deployment": {"target": of_settings}})
    workspace = workspace_from_environment({"SLUICE_STATE": str(tmp_path)}, settings)
    workspace = replace(workspace, through=through)
    asked = BatchOptions(**{**ADDRESSES, **options})
    with pytest.raises(BadOption) as caught:
        predict_elsewhere(workspace, "v1", asked, target, env, print)

    return str(caught.value)


@pytest.mark.parametrize("option", ["patterns", "out"])
@pytest.mark.parametrize("path", ["/data/in", "data/*.csv", "file:///data/in"])
def test_a_path_of_this_machine(tmp_path, option, path):
    why = refused(tmp_path, **{option: path})
    assert "is a path of this machine, which no dyno has: give an address such as s3://" in why


def test_a_target_that_does_not_exist_or_is_not_the_settings(tmp_path):
    assert "--target is one of local, heroku, not mars" in refused(tmp_path, target="mars")
    why = refused(tmp_path, of_settings="local")
    assert 'needs target = "heroku" in deploy.toml: versions run in local now' in why


@pytest.mark.parametrize("option", ["engine", "scheduler"])
def test_an_engine_of_this_machine(tmp_path, option):
    why = refused(tmp_path, **{option: "dask"})
    assert "--target is one dyno's work: leave --engine and --scheduler out" in why


def test_a_variable_that_is_not_set(tmp_path, monkeypatch):
    monkeypatch.delenv("STORE_KEY", raising=False)
    assert "--env names STORE_KEY, which this environment" in refused(tmp_path, env="STORE_KEY")


def test_in_a_rehearsal_the_disk_of_this_machine_is_the_dynos(tmp_path):
    why = refused(tmp_path, through="127.0.0.1:1", out="file:///tmp/out", env="NO_SUCH_VARIABLE")
    assert "--env names NO_SUCH_VARIABLE" in why
