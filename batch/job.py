"""What a batch run is asked to do."""

import msgspec


class BatchJob(msgspec.Struct, frozen=True, kw_only=True):
    """The request, as `deploy.py predict` sends it.

    bundle, public_key: paths. patterns: files, folders or globs, of this machine or at addresses
    that fsspec knows; out likewise a folder. keep: columns to copy beside the
    predictions. max_bad: share of bad rows above which the run fails. chunk_rows: rows to predict
    at once, None: as many as the model likes best. output_format: None: as the input's. runtime:
    `onnx` or `sklearn`, None: the certified one. engine: `local`, or `dask`. scheduler: address of
    Dask's, None: of a cluster on this machine.
    """

    bundle: str
    public_key: str
    patterns: list[str]
    out: str
    keep: list[str] = []
    processes: int = 1
    max_bad: float = 0.01
    bad_row_data: bool = True
    chunk_rows: int | None = None
    output_format: str | None = None
    runtime: str | None = None
    engine: str = "local"
    scheduler: str | None = None
