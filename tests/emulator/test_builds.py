"""Builds: the buildpack's rules in its own words, real packages, hooks, limits, and the output
while it grows.
"""

import io
import zipfile
from contextlib import suppress

import httpx
import pytest

from tests.emulator.emulator_harness import PLAIN, tarball
from tests.until import until

REFUSED = {
    "nothing of Python": (
        {"environment.yaml": "", "index.html": ""},
        "couldn't find any supported Python project files",
    ),
    "no manager file": (
        {"app.py": "", "environment.yaml": ""},
        "Error: Couldn't find any supported Python package manager files.",
    ),
    "two managers": (
        {"requirements.txt": "", "uv.lock": ""},
        "Error: Multiple Python package manager files were found.",
    ),
    "Pipfile alone": ({"Pipfile": ""}, "Error: No 'Pipfile.lock' found!"),
    "setup.py alone": ({"setup.py": ""}, "Error: Implicit setup.py file support has been sunset."),
    "committed venv": (
        {"requirements.txt": "", ".venv/x": ""},
        "Error: Existing '.venv/' directory found.",
    ),
    "uv without version": (
        {"uv.lock": "", "pyproject.toml": ""},
        "Error: No Python version was specified.",
    ),
    "uv and runtime.txt": (
        {"uv.lock": "", "runtime.txt": "python-3.11.4"},
        "Error: The runtime.txt file isn't supported when using uv.",
    ),
    "quoted version": (
        {"requirements.txt": "", ".python-version": '"3.11"'},
        "Error: Invalid Python version in .python-version.",
    ),
    "two versions": (
        {"requirements.txt": "", ".python-version": "3.11\n3.12\n"},
        "Error: Multiple Python versions found in .python-version.",
    ),
    "a byte order mark": (
        {"requirements.txt": "", ".python-version": "\ufeff3.11"},
        "Error: Unable to read .python-version.",
    ),
    "misspelt": (
        {"requirements.txt": "", ".python_version": "3.11"},
        "Error: Your .python-version file is spelled incorrectly.",
    ),
    "end of life": (
        {"requirements.txt": "", ".python-version": "3.8"},
        "Error: The requested Python version has reached end-of-life.",
    ),
    "unknown version": (
        {"requirements.txt": "", ".python-version": "3.99"},
        "Error: The requested Python version isn't recognised.",
    ),
    "package that is not there": (
        {**PLAIN, "requirements.txt": "./no/such/wheel-1-py3-none-any.whl\n"},
        "Error: Unable to install dependencies using pip.",
    ),
    "hook that fails": (
        {**PLAIN, "bin/post_compile": "#!/bin/sh\nexit 7\n"},
        "Error: The bin/post_compile script failed.",
    ),
}


@pytest.fixture(scope="module")
def app(heroku):
    return heroku.new(FROM_CONFIG="yes")


def wheel() -> bytes:
    """A package of one module, without dependencies."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("wee.py", "WORD = 'from a wheel'\n")
        archive.writestr(
            "wee-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: wee\nVersion: 1.0\n"
        )
        archive.writestr(
            "wee-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("wee-1.0.dist-info/RECORD", "wee.py,,\n")

    return made.getvalue()


@pytest.mark.parametrize("case", REFUSED)
def test_a_source_is_refused_in_the_buildpacks_words(heroku, app, case):
    files, words = REFUSED[case]
    releases = len(heroku.releases(app))
    build, output = heroku.build(app, files)
    assert words in output
    assert (build["status"], build["slug"], build["release"]) == ("failed", None, None)
    assert len(heroku.releases(app)) == releases


def test_a_build_installs_runs_hooks_and_releases(heroku):
    app = heroku.new(FROM_CONFIG="yes")
    files = {
        **PLAIN,
        "requirements.txt": "./wee-1.0-py3-none-any.whl\n",
        "wee-1.0-py3-none-any.whl": wheel(),
        "bin/pre_compile": '#!/bin/sh\necho "before $FROM_CONFIG"\n',
        "bin/post_compile": "#!/bin/sh\npython -c 'import wee; print(wee.WORD)'\n",
        "Procfile": "web: python sample_app.py\nworker: sleep 60\n",
    }
    build, output = heroku.build(app, files, version="iris-1.4.0+ab12cd3")
    assert build["status"] == "succeeded", output
    words = [
        "-----> Python app detected",
        "before yes",
        "wee==1.0",
        "from a wheel",
        "types -> web, worker",
    ]
    assert [word for word in words if word not in output] == []
    assert heroku.releases(app)[-1]["description"] == "Deploy iris-1.4"
    slug = heroku.call("GET", f"/apps/{app['id']}/slugs/{build['slug']['id']}")
    assert slug["process_types"] == {"web": "python sample_app.py", "worker": "sleep 60"}
    formation = heroku.call("GET", f"/apps/{app['id']}/formation")
    assert {entry["type"]: entry["quantity"] for entry in formation} == {"web": 1, "worker": 0}


def test_a_single_top_folder_is_taken_off(heroku):
    build, output = heroku.build(
        heroku.new(), {f"repo-abc/{name}": text for name, text in PLAIN.items()}
    )
    assert build["status"] == "succeeded", output


def test_a_tarball_cannot_write_outside(heroku, app):
    build, output = heroku.build(app, {"../outside": "x", **PLAIN})
    assert build["status"] == "failed"
    assert "cannot be unpacked" in output


def test_a_wrong_checksum_fails_the_build(heroku, app):
    build, output = heroku.build(app, PLAIN, checksum="SHA256:" + "0" * 64)
    assert (build["status"], "checksum does not match" in output) == ("failed", True)


def test_a_slug_that_is_too_large_fails_the_build(heroku, app):
    heroku.control("settings", slug_limit_bytes=10)
    try:
        build, output = heroku.build(app, PLAIN)
    finally:
        heroku.control("settings", slug_limit_bytes=500_000_000)

    assert build["status"] == "failed"
    assert "is too large (max is" in output


def test_a_build_is_answered_before_it_is_done_and_can_be_read_meanwhile(heroku, tmp_path):
    gate = tmp_path / "gate"
    app = heroku.new(GATE=str(gate))
    hook = '#!/bin/sh\necho first\nwhile [ ! -e "$GATE" ]; do sleep 0.05; done\necho last\n'
    build = heroku.start_build(app, {**PLAIN, "bin/pre_compile": hook})
    assert (build["status"], build["release"]) == ("pending", None)
    text = ""
    with heroku.public.stream("GET", build["output_stream_url"]) as answer:
        for part in answer.iter_text():
            text += part
            if "first" in text:
                gate.touch()

    assert "last" in text
    done = heroku.call("GET", f"/apps/{app['id']}/builds/{build['id']}")
    assert (done["status"], done["release"]["id"]) == ("succeeded", heroku.releases(app)[-1]["id"])


def test_a_pending_build_can_be_cancelled(heroku, app):
    build = heroku.start_build(app, {**PLAIN, "bin/pre_compile": "#!/bin/sh\nsleep 60\n"})
    heroku.call("DELETE", f"/apps/{app['id']}/builds/{build['id']}")
    path = f"/apps/{app['id']}/builds/{build['id']}"
    assert until(lambda: heroku.call("GET", path)["status"] == "failed", "the build ended")
    assert heroku.call("DELETE", path, 409)["id"] == "conflict"


def test_output_is_read_on_from_any_byte_after_a_break(heroku, app):
    build, output = heroku.build(app, {"app.py": ""})
    address = build["output_stream_url"]
    heroku.control("faults", kind="cut", path="/streams/*", bytes=40)
    got = b""
    with heroku.public.stream("GET", address) as cut, suppress(httpx.TransportError):
        for part in cut.iter_raw():
            got += part

    assert len(got) == 40
    rest = heroku.public.get(address, headers={"Range": f"bytes={len(got)}-"})
    assert rest.status_code == 206
    assert got.decode() + rest.text == output


def test_uploads_and_streams_refuse_and_count_a_bearer_token(heroku, app):
    blob = heroku.call("POST", "/sources")["source_blob"]
    before = len(heroku.account()["bearer_leaks"])
    assert heroku.api.put(blob["put_url"], content=b"x").status_code == 400
    assert len(heroku.account()["bearer_leaks"]) == before + 1


def test_an_upload_wants_a_length_and_no_content_type(heroku):
    url = heroku.call("POST", "/sources")["source_blob"]["put_url"]
    data = tarball(PLAIN)
    assert (
        heroku.public.put(
            url, content=data, headers={"Content-Type": "application/gzip"}
        ).status_code
        == 403
    )
    assert heroku.public.put(url, content=iter([data])).status_code == 411
    assert heroku.public.put(url, content=data).status_code == 200
