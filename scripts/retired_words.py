"""Words of a private language that no name, message or page may have again.

`python -m scripts.retired_words [FOLDER]` lists where they stand; docs/glossary.md has the words to
use instead.
"""

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = (
    *("cli", "rollout", "store", "wire", "router", "service", "batch", "delivery", "deployment"),
    *("export", "targets", "emulator", "environments", "load"),
)
NAMES = frozenset(
    {
        *("house", "houses", "door", "doors", "bell", "eyes", "docket", "courier", "whom"),
        *("each", "found", "there", "wanted", "mine", "theirs", "place", "told", "said"),
    }
)
"""Names of variables, parameters, attributes, functions and classes in the rooms, whole."""
PHRASES = (
    *("way back", "ways back", "taken back", "takes back", "take back", "gone back", "goes back"),
    *("go back from", "speaks against", "speak against", "spoke against", "bears its"),
    *("who answers whom", "rests for a moment", "rest for a moment", "docket"),
    *("brought up from", "at the door", "front door", "from door to door", "courier"),
    *("s are over", "nobody any more", "the house", "a house of"),
)
"""In code, settings and pages."""
NOUNS = frozenset({"content_encoding"})
"""Modules whose names only look like a gerund or a participle."""
_VERBAL = re.compile(r"(ing|ed)$|^(whom|who|each|others|beside|inside|apart|past)$")


@dataclass(frozen=True)
class Hit:
    """Where a retired word stands."""

    path: str
    line: int
    word: str


def hits(root: Path = ROOT) -> Iterator[Hit]:
    """All of them, in the rooms, the settings and the pages. root: the project's folder."""
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            yield from _in_module(path, path.relative_to(root).as_posix())

    pages = [*root.glob("*.md"), *root.glob("*.toml"), *root.glob("deploy.py")]
    for path in sorted([*pages, *(root / "docs").rglob("*.md")]):
        if path.name != "CHANGELOG.md" and "decisions" not in path.parts:
            yield from _phrases(path.read_text(), path.relative_to(root).as_posix())


def _in_module(path: Path, name: str) -> Iterator[Hit]:
    if _VERBAL.search(path.stem) and path.stem not in NOUNS:
        yield Hit(name, 1, f"module {path.stem}")

    text = path.read_text()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and token.string.lower().lstrip("_") in NAMES:
            yield Hit(name, token.start[0], token.string)

    yield from _phrases(text, name)


def _phrases(text: str, name: str) -> Iterator[Hit]:
    """Phrases, also where they go over the end of a line."""
    for phrase in PHRASES:
        pattern = r"\b" + r"[\s\"#]+".join(map(re.escape, phrase.split())) + r"\b"
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield Hit(name, text.count("\n", 0, match.start()) + 1, phrase)


def main() -> None:
    """List them."""
    under = sys.argv[1] if len(sys.argv) > 1 else ""
    for hit in hits():
        if hit.path.startswith(under):
            print(f"{hit.path}:{hit.line}: {hit.word}")


if __name__ == "__main__":
    main()
