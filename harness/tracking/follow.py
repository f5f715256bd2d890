"""A run followed to its end: what its record gains goes to W&B."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.records import RecordError, RunRecord, State
from harness.runner.lock import Locked, lock
from harness.tracking.notes import note
from harness.tracking.points import RecordPoints
from harness.tracking.settings import WandbBlock
from harness.tracking.upload import OtherHistory, Upload, tracker_directory

POLL_SECONDS = 2.0
LOCK_SECONDS = 30.0
"""How long a tracker waits for the one before it, of an attempt that has just ended."""


def follow(record: RunRecord, settings: WandbBlock, poll: float = POLL_SECONDS) -> None:
    """Send the points of ``record`` as they come, until ``status.json`` says that the attempt has ended.

    Args:
        record: the run directory.
        settings: where to.
        poll: seconds between looks at it.

    Raises:
        Locked: another tracker follows the run.
        Exception: the client's, where W&B cannot be reached, refuses or fails.
    """
    with alone(record, LOCK_SECONDS):
        # Until then the files may still be cut back to the checkpoint.
        while not _under_way(record):
            time.sleep(poll)
        upload = Upload(record, settings, strict=began_at_zero(record))
        points = RecordPoints(record)
        while True:
            state = _state(record)
            try:
                upload.add(points.complete() if state == "running" else points.rest())
            except OtherHistory as other:
                note(record, f"{upload.run_id} holds {other}; this attempt goes to another W&B run")
                upload.begin_history()
                points = RecordPoints(record)
                continue
            if state != "running":
                break
            time.sleep(poll)
        upload.finish(state)
        if upload.counts.differing:
            note(
                record,
                f"{upload.counts.differing} points in {upload.run_id} are of an attempt that was cut back, "
                f"not of the record; `harness wandb push {record.directory}` makes a run without them",
            )


@contextmanager
def alone(record: RunRecord, seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock of the run's tracker, after at most ``seconds`` of waiting.

    Raises:
        Locked: another process has it.
    """
    deadline = time.monotonic() + seconds
    while True:
        held = lock(tracker_directory(record), f"W&B's tracking of {record.directory}")
        try:
            held.__enter__()
            break
        except Locked:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.5)
    try:
        yield
    finally:
        held.__exit__(None, None, None)


def began_at_zero(record: RunRecord) -> bool:
    """Whether the newest attempt did not go on from a checkpoint."""
    attempts = record.attempts
    return not attempts or not attempts[-1].get("resumed_at")


def _under_way(record: RunRecord) -> bool:
    """Whether the newest attempt trains (its recorder's status says for how long), or has ended."""
    try:
        status = record.status()
    except RecordError:
        return False
    return status["state"] not in ("running", "pending") or "training_seconds" in status


def _state(record: RunRecord) -> State:
    try:
        state: State = record.status()["state"]
    except RecordError:  # being replaced on a slow file system
        return "running"
    return state
