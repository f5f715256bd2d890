"""Checkpoints: whole or not there, the newest two, and never read when damaged."""

from __future__ import annotations

import errno
import json
import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.runner.checkpoint import (
    CheckpointDamaged,
    CheckpointRefused,
    checkpoint_directories,
    open_checkpoint,
    remove_newer,
    write_checkpoint,
)

FILES = ("manifest.json", "training.pt", "environments.npz", "progress.csv")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "progress.csv").write_text("a,b\n1,2\n")
    return tmp_path / "checkpoints"


def write(root: Path, timesteps: int, size: int = 8) -> Path:
    manifest = {
        "timesteps": timesteps,
        "training_seconds": 1.5,
        "episodes": {"rows": 3, "size": 90, "crc32": 7},
    }
    training = {"weights": torch.arange(float(size)), "n": timesteps}
    environments = {"snapshot": {"actions": np.array([1, 2])}, "protocol": {"mean": np.array(0.5)}}
    return write_checkpoint(root, manifest, training, environments, root.parent / "progress.csv")


def test_what_was_written_is_read(root: Path, tmp_path: Path) -> None:
    checkpoint = open_checkpoint(write(root, 128))
    assert (checkpoint.timesteps, checkpoint.training_seconds) == (128, 1.5)
    assert (checkpoint.episodes.rows, checkpoint.episodes.size, checkpoint.episodes.crc32) == (3, 90, 7)
    assert torch.equal(checkpoint.training()["weights"], torch.arange(8.0))
    environments = checkpoint.environments()
    assert environments["snapshot"]["actions"].tolist() == [1, 2]
    assert environments["protocol"]["mean"] == 0.5
    (tmp_path / "progress.csv").write_text("a,b,c\nmore\n")
    checkpoint.restore_progress(tmp_path / "progress.csv")
    assert (tmp_path / "progress.csv").read_text() == "a,b\n1,2\n"


def test_the_newest_two_stay_and_left_overs_go(root: Path) -> None:
    write(root, 1)
    left_over = root / ".step-000000000099.tmp"
    left_over.mkdir()
    (left_over / "training.pt").write_bytes(b"half")
    assert [path.name for path in checkpoint_directories(root)] == ["step-000000000001"]
    paths = [write(root, timesteps) for timesteps in (20, 3_000_000_000_000, 300)]
    assert checkpoint_directories(root) == [paths[1], paths[2]]
    assert sorted(root.iterdir()) == sorted(paths[1:])
    remove_newer(root, 300)
    assert checkpoint_directories(root) == [paths[2]]


def test_the_directory_of_the_first_is_flushed_too(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr("harness.runner.checkpoint.sync_directory", flushed.append)
    write(root, 100)
    assert flushed[0] == root.parent
    assert flushed[-1] == root
    flushed.clear()
    write(root, 200)
    assert root.parent not in flushed


def test_no_directory_no_checkpoints(root: Path) -> None:
    assert checkpoint_directories(root) == []


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_damage_is_found_in_every_file(root: Path, name: str, damage: str) -> None:
    directory = write(root, 5)
    file = directory / name
    content = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    else:
        place = content.index(b"5") if name == "manifest.json" else len(content) // 2
        content[place] ^= 1
        file.write_bytes(content)
    with pytest.raises(CheckpointDamaged, match=name):
        open_checkpoint(directory)


@pytest.mark.parametrize("text", ["", "[]", "null", "7", "{}", "\0\0"])
def test_a_manifest_that_is_none_is_damage(root: Path, text: str) -> None:
    directory = write(root, 5)
    (directory / "manifest.json").write_text(text)
    with pytest.raises(CheckpointDamaged, match=r"manifest\.json: missing or no manifest"):
        open_checkpoint(directory)


def test_another_version_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.runner.checkpoint.CHECKPOINT_VERSION", 99)
    directory = write(root, 5)
    monkeypatch.undo()
    with pytest.raises(CheckpointRefused, match="checkpoint_version is 99, expected 1"):
        open_checkpoint(directory)


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("executed",))


def test_nothing_is_unpickled_as_code(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = {"timesteps": 1, "training_seconds": 0.0, "episodes": {"rows": 0, "size": 0, "crc32": 0}}
    arrays = {"snapshot": {"a": np.zeros(1)}}
    progress = root.parent / "progress.csv"
    checkpoint = open_checkpoint(write_checkpoint(root, manifest, {"x": Harmful()}, arrays, progress))
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.training()
    with (checkpoint.directory / "environments.npz").open("wb") as file:
        np.savez(file, **{"snapshot/a": np.array([Harmful()], dtype=object)})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        checkpoint.environments()
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("failing_call", [1, 2, 4, 5])
def test_a_full_disk_leaves_the_checkpoints_before(
    root: Path, failing_call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [write(root, 1), write(root, 2)]
    calls = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == failing_call:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(root, 3)
    assert sorted(root.iterdir()) == before
    for directory in before:
        open_checkpoint(directory)


def test_a_file_size_limit_is_an_os_error(root: Path) -> None:
    """A real refusal by the system, in a process of its own."""
    write(root, 1)
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_checkpoint import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try: write(Path(sys.argv[1]), 2, size=100_000)\n"
        "except OSError as error: print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    assert int(done.stdout) == errno.EFBIG
    assert [path.name for path in root.iterdir()] == ["step-000000000001"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20_000


def test_the_manifest_is_readable_json(root: Path) -> None:
    manifest = json.loads((write(root, 7) / "manifest.json").read_text())
    assert manifest["timesteps"] == 7
    assert set(manifest["files"]) == set(FILES) - {"manifest.json"}
    assert manifest["files"]["progress.csv"]["size"] == os.path.getsize(root.parent / "progress.csv")
