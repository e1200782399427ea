"""The READMEs of an exported folder, one a platform: texts with what is known of the version."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from string import Template

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from export.manifest import Certified
from export.onnxruntime_web import VERSION as WEB_VERSION
from service.bundle import Manifest

TEXTS = Path(__file__).parent / "readmes"
UNTESTED = ("android", "cpp", "ios")


@dataclass(frozen=True)
class ReadmeFacts:
    """What the texts say. key, signer: of the manifest and of model.sig."""

    manifest: Manifest
    certified: dict[str, Certified]
    left_out: dict[str, str]
    key: Ed25519PrivateKey
    signer: EllipticCurvePrivateKey
    has_page: bool


def write_readmes(folder: Path, facts: ReadmeFacts) -> None:
    """Write README.md, and one in the folder of each platform that there is."""
    values = _values(facts)
    _write("README.md", folder / "README.md", values)
    for platform in UNTESTED:
        (folder / platform).mkdir()

    for platform in ("page", "python", "web", *UNTESTED):
        if (folder / platform).is_dir():
            _write(f"{platform}.md", folder / platform / "README.md", values)


def _write(name: str, path: Path, values: dict[str, str]) -> None:
    text = (TEXTS / name).read_text(encoding="utf-8")
    path.write_text(Template(text).substitute(values), encoding="utf-8")


def _values(facts: ReadmeFacts) -> dict[str, str]:
    manifest, runs = facts.manifest, facts.certified
    return {
        "model": manifest.model,
        "version": manifest.version,
        "certified": _certified(facts),
        "columns": _columns(manifest),
        "python_version": runs["onnxruntime"].version,
        "web_version": WEB_VERSION,
        "fingerprint": _fingerprint(facts.key),
        "signer_fingerprint": _fingerprint(facts.signer),
        "web": "| `web/` | the same for Node and browsers |\n" * ("onnxruntime-web" in runs),
        "page": "| `page/` | the page that predicts in a browser, offline |\n" * facts.has_page,
    }


def _certified(facts: ReadmeFacts) -> str:
    lines = []
    for runtime, run in facts.certified.items():
        lines.append(
            f"* {runtime} {run.version}: equal classes on {run.rows} held-out rows, largest "
            f"difference {run.largest_difference:.2g} ({run.tolerance:g} is allowed)"
        )

    for runtime, why in facts.left_out.items():
        lines.append(f"* {runtime}: **not certified**: {why}")

    return "\n".join(lines)


def _columns(manifest: Manifest) -> str:
    lines = ["| column | type | null |", "|---|---|---|"]
    for column in manifest.columns:
        name = column.name.replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {name} | {column.dtype} | {'yes' if column.nullable else 'no'} |")

    return "\n".join(lines)


def _fingerprint(key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()
