"""The routes of predictions: each path with its codecs, all of them into the same lanes."""

from collections.abc import Callable

from rollout.settings import Settings
from router.access.rules import Access
from router.dispatch.dispatcher import Dispatcher
from router.endpoints.codecs.arrow import CONTENT_TYPE, PredictArrow
from router.endpoints.codecs.codec import Codec
from router.endpoints.codecs.csv_table import CsvInvocations
from router.endpoints.codecs.mlflow import Invocations
from router.endpoints.codecs.oip import OpenInference
from router.endpoints.codecs.predict_json import PredictJson
from router.endpoints.codecs.signatures import Signatures
from router.endpoints.oip_protocol import version_in
from router.endpoints.predict import LoadTests, Predict
from router.evidence.prediction_counters import Outcomes
from router.evidence.row_sample import RowSample
from wire.budget import ByteBudget
from wire.fast_path import Handler


class PredictionRoutes:
    """The endpoints of one worker that answer predictions."""

    def __init__(
        self,
        settings: Settings,
        traffic: Dispatcher,
        outcomes: Outcomes,
        recent: RowSample,
        access: Access,
        leaving: Callable[[], bool],
        budget: ByteBudget | None,
        signatures: Signatures,
        load_tests: LoadTests | None = None,
    ) -> None:
        model, limits = settings.model, settings.router.limits
        self._model = model
        self._arrow = PredictArrow(model, limits)

        def route_of(
            codec: Codec,
            by_type: dict[bytes, Codec],
            route: str,
            version_in: Callable[[str], str | None] = lambda _: None,
        ) -> Predict:
            return Predict(
                settings,
                traffic,
                outcomes,
                recent,
                access,
                leaving,
                budget,
                codec,
                by_type,
                signatures,
                version_in,
                route,
                load_tests,
            )

        infer = f"/v2/models/{model}/infer"
        self.predict = route_of(PredictJson(model, limits), {CONTENT_TYPE: self._arrow}, "/predict")
        self.infer = route_of(OpenInference(model, limits), {}, infer, version_in)
        self.invocations = route_of(
            Invocations(model, limits),
            {b"text/csv": CsvInvocations(model, limits)},
            "/invocations",
        )

    def hot(self) -> dict[bytes, Handler]:
        """The endpoints on wire's fast path, by URL."""
        return {
            b"/predict": self.predict.answer,
            b"/invocations": self.invocations.answer,
            f"/v2/models/{self._model}/infer".encode(): self.infer.answer,
        }

    def close(self) -> None:
        """End what the endpoints have started."""
        self._arrow.close()
