"""One running stack for the clients of public reports: f1 released, f2 answering the other half of
the users.
"""

import pytest

from tests.e2e.stack_harness import ROOT, StackHarness

SETTINGS = """
model = "cases"
[router.unit]
cookie = "sid"
field = "account"
set_cookie = true
"""


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """f1 and f2 in an A/B test; units by header, cookie and field."""
    folder = tmp_path_factory.mktemp("cases")
    (folder / "deploy.toml").write_text(SETTINGS)
    made = StackHarness(folder, {"SLUICE_CONFIG": str(folder / "deploy.toml")})
    try:
        for version, recipe in (("f1", "three_columns"), ("f2", "other_way")):
            made.run("deliver", version, "--from", str(ROOT / "tests" / "trials" / f"{recipe}.py"))
        made.up("f1", "f2")
        made.run("ab", "f2", "--percent", "50")
        yield made
    finally:
        made.run("down", check=False)
