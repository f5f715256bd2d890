"""Whether runs whose speed counts were timed while others ran, which hold each other up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analysis.load import Run, Setting
from harness.records import RecordError, RunRecord


def crowded(timed: Iterable[Run], sweep: Sequence[Setting]) -> str:
    """Which of the ``timed`` runs another run of the ``sweep`` overlapped, in a sentence; "" for none.

    A run lasts from the start of its first attempt to its last heartbeat. One whose record does not say when
    it started (an import) is taken to have been alone.
    """
    spans = {run.directory: _span(run) for setting in sweep for run in setting.runs}
    known = {place: span for place, span in spans.items() if span is not None}
    beside = sum(
        any(
            place != run.directory and other[0] < mine[1] and mine[0] < other[1]
            for place, other in known.items()
        )
        for run in timed
        if (mine := known.get(run.directory)) is not None
    )
    if not beside:
        return ""
    return f"{beside} of the runs were timed beside others: speeds need --jobs 1"


def _span(run: Run) -> tuple[float, float] | None:
    """First start and last heartbeat, unix seconds."""
    record = RunRecord(run.directory)
    try:
        attempts, end = record.attempts, record.status().get("heartbeat")
    except RecordError:
        return None
    start = attempts[0].get("started") if attempts else None
    if not isinstance(start, int | float) or not isinstance(end, int | float):
        return None
    return float(start), float(end)
