"""Wheels made anew of what is installed."""

import pytest
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from environments.package_wheel import repacked


@pytest.mark.parametrize(
    ("name", "tag"), [("locket", "py2-none-any"), ("locket", "py3-none-any"), ("numpy", None)]
)
def test_a_wheel_has_all_tags_that_it_was_installed_with(tmp_path, name, tag):
    *_, tags = parse_wheel_filename(repacked(name, tmp_path).name)
    assert tags & set(sys_tags())
    if tag is not None:
        assert tag in set(map(str, tags))
