"""What a run leaves behind: the run directory, its files and their schema. The only door to them.

Layout (one directory per run)::

    runs/<sweep>/<algo>/<env>/<hash8>/seed-<k>/
      run.json        the RunSpec, where it came from, and one entry per attempt
      status.json     small, atomically replaced: state, timesteps done, heartbeat, error
      episodes.csv    one row per finished episode, in global completion order
      progress.csv    the SB3 logger's output, with SB3's metric names
      checkpoints/    complete training state (:mod:`harness.runner.checkpoint`): the newest two,
                      or the final one of a finished run
      model.zip       SB3-loadable final model; protocol_state.npz beside it
      evaluation-*    what ``harness evaluate`` measured (:mod:`harness.evaluation.record`)
      log.txt         stdout and stderr of every attempt
      tensorboard/    progress.csv as event files, and
      wandb/          what the run's tracker remembers (:mod:`harness.tracking`), where these were asked for

Everything else (tables, figures, trackers) is derived from these files and can be rebuilt from them.
Nothing here imports torch or gymnasium, so that listing ten thousand runs stays cheap.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from harness.durable import replace_flushed, written_aside
from harness.episodes_csv import EPISODE_COLUMNS as EPISODE_COLUMNS
from harness.episodes_csv import parse_episodes

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

RECORD_VERSION = 1
State = Literal["pending", "running", "done", "failed", "preempted"]
STATES: tuple[State, ...] = ("pending", "running", "done", "failed", "preempted")


class RecordError(ValueError):
    """A file of a run directory is missing, damaged or of another version; the message names the file."""


class MissingFile(RecordError):
    """A file of a run directory is not there."""


def write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` by ``text`` so that a reader sees the old file or the new one, never a part.

    The text is written aside, flushed to disk and renamed over the target.
    """
    with written_aside(path, path.with_name(f".{path.name}.{os.getpid()}.tmp")) as file:
        file.write(text.encode())


def read_json(path: Path | str) -> dict[str, Any]:
    """Return the JSON object in ``path``; raise :class:`RecordError` naming the file otherwise."""
    try:
        with open(path, "rb") as file:
            content = json.loads(file.read())
    except FileNotFoundError:
        raise MissingFile(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(content, dict):
        raise RecordError(f"{path}: expected a JSON object, found {type(content).__name__}")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` as indented JSON, atomically."""
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


@dataclass(frozen=True)
class EpisodeMark:
    """How far ``episodes.csv`` had come: ``rows`` episodes in ``size`` bytes with the checksum ``crc32``."""

    rows: int
    size: int
    crc32: int

    def check(self, path: Path) -> None:
        """Raise :class:`RecordError` unless ``path`` begins with what was marked."""
        try:
            with path.open("rb") as file:
                content = file.read(self.size)
        except FileNotFoundError:
            content = b""
        if len(content) < self.size or zlib.crc32(content) != self.crc32:
            raise RecordError(f"{path}: its first {self.rows} episodes are not those of the checkpoint")


class EpisodeLog:
    """Appends finished episodes to ``episodes.csv`` in the order in which they are given.

    A row is handed to the operating system at once and whole, so that a killed worker loses no finished
    episode; one that does not fit on the disk is taken back before the error is raised.

    Args:
        path: the file.
        mark: where to go on; what follows it is cut off. By default a new file is begun.

    Raises:
        RecordError: the file does not begin with what was marked.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, mark: EpisodeMark | None = None) -> None:
        if mark is None:
            self._file = path.open("wb", buffering=0)
            self._mark = EpisodeMark(0, 0, 0)
            self._write(",".join(EPISODE_COLUMNS), new_rows=0)
        else:
            mark.check(path)
            self._file = path.open("r+b", buffering=0)
            self._file.truncate(mark.size)
            self._file.seek(mark.size)
            self._mark = mark

    @property
    def n_episodes(self) -> int:
        """Episodes in the file."""
        return self._mark.rows

    def append(
        self, *, timestep: int, env_index: int, episode_return: float, length: int, wall_time: float
    ) -> None:
        """Add one episode.

        Args:
            timestep: agent decisions over all environments when the episode ended.
            env_index: which parallel environment played it, from 0.
            episode_return: raw, unclipped return of the whole game.
            length: agent decisions in the whole game.
            wall_time: seconds of training so far.
        """
        row = (self.n_episodes + 1, timestep, env_index, repr(episode_return), length, f"{wall_time:.3f}")
        self._write(",".join(map(str, row)), new_rows=1)

    def _write(self, line: str, new_rows: int) -> None:
        data = f"{line}\n".encode()
        before = self._mark
        try:
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._file.truncate(before.size)
            self._file.seek(before.size)
            error.filename = str(self._file.name)
            raise
        self._mark = EpisodeMark(
            before.rows + new_rows, before.size + len(data), zlib.crc32(data, before.crc32)
        )

    def mark(self) -> EpisodeMark:
        """Where the file stands, after it has been flushed to disk."""
        os.fsync(self._file.fileno())
        return self._mark

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
    def tensorboard_directory(self) -> Path:
        """Path of ``tensorboard/``: event files, where they were asked for."""
        return self.directory / "tensorboard"

    @property
    def log_file(self) -> Path:
        """Path of ``log.txt``."""
        return self.directory / "log.txt"

    @property
    def checkpoints_directory(self) -> Path:
        """Path of ``checkpoints/``."""
        return self.directory / "checkpoints"

    @property
    def model_file(self) -> Path:
        """Path of ``model.zip``."""
        return self.directory / "model.zip"

    @property
    def protocol_state_file(self) -> Path:
        """Path of ``protocol_state.npz``: observation and reward statistics of the environments."""
        return self.directory / "protocol_state.npz"

    def content(self) -> dict[str, Any]:
        """``run.json``, with the keys ``sweep``, ``spec`` and ``attempts``.

        Raises:
            RecordError: it is missing, damaged, or was written by another record version.
        """
        content = read_json(f"{self.directory}/run.json")  # a Path for each of 10,000 runs takes its time
        if content.get("record_version") != RECORD_VERSION:
            found = content.get("record_version")
            raise RecordError(f"{self.run_file}: record_version is {found!r}, expected {RECORD_VERSION}")
        if not isinstance(content.get("spec"), dict):
            raise RecordError(f"{self.run_file}: key 'spec' is missing or no object")
        content.setdefault("attempts", [])
        return content

    @property
    def spec(self) -> dict[str, Any]:
        """The run's RunSpec as plain data; see :meth:`content` for what it raises."""
        return cast(dict[str, Any], self.content()["spec"])

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """What :meth:`begin_attempt` noted, the first attempt first.

        Raises:
            RecordError: ``run.json`` is missing or damaged.
        """
        attempts = read_json(self.run_file).get("attempts", [])
        known = isinstance(attempts, list) and all(isinstance(attempt, dict) for attempt in attempts)
        if not known or not all(isinstance(attempt.get("provenance", {}), dict) for attempt in attempts):
            raise RecordError(f"{self.run_file}: key 'attempts' is no list of attempts")
        return cast(list[dict[str, Any]], attempts)

    @property
    def provenance(self) -> dict[str, Any]:
        """Code, package and hardware facts of the last attempt (empty before the first)."""
        attempts = self.attempts
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

    def begin_attempt(
        self,
        provenance: Mapping[str, Any],
        resumed_at: int = 0,
        warnings: Sequence[str] = (),
        **facts: Any,
    ) -> int:
        """Add an attempt to ``run.json``; return its number, from 1.

        Args:
            provenance: code, package and hardware facts.
            resumed_at: timesteps of the checkpoint from which it continues; 0 if it starts the run anew.
            warnings: what a reader of the result should know of this attempt.
            facts: further JSON values.
        """
        content = read_json(self.run_file)
        attempts = content.setdefault("attempts", [])
        attempts.append(
            {
                "attempt": len(attempts) + 1,
                "started": time.time(),
                "resumed_at": resumed_at,
                "warnings": list(warnings),
                **facts,
                "provenance": dict(provenance),
            }
        )
        write_json(self.run_file, content)
        return len(attempts)

    def discard_results(self) -> None:
        """Remove what earlier attempts left, checkpoints included; ``run.json`` and ``log.txt`` stay."""
        files = (self.episodes_file, self.progress_file, self.model_file, self.protocol_state_file)
        for file in (*files, *self.directory.glob("evaluation-*")):
            file.unlink(missing_ok=True)
        for directory in (self.checkpoints_directory, self.tensorboard_directory):
            if directory.exists():
                shutil.rmtree(directory)

    def set_status(self, state: State, **fields: Any) -> None:
        """Replace ``status.json``: ``state``, a heartbeat (unix seconds) and the given fields."""
        if state not in STATES:
            raise ValueError(f"state must be one of {', '.join(STATES)}, got {state!r}")
        write_json(self.status_file, {"state": state, "heartbeat": time.time(), **fields})

    def status(self) -> dict[str, Any]:
        """The content of ``status.json``.

        Raises:
            MissingFile: there is none.
            RecordError: it is damaged, or its state is unknown.
        """
        content = read_json(f"{self.directory}/status.json")
        if content.get("state") not in STATES:
            state = content.get("state")
            raise RecordError(f"{self.status_file}: state is {state!r}, expected one of {', '.join(STATES)}")
        return content

    def episodes(self) -> pd.DataFrame:
        """Finished episodes, one row each, in global completion order; empty before the first.

        Raises:
            RecordError: another header, or a damaged row; the message names the line.
        """
        import pandas as pd

        if not self.episodes_file.exists():
            return pd.DataFrame(columns=list(EPISODE_COLUMNS))
        try:
            return parse_episodes(self.episodes_file.read_bytes())
        except ValueError as error:
            raise RecordError(f"{self.episodes_file}: {error}") from None

    def progress(self) -> pd.DataFrame:
        """The SB3 logger's rows (metric names as columns); empty before the first.

        A last row that is cut off, of a run that was killed or still writes, is left out.

        Raises:
            RecordError: a damaged row.
        """
        import pandas as pd

        try:
            content = self.progress_file.read_bytes()
            return pd.read_csv(BytesIO(content[: content.rfind(b"\n") + 1]))
        except (FileNotFoundError, pd.errors.EmptyDataError):
            return pd.DataFrame()
        except (pd.errors.ParserError, UnicodeDecodeError) as error:
            message = " ".join(str(error).split())
            raise RecordError(f"{self.progress_file}: damaged row ({message})") from None

    def save_protocol_state(self, state: Mapping[str, npt.NDArray[np.float64]]) -> None:
        """Replace the environments' running statistics on the disk, an ``.npz`` of plain arrays.

        Raises:
            OSError: it could not be written; the error names the file, and the old one is untouched.
        """
        import numpy as np

        content = BytesIO()
        np.savez(content, allow_pickle=False, **state)
        replace_flushed(self.protocol_state_file, content.getbuffer())


def run_directory(runs_dir: Path, sweep: str, algo: str, env_id: str, identity: str, seed: int) -> Path:
    """Where a run lives: ``<runs_dir>/<sweep>/<algo>/<env>/<hash8>/seed-<k>``."""
    return _setting_directory(runs_dir, sweep, algo, env_id, identity) / f"seed-{seed}"


@lru_cache(maxsize=64)
def _setting_directory(runs_dir: Path, sweep: str, algo: str, env_id: str, identity: str) -> Path:
    return runs_dir.joinpath(sweep, algo, env_id.replace("/", "-"), identity)


def find_runs(root: Path) -> list[RunRecord]:
    """Every run directory below ``root``, sorted by path."""
    return sorted(_walk(root), key=lambda record: str(record.directory))


def _walk(root: Path) -> Iterator[RunRecord]:
    for directory, subdirectories, files in os.walk(root):
        subdirectories[:] = [name for name in subdirectories if not name.startswith(".")]
        if "run.json" in files:
            subdirectories.clear()
            yield RunRecord(Path(directory))
