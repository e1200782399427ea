"""Every metric of the router: name, kind, unit, labels and meaning, in one table.

Names are Prometheus' convention: `sluice_`, what is counted, the unit in its base form, and
`_total` for what only grows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RouterMetric:
    """One metric family.

    name: as it is exposed. unit: "" where it has none; else the name ends in it (before `_total`).
    counted: the first part of the keys of the workers' counts or gauges; "" where the exposition
    computes it."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    meaning: str
    counted: str = ""

    @property
    def family(self) -> str:
        """The name without `_total`, as the client library takes it."""
        return self.name.removesuffix("_total")


COUNTERS = (
    RouterMetric(
        "sluice_requests_total",
        "counter",
        "",
        ("version", "role", "code"),
        "Requests by the version that was drawn for them, its role, and the status of its answer",
        "requests",
    ),
    RouterMetric(
        "sluice_predictions_total",
        "counter",
        "",
        ("version", "class"),
        "Predictions by class; those beyond a thousand classes of a version are `other answers`",
        "predictions",
    ),
    RouterMetric(
        "sluice_shadow_compared_rows_total",
        "counter",
        "rows",
        ("version", "outcome"),
        "Rows of a shadow that were compared with the user's answer: agree, differ or error",
        "shadow",
    ),
    RouterMetric(
        "sluice_shadow_dropped_rows_total",
        "counter",
        "rows",
        ("version",),
        "Rows that were not copied to a shadow because its queue was full",
        "shadow_dropped",
    ),
    RouterMetric(
        "sluice_fallbacks_total",
        "counter",
        "",
        ("version", "reason"),
        "Requests that another version answered because the drawn one failed",
        "fallback",
    ),
    RouterMetric(
        "sluice_labels_total",
        "counter",
        "",
        ("version", "outcome"),
        "Late labels by what became of them",
        "feedback",
    ),
    RouterMetric(
        "sluice_platform_errors_total",
        "counter",
        "",
        ("version", "code"),
        "Error codes in the platform's log of a version",
        "complaints",
    ),
    RouterMetric(
        "sluice_load_requests_total",
        "counter",
        "",
        ("version", "code"),
        "Requests of load tests by version and status: they count in no other metric of requests",
        "load",
    ),
    RouterMetric(
        "sluice_refusals_total",
        "counter",
        "",
        ("code",),
        "Answers that were no prediction, by status",
        "refused",
    ),
)
GAUGES = (
    RouterMetric(
        "sluice_verdict_ratio",
        "gauge",
        "ratio",
        ("signal",),
        "Evidence against the candidate of a judged rollout, as a part of what decides "
        "(logarithms; 1 decides)",
        "verdict",
    ),
    RouterMetric(
        "sluice_in_flight_rows",
        "gauge",
        "rows",
        ("version",),
        "Rows in flight to a version",
        "in_flight",
    ),
    RouterMetric(
        "sluice_queue_rows",
        "gauge",
        "rows",
        ("version",),
        "Rows that wait for a version",
        "queue_rows",
    ),
)
REQUEST_SECONDS = RouterMetric(
    "sluice_request_duration_seconds",
    "histogram",
    "seconds",
    ("version", "role"),
    "Time from the draw of a version to its outcome",
    "latency",
)
BATCH_ROWS = RouterMetric(
    "sluice_batch_rows", "histogram", "rows", ("version",), "Rows in a batch", "batch_rows"
)
PREDICTION_VALUE = RouterMetric(
    "sluice_prediction_value",
    "histogram",
    "",
    ("version",),
    "Predicted values of a regression (no sum)",
    "values",
)
HISTOGRAMS = (REQUEST_SECONDS, BATCH_ROWS, PREDICTION_VALUE)
COMPUTED = (
    RouterMetric(
        "sluice_split_asked_ratio",
        "gauge",
        "ratio",
        ("version",),
        "Share of the requests that the split gives a version",
    ),
    RouterMetric(
        "sluice_split_served_ratio",
        "gauge",
        "ratio",
        ("version",),
        "Share of the requests that were drawn for a version since this split is in force",
    ),
    RouterMetric(
        "sluice_split_requests",
        "gauge",
        "",
        ("version",),
        "Requests that were drawn for a version since this split is in force",
    ),
    RouterMetric(
        "sluice_rollout_state",
        "gauge",
        "",
        ("state",),
        "1 for the present state: none, running, paused (by a person) or held (until a person "
        "decides); 0 for the others",
    ),
    RouterMetric(
        "sluice_rollout_info",
        "gauge",
        "",
        ("strategy", "candidate", "stable"),
        "1 while a rollout is in progress",
    ),
    RouterMetric(
        "sluice_ledger_revision",
        "gauge",
        "",
        (),
        "Revision of the ledger that the slowest worker follows",
    ),
    RouterMetric(
        "sluice_ledger_age_seconds",
        "gauge",
        "seconds",
        (),
        "Time since the ledger answered the worker that has waited longest",
    ),
    RouterMetric(
        "sluice_drift_sampled_rows",
        "gauge",
        "rows",
        ("version", "outcome"),
        "Users' rows that were watched for drift since the rollout began, without one in the last "
        "hour: counted, or refused since they do not fit the version's columns",
    ),
    RouterMetric(
        "sluice_drift_distance_ratio",
        "gauge",
        "ratio",
        ("version", "kind", "name"),
        "Total variation between these rows and training, of a column or of a value of the answers",
    ),
    RouterMetric(
        "sluice_drift_unseen_ratio",
        "gauge",
        "ratio",
        ("version", "kind", "name"),
        "Share of these rows that is out of the range or the categories of training",
    ),
    RouterMetric(
        "sluice_drift_mix_ratio",
        "gauge",
        "ratio",
        (),
        "Evidence that the versions of a judged rollout get different rows, as a part of what "
        "decides (logarithms; at 1 the assignment is broken)",
    ),
    RouterMetric(
        "sluice_drift_change_ratio",
        "gauge",
        "ratio",
        ("name",),
        "Evidence that a column, the answers or the late labels of the released version changed "
        "over time, as a part of what decides (logarithms)",
    ),
    RouterMetric(
        "sluice_drift_alarm",
        "gauge",
        "",
        (),
        "1 where columns changed over time, and answers or late labels too",
    ),
    RouterMetric("sluice_workers", "gauge", "", (), "Router workers that are alive"),
)
METRICS = (*COUNTERS, *GAUGES, *HISTOGRAMS, *COMPUTED)
