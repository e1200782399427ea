"""Outputs are put together while later units are still predicted, file by file and in order."""

import pyarrow as pa
import pytest

from batch.errors import BatchError
from batch.outputs.disk_folder import DiskFolder
from batch.outputs.output_assembly import OutputAssembly
from batch.outputs.output_file import write_output
from tests.until import until


@pytest.fixture
def written():
    return {}


@pytest.fixture
def write(written):
    def write(number, units):
        written[number] = list(units)

    return write


def test_a_file_is_written_as_soon_as_it_is_whole(written, write):
    with OutputAssembly([range(2), range(1)], [], write) as outputs:
        outputs.add((0, 1))
        outputs.add((0, 0))
        until(lambda: written == {0: [0, 1]}, "the first file is written")
        outputs.add((1, 0))
        outputs.finish()
    assert written == {0: [0, 1], 1: [0]}


def test_what_an_earlier_run_predicted_and_files_without_units_need_nothing(written, write):
    with OutputAssembly([range(1), range(0)], [(0, 0)], write) as outputs:
        outputs.finish()
    assert written == {0: [0], 1: []}


def test_a_file_that_is_not_whole_is_left_out_and_a_later_one_is_not(written, write):
    with OutputAssembly([range(2), range(1)], [(0, 0)], write) as outputs:
        outputs.add((1, 0))
        outputs.finish()
    assert written == {1: [0]}


def test_an_error_ends_the_run(written):
    def write(_number, units):
        next(units)
        raise OSError(28, "No space left on device")

    outputs = OutputAssembly([range(1), range(1)], [(0, 0)], write)
    with pytest.raises(OSError, match="No space left"), outputs:
        outputs.finish()

    def added_until_it_is_told():
        with OutputAssembly([range(1), range(1)], [(0, 0)], write) as told:
            until(lambda: told.add((1, 0)), "the error is raised")

    with pytest.raises(OSError, match="No space left"):
        added_until_it_is_told()


def test_a_run_that_fails_writes_no_further_file(written, write):
    def failing():
        with OutputAssembly([range(2)], [(0, 0)], write):
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert written == {}


def test_moments_without_a_form_in_a_list_are_refused_with_the_next_step(tmp_path):
    far = pa.array([[2**62]], pa.list_(pa.timestamp("s")))
    rows = pa.record_batch([far], names=["kept"])
    with pytest.raises(BatchError, match=r"of --keep has no form there .*: leave the column out"):
        write_output(DiskFolder(str(tmp_path)), "x.jsonl", "jsonl", rows.schema, [rows], {})
