"""Hook of mkdocs: a page may link to any file of the repository, such as ../router/app.py; the site
gets a copy of it.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
COPIES = "source"
"""The site's folder of copies."""
_LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add each file outside docs/ that a page links to."""
    for page in files.documentation_pages():
        for match in _LINK.finditer(page.content_string):
            path = _outside(page.src_uri, match[1])
            copy = f"{COPIES}/{path}"
            if path and (ROOT / path).is_file() and files.get_file_from_path(copy) is None:
                content = (ROOT / path).read_bytes()
                files.append(File.generated(config, copy, content=content))

    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn a page's links to such files into links to their copies; a folder becomes plain text."""

    def rewritten(match: re.Match[str]) -> str:
        path = _outside(page.file.src_uri, match[2])
        if not path:
            return match[0]
        if (ROOT / path).is_dir():
            return match[1]

        here = posixpath.dirname(page.file.src_uri) or "."
        return f"[{match[1]}]({posixpath.relpath(f'{COPIES}/{path}', here)})"

    return re.sub(r"\[([^\]]*)\]\(([^)\s#]+)(?:#[^)\s]*)?\)", rewritten, markdown)


def _outside(page: str, link: str) -> str:
    """The path in the repository of a link that leaves docs/, else empty."""
    if re.match(r"[a-z]+:", link):
        return ""

    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return "" if path.startswith("docs/") or path == "docs" else path
