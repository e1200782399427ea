"""Files of late labels: what is read, and what is refused by file, column and row."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deployment.commands.label_file import BadLabels, classes_by_text, count, labels
from deployment.workspace.errors import EdgeFailure

IDS = ["a", "b", "c"]


def written(folder: Path, kind: str, values: list[Any], ids: list[Any] | None = None) -> Path:
    """A file of that kind."""
    path = folder / f"labels.{kind}"
    frame = pd.DataFrame(
        {"prediction_id": ids or IDS[: len(values)], "other": 1, "label": pd.Series(values)}
    )
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "csv":
        frame.to_csv(path, index=False)
    else:
        pairs = zip(frame["prediction_id"], values, strict=True)
        path.write_text(
            "".join(json.dumps({"prediction_id": i, "label": v}) + "\n" for i, v in pairs)
        )

    return path


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(
    "values", [[1, 0, 1], [0.5, 1.25, -3e-7], ["late", "on time", "x,y"], [True, False, True]]
)
def test_labels_are_read_alike_from_every_kind_of_file(
    tmp_path: Path, kind: str, values: list[Any]
) -> None:
    path = written(tmp_path, kind, values)
    found = list(labels(path))
    assert [row.row for row in found] == [1, 2, 3]
    assert [row.prediction_id for row in found] == IDS
    # A CSV has no whole numbers: the router counts the text 1 as the class 1.
    wanted = [str(v) if kind == "csv" and type(v) is int else v for v in values]
    assert [row.label for row in found] == wanted
    assert count(path) == 3


@pytest.mark.parametrize(
    ("text", "label"),
    [("1.0", 1.0), ("007", "007"), ("1e3", 1000.0), ("true", True), ("v1.2", "v1.2")],
)
def test_a_field_of_a_csv_is_what_was_written(tmp_path: Path, text: str, label: Any) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"prediction_id,label\na,{text}\n")
    (found,) = labels(path)
    assert (found.label, type(found.label)) == (label, type(label))


@pytest.mark.parametrize(
    ("classes", "text", "label"),
    [
        (["1.0", "2.0"], "1.0", "1.0"),
        ([1, 2], "1", 1),
        ([0.0, 1.0], "1", 1.0),
        ([False, True], "true", True),
        (["True", "maybe"], "True", "True"),
        (["nan", "NA"], "nan", "nan"),
        ([1, "1"], "1", "1"),
        ([0, 1], "2.5", 2.5),
    ],
)
def test_a_field_of_a_csv_is_the_class_that_is_written_so(
    tmp_path: Path, classes: list[Any], text: str, label: Any
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"prediction_id,label\na,{text}\n")
    (found,) = labels(path, classes_by_text(classes))
    assert (found.label, type(found.label)) == (label, type(label))


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_several_rows_of_a_prediction_are_a_list(tmp_path: Path, kind: str) -> None:
    assert [row.label for row in labels(written(tmp_path, kind, [[1, 0], [1]]))] == [[1, 0], [1]]


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_a_missing_label_is_named_by_column_and_row(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind, [1.0, float("nan"), 1.0])
    with pytest.raises(BadLabels, match=rf"labels.{kind}, column 'label', row 2: .* is no label"):
        list(labels(path))


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_missing_label_in_a_list_is_named_too(tmp_path: Path, kind: str) -> None:
    with pytest.raises(BadLabels, match="column 'label', row 2"):
        list(labels(written(tmp_path, kind, [["x"], ["x", None]])))


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("identity", [None, ""])
def test_a_missing_id_is_named_by_column_and_row(
    tmp_path: Path, kind: str, identity: str | None
) -> None:
    with pytest.raises(
        BadLabels, match=r"column 'prediction_id', row 2: (an empty field|nan .float.) is no id"
    ):
        list(labels(written(tmp_path, kind, [1, 1], ["a", identity])))


@pytest.mark.parametrize("value", [b"x", pd.Timestamp("2026-05-01")])
def test_what_can_be_no_label_is_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(
        BadLabels, match=r"column 'label', row 1: .* is no label: numbers, booleans and texts are"
    ):
        list(labels(written(tmp_path, "parquet", [value])))


def test_a_moment_that_python_has_no_value_for_is_refused(tmp_path: Path) -> None:
    far = pa.array([2**60], pa.timestamp("us"))
    pq.write_table(pa.table({"prediction_id": ["a"], "label": far}), tmp_path / "labels.parquet")
    with pytest.raises(BadLabels, match="cannot be read as Parquet: date value out of range"):
        count(tmp_path / "labels.parquet")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("labels.csv", b"", "has no column 'prediction_id'"),
        (
            "labels.csv",
            b"prediction_id,truth\na,1\n",
            r"has no column 'label' \(there: prediction_id, truth\)",
        ),
        ("labels.csv", b"prediction_id,label,label\na,1,2\n", r"labels.csv has 2 columns 'label'"),
        ("labels.csv", b"prediction_id,label\n", "holds no row"),
        ("labels.csv", b"prediction_id,label\na,\xff\n", "cannot be read as CSV"),
        ("labels.csv", b'prediction_id,label\na,"x\n', "cannot be read as CSV"),
        ("labels.csv", b"prediction_id,label\na\n", "column 'label', row 1"),
        ("labels.jsonl", b"\n\n", "holds no row"),
        ("labels.jsonl", b'{"prediction_id": "a", "label": 1}\n{', "line 2"),
        ("labels.jsonl", b"[1]\n", "line 1: a JSON object"),
        ("labels.jsonl", b'{"prediction_id": "a"}\n', "line 1 has no column 'label'"),
        ("labels.jsonl", b'{"prediction_id": "a", "label": {"x": 1}}\n', "column 'label', row 1"),
        ("labels.parquet", b"", "cannot be read as Parquet"),
        ("labels.parquet", b"PAR1 not really PAR1", "cannot be read as Parquet"),
        ("labels.txt", b"a 1", "is no file of labels: give a .parquet, .csv, .jsonl"),
    ],
)
def test_a_file_that_holds_no_labels_is_refused(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EdgeFailure, match=said):
        count(tmp_path / name)


@pytest.mark.parametrize("name", ["labels.parquet", "labels.csv", "labels.jsonl"])
def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadLabels, match="cannot be read: No such file"):
        count(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(BadLabels, match="cannot be read"):
        count(tmp_path / name)


def test_a_parquet_file_without_a_row_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"prediction_id": [], "label": []}).to_parquet(tmp_path / "labels.parquet")
    with pytest.raises(BadLabels, match="holds no row"):
        count(tmp_path / "labels.parquet")
