"""Files that a user asked for: whole or not at all, and what was there before stays until they are."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of ``path`` when the block ends without an error.

    A link stays one: what it points to is replaced, and keeps its permissions. A device or a pipe
    (``/dev/stdout``) is written to as it is.

    Raises:
        OSError: it cannot be written, and the error names ``path``; what was there is untouched, and nothing
            is left beside it.
    """
    name = f".harness-{os.getpid()}.tmp"  # short, since the file's own name may be as long as names can be
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        target = Path(os.path.realpath(path))
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        if mode is not None and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        aside = target.with_name(name)
        try:
            with aside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if mode is not None:
                aside.chmod(mode)
            aside.replace(target)
        finally:
            if aside.exists():
                aside.unlink()
    except OSError as error:
        if error.filename is None or Path(error.filename).name == name:
            error.filename, error.filename2 = str(path), None
        raise


def write_file(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in UTF-8; see :func:`replacing`."""
    with replacing(path) as file:
        file.write(text.encode())
