"""Nothing of a bundle is believed, and nothing of it is unpickled, before its signature and digests
hold.
"""

import base64
import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from delivery.errors import DeliveryError
from delivery.signatures import signing_key
from delivery.verify import verify
from service.app import create_app
from service.bundle import BundleError, verify_bundle
from service.proof.golden_rows import prove
from service.runtimes.load_model import load_model
from tests.delivery.delivery_harness import EVERY_FILE, ROOT, resign, vouch
from tests.delivery.loan_pipelines import ROW
from tests.service.service_client import client, config, predict

VOUCHED = [name for name in EVERY_FILE if name not in ("release.yaml", "signature")]
CHANGES = {
    "a byte more": lambda raw: raw + b" ",
    "a byte less": lambda raw: raw[:-1],
    "another byte": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
    "empty": lambda raw: b"",
}


class Mark:
    """A pickle that leaves a mark when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def refused(bundle, public):
    """What verify_bundle says against it."""
    with pytest.raises(BundleError) as error:
        verify_bundle(bundle, public)
    return str(error.value)


def test_a_bundle_as_it_was_delivered_holds(harness, delivered):
    bundle = verify_bundle(delivered("logistic"), harness.public)
    assert (bundle.manifest.model, bundle.manifest.version) == ("loans", "logistic")
    assert bundle.digest == hashlib.sha256((bundle.path / "release.yaml").read_bytes()).hexdigest()
    assert bundle.read("model.onnx") == (bundle.path / "model.onnx").read_bytes()


def test_a_file_that_the_manifest_does_not_vouch_for_is_not_given(bundle):
    with pytest.raises(BundleError, match=r"notes\.txt is not in the manifest"):
        bundle("logistic").read("notes.txt")


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", VOUCHED)
def test_a_changed_file_is_named(harness, copy, name, change):
    path = copy("logistic") / name
    path.write_bytes(CHANGES[change](path.read_bytes()))
    assert f"{path} was changed after it was signed" in refused(path.parent, harness.public)


@pytest.mark.parametrize(
    "change",
    [
        *CHANGES.values(),
        lambda raw: raw.replace(b"certified: onnx", b"certified: sklearn"),
        lambda raw: raw.replace(b"version: logistic", b"version: v9"),
        lambda raw: b"# a comment\n" + raw,
        lambda raw: raw.replace(b"\n", b"\r\n"),
    ],
)
def test_an_edited_manifest_breaks_the_signature(harness, copy, change):
    path = copy("logistic") / "release.yaml"
    path.write_bytes(change(path.read_bytes()))
    message = refused(path.parent, harness.public)
    assert "signature does not hold for release.yaml" in message
    assert str(harness.public) in message


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_missing_file_is_named(harness, copy, name):
    path = copy("logistic") / name
    path.unlink()
    assert f"{path} cannot be read: No such file" in refused(path.parent, harness.public)


def test_a_bundle_that_is_not_there_is_named(harness, tmp_path):
    assert "v9/release.yaml cannot be read" in refused(tmp_path / "v9", harness.public)


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "model.pkl_01.npy", "a folder"])
def test_a_stray_file_is_named(harness, copy, name):
    path = copy("logistic")
    (path / name).mkdir() if name == "a folder" else (path / name).write_bytes(b"")
    assert f"{path / name} is not in the manifest" in refused(path, harness.public)


@pytest.mark.parametrize("name", VOUCHED)
def test_a_link_is_refused_even_to_the_same_bytes(harness, delivered, copy, name):
    link = copy("logistic") / name
    link.unlink()
    link.symlink_to(delivered("logistic") / name)
    assert f"{link} is a link" in refused(link.parent, harness.public)


@pytest.mark.parametrize("name", ["release.yaml", "signature"])
def test_a_link_to_the_same_manifest_or_signature_is_refused(harness, delivered, copy, name):
    link = copy("logistic") / name
    link.unlink()
    link.symlink_to(delivered("logistic") / name)
    assert f"{link} is a link" in refused(link.parent, harness.public)


@pytest.mark.parametrize("name", EVERY_FILE)
def test_a_pipe_in_the_place_of_a_file_is_refused_and_holds_nobody_up(harness, copy, name):
    path = copy("logistic") / name
    path.unlink()
    os.mkfifo(path)
    assert f"{path} is no regular file" in refused(path.parent, harness.public)


def test_a_bundle_that_is_a_link_is_refused(harness, delivered, tmp_path):
    (tmp_path / "v2").symlink_to(delivered("logistic"))
    assert "v2 is a link" in refused(tmp_path / "v2", harness.public)


@pytest.mark.parametrize(("name", "file"), [("unnamed", "model.pkl"), ("logistic", "model.onnx")])
def test_a_model_that_is_swapped_after_the_check_is_not_loaded(harness, copy, tmp_path, name, file):
    """The bytes that are loaded are those that were checked, however late somebody comes."""
    path, mark = copy(name), tmp_path / "mark"
    bundle = verify_bundle(path, harness.public)
    (path / file).write_bytes(pickle.dumps(Mark(mark)))
    with pytest.raises(BundleError, match=f"{file} was changed after it was signed"):
        load_model(bundle)

    assert not mark.exists()


def test_golden_rows_that_are_swapped_after_the_check_prove_nothing(harness, copy):
    path = copy("logistic")
    bundle = verify_bundle(path, harness.public)
    model = load_model(bundle)
    (path / "golden.jsonl").write_bytes(
        (path / "golden.jsonl").read_bytes().splitlines()[0] + b"\n"
    )
    with pytest.raises(BundleError, match=r"golden\.jsonl was changed after it was signed"):
        prove(bundle, model)


def test_another_keys_signature_does_not_hold(harness, copy, tmp_path):
    path = copy("logistic")
    resign(path, tmp_path / "other keys")
    assert "another key signed it" in refused(path, harness.public)
    verify_bundle(path, tmp_path / "other keys" / "sluice.pub")


@pytest.mark.parametrize("content", [b"not base64!", b"\xff\xfe", "é".encode(), b"AAA"])
def test_a_signature_that_is_not_base64_is_said_to_be_none(harness, copy, content):
    path = copy("logistic")
    (path / "signature").write_bytes(content)
    assert f"{path / 'signature'} is not base64" in refused(path, harness.public)


@pytest.mark.parametrize("content", [b"", b"x" * 63, b"x" * 64, b"x" * 65])
def test_a_signature_of_any_other_bytes_does_not_hold(harness, copy, content):
    path = copy("logistic")
    (path / "signature").write_bytes(base64.b64encode(content))
    assert "does not hold" in refused(path, harness.public)


def test_a_public_key_that_is_missing_or_none_is_named(harness, delivered, tmp_path):
    assert "no.pub cannot be read" in refused(delivered("logistic"), tmp_path / "no.pub")
    keys = {
        "empty": b"",
        "text": b"ssh-ed25519 AAAA",
        "private": (harness.keys / "sluice.key").read_bytes(),
    }
    for name, content in keys.items():
        (tmp_path / name).write_bytes(content)
        assert f"{name} is not a public key in PEM form" in refused(
            delivered("logistic"), tmp_path / name
        )


def test_a_public_key_of_another_kind_is_named(delivered, tmp_path):
    other = generate_private_key(65537, 2048).public_key()
    (tmp_path / "rsa.pub").write_bytes(
        other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    assert "rsa.pub is not an Ed25519 key" in refused(delivered("logistic"), tmp_path / "rsa.pub")


@pytest.mark.parametrize(
    "name",
    [
        "../model.pkl",
        "/etc/hostname",
        "sub/model.pkl",
        "./model.pkl",
        "..",
        ".",
        "",
        "release.yaml",
        "signature",
        "a\0b",
    ],
)
def test_even_a_signed_manifest_may_not_name_files_elsewhere(harness, copy, name):
    path = copy("logistic")
    resign(
        path,
        harness.keys,
        lambda manifest: manifest["files"].update({name: manifest["files"]["model.pkl"]}),
    )
    assert "a manifest may only vouch for files beside it" in refused(path, harness.public)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "Expected `object`"),
        (b"- a list\n", "Expected `object`"),
        (b"a: [\n", "cannot be read"),
        (b"\xff\xfe\xff", "cannot be read"),
        (b"format: 2\nmodel: m\n", "missing required field `version`"),
        (b"!!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
    ],
)
def test_a_signed_manifest_that_cannot_be_read_says_why(harness, copy, raw, message):
    path = copy("logistic")
    (path / "release.yaml").write_bytes(raw)
    (path / "signature").write_bytes(base64.b64encode(signing_key(harness.keys).sign(raw)))
    assert message in refused(path, harness.public)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 1, "has format 1, this Sluice reads format 2: deliver it again"),
        ("format", "one", "$.format"),
        ("columns", [{"name": "x"}], "$.columns[0]"),
        ("files", {"model.pkl": "abc"}, "$.files"),
        ("runtime", None, "$.runtime"),
    ],
)
def test_a_signed_manifest_with_a_wrong_key_names_it(harness, copy, key, value, message):
    path = copy("logistic")
    resign(path, harness.keys, lambda manifest: manifest.update({key: value}))
    assert message in refused(path, harness.public)


def test_a_signed_manifest_without_a_needed_file_is_refused(harness, copy):
    for name in ("model.onnx", "golden.jsonl"):
        path = copy("logistic")
        (path / name).unlink()
        resign(path, harness.keys, lambda manifest, name=name: manifest["files"].pop(name))
        with pytest.raises(BundleError, match=f"{name} is not in the manifest"):
            create_app(config(path, harness.public))
        for item in path.iterdir():
            item.unlink()
        path.rmdir()


@pytest.fixture(params=["unsigned", "signed by another", "signature of another"])
def poisoned(request, copy, tmp_path):
    """A bundle served by scikit-learn whose pickle leaves a mark when it is loaded, and that
    mark.
    """
    path, mark = copy("unnamed"), tmp_path / "mark"
    raw = pickle.dumps(Mark(mark))
    (path / "model.pkl").write_bytes(raw)
    if request.param != "unsigned":
        kept = (path / "signature").read_bytes()
        resign(path, tmp_path / "other keys", lambda manifest: vouch(manifest, "model.pkl", raw))
        if request.param == "signature of another":
            (path / "signature").write_bytes(kept)

    return path, mark


def test_a_pickle_is_never_loaded_when_the_signature_does_not_hold(harness, poisoned):
    path, mark = poisoned
    with pytest.raises(BundleError):
        create_app(config(path, harness.public))

    with pytest.raises(DeliveryError):
        verify(path, harness.public)

    command = [sys.executable, "-m", "delivery.proof.self_test", str(path), str(harness.public)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not mark.exists()


def test_the_marked_pickle_would_have_left_its_mark(harness, copy, tmp_path):
    path, mark = copy("unnamed"), tmp_path / "mark"
    raw = pickle.dumps(Mark(mark))
    (path / "model.pkl").write_bytes(raw)
    resign(path, harness.keys, lambda manifest: vouch(manifest, "model.pkl", raw))
    with pytest.raises((AttributeError, TypeError)):
        create_app(config(path, harness.public))

    assert mark.exists()


def test_a_version_on_onnx_loads_no_pickle_even_when_it_is_signed(harness, copy, tmp_path):
    path, mark = copy("logistic"), tmp_path / "mark"
    raw = pickle.dumps(Mark(mark))
    (path / "model.pkl").write_bytes(raw)
    resign(path, harness.keys, lambda manifest: vouch(manifest, "model.pkl", raw))
    assert predict(client(create_app(config(path, harness.public))), ROW).status_code == 200
    assert not mark.exists()


def test_the_manifest_survives_its_own_form(bundle):
    manifest = bundle("grades").manifest
    assert msgspec.convert(msgspec.to_builtins(manifest), type(manifest)) == manifest
    assert manifest.classes == ["bad", "good", "så som så"]
