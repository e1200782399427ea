"""A scheduler of Dask and its workers, in processes of their own on the loopback."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from distributed import Client

from tests.until import until

ROOT = Path(__file__).parents[3]
LOOPBACK = ("--host", "127.0.0.1")


@dataclass
class ClusterHarness:
    """A cluster that runs, as its operator would have it."""

    folder: Path
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    address: str = ""
    client: Client | None = None

    def scheduler(self, **environment: str) -> "subprocess.Popen[bytes]":
        """Start the scheduler."""
        file = self.folder / "scheduler.json"
        process = self._start(
            "dask_scheduler",
            *("--scheduler-file", str(file), "--port", "0", "--dashboard-address", "127.0.0.1:0"),
            **environment,
        )
        until(lambda: file.exists() and file.read_text().endswith("}"), "the scheduler listens")
        self.address = json.loads(file.read_text())["address"]
        self.client = Client(self.address, set_as_default=False)
        return process

    def worker(self, path: str = str(ROOT), threads: int = 1) -> "subprocess.Popen[bytes]":
        """Start a worker. path: its PYTHONPATH."""
        before = self.count()
        process = self._start(
            "dask_worker",
            *(self.address, "--no-nanny", "--no-dashboard", "--nthreads", str(threads)),
            *("--local-directory", str(self.folder)),
            PYTHONPATH=path,
        )
        until(lambda: self.count() == before + 1, "the worker has joined")
        return process

    def count(self) -> int:
        """How many workers there are."""
        assert self.client is not None
        return len(self.client.nthreads())

    def end(self) -> None:
        """Stop it all."""
        if self.client is not None:
            self.client.close()

        for process in reversed(self.processes):
            process.kill()
            process.wait()

    def _start(
        self, program: str, *arguments: str, **environment: str
    ) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{program}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{program}", *LOOPBACK, *arguments],
                # Not in Sluice's folder, which would be on the path by itself.
                cwd=self.folder,
                env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

        self.processes.append(process)
        return process
