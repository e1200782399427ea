"""What `load` was asked, checked: numbers within the bounds of deploy.toml."""

from dataclasses import dataclass

from deployment.commands.strategy_options import seconds
from deployment.workspace.errors import BadOption
from load.limit_search import MOST_STEPS
from load.run_load import LoadShape
from load.shapes import SHAPES
from rollout.durations import shown_seconds
from rollout.settings import LoadSettings

FIND_LIMIT = "find-limit"
ENGINES = ("sluice", "locust")
RATE, STEP_RATE = 100.0, 250.0
LASTS = {"constant": "30s", "ramp": "1m", "spike": "1m", "soak": "10m", FIND_LIMIT: "6s"}
"""By shape; of find-limit, each step."""


@dataclass(frozen=True)
class LoadOptions:
    """The words of the command line. to: an address of deploy.toml, None for this stack's router.
    lasts: such as 2m, None for the shape's own. yes_this_costs: a bill was accepted.
    """

    rate: float | None = None
    users: int | None = None
    think: str = "1s"
    shape: str = "constant"
    lasts: str | None = None
    rows: str | None = None
    connections: int = 256
    to: str | None = None
    yes_this_costs: bool = False


def wants_locust(engine: str, web: bool) -> bool:
    """Whether Locust is to send; raises BadOption."""
    if engine not in ENGINES:
        raise BadOption(f"--engine is one of {', '.join(ENGINES)}, not {engine}")
    if web and engine != "locust":
        raise BadOption("--web is Locust's page: add --engine locust, or take --report")

    return engine == "locust"


def words_of(shape: LoadShape) -> str:
    """A shape in words, such as `constant, 500 requests/s for 30 s`."""
    level = f"{shape.rate:,.0f} requests/s"
    if shape.users is not None:
        level = f"{shape.users:,} users who think {shown_seconds(shape.think_s)}"
    if shape.name == FIND_LIMIT:
        return f"{shape.name}, steps of {shown_seconds(shape.seconds)} from {level} on"

    return f"{shape.name}, {level} for {shown_seconds(shape.seconds)}"


def shape_of(options: LoadOptions, settings: LoadSettings) -> LoadShape:
    """The shape to run; raises BadOption."""
    if options.shape not in SHAPES:
        raise BadOption(f"--shape is one of {', '.join(SHAPES)}, not {options.shape}")
    if options.rate is not None and options.users is not None:
        raise BadOption("--rate sends at a rate, --users waits for answers: give one of them")
    if options.users is not None and options.shape == FIND_LIMIT:
        raise BadOption("--shape find-limit looks for a rate: leave --users out")

    lasts = seconds(LASTS[options.shape] if options.lasts is None else options.lasts)
    longest = settings.max_s / (MOST_STEPS if options.shape == FIND_LIMIT else 1)
    if lasts > longest:
        raise BadOption(
            f"--for is at most {shown_seconds(longest)} here (load.max_s in deploy.toml; a step of "
            f"find-limit has a {MOST_STEPS}th of it)"
        )

    rate = options.rate
    if rate is None:
        rate = STEP_RATE if options.shape == FIND_LIMIT else RATE
    if rate > settings.max_rate:
        raise BadOption(
            f"--rate is at most {settings.max_rate:g} requests a second here (load.max_rate in "
            "deploy.toml)"
        )

    think_s = 0.0 if options.think in ("0", "0s") else seconds(options.think)
    return LoadShape(options.shape, lasts, rate, options.users, think_s)
