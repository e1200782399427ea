"""Bundles: nothing is started whose seal does not hold."""

import dataclasses
import os

import pytest

from deployment.workspace.bundles import (
    check_belongs,
    check_seal,
    delivered,
    golden_rows,
    read_release,
    sealed_files,
)
from deployment.workspace.errors import ContractBroken, EdgeFailure
from rollout.state.segments import SegmentColumn
from tests.deployment.project_harness import ProjectHarness


def test_a_bundle_as_it_was_signed_holds(project: ProjectHarness) -> None:
    project.deliver("v1")
    here = project.workspace()
    release = read_release(here.releases, "v1")
    check_seal(release, here.public_key)
    check_belongs(release, "flights")
    assert (release.runtime, release.tolerance, len(release.digest)) == ("onnx", 1e-5, 64)
    assert golden_rows(release).predictions[:2] == [2, 4]


def test_the_scale_of_its_answers_is_read_where_the_bundle_names_one(
    project: ProjectHarness,
) -> None:
    project.deliver("v1")
    project.deliver("v2", comparison={"golden": 1e-5, "scale": 1e-6})
    releases = project.workspace().releases
    assert [read_release(releases, name).scale for name in ("v1", "v2")] == [1.0, 1e-6]


@pytest.mark.parametrize("name", ["golden.jsonl", "release.yaml", "signature"])
def test_a_changed_file_is_named(project: ProjectHarness, name: str) -> None:
    path = project.deliver("v1") / name
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1) + b" \n")
    here = project.workspace()
    if name == "signature":
        path.write_bytes(b"AAAA")

    with pytest.raises(ContractBroken, match="release.yaml" if name == "signature" else name):
        check_seal(read_release(here.releases, "v1"), here.public_key)


def test_a_bundle_of_another_key_is_refused(project: ProjectHarness) -> None:
    other = ProjectHarness(project.folder / "other")
    other.deliver("v1")
    release = read_release(other.workspace().releases, "v1")
    with pytest.raises(ContractBroken, match="was not signed with"):
        check_seal(release, project.workspace().public_key)


def test_without_a_public_key_nothing_holds(project: ProjectHarness) -> None:
    project.deliver("v1")
    with pytest.raises(ContractBroken, match=r"sluice\.pub"):
        check_seal(read_release(project.workspace().releases, "v1"), project.folder / "sluice.pub")


def test_a_bundle_of_another_model_or_name_is_refused(project: ProjectHarness) -> None:
    project.deliver("v1")
    release = read_release(project.workspace().releases, "v1")
    with pytest.raises(ContractBroken, match="not v1 of 'trains'"):
        check_belongs(release, "trains")

    with pytest.raises(ContractBroken, match="holds v1"):
        check_belongs(dataclasses.replace(release, name="v2"), "flights")


def test_a_version_that_was_not_delivered_is_told_with_those_that_were(
    project: ProjectHarness,
) -> None:
    project.deliver("v1")
    with pytest.raises(
        EdgeFailure, match=r"v9 is not delivered \(.* has v1\): `python deploy.py deliver v9"
    ):
        read_release(project.workspace().releases, "v9")


def test_half_delivered_bundles_do_not_count(project: ProjectHarness) -> None:
    path = project.deliver("v1")
    path.rename(path.with_name(".v1.partial-12"))
    assert delivered(project.workspace().releases) == []


def test_a_manifest_that_is_none_is_refused(project: ProjectHarness) -> None:
    (project.deliver("v1") / "release.yaml").write_text("[1, 2]")
    with pytest.raises(ContractBroken, match="cannot be read"):
        read_release(project.workspace().releases, "v1")


@pytest.mark.parametrize("name", ["golden.jsonl", "release.yaml", "signature"])
def test_a_link_or_a_pipe_in_the_place_of_a_file_is_refused(
    project: ProjectHarness, name: str
) -> None:
    path = project.deliver("v1") / name
    kept = path.rename(project.folder / name)
    here = project.workspace()
    path.symlink_to(kept)
    with pytest.raises(ContractBroken, match=f"{name} is a link"):
        check_seal(read_release(here.releases, "v1"), here.public_key)

    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ContractBroken, match=f"{name} is no regular file"):
        check_seal(read_release(here.releases, "v1"), here.public_key)


def test_a_bundle_that_is_a_link_is_refused(project: ProjectHarness) -> None:
    (project.deliver("v1").parent / "v2").symlink_to(project.folder / "releases" / "v1")
    with pytest.raises(ContractBroken, match="v2 is a link"):
        read_release(project.workspace().releases, "v2")


@pytest.mark.parametrize("name", ["v1/../v1", "./v1", "../releases/v1", "v1/", "", "/etc"])
def test_a_version_is_one_folder_of_the_releases(project: ProjectHarness, name: str) -> None:
    project.deliver("v1")
    with pytest.raises(EdgeFailure, match="is no version: letters, digits"):
        read_release(project.workspace().releases, name)


def test_a_bundle_of_another_format_is_to_be_delivered_again(project: ProjectHarness) -> None:
    project.deliver("v1", format=1)
    with pytest.raises(
        ContractBroken, match="has format 1, this Sluice reads format 2: deliver v1 again"
    ):
        read_release(project.workspace().releases, "v1")


def test_the_bytes_that_were_checked_are_those_that_are_given(project: ProjectHarness) -> None:
    path, here = project.deliver("v1"), project.workspace()
    release = read_release(here.releases, "v1")
    files = sealed_files(release, here.public_key)
    assert next(files) == ("release.yaml", release.raw)
    (path / "release.yaml").write_bytes(b"swapped")
    assert next(files)[0] == "signature"
    (path / "golden.jsonl").write_bytes(b"swapped")
    with pytest.raises(ContractBroken, match=r"golden\.jsonl was changed"):
        next(files)


def test_side_effects_and_segments_are_read_where_the_bundle_has_them(
    project: ProjectHarness,
) -> None:
    listed = [{"column": "airline", "values": ["UA", "AA"]}]
    project.deliver("v1")
    project.deliver("v2", side_effects=True, segments=listed)
    releases = project.workspace().releases
    older, newer = read_release(releases, "v1"), read_release(releases, "v2")
    assert (older.side_effects, older.segments) == (False, ())
    assert (newer.side_effects, newer.segments) == (
        True,
        (SegmentColumn("airline", ("UA", "AA")),),
    )
