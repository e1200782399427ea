"""The wait chain: each link ends, and a second run goes on where the first one stopped and makes
nothing twice.
"""

from collections.abc import Callable

import pytest

from targets.heroku.api.client import Client
from targets.heroku.build.release_pipeline import Deadlines, ReleasePipeline
from targets.heroku.build.tarball import tarball
from targets.heroku.errors import BuildFailed, HerokuFailure, ReleaseFailed, TooLate
from tests.targets.heroku.conftest import Made
from tests.targets.heroku.scripted_server import Scripted
from tests.targets.heroku.toy_heroku import APP, Toy

QUICK = Deadlines(
    build_s=0.6,
    linked_s=0.6,
    release_s=0.6,
    dynos_s=0.6,
    addon_s=0.6,
    crash_grace_s=0.05,
    poll_s=0.005,
)
V1 = tarball("v1", {"Procfile": b"web: true\n"})
V2 = tarball("v2", {"Procfile": b"web: false\n"})


def client_of(platform: Made, toy: Toy) -> tuple[Client, Scripted]:
    """The toy behind a server."""
    client, server = platform(toy.answer)
    toy.url = server.url
    return client, server


def run(client: Client, say: Callable[[str], None] = lambda _: None) -> ReleasePipeline:
    """The chain of the toy's app."""
    return ReleasePipeline(client, APP, say, QUICK)


def made(toy: Toy) -> tuple[int, int, int]:
    """How many uploads, builds and releases were made."""
    return toy.posts.count("/sources"), toy.posts.count("/builds"), len(toy.releases) - 1


def test_all_links_in_order(platform: Made) -> None:
    toy, said = Toy(), []
    client, server = client_of(platform, toy)
    live = run(client, said.append).build_and_release(V1)
    assert (live.build.status, live.release.version, [each.name for each in live.dynos]) == (
        "succeeded",
        2,
        ["web.1"],
    )
    assert made(toy) == (1, 1, 1)
    body = server.calls("POST", f"/apps/{APP}/builds")[0].json
    assert body["source_blob"]["checksum"] == V1.checksum
    assert body["source_blob"]["version"] == V1.version
    wanted = [
        "uploading",
        "started",
        "output",
        "build succeeded",
        "release v2 succeeded",
        "starting",
        "up at v2",
    ]
    told = iter(said)
    assert all(any(word in line for line in told) for word in wanted), said
    strangers = [each for each in server.asked if each.path.startswith(("/put", "/stream"))]
    assert strangers
    assert all("Authorization" not in each.headers for each in strangers)


LINKS = [
    "uploading",
    "started",
    "| -----> output",
    "build succeeded",
    "release v2 succeeded",
    "starting",
    "web.1 up",
]


@pytest.mark.parametrize("link", LINKS)
def test_a_second_run_after_ctrl_c_goes_on(platform: Made, link: str) -> None:
    toy = Toy()
    client, _ = client_of(platform, toy)

    def interrupt(line: str) -> None:
        if link in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(client, interrupt).build_and_release(V1)

    live = run(client).build_and_release(V1)
    assert live.release.version == 2
    assert made(toy)[1:] == (1, 1)


@pytest.mark.parametrize("lost", [f"POST /{each}" for each in ("builds", "sources")])
def test_a_lost_answer_makes_nothing_twice(platform: Made, lost: str) -> None:
    toy = Toy(lost={lost})
    client, _ = client_of(platform, toy)
    assert run(client).build_and_release(V1).release.version == 2
    assert made(toy)[1:] == (1, 1)


def test_what_is_live_already_is_not_built_again(platform: Made) -> None:
    toy = Toy()
    client, _ = client_of(platform, toy)
    first = run(client).build_and_release(V1)
    assert run(client).build_and_release(V1).release == first.release
    assert made(toy) == (1, 1, 1)


def test_what_was_built_before_and_replaced_is_released_without_a_build(platform: Made) -> None:
    toy = Toy(lost={"POST /releases"})
    client, _ = client_of(platform, toy)
    first = run(client).build_and_release(V1)
    run(client).build_and_release(V2)
    again = run(client).build_and_release(V1)
    assert again.release.slug == first.build.slug
    assert made(toy) == (2, 2, 3)


def test_a_failed_build_says_its_last_words_and_is_tried_anew(platform: Made) -> None:
    toy = Toy(build_ends="failed")
    client, _ = client_of(platform, toy)
    with pytest.raises(BuildFailed, match=r"nothing was released(?s:.*)-----> output"):
        run(client).build_and_release(V1)

    toy.build_ends = "succeeded"
    assert run(client).build_and_release(V1).release.version == 2
    assert made(toy) == (2, 2, 1)


@pytest.mark.parametrize("ends", ["failed", "expired"])
def test_a_failed_release_command_keeps_what_serves_and_is_tried_anew(
    platform: Made, ends: str
) -> None:
    toy = Toy(release_ends=ends)
    client, _ = client_of(platform, toy)
    with pytest.raises(
        ReleaseFailed, match=rf"v2 {ends}, the one before it still serves(?s:.*)output"
    ):
        run(client).build_and_release(V1)

    toy.release_ends = "succeeded"
    assert run(client).build_and_release(V1).release.version == 3
    assert made(toy) == (1, 1, 2)


def test_a_dyno_that_stays_crashed_fails_with_its_log(platform: Made) -> None:
    toy = Toy(dyno_states=["starting", "crashed"])
    client, _ = client_of(platform, toy)
    with pytest.raises(ReleaseFailed, match=r"web.1 crashed at v2(?s:.*)output"):
        run(client).build_and_release(V1)


def test_a_dyno_that_crashed_once_and_came_back_is_up(platform: Made) -> None:
    toy = Toy(dyno_states=["starting", "crashed", "starting", "up"])
    client, _ = client_of(platform, toy)
    assert run(client).build_and_release(V1).dynos[0].state == "up"


def test_a_dyno_that_sleeps_is_ready(platform: Made) -> None:
    client, _ = client_of(platform, Toy(dyno_states=["idle"]))
    assert run(client).build_and_release(V1).dynos[0].state == "idle"


def test_an_app_scaled_to_zero_waits_for_no_dyno(platform: Made) -> None:
    client, _ = client_of(platform, Toy(quantity=0))
    assert run(client).build_and_release(V1).dynos == ()


@pytest.mark.parametrize(
    ("toy", "link"),
    [
        (Toy(looks=10**6), "the build"),
        (Toy(dyno_states=["starting"]), "every web dyno up at v2"),
    ],
)
def test_each_link_has_its_deadline(platform: Made, toy: Toy, link: str) -> None:
    client, _ = client_of(platform, toy)
    with pytest.raises(TooLate, match=f"{link} timed out after 0.6 s; run the same command again"):
        run(client).build_and_release(V1)


def test_config_vars_are_set_once_and_waited_for(platform: Made) -> None:
    toy = Toy(lost={"PATCH /config-vars"})
    client, server = client_of(platform, toy)
    assert run(client).configure({"A": "1", "B": "2"})
    assert not run(client).configure({"A": "1"})
    assert len(server.calls("PATCH")) == 1
    assert made(toy)[2] == 1


def test_an_addon_is_waited_for_and_a_refused_one_is_said(platform: Made) -> None:
    from targets.heroku.api.addons import addon_of
    from tests.targets.heroku.scripted_server import answered, in_turn

    def state(word: str) -> dict[str, object]:
        names = {"plan": {"name": "heroku-postgresql:essential-0"}, "app": {"name": APP}}
        return {
            "id": "1",
            "name": "round-1",
            "state": word,
            "config_vars": ["DATABASE_URL"],
            **names,
        }

    client, _ = platform(
        in_turn(
            *(answered(state(word)) for word in ("provisioning", "provisioning", "provisioned"))
        )
    )
    ordered = addon_of(state("provisioning"))
    assert run(client).wait_provisioned(ordered).config_vars == ("DATABASE_URL",)
    client, _ = platform(in_turn(answered(state("deprovisioned"))))
    with pytest.raises(HerokuFailure, match="was not provisioned"):
        run(client).wait_provisioned(ordered)
