"""What `predict` is asked, before any process is started."""

from pathlib import Path

import pytest

from deployment.batch_run import BatchOptions, local_folder, predict
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


@pytest.mark.parametrize("option", ["--compare", "--report"])
def test_what_reads_predictions_again_takes_no_address(option: str) -> None:
    assert local_folder("file:///data/out", option) == Path("/data/out")
    with pytest.raises(BadOption, match=f"{option} reads predictions again, and takes no --out at"):
        local_folder("s3://bucket/out", option)
