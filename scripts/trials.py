"""Run every test that docs/trials.md names: `python -m scripts.trials`."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "trials.md"
_TEST = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)?)`")


def named_tests(page: str) -> list[str]:
    """The files and tests that the page names, each once, in order; a test of a file that is named
    too is left out.
    """
    found = list(dict.fromkeys(_TEST.findall(page)))
    return [test for test in found if "::" not in test or test.partition("::")[0] not in found]


def main() -> int:
    """The exit code of pytest."""
    return int(
        pytest.main(
            [*named_tests(PAGE.read_text()), "-n", "2", "--dist", "loadfile", "-q", "--durations=0"]
        )
    )


if __name__ == "__main__":
    sys.exit(main())
