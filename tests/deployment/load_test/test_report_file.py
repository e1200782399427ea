"""Where a load test's page cannot be written, nothing is sent; a disk that fills up is told."""

import os
from pathlib import Path

import pytest

from deployment.load_test.load_test import check_report, write_report
from deployment.workspace.errors import EdgeFailure


def test_a_page_may_be_new_or_replace_another(tmp_path: Path) -> None:
    for _ in range(2):
        check_report(tmp_path / "load.html")
        write_report(tmp_path / "load.html", "page")

    assert (tmp_path / "load.html").read_text() == "page"


def test_what_is_no_file_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "nope" / "load.html", tmp_path / "pipe", Path("/dev/full")):
        with pytest.raises(EdgeFailure, match="is no file in a folder that is there"):
            check_report(path)


def test_a_full_disk_is_told_in_a_sentence() -> None:
    with pytest.raises(EdgeFailure, match=r"cannot be written \(No space left on device\)"):
        write_report(Path("/dev/full"), "page")
