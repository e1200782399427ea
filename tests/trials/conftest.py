"""One running stack for the clients of public reports: f1 released, f2 answering the other half of
the users.
"""

import shutil

import pytest

from tests.e2e.stack_harness import ROOT, StackHarness
from tests.shared_folder import filled, shared_folder

SETTINGS = """
model = "cases"
[router.unit]
cookie = "sid"
field = "account"
set_cookie = true
# So that no slow host makes a fallback, which is another version's answer.
[router.limits]
version_timeout_ms = 60000
"""


def configured(folder):
    """A stack in that folder."""
    (folder / "deploy.toml").write_text(SETTINGS)
    return StackHarness(folder, {"SLUICE_CONFIG": str(folder / "deploy.toml")})


@pytest.fixture(scope="session")
def delivered(tmp_path_factory, worker_id):
    """A folder with the keys and the bundles of f1 and f2."""
    folder = shared_folder(tmp_path_factory, worker_id, "trial-bundles")

    def deliver():
        for version, recipe in (("f1", "three_columns"), ("f2", "other_way")):
            path = ROOT / "tests" / "trials" / f"{recipe}.py"
            configured(folder).run("deliver", version, "--from", str(path))

    return filled(folder, deliver)


@pytest.fixture(scope="session")
def stack(delivered, tmp_path_factory):
    """f1 and f2 in an A/B test; units by header, cookie and field."""
    folder = tmp_path_factory.mktemp("cases")
    for part in ("releases", "keys"):
        shutil.copytree(delivered / part, folder / part)

    made = configured(folder)
    try:
        made.up("f1", "f2")
        made.run("ab", "f2", "--percent", "50")
        yield made
    finally:
        made.run("down", check=False)
