"""The doctor on a scripted platform: what is well, and each thing that somebody did by hand, with
the step back.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from deployment.workspace.errors import EdgeFailure
from deployment.workspace.secrets import make_secrets
from deployment.workspace.workspace import Workspace
from rollout.settings import from_mapping
from rollout.state.ledger import Ledger
from targets.findings import Finding
from targets.heroku.api.formation import Scale
from targets.heroku.app_drift import Checkup, ExpectedApp
from targets.heroku.build.app_config import router_vars
from targets.heroku.build.slug_source import router_slug
from targets.heroku.doctor import platform as on_the_platform
from targets.heroku.names import prefix_of
from tests.deployment.project_harness import ROOT, ProjectHarness
from tests.targets.heroku.conftest import QUICK, Made
from tests.targets.heroku.scripted_server import (
    TOKEN,
    Asked,
    Reply,
    Scripted,
    answered,
    refused,
    serving,
)

OWNER = "0a0a0a0a-1111-2222-3333-444444444444"
SECRET = "a value that nobody may read"
DRAIN = "https://drain:a-secret@router/drains/v1"
PLAN = "heroku-postgresql:essential-0"
ADDRESS = "postgres://u:p@host/ledger"


@dataclass
class Flat:
    """One app of the toy: what the platform says of it."""

    name: str
    sources: list[str]
    config: dict[str, str]
    quantity: int = 1
    size: str = "Basic"
    generation: str = "cedar"
    region: str = "us"
    stack: str = "heroku-24"
    maintenance: bool = False
    state: str = "up"
    runs: int = 0
    addons: list[dict[str, Any]] = field(default_factory=list)
    drains: list[str] = field(default_factory=list)
    releases: list[dict[str, Any]] = field(default_factory=list)
    then: dict[int, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Its first releases: one without a slug, then the first source's."""
        self.release("Initial release", None)
        self.release("Deploy", 0)

    def release(self, description: str, source: int | None, status: str = "succeeded") -> None:
        """One more; source: which build's slug it has."""
        for each in self.releases:
            each["current"] = each["current"] and status != "succeeded"

        number = len(self.releases) + 1
        self.then[number] = dict(self.config)
        self.releases.append(
            {
                "id": f"{self.name}-{number}",
                "version": number,
                "status": status,
                "current": status == "succeeded",
                "slug": None if source is None else {"id": f"slug-{source}"},
                "description": description,
                "output_stream_url": None,
                "user": {"email": "bob@example.com"},
            }
        )

    def set(self, **changes: str) -> None:
        """Config vars by hand."""
        self.config |= changes
        self.release(f"Set {', '.join(changes)} config vars", 0)

    @property
    def json(self) -> dict[str, Any]:
        """As /apps/NAME."""
        return {
            "id": f"id-{self.name}",
            "name": self.name,
            "web_url": f"https://{self.name}-0123456789ab.herokuapp.com/",
            "stack": {"name": self.stack},
            "generation": {"name": self.generation},
            "region": {"name": self.region},
            "owner": {"id": OWNER},
            "team": None,
            "maintenance": self.maintenance,
        }

    def part(self, path: list[str], range_: str) -> Any:
        """What lies under /apps/NAME/."""
        match path:
            case ["releases"]:
                newest = sorted(self.releases, key=lambda each: -each["version"])
                return newest[:1] if "max=1," in range_ else newest
            case ["releases", number, "config-vars"]:
                return self.then[int(number)]
            case ["builds"]:
                return [_build(number, source) for number, source in enumerate(self.sources)]
            case ["config-vars"]:
                return self.config
            case ["addons"]:
                return self.addons
            case ["log-drains"]:
                return [{"id": "x", "url": url} for url in self.drains]
            case ["formation"]:
                return [
                    {"type": "web", "quantity": self.quantity, "dyno_size": {"name": self.size}}
                ]
            case ["dynos"]:
                return [self._dyno(number + 1) for number in range(self.quantity)]

        return None

    def _dyno(self, number: int) -> dict[str, Any]:
        serving = self.runs or next(each["version"] for each in self.releases if each["current"])
        shown = {
            "id": "d",
            "name": f"web.{number}",
            "type": "web",
            "state": self.state,
            "size": self.size,
        }
        return {**shown, "release": {"version": serving}, "updated_at": "now"}


def _build(number: int, source: str) -> dict[str, Any]:
    made = {
        "id": f"b{number}",
        "status": "succeeded",
        "source_blob": {"version": source},
        "created_at": f"{number}",
    }
    return {**made, "slug": {"id": f"slug-{number}"}, "release": {"id": "r"}}


@dataclass
class Town:
    """All apps of an account. in_pipeline: names; left: requests of this hour."""

    flats: dict[str, Flat] = field(default_factory=dict)
    pipeline: str = ""
    in_pipeline: list[str] = field(default_factory=list)
    left: int = 4000

    def add(self, flat: Flat) -> Flat:
        """One more app, in the pipeline."""
        self.flats[flat.name] = flat
        self.in_pipeline.append(flat.name)
        return flat

    def answer(self, asked: Asked) -> Reply:
        """Looks alone are answered; anything else would be a change."""
        assert asked.method == "GET", f"the doctor changes nothing: {asked.method} {asked.path}"
        if asked.headers["Authorization"] != f"Bearer {TOKEN}":
            return refused(401, "unauthorized")
        found = self._found(asked.path.strip("/").split("/"), asked.headers.get("Range", ""))
        return refused(404, "not_found") if found is None else answered(found)

    def _found(self, path: list[str], range_: str) -> Any:
        match path:
            case ["account"]:
                return {"id": OWNER, "email": "ada@example.com"}
            case ["account", "rate-limits"]:
                return {"remaining": self.left}
            case ["apps"]:
                return [each.json for each in self.flats.values()]
            case ["apps", name] if name in self.flats:
                return self.flats[name].json
            case ["apps", name, *part] if name in self.flats:
                return self.flats[name].part(part, range_)
            case ["pipelines"]:
                return (
                    [{"id": "p", "name": self.pipeline, "owner": {"id": OWNER}}]
                    if self.pipeline
                    else []
                )
            case ["pipelines", "p", "pipeline-couplings"]:
                return [
                    {"app": {"id": f"id-{name}"}, "stage": "production"}
                    for name in self.in_pipeline
                ]
            case ["dyno-sizes"]:
                return [{"name": "Basic", "cost": {"cents": 700, "unit": "month"}}]

        return None


def faults(findings: list[Finding]) -> list[str]:
    """What is not as it should be, as it is shown."""
    return [each.line for each in findings if each.fault]


class TestOneApp:
    """A version's app, beside what this folder would make."""

    @pytest.fixture
    def flat(self) -> Flat:
        """As it should be."""
        return Flat("fl-v1", ["v1+aaa"], {"WEB_CONCURRENCY": "2", "SLUICE_SERVICE_SECRET": SECRET})

    def looked(
        self, flat: Flat | None, platform: Made, workspace: Workspace, version: str = "v1"
    ) -> list[Finding]:
        """What the checkup finds."""
        client, _ = platform(Town({flat.name: flat} if flat else {}).answer)
        config = {"WEB_CONCURRENCY": "2", "SLUICE_SERVICE_SECRET": SECRET}
        wanted = ExpectedApp(
            "fl-v1",
            version,
            Scale(1, "Basic"),
            lambda: config,
            lambda: f"{version or 'router'}+aaa",
        )
        findings = list(Checkup(client, workspace, wanted).findings())
        assert SECRET not in "".join(each.line for each in findings)
        return findings

    @pytest.fixture
    def workspace(self, project: ProjectHarness) -> Workspace:
        """Any place of the target."""
        return project.workspace()

    @pytest.mark.parametrize(
        ("drains", "told"),
        [
            ([DRAIN], "✔ fl-v1: log drain: to the router"),
            (
                [f"{DRAIN}-old"],
                "✖ fl-v1: log drain: its log does not go to the router, which would miss R14 and "
                "R15: "
                "`python deploy.py up` adds it",
            ),
        ],
    )
    def test_a_log_that_does_not_go_to_the_router_is_told(
        self, drains: list[str], told: str, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.drains = drains
        client, _ = platform(Town({"fl-v1": flat}).answer)
        wanted = ExpectedApp(
            "fl-v1", "v1", Scale(1, "Basic"), lambda: flat.config, lambda: "v1+aaa", lambda: DRAIN
        )
        found = [each.line for each in Checkup(client, workspace, wanted).findings()]
        assert found[-1] == told
        assert DRAIN not in "".join(found)

    def test_an_app_as_it_should_be_has_no_fault(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        assert [each.line for each in self.looked(flat, platform, workspace)] == [
            "✔ app fl-v1: cedar, heroku-24, us",
            "✔ fl-v1: release: v2, v1+aaa",
            "✔ fl-v1: config vars: 2 as they should be",
            "✔ fl-v1: dynos: 1 x Basic, web.1 up at v2",
        ]

    def test_of_a_deleted_app_only_that_is_told(self, platform: Made, workspace: Workspace) -> None:
        [fault] = faults(self.looked(None, platform, workspace))
        assert "`python deploy.py retire v1` and `python deploy.py deploy v1` make it anew" in fault

    def test_fir_is_refused(self, flat: Flat, platform: Made, workspace: Workspace) -> None:
        flat.generation = "fir"
        [fault] = faults(self.looked(flat, platform, workspace))
        assert "generation 'fir', which has no slugs" in fault

    def test_region_and_stack_are_compared_and_the_rest_is_looked_at_all_the_same(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.region, flat.stack = "eu", "heroku-22"
        findings = self.looked(flat, platform, workspace)
        assert (
            "its region is eu, deploy.toml wants us, its stack is heroku-22" in faults(findings)[0]
        )
        assert len(findings) == 4

    def test_maintenance_answers_nobody(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.maintenance = True
        assert (
            "`heroku maintenance:off -a fl-v1`" in faults(self.looked(flat, platform, workspace))[0]
        )

    def test_a_config_var_changed_by_hand_is_named_without_its_value(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.set(WEB_CONCURRENCY="9", LOG_LEVEL="a word of theirs")
        [fault] = faults(self.looked(flat, platform, workspace))
        assert "not as they should be: WEB_CONCURRENCY; set by hand: LOG_LEVEL" in fault
        assert "`heroku rollback v2 -a fl-v1` restores Sluice's own" in fault
        assert "a word of theirs" not in fault

    def test_what_an_add_on_sets_was_not_set_by_hand(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.set(PAPERTRAIL_URL="https://logs")
        flat.addons = [_addon("papertrail:choklad", "fl-v1", ["PAPERTRAIL_URL"])]
        assert not faults(self.looked(flat, platform, workspace))

    def test_a_rollback_by_hand_to_other_code_is_noticed(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.sources = ["v1+old", "v1+aaa"]
        flat.release("Deploy", 1)
        flat.release("Rollback to v2", 0)
        [fault] = faults(self.looked(flat, platform, workspace))
        assert (
            "v4 'Rollback to v2' by bob@example.com was made by hand: v1+old runs, v1+aaa should"
            in fault
        )
        assert "`heroku rollback v3 -a fl-v1`" in fault

    def test_a_rollback_by_hand_to_other_config_vars_is_noticed(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.config = {}
        flat.release("Rollback to v2", 0)
        told = faults(self.looked(flat, platform, workspace))
        assert "is a rollback by hand, with config vars of then" in told[0]
        assert "SLUICE_SERVICE_SECRET, WEB_CONCURRENCY" in told[1]

    def test_a_rollback_by_hand_to_what_it_should_be_is_said_and_no_fault(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.release("Rollback to v2", 0)
        findings = self.looked(flat, platform, workspace)
        assert not faults(findings)
        assert (
            "(v3 'Rollback to v2' by bob@example.com, by hand, to what it should be)"
            in findings[1].state
        )

    def test_a_slug_that_somebody_pushed_is_noticed(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.sources.append("0123abc")
        flat.release("Deploy 0123abc", 1)
        assert "was not built by Sluice" in faults(self.looked(flat, platform, workspace))[0]

    def test_other_code_around_the_same_bundle_is_no_fault_of_a_version(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.sources = ["v1+old"]
        findings = self.looked(flat, platform, workspace)
        assert not faults(findings)
        assert "the next deploy builds it anew" in findings[1].state

    def test_other_code_or_settings_of_the_router_are_for_up(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.sources = ["router+old"]
        [fault] = faults(self.looked(flat, platform, workspace, version=""))
        assert (
            "router+old runs, router+aaa would be built: code or deploy.toml changed since" in fault
        )

    def test_a_failed_release_is_told_with_where_it_says_why(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.release("Deploy", 0, "failed")
        assert (
            "`heroku releases:output v3 -a fl-v1` shows why"
            in faults(self.looked(flat, platform, workspace))[0]
        )

    def test_a_pending_release_is_no_end(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.release("Deploy", 0, "pending")
        assert "under way" in faults(self.looked(flat, platform, workspace))[0]

    def test_live_in_the_ledger_and_no_dyno(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.quantity = 0
        [fault] = faults(self.looked(flat, platform, workspace))
        assert "no dyno, and v1 is live in the ledger: `python deploy.py up`" in fault

    def test_a_size_changed_by_hand_costs_something_else(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.quantity, flat.size = 2, "Standard-1X"
        [fault] = faults(self.looked(flat, platform, workspace))
        assert "2 x Standard-1X, deploy.toml wants 1 x Basic" in fault

    def test_a_crashed_dyno_and_one_of_an_old_release(
        self, flat: Flat, platform: Made, workspace: Workspace
    ) -> None:
        flat.state = "crashed"
        assert (
            "web.1 crashed at v2: `heroku logs -a fl-v1`"
            in faults(self.looked(flat, platform, workspace))[0]
        )
        flat.state, flat.runs = "up", 1
        assert "web.1 up at v1, v2 should run" in faults(self.looked(flat, platform, workspace))[0]


def _addon(plan: str, app: str, names: list[str], state: str = "provisioned") -> dict[str, Any]:
    return {
        "id": "a",
        "name": "postgresql-round-1",
        "plan": {"name": plan},
        "app": {"name": app},
        "addon_service": {"name": plan.partition(":")[0]},
        "state": state,
        "config_vars": names,
    }


class TestTheHouse:
    """The whole platform, with a router that is up and no version."""

    @pytest.fixture
    def workspace(self, project: ProjectHarness) -> Workspace:
        """The project itself, on Heroku."""
        here = replace(
            project.workspace(), settings=from_mapping({"deployment": {"target": "heroku"}})
        )
        here = replace(
            here,
            root=ROOT,
            procfile=ROOT / "Procfile",
            database_url=ADDRESS,
            database_is_file=False,
        )
        make_secrets(here)
        return here

    @pytest.fixture
    def town(self, workspace: Workspace) -> Town:
        """As `up` leaves it."""
        prefix = prefix_of(workspace.settings, OWNER)
        name = f"{prefix}-router"
        config = {**router_vars(workspace, make_secrets(workspace)), "DATABASE_URL": ADDRESS}
        made = Town(pipeline=prefix)
        made.add(
            Flat(
                name,
                [router_slug(workspace).version],
                config,
                addons=[_addon(PLAN, name, ["DATABASE_URL"])],
            )
        )
        return made

    @pytest.fixture
    def server(self, town: Town, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
        """It, answering; the environment names it."""
        with serving(town.answer) as found:
            monkeypatch.setenv("HEROKU_API_KEY", TOKEN)
            monkeypatch.setenv("HEROKU_API_URL", found.url)
            yield found

    def looked(self, workspace: Workspace, ledger: Ledger | None = None) -> list[Finding]:
        """What the doctor finds."""
        return list(
            on_the_platform(workspace, ledger or Ledger(model="flights"), lambda _: None, QUICK)
        )

    @pytest.mark.usefixtures("server")
    def test_all_is_well_after_up(self, workspace: Workspace) -> None:
        findings = self.looked(workspace)
        assert not faults(findings)
        said = {each.what: each.state for each in findings}
        assert said["token"].startswith("of ada@example.com, from HEROKU_API_KEY")
        assert said["requests left"] == "4000 of 4500 an hour"
        assert said["cost of what runs"].startswith("$12.00 a month, $0.40 a day, if always on")

    def test_nothing_but_looks_goes_to_the_platform_and_no_secret_is_told(
        self, workspace: Workspace, server: Scripted
    ) -> None:
        findings = self.looked(workspace)
        told = json.dumps([each.line for each in findings])
        secrets = make_secrets(workspace)
        assert not any(
            secret in told for secret in (TOKEN, ADDRESS, secrets.service, secrets.token)
        )
        assert {each.method for each in server.asked} == {"GET"}

    @pytest.mark.usefixtures("server")
    def test_dynos_that_the_ledger_does_not_name_cost_money(
        self, workspace: Workspace, town: Town
    ) -> None:
        prefix = town.pipeline
        town.add(Flat(f"{prefix}-v9", ["v9+aaa"], {}))
        town.add(Flat(f"{prefix}-v8", ["v8+aaa"], {}, quantity=0))
        [fault] = faults(self.looked(workspace))
        assert f"{prefix}-v9 ($7.00 a month)" in fault
        assert f"`heroku ps:scale web=0 -a {prefix}-v9`" in fault
        assert f"{prefix}-v8" not in fault

    @pytest.mark.usefixtures("server")
    def test_somebody_elses_app_is_not_looked_at(self, workspace: Workspace, town: Town) -> None:
        town.flats["website"] = Flat("website", [], {}, generation="fir")
        assert not faults(self.looked(workspace))

    @pytest.mark.usefixtures("server")
    def test_the_database_may_have_moved_or_be_on_its_way_or_gone(
        self, workspace: Workspace, town: Town
    ) -> None:
        router = town.flats[f"{town.pipeline}-router"]
        router.config["DATABASE_URL"] = "postgres://other"
        assert "is not the one that the router has" in faults(self.looked(workspace))[0]
        router.addons[0]["state"] = "provisioning"
        assert "postgresql-round-1 is provisioning" in faults(self.looked(workspace))[0]
        router.addons.clear()
        assert any("has no heroku-postgresql" in each for each in faults(self.looked(workspace)))

    @pytest.mark.usefixtures("server")
    def test_a_pipeline_that_is_gone_or_lacks_an_app(
        self, workspace: Workspace, town: Town
    ) -> None:
        town.in_pipeline.clear()
        assert (
            f"`heroku pipelines:add {town.pipeline} -a {town.pipeline}-router"
            in faults(self.looked(workspace))[0]
        )
        town.pipeline = ""
        assert (
            "it does not exist: `python deploy.py up` makes it" in faults(self.looked(workspace))[0]
        )

    @pytest.mark.usefixtures("server")
    def test_few_requests_left_is_a_fault(self, workspace: Workspace, town: Town) -> None:
        town.left = 12
        assert "✖ requests left: 12 of this account's" in faults(self.looked(workspace))[0]

    @pytest.mark.usefixtures("server")
    def test_without_a_token_or_with_a_wrong_one_only_that_is_told(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("HEROKU_API_KEY", "HRKU-another")
        [refusal] = self.looked(workspace)
        assert "401 unauthorized" in refusal.fault
        assert "HRKU-another" not in refusal.fault
        monkeypatch.delenv("HEROKU_API_KEY")
        monkeypatch.setenv("NETRC", str(tmp_path / "none"))
        [none] = self.looked(workspace)
        assert "no Heroku token" in none.fault

    @pytest.mark.usefixtures("server")
    def test_a_team_that_this_account_does_not_see(self, workspace: Workspace) -> None:
        heroku = replace(workspace.settings.heroku, team="ours")
        findings = self.looked(
            replace(workspace, settings=replace(workspace.settings, heroku=heroku))
        )
        assert findings[-1].what == "team ours"
        assert "404 not_found" in findings[-1].fault

    def test_before_up_it_is_one_line(self, project: ProjectHarness) -> None:
        from deployment.commands.doctor import doctor

        with pytest.raises(
            EdgeFailure, match=r"nothing was ever started from .*run `python deploy\.py up` first"
        ):
            doctor(project.workspace(), lambda _: None)


def test_lint_with_heroku_as_target_asks_nobody_and_names_what_cannot_be_sent(
    project: ProjectHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deployment.commands.lint_checks import lint

    def nobody(*_: Any) -> None:
        raise AssertionError("lint asks the network")

    monkeypatch.setattr("socket.socket.connect", nobody)
    monkeypatch.setattr("socket.socket.bind", nobody)
    project.deliver("v1")
    (project.folder / "deploy.toml").write_text('[deployment]\ntarget = "heroku"\n')
    here = replace(project.workspace(), root=ROOT, procfile=ROOT / "Procfile")
    found = {each.what: each.fault for each in lint(here)}
    assert found.keys() >= {"heroku.router_size", "names on Heroku", "router packed for Heroku"}
    assert not any(found[what] for what in found if what != "bundle v1 packed for Heroku")
    assert "v1" in found["bundle v1 packed for Heroku"]


@pytest.mark.parametrize(
    ("setting", "what", "said"),
    [
        ('router_size = "Huge"', "heroku.router_size", "'Huge' is no dyno size"),
        ("version_dynos = 2", "heroku.version_size", "Basic allows 1 dyno"),
        (
            'postgres = "gigantic-9"',
            "heroku.postgres, and what all costs",
            "price of heroku-postgresql:gigantic-9",
        ),
        ('app_prefix = "sluice"', "", ""),
    ],
)
def test_lint_checks_sizes_and_prices(
    project: ProjectHarness, setting: str, what: str, said: str
) -> None:
    from deployment.commands.lint_checks import lint

    (project.folder / "deploy.toml").write_text(
        f'[deployment]\ntarget = "heroku"\n[heroku]\n{setting}\n'
    )
    found = {
        each.what: each.fault
        for each in lint(replace(project.workspace(), root=ROOT))
        if each.fault
    }
    assert said in found.get(what, "")
    assert bool(found) == bool(said)
