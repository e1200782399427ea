"""Reaches a cluster of Dask, or starts one on this machine."""

import logging
import signal
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

import dask
import pyarrow as pa
from distributed import Client, LocalCluster, Worker, WorkerPlugin
from distributed.comm.addressing import parse_address, parse_host_port
from distributed.versions import VersionMismatchWarning

from batch.errors import BatchError

LOOPBACK = "127.0.0.1"
CONNECT_S = 5.0
RESTART_TIMEOUT = "1 hour"
DEFAULT_PORT = 8786
BY_SOCKET = ("tcp", "tls")


class OwnWorker(WorkerPlugin):  # type: ignore[misc]
    """A worker of a cluster of our own."""

    def setup(self, worker: Worker) -> None:
        """Leave the other cores to others, and no page open."""
        pa.set_cpu_count(1)
        worker.http_server.stop()


@contextmanager
def own_cluster(processes: int) -> Iterator[Client]:
    """A cluster of this machine alone, in which only its own members may speak."""
    with (
        # A worker that starts anew may take its time; Dask would give it up meanwhile.
        dask.config.set({"distributed.deploy.lost-worker-timeout": RESTART_TIMEOUT}),
        tempfile.TemporaryDirectory(prefix="sluice-dask-") as scratch,
        _local_cluster(processes, scratch) as cluster,
        Client(cluster) as client,
    ):
        # Dask opens one with or without a dashboard.
        cluster.scheduler.http_server.stop()
        client.register_plugin(OwnWorker())
        yield client


def _local_cluster(processes: int, scratch: str) -> LocalCluster:
    """Workers that Ctrl-C is left out of from their first moment on, also those that start anew.

    Threads and processes begin with the blocked signals of the thread that starts them, and Dask
    starts its workers from a thread of its own.
    """
    # By itself it would unblock the signal.
    resource_tracker.ensure_running()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return LocalCluster(
            n_workers=processes,
            threads_per_worker=1,
            host=LOOPBACK,
            security=True,
            dashboard_address=f"{LOOPBACK}:0",
            silence_logs=logging.CRITICAL,
            memory_limit=0,
            local_directory=scratch,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@contextmanager
def cluster_at(scheduler: str) -> Iterator[Client]:
    """The cluster of a scheduler; raises BatchError where it does not answer."""
    require_listener(scheduler)
    try:
        with warnings.catch_warnings():
            # Versions are compared in words of our own, for all that matters.
            warnings.simplefilter("ignore", VersionMismatchWarning)
            client = Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BatchError(_unreachable(scheduler, error)) from error

    with client:
        yield client


def require_listener(scheduler: str) -> None:
    """Raise BatchError at once where nobody listens at a scheduler's address, or somebody else."""
    try:
        protocol, location = parse_address(scheduler)
        host, port = parse_host_port(location, DEFAULT_PORT)
    except ValueError as error:
        raise BatchError(
            f"--scheduler is an address such as tcp://10.0.0.5:8786, not {scheduler}"
        ) from error

    if protocol not in BY_SOCKET:
        return

    try:
        with socket.create_connection((host, port), CONNECT_S) as listener:
            # A scheduler speaks first; Dask itself waits for that without an end.
            if protocol == "tcp" and not listener.recv(1):
                raise ConnectionError("it closed the connection")
    except OSError as error:
        raise BatchError(_unreachable(scheduler, error)) from error


def _unreachable(scheduler: str, error: Exception) -> str:
    cause = getattr(error, "strerror", None) or " ".join(str(error).split())
    return (
        f"no scheduler of Dask answers at {scheduler} ({cause}): check that it runs and that this "
        f"machine reaches it, or leave --scheduler out for a cluster of this machine"
    )
