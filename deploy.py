"""The operator's door: one short function a verb. Each reads the record, gathers facts, lets the
core decide, acts.

Exit codes: 0 done, 1 refused or failed, 2 usage, 3 undecided, 4 deadline, 5 rolled back, 6 contract
broken, 130 interrupted."""

# Annotations are evaluated for the verb that was asked for alone.
from __future__ import annotations

import gc
import signal
import sys

if __name__ == "__main__":
    # Until `main` says what an interruption means, it ends the program without a word: nothing was
    # done yet. Where whoever started it has it ignore Ctrl-C (nohup, a script's `&`), it goes on
    # ignoring it.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Nothing of what a start makes is garbage, and to look for some takes a tenth of the time of a
    # rollback.
    gc.set_threshold(50_000)

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cli.application import Application
from cli.parameters import Argument, Option, UsageError

# Everything else is imported where it is used: `rollback` must not wait for what it does not need.
if TYPE_CHECKING:
    from typing import Any

    from cli.render.exit_codes import Out
    from deployment.workspace.workspace import Workspace

Version = Annotated[str, Argument("The version, for example v2.")]
Reason = Annotated[str, Option("-m", "--reason", help="Why; kept in the history.")]
Json = Annotated[bool, Option("--json", help="Answer with one JSON object as the last line.")]
Breaking = Annotated[bool, Option("--breaking", help="Allow breaking changes.")]
Percent = Annotated[float, Option("--percent", help="Share of the traffic in percent.")]
Auto = Annotated[bool, Option("--auto", help="Let the conductor judge it and move it on, or back.")]
Steps = Annotated[
    str | None,
    Option(
        "--steps", help="A canary's shares in percent, in order; 5,25,50 or those of deploy.toml."
    ),
]
Every = Annotated[
    str | None,
    Option(
        "--every",
        help="Let the clock take a canary's steps, for example 30s; with --auto at the earliest.",
    ),
]
LAST_REVISION = 2**31 - 1
Timeout = Annotated[str, Option("--timeout", help="End after this time, for example 10m.")]

app = Application(
    "python deploy.py", "Delivers, deploys, serves, releases and rolls back model versions."
)


@app.verb()
def deliver(
    version: Version,
    source: Annotated[Path, Option("--from", help="A recipe (.py) or a fitted pipeline (.pkl).")],
    sample: Annotated[
        Path | None, Option(help="Rows the pipeline accepts (Parquet or CSV), for a .pkl.")
    ] = None,
    label: Annotated[str | None, Option(help="The sample's column that holds the truth.")] = None,
    one_row_at_a_time: Annotated[
        bool,
        Option(
            "--one-row-at-a-time",
            help="Predict each row alone: its answer depends on the rows beside it.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Pack, test, prove and sign a pipeline as releases/VERSION."""
    with _command(as_json) as (out, workspace):
        _deliver(workspace, out, version, source, sample, label, one_row_at_a_time)


@app.verb()
def verify(version: Version, as_json: Json = False) -> None:
    """Check a bundle again: signature, every digest, and its golden rows in a fresh process."""
    with _command(as_json) as (out, workspace):
        _verify(workspace, out, version)


@app.verb()
def up(
    port: Annotated[
        int | None, Option(least=0, most=65535, help="The router's port; 0 takes a free one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Start router and live versions; run again it repairs what is missing."""
    with _command(as_json) as (out, workspace):
        from dataclasses import replace

        from cli.render import summary
        from deployment.commands import stack

        found = stack.up(workspace if port is None else replace(workspace, port=port), out.say)
        raise SystemExit(summary.stack(out, found))


@app.verb()
def down(as_json: Json = False) -> None:
    """Stop everything, gracefully, and see that nothing is left."""
    with _command(as_json) as (out, workspace):
        from cli.render import summary
        from deployment.commands import stack

        summary.stopped(out, stack.down(workspace, out.say))


@app.verb()
def deploy(version: Version, reason: Reason = "", as_json: Json = False) -> None:
    """Start a delivered version and prove it ready, without users' traffic."""
    _act("deploy", (version,), reason, as_json)


@app.verb()
def plan(
    version: Version,
    strategy: Annotated[str, Option(help="By which of the strategies.")] = "canary",
    steps: Steps = None,
    every: Every = None,
    auto: Auto = False,
    replay: Annotated[
        str | None, Option(help="Recorded rows to ask both versions about: a file, or `recent`.")
    ] = None,
    breaking: Breaking = False,
    as_json: Json = False,
) -> None:
    """Show what a rollout would change, for whom and at what cost; changes nothing."""
    with _command(as_json) as (out, workspace):
        from cli.render import summary

        raise SystemExit(
            summary.plan(out, workspace, version, strategy, replay, breaking, steps, every, auto)
        )


@app.verb()
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


@app.verb()
def canary(
    version: Version,
    steps: Steps = None,
    every: Every = None,
    auto: Auto = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Give a version a small share first, then larger ones."""
    _act("canary", (version, steps, every, breaking, auto), reason, as_json)


@app.verb("blue-green")
def blue_green(
    version: Version,
    auto: Auto = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Switch all traffic in one step; the old version stays warm."""
    _act("blue_green", (version, breaking, auto), reason, as_json)


@app.verb()
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


@app.verb()
def ramp(
    version: Version,
    over: Annotated[
        str, Option(help="How long until all traffic is there, for example 10m.")
    ] = "10m",
    steps: Annotated[int, Option(help="In how many equal steps.")] = 10,
    auto: Auto = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Let a version's share grow with time, up to its release."""
    _act("ramp", (version, over, steps, breaking, auto), reason, as_json)


@app.verb("release-in-place")
def release_in_place(
    version: Version,
    auto: Auto = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Deploy and release in one act, in place of the version released now."""
    if not auto:
        _act("release_in_place", (version, breaking), reason, as_json)
        return

    with _command(as_json) as (out, workspace):
        from deployment.commands.release_in_place import release_watched

        raise SystemExit(release_watched(workspace, out, version, breaking, reason))


@app.verb()
def promote(
    version: Version,
    step: Annotated[
        bool,
        Option("--step/--full", help="Only the next step of its rollout, or all the rest at once."),
    ] = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Release a version: make it responsible for all production traffic."""
    _act("promote", (version, step, breaking), reason, as_json)


@app.verb()
def pause(reason: Reason = "", as_json: Json = False) -> None:
    """Hold the rollout where it is."""
    _act("pause", (), reason, as_json)


@app.verb()
def resume(reason: Reason = "", as_json: Json = False) -> None:
    """Let a paused rollout go on."""
    _act("resume", (), reason, as_json)


@app.verb()
def abort(reason: Reason = "", as_json: Json = False) -> None:
    """End the rollout: all traffic to the stable version."""
    _act("abort", (), reason, as_json)


@app.verb()
def rollback(reason: Reason = "", as_json: Json = False) -> None:
    """Send the traffic back to the version that had it before. Nothing delays it."""
    _act("rollback", (), reason, as_json)


@app.verb()
def retire(
    version: Version,
    force: Annotated[bool, Option("--force", help="Also where it is the way back.")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Stop a version that has no traffic."""
    _act("retire", (version, force), reason, as_json)


@app.verb()
def collect(as_json: Json = False) -> None:
    """Stop idle versions, and on Heroku delete their old apps; says first what that saves."""
    with _command(as_json) as (out, workspace):
        from cli.render import summary

        raise SystemExit(summary.collected(out, workspace))


@app.verb()
def status(as_json: Json = False) -> None:
    """Show the traffic split, health per version and the rollback target."""
    with _command(as_json) as (out, workspace):
        from cli.render import summary

        summary.status(workspace, out)


@app.verb()
def watch(
    once: Annotated[bool, Option("--once", help="Show it once.")] = False,
    timeout: Timeout = "",
    as_json: Json = False,
) -> None:
    """Show the status as it changes; with --timeout, until the rollout has ended."""
    with _command(as_json) as (out, workspace):
        from cli.render import summary

        raise SystemExit(summary.watch(workspace, out, once, timeout))


@app.verb()
def history(
    number: Annotated[
        int, Option("-n", "--number", least=0, most=LAST_REVISION, help="How many acts.")
    ] = 15,
    at: Annotated[
        str | None,
        Option("--at", help="Show what was live then: 2026-05-01T12:00Z, or 2h ago."),
    ] = None,
    verify_chain: Annotated[
        bool, Option("--verify", help="Check the whole chain of hashes too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List who did what, when and why; with --at, what was live at a moment."""
    with _command(as_json) as (out, workspace):
        from cli.render import history, summary

        if at is not None:
            history.at(workspace, out, at, verify_chain)
        else:
            summary.history(workspace, out, number, verify_chain)


@app.verb()
def explain(
    revision: Annotated[
        int | None,
        Argument(
            "Of the act, as `history` lists it; the newest by default.", least=1, most=LAST_REVISION
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what stood behind an act: the verdict's numbers, or who did it, and what it changed."""
    with _command(as_json) as (out, workspace):
        from cli.render import history

        history.explain(workspace, out, revision)


@app.verb()
def whoserved(
    token: Annotated[str, Argument(metavar="ID", help="The answer's X-Prediction-Id.")],
    as_json: Json = False,
) -> None:
    """Show which version answered a prediction, and what was in force then."""
    with _command(as_json) as (out, workspace):
        from cli.render import history

        history.who_served(workspace, out, token)


@app.verb()
def feedback(
    file: Annotated[
        Path, Argument(help="Parquet, CSV or JSON lines with prediction_id and label.")
    ],
    timeout: Annotated[str, Option(help="End after this time, for example 1h.")] = "10m",
    as_json: Json = False,
) -> None:
    """Send late labels, each counted once for the version that predicted."""
    with _command(as_json) as (out, workspace):
        from cli.render import summary

        raise SystemExit(summary.feedback(workspace, out, file, timeout))


@app.verb()
def lint(as_json: Json = False) -> None:
    """Check settings, Procfile, bundles, record and address; changes nothing."""
    with _command(as_json, lenient=True) as (out, workspace):
        from cli.render import summary

        raise SystemExit(summary.lint(workspace, out))


@app.verb()
def doctor(as_json: Json = False) -> None:
    """Compare what runs with what should run, platform, record and processes; changes nothing."""
    with _command(as_json) as (out, workspace):
        from cli.render import summary

        raise SystemExit(summary.doctor(workspace, out))


@app.verb()
def rehearse(
    versions: Annotated[
        list[str] | None,
        Argument(help="The version released first and the one that takes over."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The whole plan on a Heroku that runs on this machine, with users' traffic; no account is
    needed.
    """
    with _command(as_json) as (out, workspace):
        from cli.render import summary

        raise SystemExit(summary.rehearsal(out, workspace, versions or []))


@app.verb(passes_on=True)
def demo(words: list[str]) -> None:
    """The whole story on real flights: deliver, serve, shadow, canary, release, roll back."""
    from examples.flights.demo import main as run

    sys.argv = ["deploy.py demo", *words]
    raise SystemExit(run() or 0)


@contextmanager
def _command(as_json: bool, lenient: bool = False) -> Iterator[tuple[Out, Workspace]]:
    """Where to speak and where to act; what is raised on purpose is told in one line and becomes an
    exit code.
    """
    from cli.render.exit_codes import told
    from deployment.workspace.workspace import workspace_from_environment

    with told(as_json) as out:
        yield out, _lenient_workspace() if lenient else workspace_from_environment()


def _lenient_workspace() -> Workspace:
    """The place with deploy.toml's settings, or with the defaults where it cannot be read: `lint`
    tells why.
    """
    from deployment.workspace.errors import Misconfigured
    from deployment.workspace.workspace import workspace_from_environment
    from rollout.errors import Refusal
    from rollout.settings import Settings

    try:
        return workspace_from_environment()
    except (Misconfigured, Refusal):
        return workspace_from_environment(settings=Settings())


def _act(verb: str, options: tuple[Any, ...], reason: str, as_json: bool) -> None:
    """Perform one of deployment/commands/verbs.py."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs
        from deployment.commands.run_verb import act

        out.done(act(workspace, getattr(verbs, verb)(workspace, *options), reason, out.say))


def _deliver(
    workspace: Workspace,
    out: Out,
    version: str,
    source: Path,
    sample: Path | None,
    label: str | None,
    one_row_at_a_time: bool,
) -> None:
    """Pack through delivery/, whose refusals are told like every other."""
    from delivery.errors import DeliveryError
    from delivery.pack import deliver
    from delivery.request import DeliveryRequest
    from deployment.commands.verbs import require_name
    from deployment.workspace.errors import EdgeFailure, Interrupted

    require_name(version)
    settings = workspace.settings
    request = DeliveryRequest(
        version,
        source,
        settings.model,
        workspace.releases,
        workspace.keys,
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
        raise Interrupted(
            f"interrupted: {version} is not delivered and nothing of it is left"
        ) from error

    out.delivered(
        version, made.path, made.digest, made.fresh, made.manifest.runtime, made.manifest.metrics
    )


def _verify(workspace: Workspace, out: Out, version: str) -> None:
    """Check through delivery/; whatever does not hold is a broken contract."""
    from delivery.errors import DeliveryError
    from delivery.verify import verify
    from deployment.commands.verbs import require_name
    from deployment.workspace.bundles import read_release
    from deployment.workspace.errors import ContractBroken

    require_name(version)
    release = read_release(workspace.releases, version)
    try:
        checks = verify(release.path, workspace.public_key)
    except DeliveryError as error:
        raise ContractBroken(str(error)) from error

    out.result(
        {"act": "verify", "version": version, "checks": checks}, *(f"✔ {line}" for line in checks)
    )


def main() -> None:
    """Run the verb the command line names."""
    words = sys.argv[1:]
    try:
        call = app.call(words)
    except UsageError as error:
        _told_usage(words, str(error))
        raise SystemExit(2) from None

    from deployment.workspace.interrupts import end_like_ctrl_c, ignore_until_exit

    end_like_ctrl_c()
    try:
        try:
            call()
        finally:
            ignore_until_exit()
    except KeyboardInterrupt:
        from cli.render.exit_codes import INTERRUPTED, UNTOUCHED, Out

        Out("--json" in words).refused(UNTOUCHED)
        raise SystemExit(INTERRUPTED) from None


def _told_usage(words: list[str], message: str) -> None:
    """Say what is wrong and where to read on: the verb's own help, or the verbs. Without a word
    help was shown.
    """
    if not message:
        return

    from cli.render.exit_codes import Out

    verb = words[0] if words[0] in app.verbs else ""
    further = (
        f"`python deploy.py {verb} --help` tells"
        if verb
        else "`python deploy.py --help` lists the verbs"
    )
    Out("--json" in words).refused(f"{message}{' ' if message.endswith('?') else ': '}{further}")


if __name__ == "__main__":
    try:
        main()
    finally:
        # The process ends now: to look for garbage once more would take as long as the act itself.
        gc.freeze()
