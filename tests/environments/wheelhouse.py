"""A folder of tiny packages, which uv installs without any index."""

import base64
import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

BUILD = "import pathlib\npathlib.Path({marker!r}).write_text('built')\n"


class Wheelhouse:
    """Wheels and source distributions of packages that hold one module each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def environ(self, cache: Path) -> dict[str, str]:
        """What points uv here and nowhere else."""
        return {
            "UV_FIND_LINKS": str(self.folder),
            "UV_NO_INDEX": "1",
            "UV_CACHE_DIR": str(cache),
        }

    def wheel(
        self,
        name: str,
        version: str = "1.0",
        source: str = "",
        needs: tuple[str, ...] = (),
        tag: str = "py3-none-any",
        padding: int = 0,
    ) -> Path:
        """A wheel with the module `name`.

        needs: requirements of its metadata. padding: bytes of a further file.
        """
        about = f"{name}-{version}.dist-info"
        metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
        metadata += map("Requires-Dist: {}".format, needs)
        files = {
            f"{name}.py": source.encode(),
            f"{about}/METADATA": ("\n".join(metadata) + "\n").encode(),
            f"{about}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        }
        if padding:
            files[f"{name}.bin"] = b"\0" * padding

        files[f"{about}/RECORD"] = _record(files, f"{about}/RECORD")
        path = self.folder / f"{name}-{version}-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for file, content in files.items():
                archive.writestr(file, content)

        return path

    def source(self, name: str, marker: Path, version: str = "1.0") -> Path:
        """A source distribution whose build writes a marker."""
        files = {
            "setup.py": BUILD.format(marker=str(marker)).encode(),
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        }
        path = self.folder / f"{name}-{version}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for file, content in files.items():
                member = tarfile.TarInfo(f"{name}-{version}/{file}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))

        return path


def _record(files: dict[str, bytes], itself: str) -> bytes:
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}")

    return "\n".join([*lines, f"{itself},,", ""]).encode()
