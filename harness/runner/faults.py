"""What an error that ended a run means: its exit code, and the line for the record."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Iterator
from pathlib import Path

import harness.envs
from harness.envs.base import EnvironmentFault
from harness.runner.checkpoint import CheckpointDamaged, CheckpointRefused
from harness.runner.exit_codes import ExitCode
from harness.runner.stop import Preempted
from harness.spec import SpecError

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
_OWN: dict[type[BaseException], ExitCode] = {
    Preempted: ExitCode.PREEMPTED,
    CheckpointDamaged: ExitCode.CHECKPOINT_DAMAGED,
    CheckpointRefused: ExitCode.CHECKPOINT_REFUSED,
    EnvironmentFault: ExitCode.ENVIRONMENT_FAULT,
    SpecError: ExitCode.USAGE,
}
"""Errors whose message says everything."""


def judge(error: BaseException, env_id: str | None = None) -> tuple[ExitCode, str]:
    """The exit code for ``error`` and one line about it.

    Args:
        error: what ended the run.
        env_id: of the run's environment, for an error that came out of it.
    """
    for kind, code in _OWN.items():
        if isinstance(error, kind):
            return code, _line(str(error))
    for link in _chain(error):
        if isinstance(link, OSError) and link.errno in _DISK:
            place = f"{link.filename}: " if link.filename else ""
            return ExitCode.DISK, _line(f"{place}cannot be written: {link.strerror}")
    named = _line(f"{type(error).__name__}: {error}")
    if _came_out_of_an_environment(error):
        return ExitCode.ENVIRONMENT_FAULT, f"environment {env_id} raised {named}"
    return ExitCode.FAILED, named


def _line(text: str) -> str:
    return " ".join(text.split())


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _came_out_of_an_environment(error: BaseException) -> bool:
    room = Path(harness.envs.__file__).parent
    return any(Path(frame.filename).parent == room for frame in traceback.extract_tb(error.__traceback__))
