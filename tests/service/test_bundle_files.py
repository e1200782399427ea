"""Nothing is opened for a bundle but regular files of a real folder."""

import os
import socket

import pytest

from service.bundle_files import UnreadableFile, read_file


@pytest.fixture
def folder(tmp_path):
    """A folder with a file of five bytes."""
    made = tmp_path / "v1"
    made.mkdir()
    (made / "file").write_bytes(b"12345")
    return made


def refused(folder, name="file", largest=5):
    """Why it is not read."""
    with pytest.raises(UnreadableFile) as error:
        read_file(folder, name, largest)
    return str(error.value)


def test_a_file_is_read_whole(folder):
    assert read_file(folder, "file", 5) == b"12345"


def test_a_file_that_is_larger_than_it_should_be_is_not(folder):
    assert (
        f"{folder / 'file'} was changed after it was signed: it has more than 4 bytes"
        in refused(folder, largest=4)
    )


def test_a_link_is_refused_wherever_it_leads(folder):
    (folder / "link").symlink_to(folder / "file")
    assert f"{folder / 'link'} is a link" in refused(folder, "link")
    (folder / "astray").symlink_to(folder / "nowhere")
    assert "astray is a link" in refused(folder, "astray")


def test_a_folder_that_is_a_link_is_refused(folder):
    (folder.parent / "v2").symlink_to(folder)
    assert "v2 is a link, and a bundle is a folder of its own" in refused(folder.parent / "v2")


def test_a_pipe_is_refused_at_once_though_nobody_writes_into_it(folder):
    os.mkfifo(folder / "pipe")
    assert "pipe is no regular file" in refused(folder, "pipe")


def test_a_folder_and_a_socket_are_no_files(folder):
    (folder / "inner").mkdir()
    assert "inner is no regular file" in refused(folder, "inner")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "socket"))
        assert "socket cannot be read" in refused(folder, "socket")


def test_a_device_is_refused(folder):
    if os.getuid() != 0:
        pytest.skip("only root makes devices")

    try:
        os.mknod(folder / "device", 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("no devices in this container")

    message = refused(folder, "device")
    assert "device" in message


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../v1/file", "/etc/hostname", "./file", "sub/file", "a\0b"]
)
def test_a_name_is_of_a_file_beside_the_manifest(folder, name):
    assert "a manifest may only vouch for files beside it" in refused(folder, name)


def test_what_is_missing_is_named(folder):
    assert f"{folder / 'none'} cannot be read: No such file" in refused(folder, "none")
    assert f"{folder / 'no' / 'file'} cannot be read: No such file" in refused(folder / "no")
