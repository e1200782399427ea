"""The parts that only compute: ranges, Procfiles, rates, Pythons, the schema's keyword."""

import pytest

from emulator.api.errors import ApiError
from emulator.api.ranges import part
from emulator.api.rate import Rate
from emulator.build.procfile import process_types
from emulator.build.python_version import requested_version
from emulator.checks.conformance import REPLY, REQUEST

STRICT = {"strictProperties": True, "properties": {"a": {}, "b": {}}}
ITEMS = [{"version": number} for number in range(1, 8)]


@pytest.mark.parametrize(
    ("header", "versions", "next_range"),
    [
        ("", [1, 2, 3, 4, 5, 6, 7], ""),
        ("version ..; max=3", [1, 2, 3], "version ]3..; max=3"),
        ("version ]3..; max=3", [4, 5, 6], "version ]6..; max=3"),
        ("version ..; max=2, order=desc", [7, 6], "version ]6..; max=2, order=desc"),
        ("version ]6..; max=9; order=desc;", [5, 4, 3, 2, 1], ""),
        ("version 2..4", [2, 3, 4], ""),
    ],
)
def test_a_range_cuts_a_list(header, versions, next_range):
    cut = part(ITEMS, header, ("version",))
    assert [item["version"] for item in cut.items] == versions
    assert dict(cut.headers).get("Next-Range", "") == next_range
    assert cut.status == (206 if next_range else 200)


@pytest.mark.parametrize(
    "header",
    ["nonsense", "name ..", "version ..; max=0", "version ..; max=5000", "version ..; order=up"],
)
def test_a_range_that_is_none_is_refused(header):
    with pytest.raises(ApiError) as refused:
        part(ITEMS, header, ("version",))
    assert refused.value.status == 416


def test_a_reply_has_exactly_the_declared_keys_and_a_request_no_others():
    assert [error.message for error in REPLY(STRICT).iter_errors({"a": 1, "c": 1})] == [
        "strictProperties: 'c' is not expected",
        "strictProperties: 'b' is missing",
    ]
    assert list(REQUEST(STRICT).iter_errors({"a": 1})) == []
    assert len(list(REQUEST(STRICT).iter_errors({"c": 1}))) == 1


def test_a_procfile_names_types_and_commands():
    text = "# a note\nweb: gunicorn app:app --bind :$PORT\n\nrelease:python check.py\nno command:\n"
    assert process_types(text) == {
        "web": "gunicorn app:app --bind :$PORT",
        "release": "python check.py",
    }


def test_the_rate_fills_up_again():
    now = [0.0]
    rate = Rate(lambda: now[0], most=2, per_minute=60)
    assert [rate.take("a") for _ in range(3)] == [True, True, False]
    now[0] = 1.0
    assert [rate.take("a"), rate.take("a"), rate.take("b")] == [True, False, True]


@pytest.mark.parametrize(("text", "version"), [("3.11", "3.11"), ("# why\n3.13.5\n", "3.13.5")])
def test_a_python_version_is_read(tmp_path, text, version):
    (tmp_path / ".python-version").write_text(text)
    assert requested_version(tmp_path, uv=True).version == version


def test_no_version_means_the_platforms_default(tmp_path):
    python = requested_version(tmp_path, uv=False)
    assert (python.version, python.file) == ("3.14", "")
