"""Both signatures of an export hold for just its files; others check them without Sluice."""

import json
import os
import shutil
import subprocess

import pytest

from delivery.signatures import signing_key
from export.errors import ExportError
from export.export import verify_export
from export.model_signature import model_signing_key


def refusal(folder, keys):
    """Why a folder is refused."""
    with pytest.raises(ExportError) as caught:
        verify_export(folder, keys, lambda _line: None)

    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["model.onnx", "python/edge_model.py", "page/page.js", "README.md", "signature"]
)
def test_a_changed_file_is_named(copy, harness, name):
    path = copy / name
    raw = path.read_bytes()
    path.write_bytes(bytes([raw[0] ^ 1]) + raw[1:])
    assert str(path) in refusal(copy, harness.delivery.keys)


def test_a_missing_a_further_and_a_linked_file_are_named(copy, harness):
    keys = harness.delivery.keys
    (copy / "more.py").write_text("")
    assert "more.py is not in the manifest" in refusal(copy, keys)
    (copy / "more.py").unlink()
    (copy / "python" / "numpy.py").symlink_to(copy / "LICENSE")
    assert "numpy.py is a link" in refusal(copy, keys)
    (copy / "python" / "numpy.py").unlink()
    os.mkfifo(copy / "page" / "more.js")
    assert "more.js is a link or no regular file" in refusal(copy, keys)
    (copy / "page" / "more.js").unlink()
    (copy / "python").rename(copy.parent / "python")
    (copy / "python").symlink_to(copy.parent / "python")
    assert "python is a link" in refusal(copy, keys)
    (copy / "python").unlink()
    (copy.parent / "python").rename(copy / "python")
    (copy / "model.onnx").unlink()
    os.mkfifo(copy / "model.onnx")
    assert "model.onnx is no regular file" in refusal(copy, keys)
    (copy / "model.onnx").unlink()
    assert "model.onnx cannot be read" in refusal(copy, keys)


def test_files_that_stand_for_each_other_are_named(copy, harness):
    golden, refused = copy / "golden.jsonl", copy / "refused.jsonl"
    kept = golden.read_bytes()
    golden.write_bytes(refused.read_bytes())
    refused.write_bytes(kept)
    assert "golden.jsonl was changed after it was signed" in refusal(copy, harness.delivery.keys)


def test_a_manifest_of_another_format_or_of_files_elsewhere_is_refused(copy, harness):
    from delivery.signatures import sign

    path, keys = copy / "manifest.json", harness.delivery.keys
    manifest = json.loads(path.read_text())

    def signed(changed):
        raw = json.dumps(changed).encode()
        path.write_bytes(raw)
        (copy / "signature").write_bytes(sign(raw, signing_key(keys)))

    signed({**manifest, "format": 2})
    assert "has format 2, this Sluice reads format 1" in refusal(copy, keys)
    elsewhere = {**manifest["files"], "../outside": {"sha256": "", "bytes": 1}}
    signed({**manifest, "files": elsewhere})
    assert "a manifest is for files below it" in refusal(copy, keys)
    signed({**manifest, "files": []})
    assert "cannot be read" in refusal(copy, keys)


def test_another_key_is_refused_for_either_signature(copy, harness, tmp_path):
    keys = tmp_path / "keys"
    signing_key(keys)
    assert "another key signed it" in refusal(copy, keys)

    shutil.copy(harness.delivery.public, keys)
    assert "model-signing.pub cannot be read" in refusal(copy, keys)
    model_signing_key(keys)
    assert "model.sig was changed, or another key signed it" in refusal(copy, keys)


def test_a_model_signature_of_other_files_is_refused(copy, harness):
    path = copy / "model.sig"
    for text in ("{}", "[" * 100_000, '{"dsseEnvelope": 1}', ""):
        path.write_text(text)
        assert "model.sig is no model signature" in refusal(copy, harness.delivery.keys)

    shutil.copy(copy / "manifest.json", path)
    assert "model.sig is no model signature" in refusal(copy, harness.delivery.keys)


def test_openssf_model_signing_verifies_it_and_finds_a_changed_file(copy, harness, other_packages):
    def verified():
        command = [other_packages / "model_signing", "verify", "key", copy]
        command += ["--signature", copy / "model.sig"]
        command += ["--public_key", harness.delivery.keys / "model-signing.pub"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = verified()
    assert (done.returncode, done.stdout.strip()) == (0, "Verification succeeded")
    (copy / "python" / "edge_model.py").write_text("import os\n")
    done = verified()
    assert done.returncode != 0
    assert "edge_model.py" in done.stdout + done.stderr


def test_openssl_verifies_the_manifest(exported, harness, tmp_path):
    import base64

    signature = tmp_path / "signature.bin"
    signature.write_bytes(base64.b64decode((exported.folder / "signature").read_bytes()))
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", harness.delivery.public]
    command += ["-rawin", "-in", exported.folder / "manifest.json", "-sigfile", signature]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
