"""What is wrong with a CSV file is told with its file, its row or column, and what to do."""

import pytest

from batch.errors import BatchError
from batch.inputs.csv_faults import BLOCK_BYTES
from tests.batch.batch_harness import many_loans

HEADER = b"id,amount,age,member,city,income\n"
ROW = b"loan-x,12.5,41,True,Oslo,3\n"
LONG = b"x" * (BLOCK_BYTES + 1)


def written(batch, raw):
    """A CSV file of these octets."""
    path = batch.inputs / "rows.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


def refused(batch, raw):
    """What a run says to a file of these octets, without its path."""
    path = written(batch, raw)
    with pytest.raises(BatchError) as caught:
        batch.run()

    assert str(caught.value).startswith(str(path))
    return str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"id,amount,age,age,member,city,income\n", " has 2 columns 'age': leave one of them"),
        (b"note,amount,age,note,member,city,note\n", " has 3 columns 'note': leave one of them"),
        (
            HEADER.replace(b"city", b"cit\xe9"),
            ": its first line, which names the columns, is not UTF",
        ),
        (
            HEADER.decode().encode("utf-16"),
            " is UTF-16, and not UTF-8: save it as UTF-8 (`iconv -f",
        ),
        (HEADER.strip() + b"," + LONG + b"\n", "has no end within 4 MB: end lines with"),
        (LONG, "has no end within 4 MB: end lines with a newline, or write Parquet"),
        (b"\n\n", " is empty: its first line names the columns"),
        (HEADER.replace(b"city,", b""), " has no column 'city'"),
    ],
)
def test_a_line_of_names_that_cannot_be_taken_is_refused_before_any_row(batch, header, message):
    rows = b"" if header in (LONG, b"\n\n") else b",".join([b"1"] * (header.count(b",") + 1))
    assert message in refused(batch, header + rows)
    assert not batch.out.exists()


def test_columns_without_a_name_are_left_alone(batch):
    written(batch, HEADER.strip() + b",,\n" + ROW.strip() + b",,\n")
    assert batch.run().state == "done"


def test_a_parquet_file_with_a_column_twice_is_refused(batch):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = batch.write(many_loans(3))
    table = pq.read_table(path)
    pq.write_table(table.append_column("age", pa.array([1, 2, 3])), path)
    with pytest.raises(BatchError, match=r"rows\.parquet has 2 columns 'age'"):
        batch.run()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (b"loan-x,12.5\n", ", row 3 has 2 values for 6 columns: write one value a column"),
        (b"a,b," + ROW, ", row 3 has 8 values for 6 columns: write one value a column"),
        (b'"' + ROW * (BLOCK_BYTES // len(ROW) + 1), ", row 3: it has no end within 4 MB: close"),
        (ROW.replace(b"Oslo", 2 * LONG), ", row 3: it has no end within 4 MB: close its quotes"),
        (LONG + b",1,2,True," + LONG + b",3\n", ", row 3: it has no end"),
    ],
)
def test_a_row_that_cannot_be_read_is_told_by_its_number(batch, row, message):
    assert message in refused(batch, HEADER + ROW * 2 + b"\n" + ROW + row + ROW * 200_000)


def test_the_number_is_of_the_row_that_has_no_end_and_not_of_a_long_one_before(batch):
    long = ROW.replace(b"Oslo", LONG)
    raw = HEADER + long + ROW * 200_000 + ROW.replace(b"Oslo", 2 * LONG) + ROW
    assert ", row 200001: it has no end" in refused(batch, raw)
    written(batch, HEADER + long + ROW * 2)
    assert batch.run(out=str(batch.folder / "again")).bad == 0


def test_a_row_that_is_no_text_is_bad_and_the_others_are_predicted(batch):
    rows = [ROW] * 300
    rows[7] = ROW.replace(b"Oslo", b"Troms\xf8")
    rows[9] = ROW.replace(b"loan-x", b"l\xf8n")
    rows[11] = ROW.replace(b"41", b"\xff")
    written(batch, HEADER + b"".join(rows))
    ended = batch.run(keep=["id"], max_bad=0.1)
    assert (ended.state, ended.rows, ended.bad) == ("done", 300, 3)
    listed = batch.bad_rows()
    assert [bad["row"] for bad in listed] == [7, 9, 11]
    assert listed[0]["reason"].startswith(
        "column 'city' is not UTF-8 (invalid start byte at byte 5)"
    )
    assert "save the file as UTF-8" in listed[0]["reason"]
    assert listed[0]["values"]["city"] == "Troms�"
    assert listed[1]["reason"].startswith("column 'id' is not UTF-8")


def test_the_texts_of_other_columns_need_not_be_utf_8(batch):
    header = HEADER.strip() + b",note\n"
    written(batch, header + ROW.strip() + b",\xf8\n")
    assert batch.run().bad == 0
