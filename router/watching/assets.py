"""The page's static files: kept in memory, addressed by a hash of all of them.

So browsers keep them for ever, and a page of an earlier Sluice sees in the snapshot that another
version answers."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from router.problems import Headers, Problem

FOLDER = Path(__file__).parents[1] / "static"
PREFIX = "/static/"
SIGN_IN = frozenset({"sign-in.css", "sign-in.js"})
"""What the sign-in page needs, which nobody has signed in for yet."""
_TYPES = {
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
}
_FOR_EVER = b"public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """A file and its content type."""

    body: bytes
    content_type: bytes


class Assets:
    """All static files. version: changes with any of them."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files: dict[str, Asset] = {}
        digest = sha256()
        for path in sorted(folder.rglob("*")):
            if path.suffix in _TYPES:
                name, body = path.relative_to(folder).as_posix(), path.read_bytes()
                self._files[name] = Asset(body, _TYPES[path.suffix])
                digest.update(f"{name} {len(body)} ".encode() + body)

        self.version = digest.hexdigest()[:12]

    def address(self, name: str) -> str:
        """The address of a file, relative to the page's."""
        return f"static/{self.version}/{name}"

    def answer(self, path: str) -> tuple[Headers, bytes]:
        """Headers and body of the file at a path; raises Problem 404."""
        version, _, name = path.removeprefix(PREFIX).partition("/")
        asset = self._files.get(name)
        if asset is None:
            raise Problem(404, "no file of the page has this name: reload the page")

        # Another worker, of another Sluice, may have sent the page: its files must not be kept
        # under that address.
        keep = _FOR_EVER if version == self.version else b"no-store"
        headers = [(b"content-type", asset.content_type), (b"cache-control", keep)]
        return headers, asset.body
