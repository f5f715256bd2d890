"""``progress.csv``: SB3's metrics, a row every so many rollouts, in a column order that repeats itself."""

from __future__ import annotations

import csv
import errno
import io
import os
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger, filter_excluded_keys
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from harness.records import write_atomically


class ProgressLog(KVWriter):
    """Writes the logger's rows as SB3's CSV writer does, and goes on in a file that is there.

    Columns stand in the order in which metrics first appeared (SB3's order differs between processes). Where
    a row brings a new metric, the rows before get an empty field. A row that does not fit on the disk is
    taken back before the error, which names the file, is raised.

    Args:
        path: the file; rows in it are kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)
        with path.open(encoding="utf-8", newline="") as file:
            self._columns: list[str] = next(csv.reader(file), [])

    def write(
        self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0
    ) -> None:
        """Add a row. The step is among the values."""
        values = filter_excluded_keys(key_values, key_excluded, "csv")
        new = [key for key in values if key not in self._columns]
        if new:
            self._add_columns(new)
        row = [values.get(column) for column in self._columns]
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow("" if v is None else str(v) for v in row)
        self._append(line.getvalue().encode())

    def _append(self, line: bytes) -> None:
        size = self._path.stat().st_size
        try:
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._file.truncate(size)
            error.filename = str(self._path)
            raise

    def _add_columns(self, new: list[str]) -> None:
        self._columns += new
        self._file.close()
        old = self._path.read_text(encoding="utf-8").splitlines()[1:]
        lines = [",".join(self._columns), *(line + "," * len(new) for line in old)]
        write_atomically(self._path, "".join(f"{line}\n" for line in lines))
        self._file = self._path.open("ab", buffering=0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def make_logger(path: Path, *others: KVWriter) -> Logger:
    """A logger that writes to ``path``, and to ``others``."""
    return Logger(folder=str(path.parent), output_formats=[ProgressLog(path), *others])


class ProgressRows(BaseCallback):
    """Has an on-policy agent log a row every ``interval`` rollouts, counted over all attempts of the run.

    It takes the place of ``learn``'s ``log_interval``, whose count begins anew with each call.

    Attributes:
        iteration: rollouts so far.
    """

    def __init__(self, interval: int, iteration: int = 0) -> None:
        super().__init__()
        self.interval = interval
        self.iteration = iteration

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        assert isinstance(self.model, OnPolicyAlgorithm)
        self.iteration += 1
        if self.iteration % self.interval == 0:
            self.model.dump_logs(self.iteration)
