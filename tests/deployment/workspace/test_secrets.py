"""The stack's secrets."""

import stat

import pytest

from deployment.workspace.errors import Misconfigured
from deployment.workspace.secrets import check_webhook_secret, make_secrets, read_secrets
from deployment.workspace.state_dir import make_folders
from tests.deployment.project_harness import ProjectHarness


def test_secrets_are_made_once_for_this_user_alone_and_never_printed(
    project: ProjectHarness,
) -> None:
    first = make_secrets(project.workspace())
    assert make_secrets(project.workspace()) == first == read_secrets(project.workspace())
    assert len(bytes.fromhex(first.service)) == len(bytes.fromhex(first.token)) == 32
    assert len(bytes.fromhex(first.operator)) == 32
    assert not any(secret in repr(first) for secret in (first.service, first.token, first.operator))
    folder = project.state / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == ["operator", "service", "token"]


def test_a_stack_of_an_earlier_release_gets_its_operators_token_with_the_next_up(
    project: ProjectHarness,
) -> None:
    make_secrets(project.workspace())
    (project.state / "secrets" / "operator").unlink()
    assert read_secrets(project.workspace()).operator == ""
    assert len(make_secrets(project.workspace()).operator) == 64


def test_a_stack_that_never_was_has_no_secrets(project: ProjectHarness) -> None:
    with pytest.raises(Misconfigured, match=r"deploy\.py up"):
        read_secrets(project.workspace())


@pytest.mark.parametrize("secret", ["", "too short"])
def test_receivers_without_a_secret_to_sign_with_are_refused(
    project: ProjectHarness, secret: str
) -> None:
    check_webhook_secret(project.workspace(SLUICE_WEBHOOK_SECRET=secret))
    (project.folder / "deploy.toml").write_text('[webhooks]\nurls = ["https://example.com"]\n')
    with pytest.raises(
        Misconfigured, match="SLUICE_WEBHOOK_SECRET is missing or shorter"
    ) as refused:
        check_webhook_secret(project.workspace(SLUICE_WEBHOOK_SECRET=secret))

    assert not secret or secret not in str(refused.value)
    signed = project.workspace(SLUICE_WEBHOOK_SECRET="a secret of the receivers")
    check_webhook_secret(signed)
    assert "a secret of" not in repr(signed)


def test_a_run_folder_open_to_others_is_closed(project: ProjectHarness) -> None:
    run = project.workspace().run
    run.mkdir(parents=True)
    run.chmod(0o777)
    make_folders(project.workspace())
    assert stat.S_IMODE(run.stat().st_mode) == 0o700


def test_a_run_folder_that_is_a_link_is_refused(project: ProjectHarness) -> None:
    run = project.workspace().run
    run.parent.mkdir(parents=True, exist_ok=True)
    run.symlink_to(project.folder)
    try:
        with pytest.raises(Misconfigured, match="not a folder of this user"):
            make_folders(project.workspace())
    finally:
        run.unlink()
