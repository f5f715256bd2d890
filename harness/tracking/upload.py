"""A record's points, handed to W&B so that it ends up with each of them once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.records import RunRecord, State
from harness.tracking.client import WandbRun
from harness.tracking.describe import describe
from harness.tracking.points import Point
from harness.tracking.sent import Sent, place_of
from harness.tracking.settings import WandbBlock

Open = Callable[..., WandbRun]


class OtherHistory(Exception):
    """W&B holds points of this run that are not those of its record."""


@dataclass
class Counts:
    """What became of the points: ``sent`` now, ``there`` already, ``differing`` from what is there."""

    sent: int = 0
    there: int = 0
    differing: int = 0


class Upload:
    """The W&B run of a record, open for what it lacks.

    **Each point once.** W&B says at opening up to which timestep it has points. Those are passed over; what
    the record has beyond is sent. After a preemption the record is cut back to its checkpoint and grows
    again, with the same points (bit for bit on a CPU), so what W&B has of the part cut off stays true.

    **Where they are not the same** (a GPU, other code, a start from zero after ``--fresh``) this shows in the
    checksums of what was sent. With ``strict``, :class:`OtherHistory` is raised, and
    :meth:`begin_history` goes on in another W&B run; otherwise such points stay and are counted.

    Args:
        record: the run directory.
        settings: where to.
        strict: whether a difference is an error.
        open_run: opens the W&B run.
    """

    def __init__(
        self, record: RunRecord, settings: WandbBlock, *, strict: bool, open_run: Open = WandbRun
    ) -> None:
        self.counts = Counts()
        self._record, self._settings, self._strict, self._open = record, settings, strict, open_run
        self._description = describe(record)
        directory, place = tracker_directory(record), [settings.entity, settings.project]
        online = settings.mode == "online"
        if not online and place_of(directory) is None:
            Sent(directory, place)  # notes the place that the files are for
        self._sent = Sent(directory, place) if online else None
        self._run = self._open_run()

    @property
    def run_id(self) -> str:
        """Id of the W&B run."""
        return self._description.id_of(self._sent.history if self._sent else 0)

    @property
    def last_timestep(self) -> int:
        """Of the points that W&B had at opening, -1 for none."""
        return self._run.last_timestep

    def _open_run(self) -> WandbRun:
        history = self._sent.history if self._sent else 0
        return self._open(self._description, history, self._settings, self._record.directory)

    def add(self, points: Iterable[Point]) -> None:
        """Hand over what W&B does not have yet.

        Raises:
            OtherHistory: see above.
        """
        new = []
        for point in points:
            if point.timestep > self._run.last_timestep:
                self._run.log(point)
                new.append(point)
            elif self._sent is not None and self._sent.contradicts(point):
                if self._strict:
                    raise OtherHistory(f"other points than the record's, from timestep {point.timestep} on")
                self.counts.differing += 1
            else:
                self.counts.there += 1
        if new and self._sent is not None:
            self._sent.add(new)
        self.counts.sent += len(new)

    def begin_history(self) -> None:
        """Leave the W&B run as it is, and open another one for the record from its beginning."""
        assert self._sent is not None
        while True:
            self._run.supersede()
            self._sent.begin_history()
            self._run = self._open_run()
            if self._run.last_timestep < 0:  # else its memory in the run directory was lost once
                break
        self.counts = Counts()

    def finish(self, state: State) -> None:
        """Wait until W&B has everything; see :meth:`WandbRun.finish`."""
        self._run.finish(state)


def tracker_directory(record: RunRecord) -> Path:
    """``<run>/wandb``: what the tracker remembers, and the client's files."""
    return record.directory / "wandb"
