"""Test the patch for file systems that refuse to set a file's mode."""

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.persistence.file import FilePersistence

from touchline.runs.refused_permissions import accept_refused_modes, is_tested


class Records(FilePersistence):
    """Snakemake's records, without a workflow."""

    def __init__(self):
        self._max_len = None


@pytest.fixture
def chmod_fails(monkeypatch):
    def fails(number):
        def refuse(path, *arguments, **options):
            raise OSError(number, os.strerror(number), str(path))

        monkeypatch.setattr(os, "chmod", refuse)

    return fails


def test_unpatched_snakemake_fails_if_modes_are_refused(tmp_path, chmod_fails):
    """The patch is no longer needed once this test fails."""
    assert is_tested()
    chmod_fails(errno.EPERM)
    with pytest.raises(PermissionError):
        Records()._io_write(str(tmp_path), {"a": 1}, "result")


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_patched_snakemake_writes_records_if_modes_are_refused(tmp_path, chmod_fails, number):
    patched = type("Patched", (Records,), {})
    accept_refused_modes(patched)
    chmod_fails(number)
    records = patched()
    records._io_write(str(tmp_path), {"a": 1}, "result")
    record = Path(records._record_path(str(tmp_path), "result"))
    assert json.loads(record.read_text()) == {"a": 1}


def test_patched_snakemake_still_raises_all_other_errors(tmp_path, chmod_fails):
    patched = type("Patched", (Records,), {})
    accept_refused_modes(patched)
    chmod_fails(errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        patched()._io_write(str(tmp_path), {"a": 1}, "result")
    stub = SimpleNamespace(_record_path=lambda subject, name: tmp_path / "missing")

    def refuse(self, *arguments):
        raise PermissionError(errno.EACCES, "Permission denied")

    unwritten = SimpleNamespace(_io_write=refuse)
    accept_refused_modes(unwritten)
    with pytest.raises(PermissionError):
        unwritten._io_write(stub, tmp_path, {}, "result")
