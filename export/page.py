"""page/: a page that predicts in the browser, with all that it needs in one folder."""

import hashlib
import re
import shutil
from pathlib import Path

import msgspec

from export import onnxruntime_web as web
from service.bundle import file_of
from service.bundle_files import GOLDEN, ONNX

PAGE = Path(__file__).parent / "runners" / "page"
RUNNER = Path(__file__).parent / "runners" / "web" / "edge_model.js"
FILES, WORKER = "files.json", "service-worker.js"
DIGEST = "DIGEST"
# A server that does not know .mjs sends it as a download.
SCRIPTS = {web.ENTRY: "ort.wasm.min.js", web.LOADER: "ort-wasm-simd-threaded.js"}


def write_page(folder: Path, runtime: Path, title: str) -> None:
    """Write page/ into an exported folder. runtime: the folder of onnxruntime-web's files."""
    page = folder / "page"
    shutil.copytree(PAGE, page)
    shutil.copy(RUNNER, page)
    for name in (ONNX, "model.json", GOLDEN):
        shutil.copy(folder / name, page)

    for name in web.FILES:
        shutil.copy(runtime / name, page / SCRIPTS.get(name, name))

    index = page / "index.html"
    text = index.read_text(encoding="utf-8").replace("TITLE", _escaped(title))
    index.write_text(text, encoding="utf-8")
    _write_files(page)


def _write_files(page: Path) -> None:
    """List the files with their digests, and give the worker's cache the list's own digest."""
    files = {}
    for path in sorted(page.iterdir()):
        if path.name not in (FILES, WORKER):
            files[path.name] = file_of(path.read_bytes())

    raw = msgspec.json.encode({"files": files})
    (page / FILES).write_bytes(raw)
    worker = page / WORKER
    digest = hashlib.sha256(raw).hexdigest()
    worker.write_text(re.sub(rf"\b{DIGEST}\b", digest, worker.read_text()), encoding="utf-8")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
