"""The command line: one short function a verb, which calls its use case and prints the result.

Exit codes: 0 done, 1 refused or failed, 2 usage, 3 undecided, 4 deadline, 5 rolled back, 6 contract
broken, 130 interrupted.
"""

# Only the verb that was typed has its annotations evaluated.
from __future__ import annotations

import gc
import signal
import sys

if __name__ == "__main__":
    # Nothing is done before `main` runs, so until then Ctrl-C ends the program silently. A parent
    # that had it ignored (nohup, a script's `&`) keeps it ignored.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Start-up makes no garbage, and collecting takes a tenth of the time of a rollback.
    gc.set_threshold(50_000)

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cli.application import Application
from cli.parameters import Argument, Option, UsageError

# All else is imported where it is used, so that `rollback` loads nothing it does not need.
if TYPE_CHECKING:
    from cli.render.exit_codes import Out
    from deployment.commands.run_verb import Act
    from deployment.workspace.workspace import Workspace

Version = Annotated[str, Argument("The version, for example v2.")]
Reason = Annotated[str, Option("-m", "--reason", help="Why; kept in the history.")]
Json = Annotated[bool, Option("--json", help="Answer with one JSON object as the last line.")]
Breaking = Annotated[bool, Option("--breaking", help="Allow breaking changes.")]
Percent = Annotated[float, Option("--percent", help="Share of the traffic in percent.")]
Auto = Annotated[
    bool, Option("--auto", help="Let the controller judge it and promote it, or roll it back.")
]
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
        help="How long a canary holds each step, for example 30s; with --auto at least that long.",
    ),
]
Odds = Annotated[bool, Option("--odds", help="Show the odds behind each alarm and each proof too.")]
Rate = Annotated[
    float | None,
    Option("--rate", help="Requests a second to expect, instead of those that came lately."),
]
At = Annotated[
    str | None, Option("--at", help="Show what was served and judged then: 2026-05-01T12:00Z, 2h.")
]
LAST_REVISION = 2**31 - 1
Timeout = Annotated[str, Option("--timeout", help="End after this time, for example 10m.")]

app = Application(
    "python deploy.py", "Delivers, deploys, serves, releases and rolls back model versions."
)


@app.verb()
def deliver(
    version: Version,
    source: Annotated[
        Path,
        Option("--from", help="A recipe (.py), a pipeline (.pkl, .skops) or an MLflow model."),
    ],
    sample: Annotated[
        Path | None,
        Option(help="Rows the pipeline accepts (Parquet or CSV), where there is no recipe."),
    ] = None,
    label: Annotated[str | None, Option(help="The sample's column that holds the truth.")] = None,
    environment: Annotated[
        Path | None,
        Option(help="The pipeline's packages: an environment.yaml or a requirements.txt."),
    ] = None,
    one_row_at_a_time: Annotated[
        bool,
        Option(
            "--one-row-at-a-time",
            help="Predict each row alone: its answer depends on the rows beside it.",
        ),
    ] = False,
    output: Annotated[
        str | None,
        Option(help="What to answer, without a recipe: predict,predict_proba for both."),
    ] = None,
    trust: Annotated[
        str | None, Option(help="Types of a .skops that may be loaded, with commas between.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Pack, test, prove and sign a pipeline as releases/VERSION."""
    with _command(as_json) as (out, workspace):
        _deliver(
            workspace,
            out,
            version,
            source,
            sample,
            label,
            environment,
            one_row_at_a_time,
            output,
            trust,
        )


@app.verb()
def verify(version: Version, as_json: Json = False) -> None:
    """Check a bundle again: signature, every digest, and its golden rows in a fresh process."""
    with _command(as_json) as (out, workspace):
        _verify(workspace, out, version)


@app.verb()
def export(
    version: Annotated[str | None, Argument("The version, for example v2.")] = None,
    to: Annotated[Path | None, Option(help="The folder to write, which must not exist.")] = None,
    page: Annotated[
        bool, Option("--page", help="With a page that predicts in the browser, offline (14 MB).")
    ] = False,
    verify: Annotated[
        Path | None, Option("--verify", help="Check an exported folder instead of writing one.")
    ] = None,
    source: Annotated[
        Path | None,
        Option("--from", help="What it was delivered from; by default where its bundle says."),
    ] = None,
    sample: Annotated[Path | None, Option(help="The sample that was delivered with it.")] = None,
    label: Annotated[str | None, Option(help="The sample's column that holds the truth.")] = None,
    trust: Annotated[str | None, Option(help="Types of a .skops, as at its delivery.")] = None,
    licence: Annotated[Path | None, Option(help="The model's licence, to lie beside it.")] = None,
    ort_format: Annotated[
        bool, Option("--ort-format", help="Also as model.ort, which is larger; says by how much.")
    ] = False,
    onnxruntime_web: Annotated[
        Path | None,
        Option("--onnxruntime-web", help="The npm package's .tgz, where npm cannot fetch it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a version as a signed folder that predicts by itself where no server is."""
    with _command(as_json) as (out, workspace):
        if verify is not None:
            _verify_export(workspace, out, verify)
            return

        from export.export import export_version
        from export.request import ExportRequest

        name, folder = _export_asked(version, to)
        request = ExportRequest(
            bundle=workspace.releases / name,
            folder=folder,
            keys=workspace.keys,
            cache=workspace.state / "onnxruntime-web",
            source=source,
            sample=sample,
            label=label,
            trusted=_listed(trust),
            page=page,
            ort_format=ort_format,
            licence=licence,
            tarball=onnxruntime_web,
        )
        with _export_errors(name):
            exported = export_version(request, lambda line: out.say(f"  {line}"))
            out.exported(exported.as_plain())


@app.verb()
def predict(
    versions: Annotated[
        list[str], Argument("The version, for example v2; `released` for that one. Two to compare.")
    ],
    files: Annotated[str, Option("--in", help="Files to predict: a file, folder, or quoted glob.")],
    out_folder: Annotated[str, Option("--out", help="The folder of the predictions.")],
    keep: Annotated[str, Option(help="Columns to copy beside the predictions: id,date.")] = "",
    processes: Annotated[int, Option(help="Processes to predict in.", least=1, most=256)] = 1,
    max_bad: Annotated[str, Option("--max-bad", help="Bad rows above which it fails.")] = "1%",
    no_bad_rows_data: Annotated[
        bool, Option("--no-bad-rows-data", help="Leave values out of the report of bad rows.")
    ] = False,
    chunk_rows: Annotated[
        int | None, Option("--chunk-rows", help="Rows at once; measured by default.", least=1)
    ] = None,
    output_format: Annotated[
        str | None, Option("--format", help="parquet, csv or jsonl; the input's by default.")
    ] = None,
    engine: Annotated[str, Option(help="local, or dask: on a cluster of Dask.")] = "local",
    scheduler: Annotated[
        str | None, Option(help="Dask's scheduler, tcp://...; its own cluster by default.")
    ] = None,
    compare: Annotated[
        bool, Option("--compare", help="Write where two versions differ, and sum it up.")
    ] = False,
    tolerance: Annotated[
        float | None,
        Option(help="With --compare: how far equal numbers may be apart.", least=0),
    ] = None,
    report: Annotated[
        bool, Option("--report", help="Write a page: distributions beside those of training.")
    ] = False,
    target: Annotated[
        str, Option(help="Where: local, or the target of deploy.toml, with data at an address.")
    ] = "local",
    env: Annotated[
        str, Option(help="With --target: names of variables to tell the run, such as keys.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Predict files with a delivered version, row for row; run again it goes on."""
    with _command(as_json) as (out, workspace):
        from cli.render import batch as renderer
        from deployment.batch_run import (
            BatchOptions,
            one_version,
            refuse_here_alone,
            refuse_report,
        )
        from deployment.batch_run import predict as predict_files

        options = BatchOptions(
            files,
            out_folder,
            keep,
            processes,
            max_bad,
            not no_bad_rows_data,
            chunk_rows,
            output_format,
            engine,
            scheduler,
        )
        follow = partial(renderer.progress, out)
        if target != "local":
            from deployment.batch_elsewhere import predict_elsewhere

            refuse_here_alone(compare, report)
            version = one_version(workspace, versions)
            event = predict_elsewhere(workspace, version, options, target, env, follow, out.say)
            raise SystemExit(renderer.ended(out, event))

        if compare:
            from deployment.batch_comparison import compare as compare_versions

            refuse_report(report)
            compared = compare_versions(workspace, versions, options, tolerance, follow, out.say)
            raise SystemExit(renderer.compared(out, compared))

        version = one_version(workspace, versions)
        event, reported = predict_files(workspace, version, options, follow, out.say), None
        if report and event["state"] == "done":
            from deployment.batch_report import write_report

            reported = write_report(workspace, version, options.out, follow)

        raise SystemExit(renderer.ended(out, event, reported))


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

        from cli.render import stack as renderer
        from deployment.commands import stack

        if port is not None:
            workspace = replace(workspace, port=port)

        raise SystemExit(renderer.up(out, stack.up(workspace, out.say)))


@app.verb()
def down(as_json: Json = False) -> None:
    """Stop everything, gracefully, and see that nothing is left."""
    with _command(as_json) as (out, workspace):
        from cli.render import stack as renderer
        from deployment.commands import stack

        renderer.down(out, stack.down(workspace, out.say))


@app.verb()
def deploy(version: Version, reason: Reason = "", as_json: Json = False) -> None:
    """Start a delivered version and prove it ready, without users' traffic."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.deploy(workspace, version)
        _perform(out, workspace, act, reason)


@app.verb()
def plan(
    version: Version,
    strategy: Annotated[str, Option(help="The strategy of the rollout.")] = "canary",
    steps: Steps = None,
    every: Every = None,
    auto: Auto = False,
    rate: Rate = None,
    replay: Annotated[
        str | None, Option(help="Recorded rows to send to both versions: a file, or `recent`.")
    ] = None,
    breaking: Breaking = False,
    as_json: Json = False,
) -> None:
    """Show what a rollout would change, for whom and at what cost; changes nothing."""
    with _command(as_json) as (out, workspace):
        from cli.render.plan import show_plan
        from deployment.plan.plan import Options, make_plan

        options = Options(steps, every, auto, rate)
        rollout_plan = make_plan(workspace, version, strategy, replay, options, out.say)
        raise SystemExit(show_plan(out, rollout_plan, breaking))


@app.verb()
def shadow(
    version: Version,
    percent: Percent = 100.0,
    auto: Auto = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Copy traffic to a version, compare its answers, and discard them."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.shadow(workspace, version, percent, breaking, auto)
        _perform(out, workspace, act, reason)


@app.verb()
def canary(
    version: Version,
    steps: Steps = None,
    every: Every = None,
    auto: Auto = False,
    rate: Rate = None,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Give a version a small share first, then larger ones."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.canary(workspace, version, steps, every, breaking, auto, rate)
        _perform(out, workspace, act, reason)


@app.verb("blue-green")
def blue_green(
    version: Version,
    auto: Auto = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Switch all traffic in one step; the old version stays warm."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.blue_green(workspace, version, breaking, auto)
        _perform(out, workspace, act, reason)


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
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.ab(workspace, version, percent, breaking, auto)
        _perform(out, workspace, act, reason)


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
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.ramp(workspace, version, over, steps, breaking, auto)
        _perform(out, workspace, act, reason)


@app.verb("release-in-place")
def release_in_place(
    version: Version,
    auto: Auto = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Deploy and release in one act, in place of the released version."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        if not auto:
            act = verbs.release_in_place(workspace, version, breaking)
            _perform(out, workspace, act, reason)
            return

        from deployment.commands.release_in_place import release_watched

        raise SystemExit(release_watched(workspace, out, version, breaking, reason))


@app.verb()
def promote(
    version: Version,
    step: Annotated[
        bool,
        Option(
            "--step/--full",
            help="Only the next step of its rollout, or all remaining steps at once.",
        ),
    ] = False,
    breaking: Breaking = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Release a version: make it responsible for all production traffic."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.promote(workspace, version, step, breaking)
        _perform(out, workspace, act, reason)


@app.verb()
def pause(reason: Reason = "", as_json: Json = False) -> None:
    """Hold the rollout where it is."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.pause(workspace)
        _perform(out, workspace, act, reason)


@app.verb()
def resume(reason: Reason = "", as_json: Json = False) -> None:
    """Let a paused rollout go on."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.resume(workspace)
        _perform(out, workspace, act, reason)


@app.verb()
def abort(reason: Reason = "", as_json: Json = False) -> None:
    """End the rollout: all traffic to the stable version."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.abort(workspace)
        _perform(out, workspace, act, reason)


@app.verb()
def rollback(reason: Reason = "", as_json: Json = False) -> None:
    """Send the traffic back to the version that had it before, at once."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.rollback(workspace)
        _perform(out, workspace, act, reason)


@app.verb()
def retire(
    version: Version,
    force: Annotated[bool, Option("--force", help="Even if it is the rollback target.")] = False,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Stop a version that has no traffic."""
    with _command(as_json) as (out, workspace):
        from deployment.commands import verbs

        act = verbs.retire(workspace, version, force)
        _perform(out, workspace, act, reason)


@app.verb()
def collect(as_json: Json = False) -> None:
    """Stop idle versions; on Heroku also delete their old apps. Says first what that saves."""
    with _command(as_json) as (out, workspace):
        from cli.render.collection import show_collection
        from deployment.commands import garbage_collect

        raise SystemExit(show_collection(out, garbage_collect.collect(workspace, out.say)))


@app.verb()
def status(at: At = None, odds: Odds = False, as_json: Json = False) -> None:
    """Show the traffic split, health per version and the rollback target."""
    with _command(as_json) as (out, workspace):
        if at is not None:
            _show_past(workspace, out, at)
            return

        from cli.render.status import show_status
        from deployment.commands.status import read_status

        show_status(out, read_status(workspace, logs=True), odds)


@app.verb()
def watch(
    once: Annotated[bool, Option("--once", help="Show it once.")] = False,
    timeout: Timeout = "",
    at: At = None,
    as_json: Json = False,
) -> None:
    """Show the status as it changes; with --timeout, until the rollout has ended."""
    with _command(as_json) as (out, workspace):
        if at is not None:
            _show_past(workspace, out, at)
            return

        from cli.render.watch import show_changes
        from deployment.commands import watch_loop
        from deployment.commands.strategy_options import seconds

        deadline_s = seconds(timeout) if timeout else None
        loop = partial(watch_loop.watch, workspace, once=once, timeout_s=deadline_s)
        raise SystemExit(show_changes(out, loop, once, deadline_s))


@app.verb()
def load(
    rate: Annotated[
        float | None,
        Option("--rate", help="Requests a second, whatever becomes of them.", least=1),
    ] = None,
    users: Annotated[
        int | None,
        Option(help="Instead: users who wait for their answers.", least=1, most=5000),
    ] = None,
    think: Annotated[str, Option(help="A user's time between answer and request.")] = "1s",
    shape: Annotated[str, Option(help="constant, ramp, spike, soak or find-limit.")] = "constant",
    lasts: Annotated[
        str | None, Option("--for", help="How long, for example 2m; each step of find-limit.")
    ] = None,
    rows: Annotated[
        str | None, Option(help="Rows to send: a file, or `recent`; golden rows by default.")
    ] = None,
    connections: Annotated[int, Option(help="Connections to keep open.", least=1, most=5000)] = 256,
    to: Annotated[
        str | None, Option(help="An address of load.addresses; this router by default.")
    ] = None,
    report: Annotated[Path | None, Option(help="Write one HTML page with plots.")] = None,
    engine: Annotated[str, Option(help="sluice, or locust: users alone.")] = "sluice",
    web: Annotated[bool, Option("--web", help="With --engine locust: its page.")] = False,
    yes_this_costs: Annotated[
        bool, Option("--yes-this-costs", help="Accept the bill of a stack that costs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Load the stack with marked requests that count as no evidence, and judge it by limits."""
    with _command(as_json) as (out, workspace):
        from cli.render.load import result as renderer
        from deployment.load_test.load_test import load_test
        from deployment.load_test.options import LoadOptions, wants_locust

        options = LoadOptions(
            rate, users, think, shape, lasts, rows, connections, to, yes_this_costs
        )
        if wants_locust(engine, web):
            from deployment.load_test.locust import locust_test

            run = locust_test(workspace, options, web, out.say, report)
            raise SystemExit(renderer.locust_ended(out, run, report))

        result = load_test(workspace, options, renderer.progress(out), out.say, report)
        raise SystemExit(renderer.ended(out, result, report))


@app.verb()
def metrics(
    version: Annotated[
        str | None, Argument(help="The version, for example v2; all of them by default.")
    ] = None,
    since: Annotated[str, Option("--since", help="How far back, for example 1h or 7d.")] = "1h",
    step: Annotated[str, Option("--step", help="The time of one row, for example 10s.")] = "",
    as_csv: Annotated[bool, Option("--csv", help="Print comma-separated values.")] = False,
    parquet: Annotated[Path | None, Option("--parquet", help="Write a Parquet file.")] = None,
    as_json: Json = False,
) -> None:
    """Show requests, errors, times and accuracy per version over time, as the history has them."""
    with _command(as_json) as (out, workspace):
        from cli.render.past import metrics as view
        from deployment.history.metrics import metrics as read_metrics

        numbers = read_metrics(workspace, version, since, step)
        if parquet is not None:
            view.write_parquet(out, numbers, parquet)
        elif as_csv:
            view.show_csv(out, numbers)
        else:
            view.show_metrics(out, numbers)


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
        from cli.render import history as view

        if at is None:
            view.newest_acts(workspace, out, number, verify_chain)
        else:
            view.at(workspace, out, at, verify_chain)


@app.verb()
def explain(
    revision: Annotated[
        int | None,
        Argument(
            "The act's revision, as `history` lists it; the newest by default.",
            least=1,
            most=LAST_REVISION,
        ),
    ] = None,
    odds: Odds = False,
    as_json: Json = False,
) -> None:
    """Show why an act was done and the verdict behind it; without a revision also that of now."""
    with _command(as_json) as (out, workspace):
        from cli.render import history as view

        view.explain(workspace, out, revision, odds)


@app.verb()
def whoserved(
    token: Annotated[str, Argument(metavar="ID", help="The answer's X-Prediction-Id.")],
    as_json: Json = False,
) -> None:
    """Show which version answered a prediction, and what was in force then."""
    with _command(as_json) as (out, workspace):
        from cli.render import history as view

        view.who_served(workspace, out, token)


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
        from cli.render.feedback import show_tally
        from deployment.commands import feedback as labels
        from deployment.commands.strategy_options import seconds

        tally = labels.feedback(workspace, file, seconds(timeout), out.say)
        raise SystemExit(show_tally(out, file, tally))


@app.verb()
def tokens(
    action: Annotated[str, Argument("add, list or revoke.")],
    name: Annotated[str | None, Argument("Whose: it stands in the history of each act.")] = None,
    role: Annotated[
        str, Option("--role", help="Of a new one: a viewer looks, an operator acts too.")
    ] = "viewer",
    as_json: Json = False,
) -> None:
    """Give colleagues access to the router's page, or take it away: named tokens."""
    with _command(as_json) as (out, workspace):
        from cli.render.access import tokens as renderer
        from deployment.commands import tokens as access

        if action == "list":
            access.refuse_name(name)
            renderer.show_list(out, access.kept(workspace))
        elif action == "add":
            renderer.show_added(out, access.add(workspace, name, role))
        elif action == "revoke":
            renderer.show_revoked(out, access.revoke(workspace, name))
        else:
            access.refuse_action(action)


@app.verb()
def lint(as_json: Json = False) -> None:
    """Check settings, Procfile, bundles, record and address; changes nothing."""
    with _command(as_json, lenient=True) as (out, workspace):
        from cli.render.checks import show_lint
        from deployment.commands import lint_checks

        raise SystemExit(show_lint(out, lint_checks.lint(workspace)))


@app.verb()
def doctor(as_json: Json = False) -> None:
    """Compare what runs with what should run, platform, record and processes; changes nothing."""
    with _command(as_json) as (out, workspace):
        from cli.render.checks import show_findings
        from deployment.commands import doctor as diagnosis

        raise SystemExit(show_findings(out, diagnosis.doctor(workspace, out.say)))


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
        from cli.render.rehearsal import show_report
        from deployment.commands import rehearse as rehearsal

        report = rehearsal.rehearse(workspace, out.say, versions or [])
        raise SystemExit(show_report(out, report))


@app.verb(passes_on=True)
def demo(words: list[str]) -> None:
    """The whole story on real flights: deliver, serve, shadow, canary, release, roll back."""
    from examples.flights.demo import main as run

    sys.argv = ["deploy.py demo", *words]
    raise SystemExit(run() or 0)


@contextmanager
def _command(as_json: bool, lenient: bool = False) -> Iterator[tuple[Out, Workspace]]:
    """A verb's output and workspace; an expected error becomes one line and an exit code."""
    from cli.render.exit_codes import exit_on_error
    from deployment.workspace.workspace import workspace_from_environment

    with exit_on_error(as_json) as out:
        if lenient:
            yield out, _lenient_workspace()
        else:
            yield out, workspace_from_environment()


def _show_past(workspace: Workspace, out: Out, at: str) -> None:
    from cli.render.past.past_status import show_past_status
    from deployment.history.past_status import past_status

    show_past_status(out, past_status(workspace, at))


def _lenient_workspace() -> Workspace:
    """The workspace with deploy.toml's settings, or the defaults if it cannot be read.

    `lint` reports why it cannot.
    """
    from deployment.workspace.errors import Misconfigured
    from deployment.workspace.workspace import workspace_from_environment
    from rollout.errors import Refusal
    from rollout.settings import Settings

    try:
        return workspace_from_environment()
    except (Misconfigured, Refusal):
        return workspace_from_environment(settings=Settings())


def _perform(out: Out, workspace: Workspace, act: Act, reason: str) -> None:
    """Perform an act and print what it did."""
    from deployment.commands import run_verb

    out.done(run_verb.act(workspace, act, reason, out.say))


def _deliver(
    workspace: Workspace,
    out: Out,
    version: str,
    source: Path,
    sample: Path | None,
    label: str | None,
    environment: Path | None,
    one_row_at_a_time: bool,
    output: str | None,
    trust: str | None,
) -> None:
    """Pack a bundle through delivery/, whose errors are reported like all others."""
    from delivery.errors import DeliveryError
    from delivery.pack import deliver
    from delivery.request import DeliveryRequest
    from deployment.commands.verbs import require_name
    from deployment.workspace.errors import EdgeFailure, Interrupted
    from deployment.workspace.state_dir import environments_folder

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
        _listed(output),
        _listed(trust),
        environment,
        environments_folder(workspace),
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


def _export_asked(version: str | None, to: Path | None) -> tuple[str, Path]:
    """The version and the folder of an export; raises BadOption where one is missing."""
    from deployment.commands.verbs import require_name
    from deployment.workspace.errors import BadOption

    if version is None or to is None:
        raise BadOption(
            "name a version and a folder: `python deploy.py export v2 --to edge/`; "
            "or --verify and a folder"
        )

    require_name(version)
    return version, to


@contextmanager
def _export_errors(version: str) -> Iterator[None]:
    """Report errors of export/ like all others."""
    from deployment.workspace.errors import EdgeFailure, Interrupted
    from export.errors import ExportError

    try:
        yield
    except ExportError as error:
        raise EdgeFailure(str(error)) from error
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"interrupted: {version} is not exported and nothing of it is left"
        ) from error


def _verify_export(workspace: Workspace, out: Out, folder: Path) -> None:
    """Check an exported folder; a failed check is a broken contract."""
    from deployment.workspace.errors import ContractBroken
    from export.errors import ExportError
    from export.export import verify_export

    try:
        checks = verify_export(folder, workspace.keys, lambda line: out.say(f"  {line}"))
    except ExportError as error:
        raise ContractBroken(str(error)) from error

    out.result(
        {"act": "export", "verified": str(folder), "checks": checks},
        *(f"✔ {line}" for line in checks),
    )


def _listed(words: str | None) -> tuple[str, ...]:
    """The words of an option that takes several with commas between."""
    return tuple(word.strip() for word in (words or "").split(",") if word.strip())


def _verify(workspace: Workspace, out: Out, version: str) -> None:
    """Check a bundle through delivery/; a failed check is a broken contract."""
    from delivery.errors import DeliveryError
    from delivery.verify import verify
    from deployment.commands.verbs import require_name
    from deployment.workspace.bundles import read_release
    from deployment.workspace.errors import ContractBroken
    from targets.local.version_environment import environment_bin

    require_name(version)
    release = read_release(workspace.releases, version)
    own_bin = None
    if release.runtime == "sklearn":
        own_bin = environment_bin(workspace, release, out.say)
    try:
        checks = verify(release.path, workspace.public_key, own_bin)
    except DeliveryError as error:
        raise ContractBroken(str(error)) from error

    out.result(
        {"act": "verify", "version": version, "checks": checks}, *(f"✔ {line}" for line in checks)
    )


def main() -> None:
    """Run the verb that the command line names."""
    words = sys.argv[1:]
    try:
        call = app.call(words)
    except UsageError as error:
        _report_misuse(words, str(error))
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


def _report_misuse(words: list[str], message: str) -> None:
    """Print what is wrong and which help page to read. Without a message, help was shown."""
    if not message:
        return

    from cli.render.exit_codes import Out

    further = "`python deploy.py --help` lists the verbs"
    if words[0] in app.verbs:
        further = f"`python deploy.py {words[0]} --help` tells"

    separator = " " if message.endswith("?") else ": "
    Out("--json" in words).refused(f"{message}{separator}{further}")


if __name__ == "__main__":
    try:
        main()
    finally:
        # The process ends now, and a last collection would take as long as the act itself.
        gc.freeze()
