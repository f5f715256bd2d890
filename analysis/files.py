"""Files that a user asked for: whole or not at all, and what was there before stays until they are."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harness.durable import naming, written_aside


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of ``path`` when the block ends without an error.

    A link stays one: what it points to is replaced, and keeps its permissions. A device or a pipe
    (``/dev/stdout``) is written to as it is.

    Raises:
        OSError: it cannot be written, and the error names ``path``; what was there is untouched, and nothing
            is left beside it.
    """
    target = Path(os.path.realpath(path))
    with naming(path, instead_of=target):
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
        if mode is not None and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        # A short name, since the file's own may be as long as names can be.
        with written_aside(target, target.with_name(f".harness-{os.getpid()}.tmp")) as file:
            yield file
            if mode is not None:
                os.fchmod(file.fileno(), mode)


def write_file(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` in UTF-8; see :func:`replacing`."""
    with replacing(path) as file:
        file.write(text.encode())
