"""What state a run is in, told from its directory and from whether its worker still lives."""

from __future__ import annotations

import platform
import time
from typing import Any, Literal

from harness.records import RunRecord, State

FRESH_SECONDS = 60.0
"""A worker on another host counts as alive while its heartbeat is younger than this."""

Found = Literal["missing"] | State


def found_state(record: RunRecord) -> tuple[Found, dict[str, Any]]:
    """The state of a run and the content of its ``status.json`` (empty where there is none).

    ``missing`` has no record yet. A run that says ``running`` but whose worker is gone is ``interrupted``.

    Raises:
        harness.records.RecordError: a damaged file.
    """
    if not record.status_file.exists():
        return ("pending" if record.run_file.exists() else "missing"), {}
    status = record.status()
    state: State = status["state"]
    if state == "running" and not _worker_lives(record, status):
        return "interrupted", {**status, "error": "the worker is gone"}
    return state, status


def _worker_lives(record: RunRecord, status: dict[str, Any]) -> bool:
    host = status.get("hostname") or record.provenance.get("hostname") or platform.node()
    if host != platform.node():
        return bool(time.time() - float(status["heartbeat"]) < FRESH_SECONDS)
    import psutil

    try:
        worker = psutil.Process(int(status["pid"]))
        # A process that began after the heartbeat was written only has the worker's number. Linux tells the
        # time of its start to about a second.
        older = worker.create_time() <= float(status["heartbeat"]) + 2.0
        return older and worker.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, KeyError):
        return False
