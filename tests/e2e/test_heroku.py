"""Heroku, and everything that goes wrong there: real commands against a real emulator, which builds
and runs for real.

One stack for all tests, brought up once, and interrupted at every link of its wait chain. After
each fault: what was said, the exit code, the ledger, what the platform has, and that nothing was
made or paid for twice."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.addons.databases import Databases
from tests.e2e.heroku_harness import HerokuHarness, ended, heroku_stack, silent
from tests.e2e.stack_harness import VerbResult
from tests.emulator import conftest as emulators
from tests.emulator.emulator_harness import Heroku, start, stop
from tests.until import until

schema = emulators.schema
# The platform's own waits pass 60 times faster; a process has 7.5 s to boot.
pytestmark = pytest.mark.soak

OPTIONS = ("--speed", "60", "--hurry", "8")
ADDON_TAKES_S = 150
LINKS_OF_UP = ("app made", " provisioning", "config vars set", " started", "starting at v")
REFUSED, INTERRUPTED = 1, 130


@pytest.fixture(scope="module")
def heroku(schema: Path | None) -> Iterator[Heroku]:
    """The platform; nothing that deploy.py sent may break its schema, or hand the token to another
    address.
    """
    if missing := Databases.missing():
        pytest.skip(missing)

    running = start(schema, *OPTIONS)
    yield running
    account = running.account()
    assert stop(running) == 0
    assert (account["failures"], account["bearer_leaks"]) == ([], [])


@pytest.fixture(scope="module")
def empty(
    heroku: Heroku, delivered: Path, tmp_path_factory: pytest.TempPathFactory
) -> HerokuHarness:
    """Bundles, an account, and nothing on Heroku."""
    account = heroku.call("GET", "/account")
    return heroku_stack(heroku, tmp_path_factory.mktemp("there"), delivered, account["id"])


@pytest.fixture(scope="module")
def ups(empty: HerokuHarness) -> list[VerbResult]:
    """Every run of `up` until the stack is up: each stopped at the next link, under faults that it
    gets over.
    """
    empty.heroku.control("settings", provision_s=ADDON_TAKES_S)
    empty.fault("reset_after", "POST", "/apps")
    empty.fault("reset_after", "POST", "/apps/*/addons")
    empty.fault("html_500", "POST", "/pipelines")
    runs = [empty.stop_at(line, "up") for line in LINKS_OF_UP]
    last = empty.run("up", check=False)
    if re.search("error sending request|failed to fetch", last.out, re.IGNORECASE):
        pytest.skip("no package index is reached from here, so nothing can be built")

    return [*runs, last]


@pytest.fixture(scope="module")
def there(ups: list[VerbResult], empty: HerokuHarness) -> HerokuHarness:
    """The stack, up and empty."""
    assert ups[-1].code == 0, ups[-1].out
    return empty


@pytest.fixture(scope="module")
def deploys(there: HerokuHarness) -> list[VerbResult]:
    """Every run until v1 is deployed: stopped at the upload, the build and the boot, and an `up`
    after the build.
    """
    there.fault("reset_after", "POST", "/apps/*/builds")
    runs = [there.stop_at(line, "deploy", "v1") for line in ("uploading", " started")]
    until(lambda: there.paid("v1")["dynos"], "the first build starts a dyno by itself")
    runs.append(there.run("up", check=False))
    return [
        *runs,
        there.stop_at("starting at v", "deploy", "v1"),
        there.run("deploy", "v1", check=False),
    ]


@pytest.fixture(scope="module")
def released(deploys: list[VerbResult], there: HerokuHarness) -> HerokuHarness:
    """v1 answers all users."""
    assert deploys[-1].code == 0, deploys[-1].out
    there.run("promote", "v1")
    return there


def without_a_package(bundle: Path) -> None:
    """Trained with a numpy that nobody has."""
    path = bundle / "environment.yaml"
    path.write_text(re.sub(r"numpy==\S+", "numpy==2.4.999", path.read_text()))


def with_other_golden_rows(bundle: Path) -> None:
    """Its first golden answer is another model's."""
    path = bundle / "golden.jsonl"
    first, *rest = path.read_text().splitlines(keepends=True)
    path.write_text(
        "".join([re.sub(r'"prediction":\[[^]]*\]', '"prediction":[0.5,0.5]', first), *rest])
    )


CHANGES: dict[str, Callable[[Path], None]] = {
    "package": without_a_package,
    "golden": with_other_golden_rows,
    "crash": lambda _: None,
    "slow": lambda _: None,
}
COMMANDS = {"crash": "sh -c 'echo no luck; exit 3'", "slow": "sleep 300"}


@pytest.fixture(scope="module")
def under_way(released: HerokuHarness) -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    """Deployments of four versions that fail, each in its own way, and of v2, which meets a 429;
    all at once.
    """
    for version, change in CHANGES.items():
        released.changed(version, change)

    begun: dict[str, subprocess.Popen[str]] = {}
    released.fault("rate_limit", "GET", f"/apps/{released.app('v2')}/config-vars")
    for version in ("v2", *CHANGES):
        more = {}
        if command := COMMANDS.get(version):
            path = released.folder / f"Procfile.{version}"
            path.write_text(f"router: false\nservice: {command}\n")
            more = {"SLUICE_PROCFILE": str(path)}
        begun[version] = released.start("deploy", version, **more)

    yield begun
    for process in begun.values():
        if process.poll() is None:
            process.kill()
        if process.stdout and not process.stdout.closed:
            process.communicate(timeout=300)


@pytest.fixture(scope="module")
def failed(under_way: dict[str, "subprocess.Popen[str]"]) -> dict[str, VerbResult]:
    """What became of those that fail."""
    return {version: ended(under_way[version]) for version in CHANGES}


@pytest.fixture(scope="module")
def limited(under_way: dict[str, "subprocess.Popen[str]"]) -> VerbResult:
    """What became of v2."""
    return ended(under_way["v2"])


@pytest.fixture(scope="module")
def both(limited: VerbResult, released: HerokuHarness) -> HerokuHarness:
    """v1 answers all users, v2 is deployed."""
    assert limited.code == 0, limited.out
    return released


def test_an_up_stopped_at_every_link_goes_on_and_makes_nothing_twice(
    ups: list[VerbResult], there: HerokuHarness
) -> None:
    assert [each.code for each in ups] == [INTERRUPTED] * len(LINKS_OF_UP) + [0]
    assert all("Traceback" not in each.out for each in ups)
    assert there.apps() == {"router"}
    assert there.paid("router") == {"builds": ["succeeded"], "releases": 6, "addons": 1, "dynos": 1}
    assert len(there.heroku.call("GET", "/pipelines")) == 1
    assert there.calls("POST", f"/apps/{there.app('router')}/builds") == 1


def test_an_add_on_that_takes_long_is_waited_for_and_ordered_once(
    ups: list[VerbResult], there: HerokuHarness
) -> None:
    assert [each.out.count(" ordered\n") for each in ups].count(1) == 1
    assert sum(" provisioned\n" in each.out for each in ups) >= 1
    assert there.calls("POST", f"/apps/{there.app('router')}/addons") == 1


def test_what_it_costs_is_said_before_anything_is_made(ups: list[VerbResult]) -> None:
    assert ups[0].out.index("together $26.00 a month, $0.87 a day") < ups[0].out.index("app made")


def test_a_deploy_stopped_at_every_link_goes_on_and_makes_nothing_twice(
    deploys: list[VerbResult], released: HerokuHarness
) -> None:
    assert [each.code for each in deploys] == [INTERRUPTED, INTERRUPTED, 0, INTERRUPTED, 0]
    assert all("Traceback" not in each.out for each in deploys)
    assert released.paid("v1") == {"builds": ["succeeded"], "releases": 4, "addons": 0, "dynos": 1}
    assert released.calls("POST", f"/apps/{released.app('v1')}/builds") == 1
    assert [each["action"] for each in released.run("history", "--json").json["history"]] == [
        "promote",
        "deploy",
    ]


def test_a_build_that_goes_on_after_ctrl_c_is_said_and_what_it_starts_is_ended(
    deploys: list[VerbResult],
) -> None:
    assert (
        "may still run, `python deploy.py up` ends it: Heroku goes on with its build"
        in deploys[1].out
    )
    assert "-v1: scaled to zero" in deploys[2].out


@pytest.mark.usefixtures("under_way")
@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"HEROKU_API_KEY": "", "NETRC": "/none"},
            "no Heroku token: neither HEROKU_API_KEY nor a line `machine 127.0.0.1`",
        ),
        (
            {"HEROKU_API_KEY": "HRKU-expired"},
            "the token is wrong or has expired: `heroku auth:token`",
        ),
    ],
)
def test_without_a_good_token_nothing_is_made(
    released: HerokuHarness, environ: dict[str, str], said: str
) -> None:
    refused = released.run("deploy", "v3", check=False, **environ)
    assert refused.code == REFUSED
    assert said in refused.out
    assert "HRKU-" not in refused.out
    assert "v3" not in released.apps()


@pytest.mark.usefixtures("under_way")
def test_another_accounts_app_is_refused_with_the_way_out(
    released: HerokuHarness, tmp_path: Path
) -> None:
    token = released.heroku.control("accounts", email="eve@example.com")["token"]
    config = tmp_path / "deploy.toml"
    config.write_text(
        (released.folder / "deploy.toml")
        .read_text()
        .replace('prefix = ""', f'prefix = "{released.prefix}"')
    )
    refused = released.run("up", check=False, HEROKU_API_KEY=token, SLUICE_CONFIG=str(config))
    assert refused.code == REFUSED
    assert f"{released.prefix}-router cannot be had" in refused.out
    assert "set another heroku.app_prefix in deploy.toml" in refused.out
    assert token not in refused.out


@pytest.mark.usefixtures("under_way")
def test_a_name_that_is_taken_is_refused_with_the_way_out(released: HerokuHarness) -> None:
    token = released.heroku.control("accounts", email="bob@example.com")["token"]
    headers = {"Authorization": f"Bearer {token}"}
    released.heroku.call("POST", "/apps", json={"name": released.app("v3")}, headers=headers)
    refused = released.run("deploy", "v3", check=False)
    released.heroku.call("DELETE", f"/apps/{released.app('v3')}", headers=headers)
    assert refused.code == REFUSED
    assert f"{released.app('v3')} cannot be had" in refused.out
    assert "set another heroku.app_prefix in deploy.toml" in refused.out


SAID = {
    "package": "the build failed, nothing was released",
    "golden": "release v4 failed, the one before it still serves",
    "crash": "web.1 crashed at v4",
    "slow": "web.1 crashed at v4",
}
QUOTED = {
    "package": "numpy==2.4.999",
    "golden": "bundle/golden.jsonl, line 1: predicts",
    "crash": "no luck",
    "slow": "R10 (Boot timeout)",
}


@pytest.mark.parametrize("version", SAID)
def test_a_version_that_cannot_run_there_is_refused_with_the_cause_and_costs_nothing(
    version: str, failed: dict[str, VerbResult], released: HerokuHarness
) -> None:
    refused = failed[version]
    assert refused.code == REFUSED, refused.out
    error = refused.out[refused.out.index("✖") :]
    assert SAID[version] in error
    assert QUOTED[version] in error
    builds = ["failed"] if version == "package" else ["succeeded"]
    releases = 3 if version == "package" else 4
    assert released.paid(version) == {
        "builds": builds,
        "releases": releases,
        "addons": 0,
        "dynos": 0,
    }


def test_refused_versions_leave_the_ledger_alone(
    failed: dict[str, VerbResult], both: HerokuHarness
) -> None:
    assert [row["action"] for row in both.run("history", "--json").json["history"]] == [
        "deploy",
        "promote",
        "deploy",
    ]
    assert both.answered_by() == "v1"


def test_a_429_is_waited_for_and_said(limited: VerbResult, both: HerokuHarness) -> None:
    assert "Heroku's rate limit is reached: waiting" in limited.out
    assert both.paid("v2") == {"builds": ["succeeded"], "releases": 4, "addons": 0, "dynos": 1}


def test_a_slug_that_is_too_large_is_refused_and_the_mended_one_is_built_to_the_end(
    both: HerokuHarness,
) -> None:
    both.heroku.control("settings", slug_limit_bytes=1_000_000)
    refused = both.run("deploy", "v3", check=False)
    both.heroku.control("settings", slug_limit_bytes=500_000_000)
    assert refused.code == REFUSED
    assert re.search(
        r"Compiled slug size: [\d.]+M is too large \(max is 1M\)",
        refused.out[refused.out.index("✖") :],
    )
    assert both.paid("v3") == {"builds": ["failed"], "releases": 3, "addons": 0, "dynos": 0}
    both.fault("cut", "GET", "/streams/*", bytes=300)
    again = both.run("deploy", "v3")
    quoted = [line.partition(" | ")[2].strip() for line in again.out.splitlines() if " | " in line]
    assert [
        len([line for line in quoted if line.startswith(begin)])
        for begin in ("-----> Build", "+ numpy", "Done:")
    ] == [1, 1, 1]
    assert both.paid("v3") == {
        "builds": ["failed", "succeeded"],
        "releases": 4,
        "addons": 0,
        "dynos": 1,
    }


def test_a_version_that_runs_is_not_stopped_to_be_started_anew(both: HerokuHarness) -> None:
    with both.users():
        refused = both.run("release-in-place", "v1", check=False)
    assert refused.code == REFUSED
    assert "runs in" in refused.out
    assert both.paid("v1")["dynos"] == 1


def test_dynos_cycled_and_killed_in_a_canary_fail_no_user(both: HerokuHarness) -> None:
    with both.users() as users:
        both.run("canary", "v2", "--steps", "50")
        for action in ("cycle", "kill"):
            before = both.dyno("v2")
            both.heroku.control("dynos", app=both.app("v2"), dyno="web.1", action=action)
            until(
                lambda: (
                    (now := both.dyno("v2")) and now["state"] == "up" and now["id"] != before["id"]  # noqa: B023
                ),
                "up again",
            )
            seen = users.requests
            until(lambda: users.requests > seen + 50, "more answers")  # noqa: B023

    assert both.status()["rollout"]["candidate"] == "v2"


def test_a_rollback_moves_the_traffic_at_once_while_herokus_api_is_silent(
    both: HerokuHarness,
) -> None:
    until(lambda: both.answered_by() == "v2", "v2 answers some")
    with both.users(), silent() as (address, listener):
        began = time.monotonic()
        back = both.run("rollback", HEROKU_HOST=address)
        until(lambda: {both.answered_by() for _ in range(20)} == {"v1"}, "v1 alone answers", 5)
        took_s = time.monotonic() - began
        with pytest.raises(BlockingIOError):
            listener.accept()

    assert "rollback" in back.out
    assert took_s < 10


def test_status_says_soon_that_herokus_api_is_silent(both: HerokuHarness) -> None:
    with silent() as (address, _):
        began = time.monotonic()
        said = both.run("status", HEROKU_HOST=address)
        took_s = time.monotonic() - began

    assert "Heroku did not answer GET /account" in " ".join(said.out.split())
    assert "v1" in said.out
    assert took_s < 20


def test_a_config_that_was_changed_by_hand_is_noticed_and_set_back(both: HerokuHarness) -> None:
    path = f"/apps/{both.app('v2')}/config-vars"
    before, paid = both.heroku.call("GET", path), both.paid("v2")
    both.heroku.call("PATCH", path, json={"SLUICE_SERVICE_SECRET": "by hand" * 10})
    until(lambda: both.running("v2") == paid["releases"] + 1, "the dyno has the new config")
    refused = both.run("promote", "v2", check=False)
    assert refused.code == REFUSED
    assert "401" in refused.out
    assert f"{both.app('v2')}: config vars set" in both.run("up").out
    assert both.heroku.call("GET", path) == before
    assert both.paid("v2") == {**paid, "releases": paid["releases"] + 2}


def test_a_candidate_short_of_memory_is_held_and_goes_on_when_that_is_accepted(
    both: HerokuHarness,
) -> None:
    until(lambda: both.dyno("v2")["state"] == "up", "v2 is up")
    both.run("canary", "v2", "--auto", "--steps", "50", "--every", "1h")
    for _ in range(3):
        both.heroku.control("dynos", app=both.app("v2"), dyno="web.1", action="memory", used_mb=600)

    until(lambda: both.status()["rollout"]["held"] == ["memory"], "it is held", 30)
    newest = both.run("history", "--json").json["history"][0]
    assert "canary of v2 on hold: memory (v2: R14 x 3, v1: none)" in newest["reason"]
    both.run("resume")
    assert both.status()["rollout"]["held"] == []
    both.run("abort")


def test_an_app_that_was_deleted_by_hand_is_named_and_made_anew_once(both: HerokuHarness) -> None:
    both.heroku.call("DELETE", f"/apps/{both.app('v3')}")
    missing = both.run("up", check=False)
    assert missing.code == REFUSED
    assert f"v3 does not answer: its app {both.app('v3')} was deleted" in missing.out
    assert "`python deploy.py retire v3`" in missing.out
    refused = both.run("deploy", "v3", check=False)
    assert refused.code == REFUSED
    assert f"v3 is live in the ledger, but its app {both.app('v3')} was deleted" in refused.out
    assert "v3" not in both.apps()
    both.run("retire", "v3")
    both.run("deploy", "v3")
    assert both.paid("v3") == {"builds": ["succeeded"], "releases": 4, "addons": 0, "dynos": 1}
    assert both.run("up").code == 0


def test_down_scales_to_nothing_and_up_brings_back_without_a_build(both: HerokuHarness) -> None:
    names = ("router", "v1", "v2", "v3")
    before = {name: both.paid(name) for name in names}
    both.run("down")
    assert {name: both.paid(name) for name in names} == {
        name: {**before[name], "dynos": 0} for name in names
    }
    assert both.apps() == {*names, *CHANGES}
    both.run("up")
    assert {name: both.paid(name) for name in names} == before
    assert both.answered_by() == "v1"
