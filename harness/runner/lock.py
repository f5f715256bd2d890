"""One process at a time: an advisory lock file, freed by the system when its holder ends."""

from __future__ import annotations

import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.spec import SpecError

LOCK = ".lock"


class Locked(SpecError):
    """Another process holds the lock."""


@contextmanager
def lock(directory: Path, what: str, name: str = LOCK) -> Iterator[None]:
    """Hold ``directory/<name>``; the directory is made where it is missing.

    Args:
        directory: what is locked.
        what: its name in the message, e.g. ``sweep 'atari6'``.
        name: of the file; a supervisor's and its worker's differ.

    Raises:
        Locked: another process holds it.
        SpecError: the directory cannot be written; its cause is the OSError.
    """
    path = directory / name
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise SpecError(
            f"{error.filename}: cannot be written ({error.strerror}); expected a directory"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise Locked(f"{what} is already being run by {holder} (lock {path})") from None
        try:
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), f"process {os.getpid()} on {platform.node()}\n".encode())
        except OSError as error:
            raise SpecError(f"{path}: cannot be written ({error.strerror})") from error
        yield
