"""Files that are there whole or not at all, and on the disk when a call returns, whatever the power does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def naming(path: Path, instead_of: Path) -> Iterator[None]:
    """Have an error that names no file, or ``instead_of``, name ``path``: writes and flushes name none."""
    try:
        yield
    except OSError as error:
        if error.filename is None or Path(error.filename) == instead_of:
            error.filename = str(path)
            del error.filename2  # None in its place would be printed: 'path' -> None
        raise


@contextmanager
def written_aside(path: Path, aside: Path) -> Iterator[BinaryIO]:
    """A binary file ``aside`` that is flushed and renamed to ``path`` when the block ends without an error.

    A reader of ``path`` sees the old file or the new one, never a part.

    Args:
        path: what is replaced, or made.
        aside: where the new content lies meanwhile: a name in the same directory that nobody else writes to.

    Raises:
        OSError: it could not be written, and the error names ``path``; the old file is untouched, and nothing
            is left beside it.
    """
    try:
        with naming(path, instead_of=aside), aside.open("wb") as file:
            yield file
            _flush(file)
            aside.replace(path)
    finally:
        with suppress(OSError):
            aside.unlink()


def write_flushed(path: Path, content: bytes | memoryview) -> None:
    """Write ``content`` to ``path`` and flush it to the disk.

    Raises:
        OSError: it could not be written; the error names the file, of which a part may be there.
    """
    with naming(path, instead_of=path), path.open("wb") as file:
        file.write(content)
        _flush(file)


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
    with written_aside(path, path.with_name(f".{path.name}.tmp")) as file:
        file.write(content)
    sync_directory(path.parent)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
