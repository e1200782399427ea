"""The stack's secrets."""

import stat

import pytest

from deployment.workspace.errors import Misconfigured
from deployment.workspace.secrets import check_webhook_secret, make_secrets, read_secrets
from deployment.workspace.state_dir import make_folders
from tests.deployment.stage import Stage


def test_secrets_are_made_once_for_this_user_alone_and_never_printed(stage: Stage) -> None:
    first = make_secrets(stage.workspace())
    assert make_secrets(stage.workspace()) == first == read_secrets(stage.workspace())
    assert len(bytes.fromhex(first.service)) == len(bytes.fromhex(first.token)) == 32
    assert len(bytes.fromhex(first.operator)) == 32
    assert not any(secret in repr(first) for secret in (first.service, first.token, first.operator))
    folder = stage.state / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == ["operator", "service", "token"]


def test_a_stack_of_an_earlier_release_gets_its_operators_token_with_the_next_up(
    stage: Stage,
) -> None:
    make_secrets(stage.workspace())
    (stage.state / "secrets" / "operator").unlink()
    assert read_secrets(stage.workspace()).operator == ""
    assert len(make_secrets(stage.workspace()).operator) == 64


def test_a_stack_that_never_was_has_no_secrets(stage: Stage) -> None:
    with pytest.raises(Misconfigured, match=r"deploy\.py up"):
        read_secrets(stage.workspace())


@pytest.mark.parametrize("secret", ["", "too short"])
def test_receivers_without_a_secret_to_sign_with_are_refused(stage: Stage, secret: str) -> None:
    check_webhook_secret(stage.workspace(SLUICE_WEBHOOK_SECRET=secret))
    (stage.folder / "deploy.toml").write_text('[webhooks]\nurls = ["https://example.com"]\n')
    with pytest.raises(
        Misconfigured, match="SLUICE_WEBHOOK_SECRET is missing or shorter"
    ) as refused:
        check_webhook_secret(stage.workspace(SLUICE_WEBHOOK_SECRET=secret))

    assert not secret or secret not in str(refused.value)
    signed = stage.workspace(SLUICE_WEBHOOK_SECRET="a secret of the receivers")
    check_webhook_secret(signed)
    assert "a secret of" not in repr(signed)


def test_a_run_folder_open_to_others_is_closed(stage: Stage) -> None:
    run = stage.workspace().run
    run.mkdir(parents=True)
    run.chmod(0o777)
    make_folders(stage.workspace())
    assert stat.S_IMODE(run.stat().st_mode) == 0o700


def test_a_run_folder_that_is_a_link_is_refused(stage: Stage) -> None:
    run = stage.workspace().run
    run.parent.mkdir(parents=True, exist_ok=True)
    run.symlink_to(stage.folder)
    try:
        with pytest.raises(Misconfigured, match="not a folder of this user"):
            make_folders(stage.workspace())
    finally:
        run.unlink()
