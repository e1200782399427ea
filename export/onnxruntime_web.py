"""The three files of onnxruntime-web that predict in Node and in a browser: pinned by digest.

They come from npm's own client and wait in the state folder for the next export.
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from delivery.request import Report
from environments.errors import last_words
from export.errors import ExportError

VERSION = "1.30.0"
PACKAGE = f"onnxruntime-web@{VERSION}"
TARBALL = f"onnxruntime-web-{VERSION}.tgz"
# In hexadecimal, of what npm names in base64.
SHA512 = (
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
# The entry for wasm alone: the default one evaluates strings, which a strict page forbids.
ENTRY, LOADER, WASM = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
FILES = {
    ENTRY: "219e6a1fc8a9938268d18efca3c91d310bd2f4a59bbd13744df5b2b7fc6cee3b",
    LOADER: "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    WASM: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
DOWNLOAD_S = 600.0


def onnxruntime_web(cache: Path, tarball: Path | None, report: Report) -> Path:
    """The folder with the files, each checked by its digest.

    tarball: the package as somebody has it already; None: npm fetches it. Raises ExportError.
    """
    folder = cache / VERSION
    if _is_whole(folder):
        return folder

    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".partial-") as draft:
        if tarball is None:
            report(f"fetching {PACKAGE} (33 MB), once")
            tarball = _fetched(Path(draft))

        files = Path(draft) / "files"
        _unpack(tarball, files)
        _publish(files, folder)

    return folder


def _publish(files: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        files.rename(folder)
    except OSError:
        # Somebody else was first.
        if not _is_whole(folder):
            raise


def _is_whole(folder: Path) -> bool:
    for name, digest in FILES.items():
        path = folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            return False

    return True


def _fetched(folder: Path) -> Path:
    npm = shutil.which("npm")
    elsewhere = f"or get {TARBALL} and name it with --onnxruntime-web"
    if npm is None:
        raise ExportError(f"npm is missing, which fetches {PACKAGE}: install it, {elsewhere}")

    command = [npm, "pack", PACKAGE, "--ignore-scripts", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=DOWNLOAD_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ExportError(f"npm did not fetch {PACKAGE} within {DOWNLOAD_S:.0f} s") from error

    if done.returncode:
        cause = last_words(done.stderr)
        raise ExportError(f"npm did not fetch {PACKAGE} ({cause}): try again, {elsewhere}")

    return folder / TARBALL


def _unpack(tarball: Path, folder: Path) -> None:
    try:
        raw = tarball.read_bytes()
    except OSError as error:
        raise ExportError(f"{tarball} cannot be read: {error.strerror}") from error

    if hashlib.sha512(raw).hexdigest() != SHA512:
        raise ExportError(f"{tarball} is not {PACKAGE} as it was published: its SHA-512 differs")

    folder.mkdir()
    with tarfile.open(tarball) as archive:
        for name in FILES:
            file = archive.extractfile(f"package/dist/{name}")
            assert file is not None
            (folder / name).write_bytes(file.read())
