"""Which points of a run were handed to W&B, so that a later attempt can tell whether they are still true."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.records import RecordError, read_json, write_json
from harness.tracking.points import Point


class Sent:
    """The memory of a run's tracker, in its directory: ``state.json`` and one ``sent-<history>.csv``.

    Args:
        directory: ``<run>/wandb``.
        place: where the points go, e.g. the entity and the project; another one begins with nothing sent.

    Attributes:
        history: number of the W&B run that the points went to, from 0.
    """

    def __init__(self, directory: Path, place: list[str | None]) -> None:
        self._directory = directory
        self._place = place
        state = _state(directory / "state.json")
        known = state.get("place") == place
        self.history = int(state.get("history", 0)) if known else 0
        if not known:
            self._begin()
        self._digests = dict(_rows(self._file))

    @property
    def _file(self) -> Path:
        return self._directory / f"sent-{self.history}.csv"

    def _begin(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._file.write_text("timestep,crc32\n", encoding="ascii")
        write_json(self._directory / "state.json", {"place": self._place, "history": self.history})

    def begin_history(self) -> None:
        """From here on points go to another W&B run, which has none yet."""
        self._file.unlink(missing_ok=True)
        self.history += 1
        self._begin()
        self._digests = {}

    def contradicts(self, point: Point) -> bool:
        """Whether another point was sent for the same timestep."""
        return self._digests.get(point.timestep, point.digest) != point.digest

    def add(self, points: Iterable[Point]) -> None:
        """Note that ``points`` were handed over."""
        lines = []
        for point in points:
            self._digests[point.timestep] = point.digest
            lines.append(f"{point.timestep},{point.digest}\n")
        with self._file.open("a", encoding="ascii") as file:
            file.writelines(lines)


def place_of(directory: Path) -> tuple[str | None, str] | None:
    """Entity and project that the points of the run with tracker directory ``directory`` went to last."""
    match _state(directory / "state.json").get("place"):
        case [str() | None as entity, str(project)]:
            return entity, project
    return None


def _state(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except RecordError:
        return {}


def _rows(path: Path) -> Iterable[tuple[int, int]]:
    """The rows; part of one, which a killed tracker may have left, is cut off."""
    if not path.exists():
        return
    text = path.read_text(encoding="ascii")
    whole = text[: text.rfind("\n") + 1]
    os.truncate(path, len(whole))
    for line in whole.splitlines()[1:]:
        timestep, digest = line.split(",")
        yield int(timestep), int(digest)
