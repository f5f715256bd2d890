"""A run's record as points for a tracker: one per timestep at which something was written."""

from __future__ import annotations

import csv
import io
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.records import EPISODE_COLUMNS, RunRecord

STEP = "time/total_timesteps"
"""The metric that every other one is drawn over."""

WALL_CLOCK = ("time/fps", "time/time_elapsed")


@dataclass(frozen=True)
class Point:
    """What was measured at one timestep.

    Attributes:
        timestep: agent decisions over all environments.
        values: SB3's metrics where ``progress.csv`` has a row; of episodes that ended, ``episode/return`` and
            ``episode/length`` (means where several ended at once) and ``episode/number``, of the last one.
    """

    timestep: int
    values: dict[str, float]

    @property
    def digest(self) -> int:
        """CRC-32 of all that a repetition of the run would give again; wall-clock metrics are left out."""
        kept = sorted((name, value) for name, value in self.values.items() if name not in WALL_CLOCK)
        return zlib.crc32(repr((self.timestep, kept)).encode())


class RecordPoints:
    """Points of a record that may still grow, each once, in the order of their timesteps.

    The two files are written one after the other, so a point is given only when what else belongs to its
    timestep must have been written too.
    """

    def __init__(self, record: RunRecord) -> None:
        self._progress = _Tail(record.progress_file)
        self._episodes = _Tail(record.episodes_file)
        self._rows: dict[int, dict[str, float]] = {}
        self._ended: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
        self._given = -1

    def complete(self) -> Iterator[Point]:
        """The points that are new since the last call."""
        self._read_progress()
        rows_until = max(self._rows, default=-1)
        self._read_episodes()
        episodes_before = max(self._ended, default=-1)
        self._read_progress()
        # Episodes up to a row's timestep stand before it is written, rows before the next episode is.
        yield from self._up_to(max(rows_until, episodes_before - 1))

    def rest(self) -> Iterator[Point]:
        """All points that are left; the run writes no more."""
        self._read_progress()
        self._read_episodes()
        yield from self._up_to(max((*self._rows, *self._ended), default=-1))

    def _up_to(self, last: int) -> Iterator[Point]:
        for timestep in sorted(t for t in {*self._rows, *self._ended} if t <= last):
            values = self._rows.pop(timestep, {})
            if episodes := self._ended.pop(timestep, []):
                numbers, returns, lengths = zip(*episodes, strict=True)
                values |= {
                    "episode/return": sum(returns) / len(returns),
                    "episode/length": sum(lengths) / len(lengths),
                    "episode/number": numbers[-1],
                }
            if timestep > self._given:
                self._given = timestep
                yield Point(timestep, {**values, STEP: timestep})

    def _read_progress(self) -> None:
        # Its columns grow, so the header may change: read whole, where it changed.
        text = self._progress.whole()
        if text is None:
            return
        for row in csv.DictReader(io.StringIO(text)):
            values = {name: number for name, value in row.items() if (number := _number(value)) is not None}
            timestep = values.get(STEP)
            if timestep is not None and timestep > self._given:
                self._rows.setdefault(int(timestep), {}).update(values)

    def _read_episodes(self) -> None:
        for line in self._episodes.new_lines():
            fields = line.split(",")
            if len(fields) != len(EPISODE_COLUMNS) or fields[0] == EPISODE_COLUMNS[0]:
                continue
            row = dict(zip(EPISODE_COLUMNS, map(_number, fields), strict=True))
            if None not in row.values():
                values = {name: float(value) for name, value in row.items() if value is not None}
                self._ended[int(values["timestep"])].append(
                    (values["episode"], values["return"], values["length"])
                )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


class _Tail:
    """A file that grows, or is replaced by a longer one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._offset = 0

    def whole(self) -> str | None:
        """The whole lines of the file if it changed since the last call."""
        try:
            with self._path.open("rb") as file:
                content = file.read()
        except FileNotFoundError:
            return None
        content = content[: content.rfind(b"\n") + 1]
        seen = (len(content), zlib.crc32(content))
        if seen == self._seen:
            return None
        self._seen = seen
        return content.decode(errors="replace")

    def new_lines(self) -> list[str]:
        """The whole lines that were added since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                added = file.read()
        except FileNotFoundError:
            return []
        added = added[: added.rfind(b"\n") + 1]
        self._offset += len(added)
        return added.decode(errors="replace").splitlines()
