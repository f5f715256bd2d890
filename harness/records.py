"""What a run leaves behind: the run directory, its files and their schema. The only door to them.

Layout (one directory per run)::

    runs/<sweep>/<algo>/<env>/<hash8>/seed-<k>/
      run.json        the RunSpec, where it came from, and one entry per attempt
      status.json     small, atomically replaced: state, timesteps done, heartbeat, error
      episodes.csv    one row per finished episode, in global completion order
      progress.csv    the SB3 logger's output, with SB3's metric names
      model.zip       SB3-loadable final model; protocol_state.npz beside it
      log.txt         stdout and stderr of every attempt

Everything else (tables, figures, trackers) is derived from these files and can be rebuilt from them.
Nothing here imports torch or gymnasium, so that listing ten thousand runs stays cheap.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

RECORD_VERSION = 1
EPISODE_COLUMNS = ("episode", "timestep", "env_index", "return", "length", "wall_time")
State = Literal["pending", "running", "done", "failed", "interrupted"]
STATES: tuple[State, ...] = ("pending", "running", "done", "failed", "interrupted")


class RecordError(ValueError):
    """A file of a run directory is missing, damaged or of another version; the message names the file."""


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` so that a reader sees the old file or the new one, never a part.

    The text is written aside, flushed to disk and renamed over the target.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in ``path``; raise :class:`RecordError` naming the file otherwise."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RecordError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(content, dict):
        raise RecordError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` as indented JSON, atomically."""
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


class EpisodeLog:
    """Appends finished episodes to ``episodes.csv`` in the order in which they are given.

    A row is handed to the operating system at once, so that a killed worker loses no finished episode.
    """

    def __init__(self, path: Path) -> None:
        self.n_episodes = 0
        self._file: TextIOWrapper = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(EPISODE_COLUMNS)
        self._file.flush()

    def append(
        self, *, timestep: int, env_index: int, episode_return: float, length: int, wall_time: float
    ) -> None:
        """Add one episode.

        Args:
            timestep: agent decisions over all environments when the episode ended.
            env_index: which parallel environment played it, from 0.
            episode_return: raw, unclipped return of the whole game.
            length: agent decisions in the whole game.
            wall_time: seconds since training began.
        """
        self.n_episodes += 1
        row = (self.n_episodes, timestep, env_index, repr(episode_return), length, f"{wall_time:.3f}")
        self._writer.writerow(row)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(frozen=True)
class RunRecord:
    """One run directory and how to read and write its small files."""

    directory: Path

    @property
    def run_file(self) -> Path:
        """Path of ``run.json``."""
        return self.directory / "run.json"

    @property
    def status_file(self) -> Path:
        """Path of ``status.json``."""
        return self.directory / "status.json"

    @property
    def episodes_file(self) -> Path:
        """Path of ``episodes.csv``."""
        return self.directory / "episodes.csv"

    @property
    def progress_file(self) -> Path:
        """Path of ``progress.csv``."""
        return self.directory / "progress.csv"

    @property
    def log_file(self) -> Path:
        """Path of ``log.txt``."""
        return self.directory / "log.txt"

    @property
    def model_file(self) -> Path:
        """Path of ``model.zip``."""
        return self.directory / "model.zip"

    @property
    def protocol_state_file(self) -> Path:
        """Path of ``protocol_state.npz``: observation and reward statistics of the environments."""
        return self.directory / "protocol_state.npz"

    @property
    def spec(self) -> dict[str, Any]:
        """The run's RunSpec as plain data.

        Raises:
            RecordError: ``run.json`` is missing, damaged, or was written by another record version.
        """
        content = read_json(self.run_file)
        if content.get("record_version") != RECORD_VERSION:
            found = content.get("record_version")
            raise RecordError(f"{self.run_file}: record_version is {found!r}, expected {RECORD_VERSION}")
        spec = content.get("spec")
        if not isinstance(spec, dict):
            raise RecordError(f"{self.run_file}: key 'spec' is missing or no object")
        return spec

    @property
    def provenance(self) -> dict[str, Any]:
        """Code, package and hardware facts of the last attempt (empty before the first)."""
        attempts = read_json(self.run_file).get("attempts", [])
        return cast(dict[str, Any], attempts[-1].get("provenance", {})) if attempts else {}

    def create(self, spec: Mapping[str, Any], sweep: str | None) -> None:
        """Make the directory with ``run.json`` and a pending status; an existing record is replaced."""
        self.directory.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {
            "record_version": RECORD_VERSION,
            "sweep": sweep,
            "spec": dict(spec),
            "attempts": [],
        }
        write_json(self.run_file, content)
        self.set_status("pending", timesteps=0, n_timesteps=int(spec["n_timesteps"]))

    def begin_attempt(self, provenance: Mapping[str, Any]) -> int:
        """Add an attempt to ``run.json``; return its number, from 1."""
        content = read_json(self.run_file)
        attempts = content.setdefault("attempts", [])
        attempts.append(
            {"attempt": len(attempts) + 1, "started": time.time(), "provenance": dict(provenance)}
        )
        write_json(self.run_file, content)
        return len(attempts)

    def set_status(self, state: State, **fields: Any) -> None:
        """Replace ``status.json``: ``state``, a heartbeat (unix seconds) and the given fields."""
        if state not in STATES:
            raise ValueError(f"state must be one of {', '.join(STATES)}, got {state!r}")
        write_json(self.status_file, {"state": state, "heartbeat": time.time(), **fields})

    def status(self) -> dict[str, Any]:
        """The content of ``status.json``.

        Raises:
            RecordError: the file is missing or damaged, or its state is unknown.
        """
        content = read_json(self.status_file)
        if content.get("state") not in STATES:
            state = content.get("state")
            raise RecordError(f"{self.status_file}: state is {state!r}, expected one of {', '.join(STATES)}")
        return content

    def episodes(self) -> pd.DataFrame:
        """Finished episodes, one row each, in global completion order; empty before the first.

        Raises:
            RecordError: another header, or a damaged row.
        """
        import numpy as np
        import pandas as pd

        if not self.episodes_file.exists():
            return pd.DataFrame(columns=list(EPISODE_COLUMNS))
        with self.episodes_file.open(encoding="utf-8") as file:
            header = tuple(file.readline().rstrip("\n").split(","))
        if header != EPISODE_COLUMNS:
            expected = ",".join(EPISODE_COLUMNS)
            raise RecordError(f"{self.episodes_file}: header is {','.join(header)!r}, expected {expected!r}")
        try:
            frame = pd.read_csv(self.episodes_file, dtype={"return": float}, float_precision="round_trip")
        except (ValueError, pd.errors.ParserError) as error:
            raise RecordError(f"{self.episodes_file}: damaged row ({error})") from None
        counted = list(frame["episode"]) == list(range(1, len(frame) + 1))
        for wrong, reason in (
            (not self.episodes_file.read_bytes().endswith(b"\n"), "the last line is cut off"),
            (not np.isfinite(frame.to_numpy(dtype=float)).all(), "an empty or infinite field"),
            (not counted, "episodes must count 1, 2, 3 without a gap"),
            (not frame["timestep"].is_monotonic_increasing, "timesteps must not fall"),
        ):
            if wrong:
                raise RecordError(f"{self.episodes_file}: damaged row: {reason}")
        return frame

    def progress(self) -> pd.DataFrame:
        """The SB3 logger's rows (metric names as columns); empty before the first."""
        import pandas as pd

        try:
            return pd.read_csv(self.progress_file)
        except (FileNotFoundError, pd.errors.EmptyDataError):
            return pd.DataFrame()
        except pd.errors.ParserError as error:
            raise RecordError(f"{self.progress_file}: damaged row ({error})") from None

    def save_protocol_state(self, state: Mapping[str, npt.NDArray[np.float64]]) -> None:
        """Write the environments' running statistics as an ``.npz`` of plain arrays."""
        import numpy as np

        np.savez(self.protocol_state_file, allow_pickle=False, **state)


def run_directory(runs_dir: Path, sweep: str, algo: str, env_id: str, identity: str, seed: int) -> Path:
    """Where a run lives: ``<runs_dir>/<sweep>/<algo>/<env>/<hash8>/seed-<k>``."""
    return runs_dir / sweep / algo / env_id.replace("/", "-") / identity / f"seed-{seed}"


def find_runs(root: Path) -> list[RunRecord]:
    """Every run directory below ``root``, sorted by path."""
    return sorted(_walk(root), key=lambda record: str(record.directory))


def _walk(root: Path) -> Iterator[RunRecord]:
    for directory, subdirectories, files in os.walk(root):
        if "run.json" in files:
            subdirectories.clear()
            yield RunRecord(Path(directory))
