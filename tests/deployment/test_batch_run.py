"""What `predict` is asked, before any process is started."""

import pytest

from deployment.batch_run import BatchOptions, kept_columns, output_address, predict
from deployment.workspace.errors import BadOption
from tests.deployment.project_harness import ProjectHarness


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"engine": "spark"}, "--engine is one of local, dask, not spark"),
        ({"scheduler": "tcp://127.0.0.1:8786"}, "--scheduler is for --engine dask"),
        ({"output_format": "xlsx"}, "--format is one of parquet, csv, jsonl, not xlsx"),
        ({"max_bad": "many"}, "--max-bad is a share such as 1%"),
    ],
)
def test_an_option_that_is_none_is_refused(
    project: ProjectHarness, more: dict[str, str], message: str
) -> None:
    project.deliver("v1")
    options = BatchOptions("rows.csv", "out", **more)
    with pytest.raises(BadOption, match=message):
        predict(project.workspace(), "v1", options, lambda event: None)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("file:///data/out/", "/data/out"),
        ("/data/../data/out/", "/data/out"),
        ("s3://bucket/out/", "s3://bucket/out"),
        ("/", "/"),
    ],
)
def test_an_output_has_one_name_however_it_is_typed(typed: str, meant: str) -> None:
    assert output_address(typed) == meant


def test_a_column_is_kept_once() -> None:
    assert kept_columns("id,,date,id") == ["id", "date"]
