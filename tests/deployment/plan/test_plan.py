"""`plan`: what it finds, on toy versions that run and on some that are only delivered, and that it
changes nothing.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.render.plan import plan_in_words
from deployment.plan.contracts import contract_at_stake, contract_with_users
from deployment.plan.plan import Options, RolloutPlan, environment_changes, make_plan
from deployment.plan.recordings import recorded_rows
from deployment.plan.replay_diff import compare, differences, latency, quantile
from deployment.plan.traffic_replay import (
    Batch,
    Pair,
    ReplayResult,
    RowAnswer,
    _row_answers,
    batch_size,
)
from deployment.workspace.errors import BadOption, EdgeFailure
from rollout.differences.summary import Differences
from rollout.differences.surprising_groups import groups
from rollout.errors import Breaking, IllegalEvent, NothingToDo
from rollout.state.contract import ContractVerdict
from tests.deployment.project_harness import ProjectHarness
from tests.process_tree import descendants_of, has_ended
from tests.until import until

WIDER = {"columns": [{"name": "x", "dtype": "float", "nullable": False}]}
MORE = {"columns": [{"name": name, "dtype": "int", "nullable": False} for name in ("x", "y")]}


@pytest.fixture(scope="module", autouse=True)
def _released(running: ProjectHarness) -> None:
    """v1 is released, v2 only delivered."""
    running.act("deploy", "v1")
    running.act("promote", "v1")


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """A file of 40 rows."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"x": x}) + "\n" for x in range(40)))
    return str(path)


def said(planned: RolloutPlan) -> str:
    """The plan in words."""
    return "\n".join(plan_in_words(planned))


def replayed(planned: RolloutPlan) -> Differences:
    """What its replay found."""
    assert planned.replay is not None
    return planned.replay.differences


def test_a_plan_changes_nothing_and_shows_contract_environment_and_steps(
    running: ProjectHarness,
) -> None:
    before = running.newest()
    plan = make_plan(running.workspace(), "v2", "canary", None)
    assert plan.contract is not None
    assert (plan.contract.verdict, plan.environment, plan.replay) == (
        ContractVerdict.COMPATIBLE,
        [],
        None,
    )
    text = said(plan)
    assert "contract of v2 with users of v1: compatible" in text
    assert "step 1      5 %" in text
    assert "next     python deploy.py deploy v2" in text
    assert running.newest() == before


def test_a_version_that_is_only_delivered_is_asked_in_a_process_that_ends(
    running: ProjectHarness, recording: str
) -> None:
    before = running.newest()
    plan = make_plan(running.workspace(), "v2", "canary", recording)
    assert plan.replay is not None
    assert plan.replay.own == ("v2",)
    assert (replayed(plan).rows, replayed(plan).changed, replayed(plan).errors) == (40, 0, [])
    cost = replayed(plan).latency
    assert cost is not None
    assert (cost.rows, cost.batches) == (1, 40)
    assert cost.ratio > 0
    assert running.newest() == before
    assert "v2" not in running.ledger().versions


def test_a_running_version_is_asked_where_it_runs_and_what_it_answers_otherwise_is_shown(
    running: ProjectHarness, recording: str
) -> None:
    running.deliver("v4", behaviour="drifts")
    running.act("deploy", "v4")
    plan = make_plan(running.workspace(), "v4", "shadow", recording)
    running.act("retire", "v4")
    assert plan.replay is not None
    assert (plan.replay.own, replayed(plan).changed, replayed(plan).flips) == ((), 31, 31)
    assert (replayed(plan).worst[0].row, replayed(plan).worst[0].distance) == ({"x": 39}, 39.0)
    text = said(plan)
    assert "31 of 40 (77.5 %) would change" in text
    assert '39  v1 78, v4 117  {"x": 39}' in text
    assert "x up to 9: 1 of 10 (10.0 %) change" in text


def test_a_killed_plan_leaves_no_version_behind(running: ProjectHarness, recording: str) -> None:
    running.deliver("killed", behaviour="mute")
    plan = running.begin("plan", "killed", "--replay", recording)
    try:
        # It is never ready, so that the plan waits for it.
        left = until(lambda: descendants_of(plan.pid), "the temporary version is started")
    finally:
        plan.kill()
        plan.communicate()

    until(lambda: all(map(has_ended, left)), "the temporary version ends")


def test_a_version_that_cannot_be_started_is_told_with_its_log(
    running: ProjectHarness, recording: str
) -> None:
    running.deliver("v5", behaviour="dies")
    with pytest.raises(
        EdgeFailure, match=r"v5: it ended at once \(exit status 1\): read .*plan-v5\.log"
    ):
        make_plan(running.workspace(), "v5", "canary", recording)


def test_breaking_is_refused_to_every_verb_that_gives_traffic_and_nothing_else(
    running: ProjectHarness,
) -> None:
    running.deliver("broad", **MORE)
    running.act("deploy", "broad")
    before = running.newest()
    for verb, options in (
        ("shadow", ("broad", 10.0)),
        ("canary", ("broad", "5", None)),
        ("blue_green", ("broad",)),
        ("ab", ("broad", 50.0)),
        ("ramp", ("broad", "1m", 4)),
        ("promote", ("broad",)),
        ("release_in_place", ("broad",)),
    ):
        with pytest.raises(Breaking, match="column 'y' is new: rows without it are refused"):
            running.act(verb, *options)

    assert running.newest() == before
    running.act("canary", "broad", "5", None, True)
    with pytest.raises(Breaking):
        running.act("promote", "broad", True)

    assert running.act("rollback").summary == "from broad to v1"
    running.act("promote", "broad", False, True)
    assert running.act("rollback").summary == "from broad to v1"
    running.act("retire", "broad")


def test_the_rollback_target_is_never_at_stake(running: ProjectHarness) -> None:
    running.deliver("wide", **WIDER)
    running.act("deploy", "wide")
    workspace = running.workspace()
    contract = contract_with_users(workspace, running.ledger(), "wide")
    assert contract is not None
    assert contract.verdict == ContractVerdict.ADDITIVE
    running.act("release_in_place", "wide")
    ledger = running.ledger()
    back = contract_with_users(workspace, ledger, "v1")
    assert back is not None
    assert back.verdict == ContractVerdict.BREAKING
    assert contract_at_stake(workspace, ledger, "v1") is None
    running.act("release_in_place", "v1")
    assert running.ledger().released == "v1"


def test_a_released_manifest_that_was_changed_is_taken_for_breaking(
    running: ProjectHarness,
) -> None:
    path = running.folder / "releases" / "v1" / "release.yaml"
    was = path.read_bytes()
    path.write_bytes(was + b"# \n")
    try:
        contract = contract_with_users(running.workspace(), running.ledger(), "v2")
    finally:
        path.write_bytes(was)

    assert contract is not None
    assert contract.verdict == ContractVerdict.BREAKING
    assert "is not what was released" in contract.differences[0].says


def test_the_verb_answers_with_one_object_and_code_6_where_it_breaks(
    running: ProjectHarness,
) -> None:
    running.deliver("broader", **MORE)
    answer = running.run("plan", "broader", "--json", code=6).json
    assert (answer["contract"]["verdict"], answer["next"]) == (
        "breaking",
        "python deploy.py deploy broader",
    )
    assert answer["contract"]["differences"][0]["where"] == "column 'y'"
    running.run("plan", "broader", "--breaking")
    refused = running.run("canary", "broader", "--json", code=1)
    assert "never been deployed" in refused.json["error"]
    refused = running.run("release-in-place", "broader", "--json", code=6)
    assert refused.json["next"] == "python deploy.py plan broader"


def test_what_cannot_be_planned_is_told(running: ProjectHarness, tmp_path: Path) -> None:
    workspace = running.workspace()
    with pytest.raises(NothingToDo, match="v1 is released already"):
        make_plan(workspace, "v1", "canary", None)

    with pytest.raises(
        BadOption, match="there is no strategy 'leap': choose one of shadow, canary"
    ):
        make_plan(workspace, "v2", "leap", None)

    with pytest.raises(EdgeFailure, match="v9 is not delivered"):
        make_plan(workspace, "v9", "canary", None)

    with pytest.raises(EdgeFailure, match="the router recorded nothing in"):
        make_plan(workspace, "v2", "canary", "recent")

    with pytest.raises(EdgeFailure, match="cannot be read"):
        make_plan(workspace, "v2", "canary", str(tmp_path / "none.jsonl"))


# What recorded rows may look like.

COLUMNS = {"x": "int", "zip": "string", "part": "float"}


@pytest.mark.parametrize(
    "text",
    [
        '{"x": 1}\n\n{"x": 2}\n',
        '{"instances": [{"x": 1}, {"x": 2}]}',
        '{"instances": [{"x": 1}]}\n{"x": 2}',
    ],
)
def test_rows_and_requests_are_read_from_lines(
    project: ProjectHarness, tmp_path: Path, text: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(text)
    assert recorded_rows(project.workspace(), str(tmp_path / "rows.jsonl"), COLUMNS) == [
        {"x": 1},
        {"x": 2},
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no rows"),
        ("{", "line 1: no JSON"),
        ('{"x": NaN}', r"line 1: no JSON \(NaN is no number of JSON: write null\)"),
        ("[1]", "line 1: neither a row"),
        ('{"instances": 3}', "neither"),
    ],
)
def test_what_is_no_recording_is_refused_by_its_line(
    project: ProjectHarness, tmp_path: Path, text: str, why: str
) -> None:
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(EdgeFailure, match=why):
        recorded_rows(project.workspace(), str(tmp_path / "rows.jsonl"), COLUMNS)


def test_a_table_becomes_rows_of_the_columns_and_dtypes_that_the_versions_take(
    project: ProjectHarness, tmp_path: Path
) -> None:
    wanted = [{"x": 1, "zip": "0150", "part": 0.5}, {"x": None, "zip": None, "part": None}]
    frame = pd.DataFrame(wanted).assign(label=1)
    frame.to_parquet(tmp_path / "rows.parquet")
    frame.to_csv(tmp_path / "rows.csv", index=False)
    for kind in ("parquet", "csv"):
        rows = recorded_rows(project.workspace(), str(tmp_path / f"rows.{kind}"), COLUMNS)
        assert (rows, type(rows[0]["x"])) == (wanted, int)


def test_a_table_of_other_columns_is_refused(project: ProjectHarness, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(EdgeFailure, match=r"none of the versions' columns \(x, zip, part\)"):
        recorded_rows(project.workspace(), str(tmp_path / "rows.csv"), COLUMNS)


@pytest.mark.parametrize(
    "far",
    [
        pa.array([2**60], pa.timestamp("us", "UTC")),
        pa.array([253_402_300_799], pa.timestamp("s", "Asia/Tokyo")),
        pa.array([2**30], pa.int32()).cast(pa.date32()),
        pa.array([1], pa.time64("ns")),
    ],
)
def test_a_table_of_moments_that_python_has_no_value_for_is_refused(
    project: ProjectHarness, tmp_path: Path, far: pa.Array
) -> None:
    pq.write_table(pa.table({"x": far}), tmp_path / "rows.parquet")
    with pytest.raises(EdgeFailure, match=r"rows\.parquet cannot be read as parquet: \w+"):
        recorded_rows(project.workspace(), str(tmp_path / "rows.parquet"), COLUMNS)


def test_a_table_with_a_column_twice_is_refused(project: ProjectHarness, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x,zip,part,x\n1,0150,0.5,2\n")
    with pytest.raises(EdgeFailure, match=r"rows\.csv has 2 columns 'x': leave one of them"):
        recorded_rows(project.workspace(), str(tmp_path / "rows.csv"), COLUMNS)


def test_what_all_workers_recorded_is_recent(project: ProjectHarness) -> None:
    recent = project.state / "run" / "recent"
    folder = recent / project.workspace().settings.model
    other_model = recent / "another"
    other_model.mkdir(parents=True)
    (other_model / "1.jsonl").write_text(json.dumps({"y": 1}) + "\n")
    folder.mkdir()
    for pid in (1, 2):
        (folder / f"{pid}.jsonl").write_text(json.dumps({"x": pid}) + "\n")
    assert recorded_rows(project.workspace(), "recent", COLUMNS) == [{"x": 1}, {"x": 2}]


# What differs, and for whom.


def pair(today: Any, tomorrow: Any, **row: Any) -> Pair:
    """Two predictions; a text is an error."""
    return Pair(
        row,
        *(
            RowAnswer(None, answer, "city") if isinstance(answer, str) else RowAnswer(answer)
            for answer in (today, tomorrow)
        ),
    )


@pytest.mark.parametrize(
    ("today", "tomorrow", "changed", "moved", "distance"),
    [
        ([0.6, 0.4], [0.6, 0.4], False, False, 0.0),
        ([0.6, 0.4], [0.7, 0.3], False, True, 0.1),
        ([0.6, 0.4], [0.4, 0.6], True, True, 0.2),
        ([0.6, 0.4], [0.2, 0.3, 0.5], True, True, None),
        (1.0, 1.0000001, False, False, 1e-7),
        (1.0, 1.5, True, True, 0.5),
        (True, False, True, False, None),
        ("bad", 1.0, True, False, None),
        ("bad", "bad", False, False, None),
    ],
)
def test_a_row_changes_where_its_user_would_notice(
    today: Any, tomorrow: Any, changed: bool, moved: bool, distance: float | None
) -> None:
    change = compare(pair(today, tomorrow), 1e-6)
    assert (change.changed, change.moved) == (changed, moved)
    assert change.distance == (None if distance is None else pytest.approx(distance))


def test_errors_of_one_side_name_version_column_and_example() -> None:
    pairs = [
        pair(1.0, "unseen city"),
        pair(2.0, "another"),
        pair("no", 3.0),
        pair("no", "no"),
        pair(1.0, 1.0),
    ]
    result = differences(ReplayResult(pairs, [], 1), "v1", "v2", 0.0)
    assert [
        (cause.version, cause.column, cause.rows, cause.example) for cause in result.errors
    ] == [
        ("v2", "city", 2, "unseen city"),
        ("v1", "city", 1, "no"),
    ]
    assert (result.rows, result.changed, result.failed_both, result.latency) == (5, 3, 1, None)


def test_the_worst_rows_come_first_with_their_columns() -> None:
    pairs = [pair([0.5 + n / 100, 0.5 - n / 100], [0.5, 0.5], n=n) for n in range(10)]
    worst = differences(ReplayResult(pairs, [], 1), "v1", "v2", 1e-6).worst
    assert [change.row["n"] for change in worst] == [9, 8, 7, 6, 5]
    assert worst[0].distance == pytest.approx(0.09)


def test_the_group_that_changes_is_found_in_text_and_in_numbers() -> None:
    rows = [
        {"city": "Oslo" if n % 10 == 0 else f"other{n % 3}", "age": n, "id": f"u{n}"}
        for n in range(200)
    ]
    changed = [row["city"] == "Oslo" for row in rows]
    best = groups(rows, changed, [None] * 200)[0]
    assert (best.column, best.value, best.rows, best.changed, best.share) == (
        "city",
        "Oslo",
        20,
        20,
        1.0,
    )
    old = groups(rows, [row["age"] >= 150 for row in rows], [None] * 200)[0]
    assert (old.column, old.value, old.rows, old.share) == ("age", "above 149", 50, 1.0)


def test_days_are_grouped_by_month_and_arrays_by_their_length() -> None:
    rows = [
        {"day": f"2021-{1 + n % 10:02}-{1 + n % 28:02}", "pixels": [n] * (2 + n % 3)}
        for n in range(300)
    ]
    march = groups(rows, [row["day"][5:7] == "03" for row in rows], [None] * 300)[0]
    assert (march.column, march.value, march.rows, march.share) == ("day", "2021-03", 30, 1.0)
    short = groups(rows, [len(row["pixels"]) == 2 for row in rows], [None] * 300)[0]
    assert (short.column, short.value, short.share) == ("pixels", "2 items", 1.0)


def test_numbers_that_all_moved_are_told_apart_by_how_far() -> None:
    rows = [{"city": "Oslo" if n % 4 == 0 else "Bergen"} for n in range(80)]
    best = groups(rows, [True] * 80, [9.0 if n % 4 == 0 else 1.0 for n in range(80)])[0]
    assert (best.value, best.mean_distance) == ("Oslo", 9.0)


def test_where_all_rows_fare_alike_there_is_no_group() -> None:
    rows = [{"city": "Oslo", "age": n} for n in range(80)]
    assert groups(rows, [False] * 80, [0.0] * 80) == []
    assert groups([], [], []) == []


def test_five_groups_at_most_and_null_is_one() -> None:
    rows = [{"a": n % 7 or None, "b": n % 5, "c": n} for n in range(700)]
    segments = groups(rows, [row["a"] is None for row in rows], [None] * 700)
    assert len(segments) == 5
    assert (segments[0].column, segments[0].value, segments[0].share) == ("a", "null", 1.0)


def test_the_cost_is_the_median_of_the_pairs() -> None:
    cost = latency([Batch(1, 0.001, 0.002), Batch(1, 0.010, 0.010), Batch(1, 0.001, 0.003)])
    assert cost is not None
    assert (cost.today_p50, cost.tomorrow_p50, cost.today_p99, cost.ratio) == (1.0, 3.0, 10.0, 2.0)
    assert [quantile(range(1, 101), share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]


@pytest.mark.parametrize(("rows", "size"), [(1, 1), (500, 1), (501, 2), (20_000, 40), (10**6, 64)])
def test_batches_are_equal_and_at_most_as_many_as_needed(rows: int, size: int) -> None:
    assert batch_size(rows) == size


def test_only_what_is_pinned_otherwise_is_shown() -> None:
    today = {"python": "3.11.2", "packages": {"numpy": "1.0", "pandas": "2.0", "six": "1"}}
    tomorrow = {"python": "3.11.9", "packages": {"numpy": "2.0", "pandas": "2.0", "rich": "3"}}
    assert environment_changes(today, tomorrow) == [
        ("python", "3.11.2", "3.11.9"),
        ("numpy", "1.0", "2.0"),
        ("rich", "-", "3"),
        ("six", "1", "-"),
    ]
    assert environment_changes(today, today) == environment_changes({}, {}) == []


def test_among_texts_of_a_csv_only_an_empty_field_is_null(
    tmp_path: Path, project: ProjectHarness
) -> None:
    (tmp_path / "rows.csv").write_text("city,age\nNA,3\nnull,NA\n,4\n")
    rows = recorded_rows(
        project.workspace(), str(tmp_path / "rows.csv"), {"city": "string", "age": "int"}
    )
    assert rows == [
        {"city": "NA", "age": 3},
        {"city": "null", "age": None},
        {"city": None, "age": 4},
    ]


def test_of_a_version_with_side_effects_nothing_is_copied_and_the_plan_says_so(
    running: ProjectHarness, recording: str
) -> None:
    running.deliver("v7", side_effects=True, segments=[{"column": "x", "values": ["1"]}])
    there = running.workspace()
    with pytest.raises(BadOption, match="v7 have side effects, and --replay asks it"):
        make_plan(there, "v7", "canary", recording)
    for how, auto in (("shadow", False), ("shadow", True), ("blue-green", True)):
        with pytest.raises(IllegalEvent, match="predictions of v7 have side effects"):
            make_plan(there, "v7", how, None, Options(auto=auto))

    text = said(make_plan(there, "v7", "canary", None, Options(auto=True)))
    assert "copies   none, since predictions of v7 have side effects: only draws" in text
    assert "blue-green of v7" in said(make_plan(there, "v7", "blue-green", None))


def test_the_plan_names_the_segments_of_a_version_that_is_only_delivered(
    running: ProjectHarness,
) -> None:
    running.deliver("v6", segments=[{"column": "x", "values": ["1", "2"]}])
    text = said(make_plan(running.workspace(), "v6", "canary", None, Options(auto=True)))
    assert "segments x (4): pairs of each are judged apart, too" in text


@pytest.mark.parametrize(
    ("today", "tomorrow", "by_largest", "changed"),
    [
        ([1.0, 2.0], [1.1, 2.0], True, False),
        ([1.0, 2.0], [1.1, 2.0], False, True),
        ([1.0, 2.0], [1.0, 2.0], False, False),
        (["a", "b"], ["a", "c"], False, True),
        ([[0.6, 0.4], [0.9, 0.1]], [[0.7, 0.3], [0.9, 0.1]], True, False),
        ([[0.6, 0.4], [0.9, 0.1]], [[0.6, 0.4], [0.1, 0.9]], True, True),
    ],
)
def test_a_list_changes_by_its_class_or_by_each_of_its_values(
    today: Any, tomorrow: Any, by_largest: bool, changed: bool
) -> None:
    assert compare(pair(today, tomorrow), 1e-6, by_largest).changed == changed


def test_a_further_output_that_differs_has_moved() -> None:
    today, tomorrow = RowAnswer(1, others={"p": [0.9]}), RowAnswer(1, others={"p": [0.8]})
    change = compare(Pair({}, today, tomorrow), 1e-6)
    assert (change.changed, change.moved) == (False, True)
    assert not compare(Pair({}, today, today), 1e-6).moved


def test_a_replay_keeps_further_outputs_by_row() -> None:
    body = {"predictions": [1, 2], "outputs": {"p": [[0.9], [0.8]]}}
    answers = _row_answers(200, body, 2)
    assert [answer.others for answer in answers] == [{"p": [0.9]}, {"p": [0.8]}]
