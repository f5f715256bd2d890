"""What state a run is in: told from its directory first, and from the scheduler's view of its job second."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from typing import Any, Literal

from harness.records import MissingFile, RunRecord, State
from harness.sweep.slurm.scheduler import Job

FRESH_SECONDS = 60.0
"""A worker on another host counts as alive while its heartbeat is younger than this."""

JobOf = Callable[[RunRecord], Job | None]
Found = Literal["missing", "queued", "lost"] | State


def found_state(record: RunRecord, job_of: JobOf | None = None) -> tuple[Found, dict[str, Any]]:
    """The state of a run and the content of its ``status.json`` (empty where there is none).

    - ``missing`` has no record yet;
    - ``pending`` was not started; if the job that held it has ended, the status says so as its error;
    - ``queued`` is not running, and a job that holds it has not ended: it waits in the scheduler's queue, or
      for its turn in a job, or its job's state is not known;
    - ``running``, without a living worker: ``preempted``, it goes on from its newest checkpoint. If a job
      holds it, it stays ``running`` while the scheduler says so or says nothing that is understood, and is
      ``queued`` if the job was put back. It is ``lost`` if its heartbeat is old and the scheduler no longer
      knows the job.

    Args:
        record: its directory.
        job_of: gives what the scheduler says of the job that holds it, if one does; asked only where the
            directory does not settle it.

    Raises:
        harness.records.RecordError: a damaged file.
    """
    try:
        status = record.status()
        state: Found = status["state"]
    except MissingFile:
        status, state = {}, "pending" if record.run_file.exists() else "missing"
    if state == "running" and not _worker_lives(record, status):
        status = {**status, "error": "the worker is gone"}
        state = "preempted"
        job = job_of(record) if job_of else None
        if job is not None and job.phase in ("running", "unknown"):
            return "running", status
        if job is not None and job.phase == "ended" and not _fresh(status):
            return "lost", {**status, "error": f"the worker is gone; its job: {job.said}"}
    if state in ("missing", "pending", "preempted") and job_of is not None:
        job = job_of(record)
        if job is not None and job.phase != "ended":
            return "queued", status
        if job is not None and state == "pending":
            said = f"its job ended before it was started: {job.said}"
            return state, {**status, "error": f"{said}, see {job.output}" if job.output else said}
    return state, status


def _worker_lives(record: RunRecord, status: dict[str, Any]) -> bool:
    host = status.get("hostname") or record.provenance.get("hostname") or platform.node()
    if host != platform.node():
        return _fresh(status)
    import psutil

    try:
        worker = psutil.Process(int(status["pid"]))
        # A process that began after the heartbeat was written only has the worker's number. Linux tells the
        # time of its start to about a second.
        older = worker.create_time() <= float(status["heartbeat"]) + 2.0
        return older and worker.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError):
        return False


def _fresh(status: dict[str, Any]) -> bool:
    """Whether the heartbeat is young; one from the future is not, since a clock has jumped."""
    return abs(time.time() - float(status["heartbeat"])) < FRESH_SECONDS
