"""Tests of the permissions of written files."""

import errno
import os
import struct

import pytest

from touchline.core.files import write_text

# Tag, permissions and id of each entry, as in <linux/posix_acl_xattr.h>, for a group with this id.
_GROUP = 4321
_ENTRIES = [(0x01, 7, -1), (0x04, 5, -1), (0x08, 7, _GROUP), (0x10, 7, -1), (0x20, 5, -1)]


@pytest.fixture
def refused(monkeypatch):
    """Make every change of permissions fail, as on CIFS, or on ZFS and NFSv4 with access lists."""

    def refuse(*arguments, **options):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    for name in ("chmod", "fchmod", "lchmod"):
        monkeypatch.setattr(os, name, refuse, raising=False)


def test_result_is_written_when_permissions_cannot_be_set(tmp_path, refused):
    for text in ("first", "second"):
        write_text(tmp_path / "results" / "a.txt", text)
    assert (tmp_path / "results" / "a.txt").read_text() == "second"
    assert len(list((tmp_path / "results").iterdir())) == 1


def test_written_file_inherits_the_group_access_of_its_folder(tmp_path):
    acl = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", tag, bits, number & 0xFFFFFFFF) for tag, bits, number in _ENTRIES
    )
    try:
        os.setxattr(tmp_path, "system.posix_acl_default", acl)
    except OSError as error:
        pytest.skip(f"there are no access lists here: {error}")
    write_text(tmp_path / "a.txt", "text")
    written = os.getxattr(tmp_path / "a.txt", "system.posix_acl_access")[4:]
    bits = {tag: bits for tag, bits, _ in struct.iter_unpack("<HHI", written)}
    # The mask limits the group's entry, which allows reading and writing.
    assert bits[0x08] & bits[0x10] == 6
