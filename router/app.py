"""The router as an ASGI app: plain callables for frequent requests, Flask for the others.

A prediction: `predict.py` has a codec read the body, also for the fast path of wire/;
`routing_table.py` has the newest split; rollout/state/split.py draws the version; `lane.py` queues
the rows; `upstream.py` sends them. Then the rows go back to their callers, `worker_metrics.py`
counts, and `mirror.py` compares shadows later."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from a2wsgi import WSGIMiddleware

from rollout.access_tokens import FILE as TOKENS
from rollout.drift.statements import DriftReport
from rollout.log_drain import PATH as DRAINS
from rollout.state.classes import Answers
from rollout.state.signal_settings import Labels
from router.access.areas import Area
from router.access.rules import Access
from router.access.session_endpoint import PATH as SESSION
from router.access.session_endpoint import SessionEndpoint
from router.access.token_list import TokenList
from router.acts.act_recorder import ActRecorder
from router.acts.acts_endpoint import PATH as ACTS
from router.acts.acts_endpoint import ActsEndpoint
from router.acts.version_proof import VersionProof
from router.config import RouterConfig, from_environment
from router.control.controller import TICK_S, Controller
from router.control.ledger_follower import LedgerFollower
from router.dispatch.dispatcher import Dispatcher
from router.dispatch.routing_table import RoutingTable
from router.dispatch.version_pages import VersionPages
from router.drift.drift_counter import DriftCounter
from router.drift.drift_reader import DriftReader
from router.drift.drift_sample import DriftSample
from router.endpoints.codecs.signatures import Signatures
from router.endpoints.feedback import FeedbackEndpoint
from router.endpoints.log_drain import LogDrainEndpoint
from router.endpoints.model_pages import ModelPages
from router.endpoints.oip_protocol import (
    REPOSITORY_INDEX,
    error_body,
    infers,
    is_of_a_version,
    is_protocol,
)
from router.endpoints.pages import WorkerView, create_pages
from router.endpoints.predict import LoadTests, Predict
from router.endpoints.prediction_origin import WhoServed
from router.evidence import row_sample, worker_metrics
from router.evidence.labels import LabelContext
from router.evidence.latency_probe import LatencyProbe
from router.evidence.prediction_counters import Outcomes
from router.evidence.prediction_values import UNKNOWN
from router.evidence.recent_rate import RecentRate
from router.evidence.worker_metrics import Snapshot
from router.history.keeper import LOOK_EVERY_S, HistoryKeeper
from router.observability.request_spans import RequestSpans
from router.prediction_routes import PredictionRoutes
from router.problems import Problem, Receive, Scope, Send, answer, answer_options, failed
from router.process_identity import started_at
from router.requests.body import once, whole_body, with_length
from router.requests.load_marks import LoadMarks
from router.watching.assets import PREFIX as STATIC
from router.watching.sources.page_reader import PageReader, WorkerState
from router.watching.watch_endpoint import LIVE, PAGE, WatchEndpoint
from router.webhooks.cursor import SavedCursors
from router.webhooks.deliverer import Webhooks, deliver
from store.errors import StoreError
from store.feedback import FeedbackStore
from store.shadow_answers import ShadowAnswerStore
from wire.fast_path import Handler
from wire.load_mark import mark_key
from wire.observability.traces import Traces
from wire.observability.traces import start as start_traces

log = logging.getLogger("sluice.router")
PUBLISH_S = 0.2
EXPIRE_S = 0.02
MOST_INDEX_BYTES = 4096
SNAPSHOT_S = 5.0
SWITCH_S = 0.0005
Endpoint = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class AsgiRoute:
    """A plain ASGI endpoint beside the ways in. example: one of the paths at which it answers."""

    example: str
    answers: Callable[[str], bool]
    area: Area
    endpoint: Callable[["Router"], Endpoint]


class Router:
    """The app of one worker. Before its lifespan starts, it has only its configuration."""

    def __init__(self, config: RouterConfig) -> None:
        self.config = config
        self.worker: Any = None
        self._started, self._published = 0, True
        self._since = worker_metrics.SinceRollout()
        self._tasks: list[asyncio.Task[None]] = []
        self._webhooks: asyncio.Task[None] | None = None
        self._traces: Traces | None = None
        self.hot: dict[bytes, Handler] = {}
        self.largest_body = config.settings.router.limits.max_body_bytes
        self.most_bytes = config.settings.router.limits.max_bodies_bytes
        tokens = TokenList(config.operator_token, config.state.joinpath(*TOKENS), config.tokens)
        self.access = Access(config.settings.router, config.host, tokens, config.token_key)
        view = WorkerView(self._table, self._snapshots, self._ledger, self._drift_report)
        pages: Any = create_pages(view, WhoServed(config.token_key), self.access)
        self._pages: Any = WSGIMiddleware(pages, workers=4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request on the slow path; every error is counted."""
        begun, counts_itself = False, self._prediction_route(scope["path"]) is not None

        async def send_counted(message: Any) -> None:
            nonlocal begun
            begun = True
            if (
                message["type"] == "http.response.start"
                and not counts_itself
                and message["status"] >= 400
            ):
                self.refused(message["status"])

            if scope["method"] == "HEAD" and message["type"] == "http.response.body":
                message = {**message, "body": b""}

            await send(message)

        try:
            await self._route(scope, receive, send_counted)
        except Problem as problem:
            await self._send_problem(scope, send_counted, problem)
        except Exception:
            log.exception("a request could not be answered")
            if begun:
                raise

            if counts_itself:
                self.refused(500)

            await self._send_problem(scope, send_counted, failed())

    async def _send_problem(self, scope: Scope, send: Send, problem: Problem) -> None:
        headers, body = problem.headers(), problem.body()
        if is_protocol(scope["path"]):
            headers = [(b"content-type", b"application/json"), *headers[1:]]
            body = error_body(problem.detail)

        await answer(send, problem.status, headers, body)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "*" and scope["method"] == "OPTIONS":
            await answer_options(send, "GET", "HEAD", "POST")
        elif "//" in path:
            # WSGI would take `//status` for `/status`.
            raise Problem(404, "no path here has an empty segment: /openapi.json lists the paths")
        elif (prediction := self._prediction_route(path)) is not None:
            await prediction(scope, receive, send)
        elif (route := _route_of(path)) is not None:
            self.access.require(route.area, scope["method"], scope["headers"])
            await route.endpoint(self)(scope, receive, send)
        elif path == REPOSITORY_INDEX and scope["method"] == "POST":
            # A thread of the pages must not wait for a slow body.
            async with whole_body(scope, receive, MOST_INDEX_BYTES) as body:
                await self._pages(with_length(scope, len(body)), once(body), self._with_close(send))
        else:
            await self._pages(scope, receive, self._with_close(send))

    def _prediction_route(self, path: str) -> Predict | None:
        """The endpoint that answers predictions at a path, None at all other paths."""
        if path == "/predict":
            return self.routes.predict
        if path == "/invocations":
            return self.routes.invocations
        if infers(path, self.config.settings.model):
            return self.routes.infer
        return None

    def refused(self, status: int) -> None:
        """Count an error that was answered without an endpoint; the worker calls it, too."""
        self.traffic.counts.add(("refused", str(status)))

    def leaving(self) -> bool:
        """Whether this worker is shutting down, so that clients have to connect again."""
        return self.worker is not None and self.worker.draining

    def replaced(self) -> bool:
        """Whether another master's workers answer, or need this worker's socket to be closed."""
        if not self.config.socket_is_held:
            return True

        master = self._master()
        for snapshot in worker_metrics.all_snapshots(self.config.state, self._own()):
            if not snapshot.gone and snapshot.master != master:
                return True

        return False

    def _master(self) -> int:
        """The process id of this worker's master; 0 outside of a worker."""
        if self.worker is None:
            return 0
        return int(self.worker.parent)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._start(scope)
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _start(self, scope: Scope) -> None:
        config, loop = self.config, asyncio.get_running_loop()
        self._loop = loop
        self.worker = scope.get("state", {}).get("worker")
        self._started = started_at(os.getpid())
        self._since = worker_metrics.SinceRollout()
        self._recent_rate = RecentRate(loop.time())
        self._publisher = ThreadPoolExecutor(1, thread_name_prefix="counts")

        self.follower = LedgerFollower(
            config.database_url, config.settings.model, config.state, config.token_key
        )
        table = await loop.run_in_executor(self.follower.threads, self.follower.first_table)
        self.traffic = self._dispatcher(table)
        self._create_controller()
        # A verdict takes some milliseconds of Python, for which requests must not wait.
        sys.setswitchinterval(SWITCH_S)
        self.recent = row_sample.RowSample(config.settings.router.recent_rows)
        self._create_endpoints()
        self._create_feedback()
        self._tasks = list(map(loop.create_task, self._chores()))

    def _dispatcher(self, table: RoutingTable) -> Dispatcher:
        config, settings = self.config, self.config.settings
        self._traces = start_traces(
            settings.traces.endpoint, "sluice-router", settings.traces.ratio, model=settings.model
        )
        return Dispatcher(
            settings.router,
            config.service_secret,
            self._loop,
            table,
            units_in=config.state / "run" / "units",
            cold_s=settings.verdict.cold_s,
            through=config.through,
            pairs_per_s=settings.verdict.pairs_per_s,
            drift=DriftSample(settings.drift.rows_per_s / settings.router.workers),
            spans=RequestSpans(self._traces) if self._traces is not None else None,
        )

    def _create_controller(self) -> None:
        """What judges rollouts, and what keeps their history."""
        engine, model = self.follower.engine, self.config.settings.model
        kept = self.traffic.mirror.kept
        self.controller = Controller(engine, model, self.traffic.tallies, kept=kept)
        self._control_thread = ThreadPoolExecutor(1, thread_name_prefix="controller")
        self.history = HistoryKeeper(engine, model, self.config.state)
        # Of its own, so that no act waits for the history's file or tables.
        self._history_thread = ThreadPoolExecutor(1, thread_name_prefix="history")

    def _chores(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What goes on beside the requests until the worker stops."""
        settings = self.config.settings
        samples = row_sample.folder(self.config.state, settings.model)
        yield self.follower.follow(self.traffic)
        yield self._control()
        yield LatencyProbe(settings, self.traffic).compare()
        yield self._publish()
        yield self._keep_history()
        yield self._expire()
        yield self.drift_counter.run()
        yield row_sample.keep(self.recent, samples, self._publisher)

    def _create_endpoints(self) -> None:
        config, settings = self.config, self.config.settings
        outcomes = Outcomes(self.traffic.counts, config.token_key, answers=self._answers)
        budget = self.worker.budget if self.worker is not None else None
        pages = VersionPages(settings, self.traffic)
        self.routes = PredictionRoutes(
            settings,
            self.traffic,
            outcomes,
            self.recent,
            self.access,
            self.leaving,
            budget,
            Signatures(self.traffic, pages),
            self._load_tests(),
        )
        self.drift_counter = DriftCounter(self.traffic, pages)
        self.drift = DriftReader(
            self.follower.engine,
            settings.model,
            lambda: self.drift_counter.references,
            settings.drift,
        )
        self.models = ModelPages(settings, self.traffic, pages, self.access, self.leaving)
        self.hot = self.routes.hot()

        self.session = SessionEndpoint(self.access, self.leaving)
        recorder = ActRecorder(config.database_url, settings.model)
        proof = VersionProof(pages)
        self.acts = ActsEndpoint(self.access, recorder, self._table, proof, self.leaving)

        reader = PageReader(
            self.follower.engine, settings.model, self._worker_state, drift=self.drift
        )
        self.watch = WatchEndpoint(settings.model, reader, self.access, self.leaving)
        self.drain = LogDrainEndpoint(self.traffic, config.token_key, config.state, self.leaving)

    def _create_feedback(self) -> None:
        config, settings = self.config, self.config.settings
        labels = FeedbackStore(self.follower.engine, settings.model)
        copies = ShadowAnswerStore(self.follower.engine, settings.model)
        known = LabelContext(self._answers, self._loss, settings.router.limits.max_rows)
        self.feedback = FeedbackEndpoint(
            labels,
            copies,
            self.traffic.counts,
            config.token_key,
            settings,
            known,
            self._judged,
            self.leaving,
        )

    def _load_tests(self) -> LoadTests:
        """Marks of the workspace's own load tests. Their predictions' ids have a key of their own,
        so that no label can be sent for one.
        """
        key, model = self.config.token_key, self.config.settings.model
        ids = mark_key(key, model, "prediction id")
        outcomes = Outcomes(self.traffic.load_counts, ids, answers=self._answers)
        return LoadTests(LoadMarks(key, model), outcomes)

    async def _stop(self) -> None:
        tasks = self._tasks
        if self._webhooks is not None:
            tasks = [*tasks, self._webhooks]

        for task in tasks:
            task.cancel()

        await asyncio.gather(*tasks, return_exceptions=True)
        self.drift_counter.add()
        await self._publish_once()
        in_thread = asyncio.get_running_loop().run_in_executor
        await in_thread(self._control_thread, self._last_flush)
        await in_thread(self._history_thread, self.history.stop, self.traffic.table.ledger)
        self.routes.close()
        self.acts.close()
        self.watch.close()
        for lane in self.traffic.lanes.values():
            lane.close()

        if self._traces is not None:
            await self._traces.close()

    async def _control(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            await loop.run_in_executor(
                self._control_thread, self.controller.tick, self.traffic.table.ledger
            )
            self._start_or_stop_webhooks()

    async def _keep_history(self) -> None:
        in_thread, judged = asyncio.get_running_loop().run_in_executor, self.controller.judged
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            ledger, leads = self.traffic.table.ledger, self.controller.lease is not None
            await in_thread(self._history_thread, self.history.tick, ledger, judged, leads)

    def _start_or_stop_webhooks(self) -> None:
        """Deliver webhooks as long as this worker is the controller."""
        if self.controller.lease is None:
            if self._webhooks is not None:
                self._webhooks.cancel()
                self._webhooks = None
        elif self._webhooks is None and self.config.settings.webhooks.urls:
            hooks = Webhooks(self.config.settings.webhooks.urls, self.config.webhook_secret)
            delivery = deliver(hooks, self.follower.store, self._revision, self._progress)
            self._webhooks = asyncio.get_running_loop().create_task(delivery)

    def _progress(self, url: str) -> SavedCursors:
        return SavedCursors(self.controller.evidence, url, self._revision)

    def _revision(self) -> int:
        return self.traffic.table.revision

    def _last_flush(self) -> None:
        try:
            self.controller.flush()
        except StoreError as error:
            log.warning("the last counts were not stored: %s", error)

    async def _publish(self) -> None:
        while True:
            await self._publish_once()
            await asyncio.sleep(PUBLISH_S)

    async def _publish_once(self) -> None:
        # One thread, so that an older snapshot cannot replace a newer one.
        publish = asyncio.get_running_loop().run_in_executor
        try:
            await publish(self._publisher, worker_metrics.publish, self.config.state, self._own())
        except OSError as error:
            # Once, and not five times a second until somebody has made room.
            if self._published:
                log.warning(
                    "the metrics are not published in %s: %s. They go on counting",
                    self.config.state,
                    error.strerror,
                )

            self._published = False
        else:
            if not self._published:
                log.warning("the metrics are published again")

            self._published = True

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(EXPIRE_S)
            self.traffic.expire()

    def _with_close(self, send: Send) -> Send:
        async def with_close(message: Any) -> None:
            if message["type"] == "http.response.start" and self.leaving():
                message["headers"] = [*message["headers"], (b"connection", b"close")]

            await send(message)

        return with_close

    def _own(self) -> Snapshot:
        requests, now = self.traffic.counts.total(), self._loop.time()
        named_gauges = {
            **self.traffic.gauges(),
            **self.controller.gauges(),
            **self._recent_rate.gauges(requests, now),
        }
        gauges = {worker_metrics.SEPARATOR.join(key): value for key, value in named_gauges.items()}
        revision, age = self.traffic.table.revision, self.follower.age_s()
        worst = self.traffic.mirror.worst
        counted = {**self.traffic.counts.flat(), **self.traffic.load_counts.requests_by("load")}
        rollout = self.traffic.table.rollout_id
        return Snapshot(
            os.getpid(),
            counted,
            gauges,
            revision,
            age,
            worst=worst,
            started=self._started,
            master=self._master(),
            rollout=rollout,
            since=self._since.of(rollout, counted),
            examples=self.traffic.counts.examples(time.time()),
        )

    def _snapshots(self) -> list[Snapshot]:
        """The snapshots of all workers, for threads; this worker's is made in the event loop."""
        own = asyncio.run_coroutine_threadsafe(self._own_in_loop(), self._loop)
        return worker_metrics.all_snapshots(self.config.state, own.result(SNAPSHOT_S))

    async def _own_in_loop(self) -> Snapshot:
        return self._own()

    def _table(self) -> Any:
        return self.traffic.table

    def _worker_state(self) -> WorkerState:
        return WorkerState(self.traffic.table, self._snapshots(), self._ledger())

    def _drift_report(self) -> DriftReport:
        return self.drift.report(self.traffic.table.ledger)

    def _loss(self, rollout: int) -> Labels:
        """The label policy of the rollout that began with a revision, else that of deploy.toml."""
        ledger = self.traffic.table.ledger
        for known in filter(None, (ledger.rollout, ledger.last)):
            if known.number == rollout and known.policy is not None and known.policy.labels:
                return known.policy.labels

        return self.config.settings.verdict.labels

    def _answers(self, version: str) -> Answers:
        return self.traffic.table.answers.get(version, UNKNOWN)

    def _judged(self) -> frozenset[int]:
        """The rollouts whose labels may still count for a verdict."""
        ledger = self.traffic.table.ledger
        known = filter(None, (ledger.rollout, ledger.last))
        return frozenset(rollout.number for rollout in known)

    def _ledger(self) -> str:
        if self.follower.away_since is None:
            return ""

        table = self.traffic.table
        return (
            f"away for {self.follower.age_s():.0f} s, running on revision {table.revision} "
            f"({self.follower.away_because})"
        )


def _route_of(path: str) -> AsgiRoute | None:
    return next((route for route in ROUTES if route.answers(path)), None)


ROUTES = (
    AsgiRoute("/feedback", "/feedback".__eq__, Area.PUBLIC, lambda router: router.feedback),
    AsgiRoute(SESSION, SESSION.__eq__, Area.PUBLIC, lambda router: router.session),
    AsgiRoute(
        f"{ACTS}rollback", lambda path: path.startswith(ACTS), Area.ACTS, lambda router: router.acts
    ),
    AsgiRoute(
        f"{DRAINS}v1",
        lambda path: path.startswith(DRAINS),
        Area.PUBLIC,
        lambda router: router.drain,
    ),
    # The page and its files ask who comes themselves: a stranger gets a form to sign in.
    AsgiRoute(PAGE, PAGE.__eq__, Area.PUBLIC, lambda router: router.watch),
    AsgiRoute(LIVE, LIVE.__eq__, Area.PAGE, lambda router: router.watch),
    AsgiRoute(
        f"{STATIC}x", lambda path: path.startswith(STATIC), Area.PUBLIC, lambda router: router.watch
    ),
    AsgiRoute("/v2/models/toy", is_of_a_version, Area.PUBLIC, lambda router: router.models),
)
"""The first that answers at a path; Flask has the paths at which none does."""


def create_app() -> Router:
    """The app, configured from the environment."""
    return Router(from_environment())
