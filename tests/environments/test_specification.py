"""What an environment holds: the model's own versions first, then those of the lock."""

from importlib.metadata import version

import pytest

from environments.errors import EnvironmentFailure
from environments.lockfile import Pin
from environments.specification import Specification, check_pins, delivering, serving

LOCK = {
    "flask": Pin("3.1.0", ("sha256:aa",)),
    "numpy": Pin("2.4.6", ("sha256:bb", "sha256:cc")),
    "protobuf": Pin("5.0", ()),
    "pytest": Pin("9.0", ()),
}


def test_the_models_versions_win_and_the_service_has_those_that_run_here() -> None:
    found = serving({"numpy": "2.2.1", "scikit-learn": "1.7.2"}, {}, LOCK, "v1")
    assert found.requirements == ("numpy==2.2.1", "scikit-learn==1.7.2")
    assert {f"flask=={version('flask')}", f"gunicorn=={version('gunicorn')}"} <= set(found.own)
    assert not any(line.startswith("numpy==") for line in found.own)
    assert found.complete
    assert found.pins["numpy"] == "2.2.1"
    assert found.pins["flask"] == version("flask")


def test_a_version_of_the_lock_has_its_hashes() -> None:
    found = serving({"numpy": "2.4.6"}, {}, LOCK, "v1")
    assert "numpy==2.4.6 --hash=sha256:bb --hash=sha256:cc" in found.requirements


def test_an_older_bundle_lets_what_it_pins_come_with_the_packages() -> None:
    found = serving({"numpy": "2.2.1"}, {"numpy": "2.2.1", "narwhals": "2.0"}, LOCK, "v1")
    assert found.constraints == ("narwhals==2.0",)
    assert not found.complete


def test_the_same_packages_have_one_digest_and_others_another() -> None:
    first = serving({"numpy": "2.2.1"}, {}, LOCK, "v1")
    assert first.digest == serving({"numpy": "2.2.1"}, {}, LOCK, "v2").digest
    assert first.digest != serving({"numpy": "2.2.2"}, {}, LOCK, "v1").digest
    assert len(first.digest) == 16


def test_a_delivery_has_the_users_versions_and_else_those_of_the_lock() -> None:
    found = delivering({"numpy": "==2.2.1", "lightgbm": ""}, LOCK)
    assert {"numpy==2.2.1", "lightgbm", "skl2onnx", "uv"} <= set(found.requirements)
    assert found.constraints == ("protobuf==5.0", "pytest==9.0")
    assert f"flask=={version('flask')}" in found.own


BAD = [
    {"numpy": "2.2.1 --index-url https://example.org"},
    {"numpy": "2.2.1\n-e ."},
    {"numpy @ https://example.org/x.whl": "1"},
    {"-r": "1"},
    {"--index-url": "1"},
    {"Numpy": "1"},
    {"numpy": "*"},
    {"numpy": ""},
    {"numpy": 2},
    {3: "1"},
]


@pytest.mark.parametrize("pins", BAD)
def test_what_is_no_exact_version_is_refused(pins: dict[str, str]) -> None:
    with pytest.raises(EnvironmentFailure, match=r"v1 needs .* no exact version of a package"):
        check_pins(pins, "v1")


def test_too_many_packages_are_refused() -> None:
    with pytest.raises(EnvironmentFailure, match="more than 500"):
        check_pins({f"x{number}": "1" for number in range(501)}, "v1")


def test_a_specification_of_nothing_has_a_digest() -> None:
    assert Specification(()).digest


def test_a_version_that_a_pickle_made_up_is_refused() -> None:
    with pytest.raises(EnvironmentFailure, match="is no version of a package"):
        delivering({"scikit-learn": "==1.7.2 --index-url https://example.org"}, LOCK)
