"""The keys: made on first use, private ones for their owner alone."""

import base64
import os
import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from delivery.errors import DeliveryError
from delivery.signatures import sign, signing_key
from service.bundle import load_public_key
from tests.delivery.delivery_harness import ROOT


def mode(path):
    """The permissions of a file."""
    return path.stat().st_mode & 0o777


def test_keys_are_made_on_first_use_for_their_owner_alone(tmp_path):
    signing_key(tmp_path / "a" / "keys")
    assert sorted(path.name for path in (tmp_path / "a" / "keys").iterdir()) == [
        "sluice.key",
        "sluice.pub",
    ]
    assert mode(tmp_path / "a" / "keys") == 0o700
    assert mode(tmp_path / "a" / "keys" / "sluice.key") == 0o600


def test_keys_that_are_there_are_used_again(tmp_path):
    raw = signing_key(tmp_path).private_bytes_raw()
    assert signing_key(tmp_path).private_bytes_raw() == raw


def test_what_is_signed_holds_for_the_public_key_and_for_nothing_else(tmp_path):
    signature = base64.b64decode(
        sign(b"the manifest", signing_key(tmp_path)).strip(), validate=True
    )
    public = load_public_key(tmp_path / "sluice.pub")
    public.verify(signature, b"the manifest")
    with pytest.raises(InvalidSignature):
        public.verify(signature, b"another manifest")


@pytest.mark.parametrize("bits", [0o644, 0o640, 0o604, 0o620, 0o601, 0o666])
def test_a_private_key_that_others_may_touch_is_refused_with_the_command_that_helps(tmp_path, bits):
    signing_key(tmp_path)
    path = tmp_path / "sluice.key"
    path.chmod(bits)
    with pytest.raises(DeliveryError, match=f"`chmod 600 {path}`"):
        signing_key(tmp_path)

    assert mode(path) == bits
    path.chmod(0o400)
    signing_key(tmp_path)


def test_a_private_key_that_is_none_or_of_another_kind_is_refused(tmp_path):
    key, path = signing_key(tmp_path), tmp_path / "sluice.key"
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pass"))
    other = generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    public = (tmp_path / "sluice.pub").read_bytes()
    for content in (b"", b"nonsense", public, locked):
        path.write_bytes(content)
        with pytest.raises(DeliveryError, match="is not a private key in PEM form"):
            signing_key(tmp_path)

    path.write_bytes(other)
    with pytest.raises(DeliveryError, match="is not an Ed25519 key"):
        signing_key(tmp_path)


def test_a_public_key_that_was_lost_is_written_again(tmp_path):
    """It can be told from the private one; a process that died between the two files must not stop
    all deliveries.
    """
    signing_key(tmp_path)
    public = (tmp_path / "sluice.pub").read_bytes()
    (tmp_path / "sluice.pub").unlink()
    signing_key(tmp_path)
    assert (tmp_path / "sluice.pub").read_bytes() == public


def test_a_public_key_that_is_there_is_never_overwritten(tmp_path):
    signing_key(tmp_path)
    (tmp_path / "sluice.pub").write_bytes(b"another")
    signing_key(tmp_path)
    assert (tmp_path / "sluice.pub").read_bytes() == b"another"


def test_several_processes_at_once_make_one_pair(tmp_path):
    text = "import sys, pathlib, delivery.signatures as s; s.signing_key(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", text, str(tmp_path / "keys")]
    started = [subprocess.Popen(command, cwd=ROOT) for _ in range(4)]
    assert [process.wait(300) for process in started] == [0, 0, 0, 0]
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [
        "sluice.key",
        "sluice.pub",
    ]
    key = load_pem_private_key((tmp_path / "keys" / "sluice.key").read_bytes(), None)
    assert key.public_key() == load_public_key(tmp_path / "keys" / "sluice.pub")


def test_a_draft_of_a_process_that_died_does_not_stop_the_next(tmp_path):
    (tmp_path / f".sluice.key.{os.getpid()}").write_bytes(b"half")
    signing_key(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sluice.key", "sluice.pub"]
