"""Everything about a delivered version is checked again, and the file at fault is named."""

import shutil

import pytest

from delivery.errors import DeliveryError
from delivery.verify import check, verify
from tests.delivery.delivery_harness import EVERY_FILE, resign


def test_a_sound_version_has_a_line_a_check(shared):
    lines = verify(shared.releases / "v1", shared.public)
    assert lines[0] == f"signature holds ({shared.public})"
    assert lines[1] == "5 files are as they were signed"
    assert lines[2].endswith("golden rows answered by onnx")


def test_a_version_that_was_never_delivered_is_named_with_the_command_that_helps(shared, tmp_path):
    for path in (tmp_path / "v9", shared.releases / "v1" / "model.pkl"):
        with pytest.raises(
            DeliveryError, match=f"{path.name} was not delivered: `python deploy.py deliver "
        ):
            verify(path, shared.public)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_tampered_file_is_named(copy, shared, name):
    path = copy() / name
    path.write_bytes(path.read_bytes()[:-2] + b"AA")
    with pytest.raises(DeliveryError, match="signature" if name == "release.yaml" else name):
        check(path.parent, shared.public)


def test_a_file_more_or_less_is_named(copy, shared):
    path = copy()
    (path / "extra.txt").write_text("")
    with pytest.raises(DeliveryError, match=r"extra\.txt is not in the manifest"):
        check(path, shared.public)

    (path / "extra.txt").unlink()
    (path / "model.pkl").unlink()
    with pytest.raises(DeliveryError, match=r"model\.pkl cannot be read"):
        check(path, shared.public)


def test_another_keys_signature_does_not_hold(copy, shared, tmp_path):
    path = copy()
    resign(path, tmp_path / "others")
    with pytest.raises(DeliveryError, match="another key signed it"):
        verify(path, shared.public)


def test_a_version_under_another_name_is_refused(shared, tmp_path):
    shutil.copytree(shared.releases / "v1", tmp_path / "v7")
    with pytest.raises(DeliveryError, match="v7 holds version v1: somebody renamed the folder"):
        verify(tmp_path / "v7", shared.public)


def test_a_bundle_may_be_copied_anywhere_under_its_name(copy, shared):
    assert len(verify(copy(), shared.public)) == 3
