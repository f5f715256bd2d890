"""Bytes that are on the disk when a call returns, whatever happens to the power then."""

from __future__ import annotations

import os
from pathlib import Path


def write_flushed(path: Path, content: bytes | memoryview) -> None:
    """Write ``content`` to ``path`` and flush it to the disk.

    Raises:
        OSError: it could not be written; the error names the file, of which a part may be there.
    """
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = str(path)
        raise


def sync_directory(path: Path) -> None:
    """Flush the names in a directory to the disk, after a file in it was made or renamed."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_flushed(path: Path, content: bytes | memoryview) -> None:
    """Replace ``path`` by ``content``: a reader sees the old file or the new one, also after a loss of power.

    Raises:
        OSError: it could not be written; the old file is untouched and nothing is left beside it.
    """
    aside = path.with_name(f".{path.name}.tmp")
    try:
        write_flushed(aside, content)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
