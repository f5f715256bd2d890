"""A run rebuilt in W&B from its directory, whatever became of its tracker."""

from __future__ import annotations

from dataclasses import dataclass

from harness.records import RunRecord
from harness.tracking.follow import alone
from harness.tracking.points import RecordPoints
from harness.tracking.settings import WandbBlock
from harness.tracking.upload import OtherHistory, Upload


@dataclass(frozen=True)
class Pushed:
    """What a push did.

    Attributes:
        run_id: the W&B run that now holds the record's points.
        sent: how many it lacked.
        there: how many it had.
        superseded: a W&B run that held points of another history, and was left.
    """

    run_id: str
    sent: int
    there: int
    superseded: str | None = None


def push(record: RunRecord, settings: WandbBlock) -> Pushed:
    """Send what W&B lacks of ``record``; a second push finds nothing to send.

    Where W&B holds points that are not the record's, the run is uploaded anew under the next id, and the W&B
    run before gets the tag ``superseded``. ``offline`` writes the whole record into files.

    Raises:
        Locked: the run's tracker is at it.
        RecordError: the record is damaged.
        Exception: the client's, where W&B cannot be reached, refuses or fails.
    """
    with alone(record):
        state = record.status()["state"]
        source = RecordPoints(record)
        points = list(source.complete() if state == "running" else source.rest())
        upload = Upload(record, settings, strict=True)
        superseded = None
        try:
            if points and state != "running" and upload.last_timestep > points[-1].timestep:
                raise OtherHistory(f"points beyond the record's last, at timestep {points[-1].timestep}")
            upload.add(points)
        except OtherHistory:
            superseded = upload.run_id
            upload.begin_history()
            upload.add(points)
        upload.finish("preempted" if state in ("running", "pending") else state)
        return Pushed(upload.run_id, upload.counts.sent, upload.counts.there, superseded)
