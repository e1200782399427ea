"""The sample of recent rows: bounded, even, sliding, cheap, and for its user alone."""

import json
import stat
from pathlib import Path

import msgspec
import pytest

from router.evidence import row_sample
from router.evidence.row_sample import LARGEST_ROW, WINDOW_S, RowSample, publish
from tests.router.router_harness import RouterHarness
from tests.until import until


def raws(*values: object) -> list[msgspec.Raw]:
    """Rows as the router has them."""
    body = json.dumps({"instances": values}).encode()
    return msgspec.json.decode(body, type=dict[str, list[msgspec.Raw]])["instances"]


def sampled(sample: RowSample) -> list[int]:
    """The rows of a sample, which are numbers here."""
    return [int(row) for row in sample.rows()]


def test_all_rows_are_kept_while_there_is_room() -> None:
    sample = RowSample(10)
    sample.note(raws(1, 2, 3))
    sample.note(raws(4))
    assert sampled(sample) == [1, 2, 3, 4]


def test_a_sample_is_never_larger_than_it_may_be() -> None:
    sample = RowSample(10, seed=1)
    for number in range(0, 3000, 3):
        sample.note(raws(number, number + 1, number + 2))
        sample.turn(WINDOW_S * number)
        assert len(sample.rows()) <= 10

    assert all(0 <= row < 3000 for row in sampled(sample))


def test_nothing_is_kept_where_it_is_off() -> None:
    sample = RowSample(0)
    sample.note(raws(*range(1000)))
    sample.turn(1e9)
    assert (sample.rows(), sample.changed) == ([], False)


def test_every_row_has_the_same_chance_however_many_come_in_one_request() -> None:
    kept = [0] * 4
    for seed in range(600):
        sample = RowSample(8, seed)
        for number in range(0, 400, 5):
            sample.note(raws(*range(number, number + 5)))
        for row in sampled(sample):
            kept[row // 100] += 1

    # 1,200 are expected in each quarter, with a standard deviation of 30.
    assert sum(kept) == 8 * 600
    assert all(abs(quarter - 1200) < 150 for quarter in kept), kept


def test_a_full_sample_makes_way_for_newer_rows_once_its_window_is_over() -> None:
    sample = RowSample(4, seed=2)
    sample.note(raws(1, 2, 3, 4))
    sample.turn(WINDOW_S - 1)
    assert sorted(sampled(sample)) == [1, 2, 3, 4]
    sample.turn(WINDOW_S)
    sample.note(raws(11, 12, 13))
    assert sampled(sample)[:3] == [11, 12, 13]
    assert sampled(sample)[3] in (1, 2, 3, 4)
    sample.turn(3 * WINDOW_S)
    assert sampled(sample)[:3] == [11, 12, 13], "a sample that is not full goes on"


def test_a_row_is_one_line_and_a_huge_one_is_left_out() -> None:
    sample = RowSample(4)
    (pretty,) = msgspec.json.decode(b'[{\r\n "harness":\n "a\\nb"}]', type=list[msgspec.Raw])
    sample.note([pretty])
    sample.note(raws("x" * LARGEST_ROW))
    assert len(sample.rows()) == 1
    assert b"\n" not in sample.rows()[0]
    assert json.loads(sample.rows()[0]) == {"harness": "a\nb"}


def test_the_row_does_not_hold_the_body_it_came_in() -> None:
    sample = RowSample(1)
    sample.note(raws(7))
    assert type(sample.rows()[0]) is bytes


def test_the_file_is_for_its_user_alone_and_those_of_few_workers_stay(tmp_path: Path) -> None:
    samples = row_sample.folder(tmp_path, "flights")
    for pid in range(1, row_sample.KEPT_FILES + 4):
        publish(samples, pid, [b"1", b"2"])

    files = list(samples.iterdir())
    assert len(files) == row_sample.KEPT_FILES
    newest = samples / f"{row_sample.KEPT_FILES + 3}.jsonl"
    assert newest.read_bytes() == b"1\n2\n"
    assert stat.S_IMODE(newest.stat().st_mode) == 0o600
    assert stat.S_IMODE(newest.parent.stat().st_mode) == 0o700


def test_a_running_router_keeps_what_users_sent_and_not_what_was_pinned(
    fresh: RouterHarness,
) -> None:
    fresh.know(fresh.version("v1", "[0,1]"))
    fresh.split({"v1": 10_000})
    fresh.router()
    assert fresh.predict({"x": 1}, {"x": 2}).status_code == 200
    assert fresh.predict({"x": 99}, **{"X-Model-Version": "v1"}).status_code == 200
    folder = row_sample.folder(fresh.folder, "toy")
    until(lambda: list(folder.glob("*.jsonl")), "the sample is written")
    (file,) = folder.glob("*.jsonl")
    assert [json.loads(line) for line in file.read_text().splitlines()] == [{"x": 1}, {"x": 2}]
    fresh.predict({"x": 3})
    fresh.kill("router", 15)
    assert len(file.read_text().splitlines()) == 3, (
        "a worker that ends writes its last rows and leaves the file"
    )


@pytest.mark.parametrize("size", [1, 3])
def test_a_sample_of_few_works_too(size: int) -> None:
    sample = RowSample(size, seed=3)
    for number in range(500):
        sample.note(raws(number))
    assert len(set(sampled(sample))) == size
