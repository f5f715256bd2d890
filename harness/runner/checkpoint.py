"""Checkpoints on disk: written aside, flushed, renamed; checked when read; never executed.

::

    checkpoints/step-000000128000/
      manifest.json      what the checkpoint is of, and size and SHA-256 of each other file
      training.pt        tensors and plain data; read with ``torch.load(weights_only=True)``
      environments.npz   arrays; read with ``allow_pickle=False``
      progress.csv       the run's ``progress.csv`` at that time

The manifest carries its own digest. A checkpoint that is not exactly as it was written is refused as damaged.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.durable import sync_directory, write_flushed
from harness.records import EpisodeMark

CHECKPOINT_VERSION = 1
N_KEPT = 2
_NAME = re.compile(r"step-(\d{12,})")
_MANIFEST = "manifest.json"
_TRAINING, _ENVIRONMENTS, _PROGRESS = "training.pt", "environments.npz", "progress.csv"

Arrays = Mapping[str, NDArray[Any]]


class CheckpointDamaged(ValueError):
    """A file of a checkpoint is missing, cut off or altered; the message names it."""


class CheckpointRefused(ValueError):
    """The checkpoint is intact but of another run, another version or other code; the message says which."""


@dataclass(frozen=True)
class Checkpoint:
    """An intact checkpoint.

    Attributes:
        directory: where it lies.
        manifest: its ``manifest.json`` without the digest.
    """

    directory: Path
    manifest: dict[str, Any]

    @property
    def timesteps(self) -> int:
        """Timesteps done, over all environments."""
        return int(self.manifest["timesteps"])

    @property
    def training_seconds(self) -> float:
        """Seconds of training that led here."""
        return float(self.manifest["training_seconds"])

    @property
    def episodes(self) -> EpisodeMark:
        """Where ``episodes.csv`` stood."""
        return EpisodeMark(**self.manifest["episodes"])

    def training(self) -> dict[str, Any]:
        """The training state, its tensors on the CPU."""
        path = self.directory / _TRAINING
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state

    def environments(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Groups of arrays by name, as they were given to :func:`write_checkpoint`."""
        groups: dict[str, dict[str, NDArray[Any]]] = {}
        with np.load(self.directory / _ENVIRONMENTS, allow_pickle=False) as arrays:
            for key in arrays.files:
                group, _, name = key.partition("/")
                groups.setdefault(group, {})[name] = arrays[key]
        return groups

    def restore_progress(self, path: Path) -> None:
        """Make ``path`` the ``progress.csv`` of that time."""
        shutil.copyfile(self.directory / _PROGRESS, path)


def checkpoint_directories(root: Path) -> list[Path]:
    """The complete checkpoints below ``root``, whole or damaged, the newest first."""
    if not root.is_dir():
        return []
    found = [(int(match[1]), path) for path in root.iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found, reverse=True)]


def write_checkpoint(
    root: Path,
    manifest: Mapping[str, Any],
    training: Mapping[str, Any],
    environments: Mapping[str, Arrays],
    progress: Path,
) -> Path:
    """Write a checkpoint, of which there is none at its timestep yet; return its directory.

    It is complete on disk under its name, or not there at all: a reader never sees a part, also after a loss
    of power. Only the newest :data:`N_KEPT` stay. Left-overs of interrupted writes are removed.

    Args:
        root: the run's ``checkpoints`` directory; made where it is missing.
        manifest: ``timesteps``, ``training_seconds``, ``episodes``, and what it is of.
        training: a tree for ``torch.save``.
        environments: groups of arrays by name.
        progress: the run's ``progress.csv``.

    Raises:
        OSError: it could not be written, because the disk is full for example; those before are untouched.
    """
    if not root.is_dir():
        root.mkdir()
        sync_directory(root.parent)
    _remove_left_overs(root)
    target = root / f"step-{int(manifest['timesteps']):012d}"
    aside = root / f".{target.name}.tmp"
    try:
        aside.mkdir()
        files = {}
        for name, content in (
            (_TRAINING, _saved(training)),
            (_ENVIRONMENTS, _archive(environments)),
            (_PROGRESS, progress.read_bytes()),
        ):
            files[name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            write_flushed(aside / name, content)
        body = {"checkpoint_version": CHECKPOINT_VERSION, **manifest, "files": files}
        text = json.dumps({"sha256": _digest(body), **body}, indent=2, allow_nan=False)
        write_flushed(aside / _MANIFEST, text.encode())
        sync_directory(aside)
        aside.rename(target)
        sync_directory(root)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    keep_newest(root, N_KEPT)
    return target


def open_checkpoint(directory: Path) -> Checkpoint:
    """Check every byte of a checkpoint and return it.

    Raises:
        CheckpointDamaged: a file is missing, cut off or altered.
        CheckpointRefused: it was written by another version of the format.
        OSError: a file cannot be read.
    """
    path = directory / _MANIFEST
    try:
        body = json.loads(path.read_bytes())
        digest = body.pop("sha256")
    except (FileNotFoundError, ValueError, AttributeError, TypeError, KeyError):
        raise CheckpointDamaged(f"{path}: missing or no manifest") from None
    if digest != _digest(body):
        raise CheckpointDamaged(f"{path}: its content does not match its checksum")
    version = body["checkpoint_version"]
    if version != CHECKPOINT_VERSION:
        raise CheckpointRefused(f"{path}: checkpoint_version is {version}, expected {CHECKPOINT_VERSION}")
    for name, expected in body["files"].items():
        file = directory / name
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            raise CheckpointDamaged(f"{file}: no such file") from None
        if len(content) != expected["size"]:
            raise CheckpointDamaged(f"{file}: {len(content)} bytes, expected {expected['size']}")
        if hashlib.sha256(content).hexdigest() != expected["sha256"]:
            raise CheckpointDamaged(f"{file}: its content does not match its checksum")
    return Checkpoint(directory, body)


def keep_newest(root: Path, number: int) -> None:
    """Remove all checkpoints but the newest ``number``."""
    for directory in checkpoint_directories(root)[number:]:
        shutil.rmtree(directory)


def remove_newer(root: Path, timesteps: int) -> None:
    """Remove the checkpoints after ``timesteps``, from which nothing will continue."""
    for directory in checkpoint_directories(root):
        if int(directory.name.removeprefix("step-")) > timesteps:
            shutil.rmtree(directory)


def _saved(tree: Mapping[str, Any]) -> memoryview:
    # In memory first: torch's own writer turns a full disk into an error that does not say so.
    buffer = io.BytesIO()
    torch.save(dict(tree), buffer)
    return buffer.getbuffer()


def _archive(groups: Mapping[str, Arrays]) -> memoryview:
    buffer = io.BytesIO()
    arrays = {f"{group}/{name}": array for group, named in groups.items() for name, array in named.items()}
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getbuffer()


def _remove_left_overs(root: Path) -> None:
    for path in root.glob(".step-*.tmp"):
        shutil.rmtree(path)


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()
