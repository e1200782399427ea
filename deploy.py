"""The operator's door: one short function a verb. Each reads the record, gathers facts, lets the core decide, acts.

Exit codes: 0 done, 1 refused or failed, 2 usage, 3 undecided, 4 deadline, 5 rolled back, 6 contract broken,
130 interrupted.
"""

import signal
import sys

# Until `main` says what an interruption means, it ends the program without a word: nothing was done yet.
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

# Everything else is imported where it is used: `rollback` must not wait for what it does not need.
if TYPE_CHECKING:
    from deployment.config import Place
    from deployment.outcomes import Out

Version = Annotated[str, typer.Argument(help="The version, for example v2.", show_default=False)]
Reason = Annotated[str, typer.Option("-m", "--reason", help="Why; kept in the history.")]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object as the last line.")]
Breaking = Annotated[bool, typer.Option("--breaking", help="Although it breaks what today's users rely on.")]
Percent = Annotated[float, typer.Option(help="Share of the traffic in percent.")]
Auto = Annotated[bool, typer.Option("--auto", help="Let the conductor judge it and move it on, or back.")]
Timeout = Annotated[str, typer.Option(help="End after this time, for example 10m.", show_default=False)]

app = typer.Typer(
    help="Delivers, deploys, serves, releases and rolls back model versions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def deliver(
    version: Version,
    source: Annotated[
        Path, typer.Option("--from", help="A recipe (.py) or a fitted pipeline (.pkl).", show_default=False)
    ],
    sample: Annotated[Path | None, typer.Option(help="Rows the pipeline accepts (Parquet or CSV), for a .pkl.")] = None,
    label: Annotated[str | None, typer.Option(help="The sample's column that holds the truth.")] = None,
    one_row_at_a_time: Annotated[
        bool,
        typer.Option("--one-row-at-a-time", help="Predict each row alone: its answer depends on the rows beside it."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Pack, test, prove and sign a pipeline as releases/VERSION."""
    with _door(as_json) as (out, place):
        _deliver(place, out, version, source, sample, label, one_row_at_a_time)


@app.command()
def verify(version: Version, as_json: Json = False) -> None:
    """Check a bundle again: signature, every digest, and its golden rows in a fresh process."""
    with _door(as_json) as (out, place):
        _verify(place, out, version)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The router's port; 0 takes a free one.")] = None,
    as_json: Json = False,
) -> None:
    """Start router and live versions; run again it repairs what is missing."""
    with _door(as_json) as (out, place):
        from deployment import targets, viewing

        found = targets.up(place if port is None else replace(place, port=port), out.say)
        raise typer.Exit(viewing.stack(out, found))


@app.command()
def down(as_json: Json = False) -> None:
    """Stop everything, gracefully, and see that nothing is left."""
    with _door(as_json) as (out, place):
        from deployment import targets, viewing

        viewing.stopped(out, targets.down(place, out.say))


@app.command()
def deploy(version: Version, reason: Reason = "", as_json: Json = False) -> None:
    """Start a delivered version and prove it ready, without users' traffic."""
    _act("deploy", (version,), reason, as_json)


@app.command()
def plan(
    version: Version,
    strategy: Annotated[str, typer.Option(help="By which of the strategies.")] = "canary",
    replay: Annotated[
        str | None, typer.Option(help="Recorded rows to ask both versions about: a file, or `recent`.")
    ] = None,
    breaking: Breaking = False,
    as_json: Json = False,
) -> None:
    """Show what a rollout would change, for whom and at what cost; changes nothing."""
    with _door(as_json) as (out, place):
        from deployment import viewing

        raise typer.Exit(viewing.plan(out, place, version, strategy, replay, breaking))


@app.command()
def shadow(
    version: Version,
    percent: Percent = 100.0,
    auto: Auto = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Copy traffic to a version, compare its answers, throw them away."""
    _act("shadow", (version, percent, breaking, auto), reason, as_json)


@app.command()
def canary(
    version: Version,
    steps: Annotated[
        str | None, typer.Option(help="Its shares in percent, in order; 5,25,50 or those of deploy.toml.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(help="Let the clock take the steps, for example 30s; with --auto at the earliest.")
    ] = None,
    auto: Auto = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Give a version a small share first, then larger ones."""
    _act("canary", (version, steps, every, breaking, auto), reason, as_json)


@app.command("blue-green")
def blue_green(
    version: Version, auto: Auto = False, breaking: Breaking = False, reason: Reason = "", as_json: Json = False
) -> None:
    """Switch all traffic in one step; the old version stays warm."""
    _act("blue_green", (version, breaking, auto), reason, as_json)


@app.command()
def ab(
    version: Version,
    percent: Percent = 50.0,
    auto: Auto = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Split users in fixed shares until a person decides."""
    _act("ab", (version, percent, breaking, auto), reason, as_json)


@app.command()
def ramp(
    version: Version,
    over: Annotated[str, typer.Option(help="How long until all traffic is there, for example 10m.")] = "10m",
    steps: Annotated[int, typer.Option(help="In how many equal steps.")] = 10,
    auto: Auto = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Let a version's share grow with time, up to its release."""
    _act("ramp", (version, over, steps, breaking, auto), reason, as_json)


@app.command("release-in-place")
def release_in_place(
    version: Version, auto: Auto = False, breaking: Breaking = False, reason: Reason = "", as_json: Json = False
) -> None:
    """Deploy and release in one act, in place of the version released now."""
    if not auto:
        _act("release_in_place", (version, breaking), reason, as_json)
        return
    with _door(as_json) as (out, place):
        from deployment.in_place import release_watched

        raise typer.Exit(release_watched(place, out, version, breaking, reason))


@app.command()
def promote(
    version: Version,
    step: Annotated[
        bool, typer.Option("--step/--full", help="Only the next step of its rollout, or all the rest at once.")
    ] = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Release a version: make it responsible for all production traffic."""
    _act("promote", (version, step, breaking), reason, as_json)


@app.command()
def pause(reason: Reason = "", as_json: Json = False) -> None:
    """Hold the rollout where it is."""
    _act("pause", (), reason, as_json)


@app.command()
def resume(reason: Reason = "", as_json: Json = False) -> None:
    """Let a paused rollout go on."""
    _act("resume", (), reason, as_json)


@app.command()
def abort(reason: Reason = "", as_json: Json = False) -> None:
    """End the rollout: all traffic to the stable version."""
    _act("abort", (), reason, as_json)


@app.command()
def rollback(reason: Reason = "", as_json: Json = False) -> None:
    """Send the traffic back to the version that had it before. Nothing delays it."""
    _act("rollback", (), reason, as_json)


@app.command()
def retire(
    version: Version,
    force: Annotated[bool, typer.Option("--force", help="Also where it is the way back.")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Stop a version that has no traffic."""
    _act("retire", (version, force), reason, as_json)


@app.command()
def collect(as_json: Json = False) -> None:
    """End what is left of versions that answer nobody any more, and say first what that saves."""
    with _door(as_json) as (out, place):
        from deployment import viewing

        raise typer.Exit(viewing.collected(out, place))


@app.command()
def status(as_json: Json = False) -> None:
    """Show who answers whom, how well, and the way back."""
    with _door(as_json) as (out, place):
        from deployment import viewing

        viewing.status(place, out)


@app.command()
def watch(
    once: Annotated[bool, typer.Option("--once", help="Show it once.")] = False,
    timeout: Timeout = "",
    as_json: Json = False,
) -> None:
    """Show the status as it changes; with --timeout, until the rollout has ended."""
    with _door(as_json) as (out, place):
        from deployment import viewing

        raise typer.Exit(viewing.watch(place, out, once, timeout))


@app.command()
def history(
    number: Annotated[int, typer.Option("-n", "--number", min=0, help="How many acts.")] = 15,
    at: Annotated[
        str,
        typer.Option("--at", help="Show what was live then: 2026-05-01T12:00Z, or 2h ago.", show_default=False),
    ] = "",
    verify_chain: Annotated[bool, typer.Option("--verify", help="Check the whole chain of hashes too.")] = False,
    as_json: Json = False,
) -> None:
    """List who did what, when and why; with --at, what was live at a moment."""
    with _door(as_json) as (out, place):
        from deployment import past, viewing

        if at:
            past.at(place, out, at, verify_chain)
        else:
            viewing.history(place, out, number, verify_chain)


@app.command()
def explain(
    revision: Annotated[
        int | None, typer.Argument(help="Of the act, as `history` lists it; the newest by default.", min=1)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what stood behind an act: the verdict's numbers, or who did it, and what it changed."""
    with _door(as_json) as (out, place):
        from deployment import past

        past.explain(place, out, revision)


@app.command()
def whoserved(
    token: Annotated[str, typer.Argument(metavar="ID", help="The answer's X-Prediction-Id.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show which version answered a prediction, and what was in force then."""
    with _door(as_json) as (out, place):
        from deployment import past

        past.who_served(place, out, token)


@app.command()
def feedback(
    file: Annotated[
        Path, typer.Argument(help="Parquet, CSV or JSON lines with prediction_id and label.", show_default=False)
    ],
    timeout: Annotated[str, typer.Option(help="End after this time, for example 1h.")] = "10m",
    as_json: Json = False,
) -> None:
    """Send late labels, each counted once for the version that predicted."""
    with _door(as_json) as (out, place):
        from deployment import viewing

        raise typer.Exit(viewing.feedback(place, out, file, timeout))


@app.command()
def lint(as_json: Json = False) -> None:
    """Check settings, Procfile, bundles, record and address; changes nothing."""
    with _door(as_json, lenient=True) as (out, place):
        from deployment import viewing

        raise typer.Exit(viewing.lint(place, out))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Compare what runs with what should run, platform, record and processes; changes nothing."""
    with _door(as_json) as (out, place):
        from deployment import viewing

        raise typer.Exit(viewing.doctor(place, out))


@app.command()
def rehearse(
    versions: Annotated[
        list[str] | None,
        typer.Argument(help="The version released first and the one that takes over.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """The whole plan on a Heroku that runs on this machine, with users' traffic; no account is needed."""
    with _door(as_json) as (out, place):
        from deployment import viewing

        raise typer.Exit(viewing.rehearsal(out, place, versions or []))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def demo(context: typer.Context) -> None:
    """The whole story on real flights: deliver, serve, shadow, canary, release, roll back."""
    from examples.flights.demo import main as run

    sys.argv = ["deploy.py demo", *context.args]
    raise typer.Exit(run() or 0)


@contextmanager
def _door(as_json: bool, lenient: bool = False) -> "Iterator[tuple[Out, Place]]":
    """Where to speak and where to act; what is raised on purpose is told in one line and becomes an exit code."""
    from deployment.config import place
    from deployment.outcomes import told

    with told(as_json) as out:
        yield out, _lenient_place() if lenient else place()


def _lenient_place() -> "Place":
    """The place with deploy.toml's settings, or with the defaults where it cannot be read: `lint` tells why."""
    from deployment.config import place
    from deployment.failures import Misconfigured
    from rollout.refusal import Refusal
    from rollout.settings import Settings

    try:
        return place()
    except (Misconfigured, Refusal):
        return place(settings=Settings())


def _act(verb: str, options: tuple[Any, ...], reason: str, as_json: bool) -> None:
    """Perform one of deployment/verbs.py."""
    with _door(as_json) as (out, place):
        from deployment import verbs
        from deployment.acts import act

        out.done(act(place, getattr(verbs, verb)(place, *options), reason, out.say))


def _deliver(
    place: "Place",
    out: "Out",
    version: str,
    source: Path,
    sample: Path | None,
    label: str | None,
    one_row_at_a_time: bool,
) -> None:
    """Pack through delivery/, whose refusals are told like every other."""
    from delivery.errors import DeliveryError
    from delivery.pack import DeliveryRequest, deliver
    from deployment.failures import EdgeFailure, Interrupted
    from deployment.verbs import require_name

    require_name(version)
    settings = place.settings
    request = DeliveryRequest(
        version,
        source,
        settings.model,
        place.releases,
        place.keys,
        settings.delivery.tolerance,
        sample,
        label,
        one_row_at_a_time,
    )
    try:
        made = deliver(request, lambda line: out.say(f"  {line}"))
    except DeliveryError as error:
        raise EdgeFailure(str(error)) from error
    except KeyboardInterrupt as error:
        raise Interrupted(f"interrupted: {version} is not delivered and nothing of it is left") from error
    out.delivered(version, made.path, made.digest, made.fresh, made.manifest.runtime, made.manifest.metrics)


def _verify(place: "Place", out: "Out", version: str) -> None:
    """Check through delivery/; whatever does not hold is a broken contract."""
    from delivery.errors import DeliveryError
    from delivery.verify import verify
    from deployment.failures import ContractBroken
    from deployment.releases import read_release
    from deployment.verbs import require_name

    require_name(version)
    release = read_release(place.releases, version)
    try:
        checks = verify(release.path, place.public_key)
    except DeliveryError as error:
        raise ContractBroken(str(error)) from error
    out.result({"act": "verify", "version": version, "checks": checks}, *(f"✔ {line}" for line in checks))


def main() -> None:
    """Run the verb the command line names."""
    from deployment.interrupts import end_like_ctrl_c
    from deployment.outcomes import INTERRUPTED, UNTOUCHED, USAGE, Out

    arguments = sys.argv[1:]
    end_like_ctrl_c()
    try:
        code = app(arguments, prog_name="python deploy.py", standalone_mode=False) or 0
        if code == INTERRUPTED:
            Out("--json" in arguments).refused(UNTOUCHED)
        sys.exit(code)
    except typer.TyperException as error:
        message = error.format_message().rstrip(".")
        # Without a word the help was shown already.
        if message:
            Out("--json" in arguments).refused(f"{message}{' ' if message.endswith('?') else ': '}{_help(arguments)}")
        sys.exit(USAGE)


def _help(arguments: list[str]) -> str:
    """Where to read on: the verb's own help, or the list of verbs where there is no such verb."""
    known = {command.name or "" for command in typer.main.get_group(app).commands.values()}
    verb = next((word for word in arguments if not word.startswith("-")), "")
    return f"`python deploy.py {verb} --help` tells" if verb in known else "`python deploy.py --help` lists the verbs"


if __name__ == "__main__":
    main()
