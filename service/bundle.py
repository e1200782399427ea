"""Reads a delivered bundle, and trusts nothing before its signature and digests are checked.

The signature is Ed25519 over the exact bytes of release.yaml; release.yaml holds the SHA-256 of
every other file.
"""

import base64
import binascii
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import yaml
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from service.bundle_files import (
    FORMAT,
    LARGEST_MANIFEST,
    LARGEST_SIGNATURE,
    MANIFEST,
    SIGNATURE,
    UnreadableFile,
    read_file,
)

FRAME, SERIES, LIST = "frame", "series", "list"


class BundleError(Exception):
    """A bundle cannot be trusted or read; the message names the file at fault and the next step."""


class FrameColumn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a column is held in the pandas frame that the pipeline was fitted on.

    dtype: pandas' name of it, `category[...]` with the dtype of its levels.
    null: what stands for null in a column of objects (None, NaN, NA or NaT).
    levels, ordered: of a category; the levels as a row sends them.
    cell: of arrays, what holds one of them: list, tuple, or ndarray[...] with numpy's dtype.
    null_item: of arrays in lists, what stands for a null among the items (None or NaN).
    """

    dtype: str
    null: str = "NaN"
    levels: list[Any] | None = None
    ordered: bool = False
    cell: str | None = None
    null_item: str = "NaN"


class ValueForm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a value of a column looks like, where its dtype alone does not say it.

    unit: of datetimes, durations and times, how fine they are: s, ms, us or ns.
    zone: of datetimes that have an offset, the zone that the pipeline's own frame has.
    earliest, latest: what training saw of days, times, datetimes, durations and periods.
    shape: the lengths of arrays, None where it varied. longest: of lengths that vary.
    items, item_dtype: what an array holds: float, int, bool or string, as numpy's dtype.
    nullable_items: whether an item may be null.
    digits, scale: of decimals, how many digits in all and behind the point; None: any.
    frequency: of periods, as pandas writes it.
    """

    unit: str = ""
    zone: str | None = None
    earliest: str | None = None
    latest: str | None = None
    shape: list[int | None] = []
    longest: int = 0
    items: str = ""
    item_dtype: str = ""
    nullable_items: bool = False
    digits: int | None = None
    scale: int | None = None
    frequency: str = ""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One input column as it was seen in training.

    dtype: what a row sends: float, int, bool or string; datetime, date, time, duration, period,
    decimal, bytes or array (service/columns/).
    categories: of texts that are few and repeat.
    distinct, shortest, longest: of other texts how many there are, and their lengths.
    frame: how the pipeline's own frame holds it; None: as numpy holds that dtype.
    form: what more there is to say of a value; None of the first four dtypes, and in older bundles.
    """

    name: str
    dtype: str
    nullable: bool
    minimum: float | None = None
    maximum: float | None = None
    categories: list[str] | None = None
    distinct: int | None = None
    shortest: int | None = None
    longest: int | None = None
    frame: FrameColumn | None = None
    form: ValueForm | None = None


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """A column by whose values a rollout is looked at apart. values: as text, the most frequent
    first; all others count together.
    """

    column: str
    values: list[str]


class Output(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a version answers for a row by one method of its pipeline.

    name: of the method.
    shape: of a row's answer: [] one value, [k] a list of k, [t, c] a list of t lists (c: -1 where
    their lengths differ); None: not known.
    datatype: float, int, bool or string.
    names: of the values in a list, where they have any: of targets, or of a transformer's columns.
    classes: of each of several targets.
    """

    name: str
    shape: list[int] | None = None
    datatype: str = "float"
    names: list[str] = []
    classes: list[list[Any]] | None = None


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """Which runtime is certified, and the proof.

    max_difference: the largest of all rows, as Comparison.rule measures it.
    probe_rows: rows compared beside the held-out ones: training rows, nulls, unseen values,
    thresholds, extremes.
    form: how the certified ONNX form computes: `double`, `mixed` or `float`.
    refused_forms: why each of the others that were tried is not certified. Both are not in older
    bundles.
    """

    certified: str
    reason: str
    max_difference: float | None
    rows_compared: int
    probe_rows: int
    tolerance: float
    classes_equal: bool | None
    form: str | None = None
    refused_forms: dict[str, str] = {}


class DirectCalls(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the pipeline is served by its direct form, and the proof.

    reason: why, or why not. steps: those that have one. max_difference: the largest to the pipeline
    itself. rows_compared: held-out and probe rows. left_to_pipeline: rows of them that the direct
    form does not answer, but the pipeline.
    """

    served: bool
    reason: str
    steps: list[str] = []
    max_difference: float | None = None
    rows_compared: int = 0
    left_to_pipeline: int = 0


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """By which rule predictions are compared, and within which tolerances.

    certification: ONNX form against pipeline.
    golden: a started version against its golden rows.
    pipeline: the served pipeline against the pipeline on the user's own frame, and the same rows in
    other batches.
    scale: the mean size of the held-out numbers where that is below 1, else 1, as of probabilities
    and in older bundles, which do not name it. Of several outputs it is one by name, of lists
    whose numbers differ in size a list.
    """

    rule: str
    certification: float
    golden: float
    pipeline: float
    scale: float | list[Any] | dict[str, Any] = 1.0


class File(msgspec.Struct, frozen=True):
    """Digest and size of one file."""

    sha256: str
    bytes: int


def file_of(raw: bytes) -> File:
    """Digest and size of a file with this content."""
    return File(hashlib.sha256(raw).hexdigest(), len(raw))


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """release.yaml. Fields that only people read stay plain values.

    output: the first of `outputs`, by which a rollout is judged. task: of it. classes: of the
    pipeline, where it has several targets, of the first; None where it predicts none.
    outputs: all that it answers; empty in older bundles, which answer one value a row or the
    probabilities of its classes.
    input: what the pipeline takes, a `frame`, or of its one column a `series` or a `list`.
    one_row_at_a_time: each row is predicted alone, since its prediction depends on the other rows
    of a batch.
    side_effects: a prediction changes something, so that no request is copied to it.
    direct: how the pipeline is called on the scikit-learn runtime.
    requirements: the packages that the pipeline needs, of all `packages` of its environment.
    held_out_sha256: of the held-out rows, which do not travel.
    These, side_effects and segments are not in older bundles.
    """

    format: int
    model: str
    version: str
    created_at: str
    source: dict[str, Any]
    training: dict[str, Any]
    task: str
    classes: list[Any] | None
    output: str
    input: str
    one_row_at_a_time: bool
    columns: list[Column]
    metrics: dict[str, float]
    held_out_rows: int
    runtime: Runtime
    comparison: Comparison
    latency: dict[str, Any]
    golden: dict[str, Any]
    python: str
    packages: dict[str, str]
    files: dict[str, File]
    side_effects: bool = False
    segments: list[Segment] = []
    outputs: list[Output] = []
    direct: DirectCalls | None = None
    requirements: dict[str, str] = {}
    held_out_sha256: str = ""


class Bundle(msgspec.Struct, frozen=True):
    """A bundle whose signature and digests held. digest: SHA-256 of the manifest's bytes."""

    path: Path
    manifest: Manifest
    digest: str

    def read(self, name: str) -> bytes:
        """The bytes of a file, checked against the signed manifest; raises BundleError."""
        expected = self.manifest.files.get(name)
        if expected is None:
            raise BundleError(
                f"{self.path / name} is not in the manifest: deliver the version again"
            )

        return _checked(self.path, name, expected)


def verify_bundle(path: Path, public_key: Path) -> Bundle:
    """Check the signature, then every digest, then return the bundle.

    Raises BundleError naming the file at fault.
    """
    raw = _read(path, MANIFEST, LARGEST_MANIFEST)
    _check_signature(raw, path, public_key)
    manifest = parse_manifest(raw, path / MANIFEST)
    for name, expected in manifest.files.items():
        _checked(path, name, expected)

    _check_nothing_else(path, manifest)
    return Bundle(path, manifest, hashlib.sha256(raw).hexdigest())


def parse_manifest(raw: bytes, path: Path) -> Manifest:
    """The manifest of release.yaml's bytes; raises BundleError naming the key at fault."""
    try:
        plain = yaml.safe_load(raw)
        # Before the other keys: those of another format are other ones.
        if isinstance(plain, dict):
            _require_format(plain.get("format"), path)

        return msgspec.convert(plain, Manifest)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise BundleError(f"{path} cannot be read: {error}") from error


def _require_format(given: Any, path: Path) -> None:
    if isinstance(given, int) and given != FORMAT:
        raise BundleError(
            f"{path} has format {given}, this Sluice reads format {FORMAT}: deliver it again"
        )


def load_public_key(path: Path) -> Ed25519PublicKey:
    """The key that bundles must be signed with; raises BundleError."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BundleError(
            f"{path} is not a public key in PEM form: restore it, or deliver again"
        ) from error

    if not isinstance(key, Ed25519PublicKey):
        raise BundleError(f"{path} is not an Ed25519 key")

    return key


def _check_signature(raw: bytes, folder: Path, public_key: Path) -> None:
    path = folder / SIGNATURE
    try:
        signature = base64.b64decode(
            _read(folder, SIGNATURE, LARGEST_SIGNATURE).strip(), validate=True
        )
        load_public_key(public_key).verify(signature, raw)
    except binascii.Error as error:
        raise BundleError(
            f"{path} is not base64: the bundle was changed after it was signed"
        ) from error
    except InvalidSignature as error:
        raise BundleError(
            f"{path} does not hold for {MANIFEST}: the manifest was changed, or another key "
            f"signed it (trusted: {public_key})"
        ) from error


def _checked(folder: Path, name: str, expected: File) -> bytes:
    path = folder / name
    if name in (MANIFEST, SIGNATURE):
        raise BundleError(f"{path}: a manifest may only vouch for files beside it")

    raw = _read(folder, name, expected.bytes)
    if len(raw) != expected.bytes or hashlib.sha256(raw).hexdigest() != expected.sha256:
        raise BundleError(f"{path} was changed after it was signed: deliver a new version")

    return raw


def _check_nothing_else(path: Path, manifest: Manifest) -> None:
    known = {MANIFEST, SIGNATURE, *manifest.files}
    for file in sorted(path.iterdir()):
        if file.name not in known:
            raise BundleError(f"{file} is not in the manifest: remove it, or deliver a new version")


def _read(folder: Path, name: str, largest: int) -> bytes:
    try:
        return read_file(folder, name, largest)
    except UnreadableFile as error:
        raise BundleError(str(error)) from error
