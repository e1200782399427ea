"""gunicorn's settings for the router: ASGI workers on uvloop, forked from a preloaded process."""

import logging
import os
from typing import Any

from router.config import from_environment
from router.evidence import worker_metrics
from router.history.counts_life import begin_life
from wire.observability import logs

_config = from_environment()
log = logging.getLogger("sluice.router")

bind = [_config.bind]
workers = int(os.environ.get("WEB_CONCURRENCY") or _config.settings.router.workers)
worker_class = "wire.worker.FastPathWorker"
asgi_loop = "uvloop"
asgi_lifespan = "on"
http_parser = "fast"
# A restarted worker serves within milliseconds: everything is imported before the fork.
preload_app = True
keepalive = 75
timeout = 30
graceful_timeout = 30
backlog = 2048
worker_connections = 4096
limit_request_line = 8190
accesslog = None
errorlog = "-"
control_socket_disable = True
logger_class = logs.gunicorn_logger(_config.settings.logs.format, "router")
logs.show_warnings()


def on_starting(_server: object) -> None:
    """Start the metrics of a new router from zero; the history keeps those of before."""
    try:
        begin_life(_config.state)
    except OSError as error:
        log.warning("counts go on where they were, a new start cannot be written: %s", error)


def when_ready(_server: object) -> None:
    """Reserve descriptor 0 if it was the inherited socket, which gunicorn has closed by now."""
    if _config.bind == "fd://0":
        os.open(os.devnull, os.O_RDWR)


def child_exit(_server: object, worker: Any) -> None:
    """Keep the metrics of a worker that ended or was killed."""
    # An error would end the master, and all workers with it.
    try:
        worker_metrics.retire(_config.state, worker.pid)
    except OSError as error:
        log.warning("counts of worker %d stay in a file of their own: %s", worker.pid, error)
