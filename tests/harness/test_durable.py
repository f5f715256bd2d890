"""Observation statistics are replaced as a whole or not at all, and are on the disk when the call returns."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from harness.durable import naming
from harness.records import RunRecord

OLD, NEW = {"obs_mean": np.zeros(3)}, {"obs_mean": np.ones(3)}


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    record = RunRecord(tmp_path)
    record.save_protocol_state(OLD)
    return record


def test_statistics_are_plain_arrays(record: RunRecord) -> None:
    record.save_protocol_state(NEW)
    with np.load(record.protocol_state_file, allow_pickle=False) as arrays:
        assert {name: array.tolist() for name, array in arrays.items()} == {"obs_mean": [1.0, 1.0, 1.0]}
    assert list(record.directory.iterdir()) == [record.protocol_state_file]


def test_statistics_and_their_name_are_flushed(record: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed = []

    def note(descriptor: int) -> None:
        flushed.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))

    monkeypatch.setattr("os.fsync", note)
    record.save_protocol_state(NEW)
    assert flushed == [record.directory / ".protocol_state.npz.tmp", record.directory]


def test_a_full_disk_leaves_the_old_file(record: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    before = record.protocol_state_file.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: .*protocol_state\.npz"):
        record.save_protocol_state(NEW)
    assert record.protocol_state_file.read_bytes() == before
    assert list(record.directory.iterdir()) == [record.protocol_state_file]


def test_an_error_names_the_file_and_nothing_else(tmp_path: Path) -> None:
    for error in (OSError(28, "full"), OSError(28, "full", str(tmp_path / "aside"), None, "there")):
        with pytest.raises(OSError, match="full") as raised, naming(tmp_path / "file", tmp_path / "aside"):
            raise error
        assert str(raised.value) == f"[Errno 28] full: '{tmp_path / 'file'}'"
