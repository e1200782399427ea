"""Run every test that docs/trials.md names: `python -m scripts.trials`."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "trials.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)?)`")


def named_tests(page: str) -> list[str]:
    """The files and tests that the page names, each once, in order.

    A test is left out where its whole file is named."""
    names = list(dict.fromkeys(_TEST.findall(page)))
    return [name for name in names if "::" not in name or name.partition("::")[0] not in names]


def main() -> int:
    """The exit code of pytest."""
    options = ["-n", "2", "--dist", "loadfile", "-q", "--durations=0"]
    return int(pytest.main([*named_tests(PAGE.read_text()), *options]))


if __name__ == "__main__":
    sys.exit(main())
