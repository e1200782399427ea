"""What `load` prints of a result, and its exit code."""

import json

import pytest

from cli.render.exit_codes import Out
from cli.render.load.result import ended, locust_ended, progress
from load.limits import LoadLimits, judged
from load.locust_process import LocustEntry, LocustRun
from load.measurement import Measurement
from load.run_load import LoadResult, LoadRun
from tests.load.load_factory import chunk, measured

LIMITS = LoadLimits(10, 20, 0.01, 0.05)


def result_of(made: Measurement, limit: float | None = None) -> LoadResult:
    verdict = judged(made, LIMITS)
    return LoadResult(verdict, [LoadRun(100.0, made, verdict)], limit)


@pytest.mark.parametrize(
    ("run", "code", "word"),
    [({}, 0, "✔ pass"), ({"ms": 15.0}, 1, "✖ fail: all requests: p50"), ({"busy": 1.0}, 3, "◌")],
)
def test_the_exit_code_and_the_last_line_say_the_result(capsys, run, code, word):
    assert ended(Out(False), result_of(measured(**run), 100.0), None) == code
    out = capsys.readouterr().out
    assert word in out
    assert "limit: 100 requests/s" in out


def test_json_has_the_same_numbers_and_null_where_there_is_none(capsys):
    made = Measurement(10)
    made.add(chunk([(1.0, 1.0, -1.0, 0, -1, 0)], 10.0, last=True))
    assert ended(Out(True), result_of(made), None) == 1
    body = json.loads(capsys.readouterr().out)
    assert (body["result"], body["all"]["lost"], body["all"]["p50_ms"]) == ("fail", 1, None)
    assert body["versions"]["-"]["errors"] == 1
    assert body["steps"][0]["result"] == "fail"


def test_progress_is_a_line_every_other_second_of_each_run(capsys):
    tell = progress(Out(False))
    for _ in range(2):
        made = Measurement(10)
        for second in range(1, 6):
            made.add(chunk([(second, second, second + 0.001, 200, 0, 0)], second + 0.5))
            tell(made)

    assert len(capsys.readouterr().out.splitlines()) == 4


def test_no_name_is_markup(capsys):
    assert ended(Out(False), result_of(measured(versions=("[/x]",))), None) == 0
    assert (
        locust_ended(Out(False), LocustRun((LocustEntry("[/x]", 3, 0, 2, 9),), 3.0, False), None)
        == 0
    )
    assert capsys.readouterr().out.count("[/x]") == 2


@pytest.mark.parametrize(("failed", "code"), [(False, 0), (True, 1)])
def test_a_run_by_locust_has_a_line_a_version(capsys, failed, code):
    run = LocustRun((LocustEntry("v1", 300, 0, 2, 9),), 3.0, failed)
    assert locust_ended(Out(False), run, None) == code
    assert "v1       300       0    100  2 ms  9 ms" in capsys.readouterr().out
