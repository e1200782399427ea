"""The release command: it proves a bundle where it will run, and says in one line why it cannot."""

import pytest

from service.proof.self_test import main
from tests.service.service_client import SECRET


@pytest.fixture
def proved(monkeypatch, capsys, harness):
    """proved(folder, **variables): exit code, what it said, and what it complained of."""

    def run(folder, **variables):
        named = {
            "SLUICE_BUNDLE": str(folder),
            "SLUICE_PUBLIC_KEY": str(harness.public),
            **variables,
        }
        for name, value in {"SLUICE_SERVICE_SECRET": SECRET, "SLUICE_RUNTIME": "", **named}.items():
            monkeypatch.setenv(name, value)

        code = main()
        message = capsys.readouterr()
        return code, message.out, message.err

    return run


def test_a_good_bundle_is_proved_on_its_certified_runtime(proved, delivered):
    code, out, err = proved(delivered("logistic"))
    assert (code, err) == (0, "")
    assert out.startswith("logistic: ")
    assert out.endswith(" golden rows answered by onnx\n")


def test_it_is_proved_on_the_runtime_that_will_serve(proved, delivered):
    assert proved(delivered("logistic"), SLUICE_RUNTIME="sklearn")[1].endswith(
        "answered by sklearn\n"
    )


def test_a_changed_bundle_is_named(proved, copy):
    folder = copy("logistic")
    (folder / "model.onnx").write_bytes(b"another")
    code, out, err = proved(folder)
    assert (code, out) == (1, "")
    assert err.startswith(f"{folder / 'model.onnx'} was changed after it was signed")
    assert len(err.splitlines()) == 1


def test_a_missing_variable_is_named(proved, delivered):
    code, _, err = proved(delivered("logistic"), SLUICE_SERVICE_SECRET="short")
    assert code == 1
    assert err.startswith("SLUICE_SERVICE_SECRET is missing or shorter")
