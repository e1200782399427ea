"""What is sent: whole, small, the same every time, and able to run by itself."""

import ast
import gzip
import hashlib
import io
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.utils import canonicalize_name

from delivery.signatures import sign, signing_key
from deployment.http_client import Unreachable, line
from deployment.readiness import NotAnswering, ask_once, probe_of
from deployment.workspace.bundles import Release, read_release
from deployment.workspace.errors import ContractBroken, Misconfigured
from deployment.workspace.secrets import Secrets
from deployment.workspace.workspace import Workspace, workspace_from_environment
from environments.sluice_packages import ARROW, ROUTER, RUNTIMES, SERVICE, TRACES
from rollout.settings import from_mapping
from store import LedgerStore
from store.engine import engine
from targets.heroku.build.app_config import router_vars, version_vars
from targets.heroku.build.requirements import python_of
from targets.heroku.build.slug_source import router_slug, version_slug
from targets.heroku.build.tarball import Tarball, folder_files, tarball
from targets.heroku.errors import HerokuFailure
from tests.delivery.delivery_harness import ROOT, DeliveryHarness
from tests.loopback import free_port
from tests.until import until

SECRETS = Secrets(
    "the secret of these tests", "the key of these tests", "the operator of these tests"
)


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeliveryHarness]:
    """Two bundles: v1 is certified for ONNX, v2 for scikit-learn alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("delivery.proof.evaluation.REPEATS", 3)
        made = DeliveryHarness(tmp_path_factory.mktemp("harness"))
        made.deliver("logistic", "v1")
        made.deliver("unnamed", "v2")
        yield made


@pytest.fixture(scope="module")
def here(harness: DeliveryHarness) -> Workspace:
    """The place with those bundles."""
    environ = {
        "SLUICE_RELEASES": str(harness.releases),
        "SLUICE_KEYS": str(harness.keys),
        "HOME": "/nowhere",
    }
    return workspace_from_environment(
        {**environ, "SLUICE_STATE": str(harness.folder / "var"), "SLUICE_ACTOR": "a test"},
        from_mapping({}),
    )


def unpacked(found: Tarball, into: Path) -> Path:
    """The tarball's files in an empty folder, as a build has them."""
    with tarfile.open(fileobj=io.BytesIO(found.content)) as tar:
        tar.extractall(into)
    return into


def text(found: Tarball, name: str) -> str:
    """One file of a tarball."""
    with tarfile.open(fileobj=io.BytesIO(found.content)) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read().decode()


def names(found: Tarball) -> set[str]:
    """The packages in its requirements."""
    return set(re.findall(r"^([a-z0-9-]+)==", text(found, "requirements.txt"), re.MULTILINE))


def test_the_same_files_are_the_same_bytes_and_bear_their_digest() -> None:
    files = {"b": b"2", "a": b"1"}
    first, second = tarball("v1", files), tarball("v1", dict(reversed(files.items())))
    assert first.content == second.content
    assert first.checksum == f"SHA256:{hashlib.sha256(first.content).hexdigest()}"
    assert first.version == f"v1+{first.checksum[7:19]}"
    assert tarball("v1", {**files, "a": b"3"}).version != first.version
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(first.content))) as tar:
        assert [(each.name, each.uid, each.mode) for each in tar] == [
            ("a", 0, 0o644),
            ("b", 0, 0o644),
        ]


def test_a_link_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "a.py").symlink_to("/etc/hostname")
    with pytest.raises(HerokuFailure, match="is a link"):
        folder_files(tmp_path, "x")


def test_a_version_with_onnx_holds_its_own_things_and_no_scikit_learn(here: Workspace) -> None:
    found = version_slug(here, read_release(here.releases, "v1"))
    rooms = {each.split("/")[0] for each in found.files}
    assert rooms == {
        "service",
        "wire",
        "bundle",
        "keys",
        "requirements.txt",
        ".python-version",
        "Procfile",
    }
    assert not any("sluice.key" in each or each.endswith(".pyc") for each in found.files)
    assert (
        names(found) & {"scikit-learn", "pandas", "scipy", "joblib", "sqlalchemy", "pytest", "onnx"}
        == set()
    )
    assert {"onnxruntime", "flask", "werkzeug", "cffi"} <= names(found)
    assert text(found, "Procfile").splitlines() == [
        'web: gunicorn --config service/gunicorn.conf.py "service.app:create_app()"',
        "release: python -m service.proof.self_test",
    ]
    assert text(found, ".python-version") == f"{sys.version_info[0]}.{sys.version_info[1]}\n"
    assert found.content == version_slug(here, read_release(here.releases, "v1")).content


def test_a_version_with_scikit_learn_has_the_pins_it_was_trained_with(here: Workspace) -> None:
    release = read_release(here.releases, "v2")
    assert release.runtime == "sklearn"
    found = version_slug(here, release)
    trained = release.manifest["packages"]
    pins = dict(
        re.findall(r"^([a-z0-9-]+)==([^\s\\]+)", text(found, "requirements.txt"), re.MULTILINE)
    )
    assert {"scikit-learn", "pandas", "scipy", "joblib", "threadpoolctl"} <= pins.keys()
    assert all(trained[name] == version for name, version in pins.items())
    assert not pins.keys() & {"onnxruntime", "pytest", "matplotlib"}


def test_an_older_version_whose_frame_pyarrow_holds_has_pyarrow_too(here: Workspace) -> None:
    release = read_release(here.releases, "v2")
    release.manifest["requirements"] = {}
    assert "pyarrow==" not in text(version_slug(here, release), "requirements.txt")
    release.manifest["columns"][0]["frame"] = {"dtype": "timestamp[us][pyarrow]"}
    assert "pyarrow==" in text(version_slug(here, release), "requirements.txt")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_an_app_that_predicts_files_holds_what_reads_them(here: Workspace, version: str) -> None:
    heroku = replace(here.settings.heroku, predicts_files=True)
    settings = replace(here, settings=replace(here.settings, heroku=heroku))
    found = version_slug(settings, read_release(here.releases, version))
    assert "batch/one_off.py" in found.files
    assert "pyarrow==" in text(found, "requirements.txt")


def test_what_spans_need_is_in_the_slugs_where_they_are_asked_for(here: Workspace) -> None:
    endpoint = {"traces": {"endpoint": "https://collector.example"}}
    asking = replace(here, settings=from_mapping(endpoint))
    release = read_release(here.releases, "v1")
    for without, with_spans in (
        (router_slug(here), router_slug(asking)),
        (version_slug(here, release), version_slug(asking, release)),
    ):
        assert not names(without) & set(TRACES)
        assert set(TRACES) <= names(with_spans)

    assert version_vars(asking, release, SECRETS)["SLUICE_TRACES"] == "https://collector.example"
    assert version_vars(here, release, SECRETS)["SLUICE_TRACES"] == ""


def test_the_router_holds_its_rooms_and_settings_and_no_model(here: Workspace) -> None:
    found = router_slug(here)
    rooms = {each.split("/")[0] for each in found.files}
    assert rooms == {
        "router",
        "rollout",
        "store",
        "wire",
        "deploy.toml",
        "requirements.txt",
        ".python-version",
        "Procfile",
    }
    assert "router/templates/page.html" in found.files
    static = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "router" / "static").rglob("*")
        if path.is_file()
    }
    assert static <= set(found.files)
    assert {"psycopg", "psycopg-binary", "sqlalchemy", "httpx"} <= names(found)
    assert names(found) & {"onnxruntime", "scikit-learn", "cryptography"} == set()


def test_every_requirement_has_the_hashes_of_the_lock(here: Workspace) -> None:
    lines = text(router_slug(here), "requirements.txt").replace("\\\n", " ").splitlines()
    assert all("--hash=sha256:" in each for each in lines)


@pytest.mark.parametrize(
    ("folders", "roots"),
    [
        (("service", "wire"), {*SERVICE, *RUNTIMES["onnx"], *RUNTIMES["sklearn"], *ARROW}),
        (("router", "rollout", "store", "wire"), ROUTER),
    ],
)
def test_the_roots_are_what_the_code_imports(
    folders: tuple[str, ...], roots: tuple[str, ...]
) -> None:
    provided = packages_distributions()
    # OpenTelemetry is imported only where deploy.toml asks for spans.
    ours = {"service", "wire", "router", "rollout", "store", "opentelemetry"}
    imported = (
        {name for folder in folders for name in imports(ROOT / folder)}
        - ours
        - sys.stdlib_module_names
    )
    needed = {canonicalize_name(provided[name][0]) for name in imported}
    known = {canonicalize_name(each.partition("[")[0]) for each in roots}
    # These are named to gunicorn by a word in its settings, or are what another one is made of.
    # Without pyarrow, which is large, a router refuses Arrow streams.
    assert needed - {"pyarrow"} <= known
    assert known - needed <= {"uvloop", "gunicorn-h1c", "scikit-learn"}


def imports(folder: Path) -> set[str]:
    """Top names of everything that a folder's files import."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])

    return found


def signed(harness: DeliveryHarness, tmp_path: Path, change: Mapping[str, str]) -> Release:
    """v1 with other files, signed anew."""
    folder = shutil.copytree(harness.releases / "v1", tmp_path / "v1")
    manifest = yaml.safe_load((folder / "release.yaml").read_text())
    for name, content in change.items():
        (folder / name).write_text(content)
        digest = hashlib.sha256(content.encode()).hexdigest()
        manifest["files"][name] = {"sha256": digest, "bytes": len(content.encode())}

    raw = yaml.safe_dump(manifest).encode()
    (folder / "release.yaml").write_bytes(raw)
    (folder / "signature").write_bytes(sign(raw, signing_key(harness.keys)))
    return read_release(tmp_path, "v1")


ENTRIES = {
    "- mkl=2024.1=h0": "names mkl, which conda has",
    "- conda-forge::libgcc-ng=14.1": "names libgcc-ng, which conda has",
    "- r-base >=4.3": "names r-base, which conda has",
    "- numpy >=2,<3": "gives numpy no exact version",
    "- pip: ['numpy>=2']": "gives numpy no exact version of PyPI",
    "- pip: ['-e .']": "a pip entry '-e .' that is no",
    "- pip: ['x @ https://example.org/x.whl']": "gives x no exact version of PyPI",
    "nonsense": "cannot be read",
}


@pytest.mark.parametrize(("entry", "reason"), ENTRIES.items())
def test_what_pip_cannot_install_is_refused_by_name(
    harness: DeliveryHarness, here: Workspace, tmp_path: Path, entry: str, reason: str
) -> None:
    written = (
        entry
        if entry == "nonsense"
        else f"name: x\ndependencies:\n- python=3.11.7\n- pip\n{entry}\n"
    )
    with pytest.raises(HerokuFailure, match=re.escape(reason)):
        version_slug(here, signed(harness, tmp_path, {"environment.yaml": written}))


def test_a_package_of_conda_that_pypi_has_too_is_pinned_alike(
    harness: DeliveryHarness, here: Workspace, tmp_path: Path
) -> None:
    written = "dependencies:\n- python=3.11.7\n- numpy=2.2.1=py311_0\n- matplotlib-base=3.10.0\n"
    found = version_slug(here, signed(harness, tmp_path, {"environment.yaml": written}))
    requirements = text(found, "requirements.txt")
    assert "numpy==2.2.1" in requirements
    assert "--hash" not in requirements


def test_a_changed_bundle_is_not_sent(
    harness: DeliveryHarness, here: Workspace, tmp_path: Path
) -> None:
    folder = shutil.copytree(harness.releases / "v1", tmp_path / "v1")
    (folder / "model.onnx").write_bytes(b"another")
    with pytest.raises(ContractBroken, match="was changed"):
        version_slug(here, read_release(tmp_path, "v1"))


def test_a_python_that_heroku_has_not_is_refused(here: Workspace) -> None:
    with pytest.raises(HerokuFailure, match=r"v1 wants Python 3\.9\.1, Heroku has 3\.11"):
        python_of("3.9.1", "v1")


# From here on: the tarball in an empty folder, a fresh environment of exactly its requirements, and
# the real process.


def environment_of(folder: Path, into: Path) -> Path:
    """A virtual environment with exactly that folder's requirements; skips where no index has
    them.
    """
    uv = pytest.importorskip("uv").find_uv_bin()
    subprocess.run(
        [uv, "venv", "-q", "--python", sys.executable, str(into)], check=True, timeout=300
    )
    install = [
        uv,
        "pip",
        "install",
        "-q",
        "--python",
        str(into / "bin" / "python"),
        "-r",
        "requirements.txt",
    ]
    done = subprocess.run(
        install, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode and re.search(
        "error sending request|failed to fetch", done.stderr, re.IGNORECASE
    ):
        pytest.skip("no package index is reached from here")

    assert done.returncode == 0, done.stderr
    return into / "bin"


def surroundings(bin_: Path, variables: Mapping[str, str], port: int) -> dict[str, str]:
    """What a dyno's process sees."""
    return {
        "PATH": f"{bin_}:/usr/bin:/bin",
        "PORT": str(port),
        "DYNO": "web.1",
        "HOME": "/app",
        **variables,
    }


@contextmanager
def process(
    folder: Path, kind: str, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A line of the Procfile, running in that folder."""
    command = dict(each.split(": ", 1) for each in (folder / "Procfile").read_text().splitlines())[
        kind
    ]
    log = (folder / f"{kind}.log").open("wb")
    started = subprocess.Popen(
        shlex.split(command), cwd=folder, env=environ, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        yield started
    finally:
        started.terminate()
        started.wait(300)
        log.close()


def proved(folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The release command."""
    command = (folder / "Procfile").read_text().splitlines()[1].removeprefix("release: ").split()
    # Found by the dyno's path, not by this process's.
    command[0] = str(shutil.which(command[0], path=environ["PATH"]))
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False
    )


def all_listen(folder: Path, environ: Mapping[str, str]) -> bool:
    """Whether every worker has begun: one that is told to stop before does not hear it."""
    return (folder / "web.log").read_text().count("listening on") == int(environ["WEB_CONCURRENCY"])


def resident_mb(pid: int) -> float:
    """Proportional memory of a process group."""
    pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    lines = [
        each for one in pids for each in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
    ]
    return sum(int(each.split()[1]) for each in lines if each.startswith("Pss:")) / 1024


@pytest.mark.parametrize(
    ("version", "runtime", "most_mb"), [("v1", "onnx", 160), ("v2", "sklearn", 310)]
)
def test_a_version_runs_from_its_tarball_alone(
    here: Workspace, tmp_path: Path, version: str, runtime: str, most_mb: int
) -> None:
    """The memory of two workers is what WEB_CONCURRENCY was reckoned with."""
    release = read_release(here.releases, version)
    folder = unpacked(version_slug(here, release), tmp_path / "app")
    bin_ = environment_of(folder, tmp_path / "environment")
    port = free_port()
    environ = surroundings(bin_, version_vars(here, release, SECRETS), port)
    done = proved(folder, environ)
    rows = release.manifest["golden"]["rows"]
    assert (done.returncode, done.stdout) == (
        0,
        f"{version}: {rows} golden rows answered by {runtime}\n",
    ), done.stderr
    with process(folder, "web", environ) as web:

        def answers() -> bool:
            assert web.poll() is None, (folder / "web.log").read_text()
            try:
                ask_once(probe_of(release, f"http://127.0.0.1:{port}", SECRETS.service))
            except NotAnswering:
                return False

            return True

        until(answers, "the golden rows are answered", 60)
        until(lambda: all_listen(folder, environ), "every worker listens")
        used = resident_mb(web.pid)
        print(f"{version} on {runtime}: {used:.0f} MB with {environ['WEB_CONCURRENCY']} workers")
        assert used < most_mb


def test_the_release_command_names_the_row_that_differs(
    harness: DeliveryHarness, here: Workspace, tmp_path: Path
) -> None:
    lines = (harness.releases / "v1" / "golden.jsonl").read_text().splitlines()
    lines[2] = re.sub(r'"prediction":\[[^,]*', '"prediction":[0.987654', lines[2])
    release = signed(harness, tmp_path, {"golden.jsonl": "\n".join(lines) + "\n"})
    folder = unpacked(version_slug(here, release), tmp_path / "app")
    environ = surroundings(Path(sys.executable).parent, version_vars(here, release, SECRETS), 0)
    done = proved(folder, environ)
    assert done.returncode == 1
    assert "bundle/golden.jsonl, line 3: predicts" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_router_runs_from_its_tarball_alone(here: Workspace, tmp_path: Path) -> None:
    folder = unpacked(router_slug(here), tmp_path / "app")
    bin_ = environment_of(folder, tmp_path / "environment")
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    record = engine(url)
    LedgerStore(record, here.settings.model).create()
    record.dispose()
    port = free_port()
    environ = surroundings(bin_, {**router_vars(here, SECRETS), "DATABASE_URL": url}, port)
    with process(folder, "web", environ) as web:

        def ready() -> int:
            assert web.poll() is None, (folder / "web.log").read_text()
            try:
                with line(f"http://127.0.0.1:{port}", SECRETS.operator, 5) as router:
                    return router.get("/status").status
            except Unreachable:
                return 0

        assert until(ready, "the router answers", 60) == 200
        until(lambda: all_listen(folder, environ), "every worker listens")
        print(f"router: {resident_mb(web.pid):.0f} MB with {environ['WEB_CONCURRENCY']} workers")


def test_secrets_are_told_in_config_vars_and_in_no_file(here: Workspace) -> None:
    release = read_release(here.releases, "v1")
    told = version_vars(here, release, SECRETS)
    assert told["SLUICE_SERVICE_SECRET"] == SECRETS.service
    assert SECRETS.token not in told.values()
    for found in (version_slug(here, release), router_slug(here)):
        assert SECRETS.service.encode() not in gzip.decompress(found.content)


def test_a_model_that_does_not_fit_is_refused_before_it_is_sent(here: Workspace) -> None:
    release = read_release(here.releases, "v1")
    release.manifest["files"]["model.onnx"]["bytes"] = 200_000_000
    with pytest.raises(Misconfigured, match="do not fit into a Basic dyno of 512 MB"):
        version_vars(here, release, SECRETS)


def test_code_that_travels_is_in_the_slug_with_what_it_imports(tmp_path: Path) -> None:
    made = DeliveryHarness(tmp_path)
    code = "import markupsafe\ndef half(frame):\n    return frame[['age', 'amount']] / 2\n"
    (tmp_path / "own_steps.py").write_text(code)
    body = "fitted(LogisticRegression(), bad, 'predict', FunctionTransformer(half))"
    head = "from tests.delivery.loan_pipelines import *\nfrom own_steps import half\n"
    made.deliver(made.recipe("mine", f"{head}def build():\n    return {body}\n"), "v1")
    environ = {
        "SLUICE_RELEASES": str(made.releases),
        "SLUICE_KEYS": str(made.keys),
        "HOME": "/nowhere",
    }
    settings = from_mapping({"deployment": {"runtime": "sklearn"}})
    there = workspace_from_environment(
        {**environ, "SLUICE_STATE": str(tmp_path / "var"), "SLUICE_ACTOR": "a test"}, settings
    )
    slug = version_slug(there, read_release(made.releases, "v1"))
    assert text(slug, "bundle/code.own_steps.py") == code
    assert "markupsafe" in names(slug)
