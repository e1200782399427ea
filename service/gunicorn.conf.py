"""gunicorn's settings for one version."""

import gc
import os
import shutil
import tempfile
from typing import Any

# Batches are the parallelism; and a pool of OpenMP threads would not survive the fork that
# preload_app implies.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
# Before prometheus_client is imported, which decides then whether several processes count together.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="sluice-service-")

from service.config import from_environment  # noqa: E402
from wire.observability import logs  # noqa: E402
from wire.parent_process import end_with  # noqa: E402

_config = from_environment()
if _config.parent is not None:
    end_with(_config.parent)

_folder = os.environ["PROMETHEUS_MULTIPROC_DIR"]

bind = [_config.bind]
workers = _config.workers
worker_class = "wire.worker.FastPathWorker"
asgi_loop = "uvloop"
asgi_lifespan = "on"
http_parser = "fast"
# Several workers share the loaded model's pages; the app is proved once, before any of them
# answers.
preload_app = True
keepalive = 120
timeout = 60
graceful_timeout = 30
umask = 0o077
accesslog = None
errorlog = "-"
control_socket_disable = True
logger_class = logs.gunicorn_logger(_config.log_format, "service")
logs.show_warnings()


def when_ready(_server: object) -> None:
    """Before the workers are forked: no garbage collection of theirs writes to the shared pages."""
    gc.collect()
    gc.freeze()


def post_fork(server: Any, _worker: object) -> None:
    """A worker outlives a killed arbiter, but not where that ended with its parent."""
    if _config.parent is not None:
        end_with(server.pid)


def child_exit(_server: object, worker: Any) -> None:
    """Drop a dead worker's gauges; its counts stay."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: object) -> None:
    """Remove the folder of the metrics."""
    shutil.rmtree(_folder, ignore_errors=True)
