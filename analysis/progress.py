"""A run's logged metrics (``progress.csv``) as arrays, by the names of their columns."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.records import RecordError, RunRecord

UPDATES = "train/n_updates"
KL_EXACT = "train/kl_exact"
KL_PREDICTED = "train/kl_predicted"
DELTA_FACTOR = "train/delta_factor"


@dataclass(frozen=True, eq=False)
class Progress:
    """Logged metrics of one run.

    Attributes:
        columns: name -> ``[rows]`` values in the order of the file, NaN where a row has none; only columns
            that were asked for and are there.
        missing: names that were asked for and are no column of the file.
        damaged_rows: rows left out: cut off, or with text where a number was expected.
    """

    columns: Mapping[str, npt.NDArray[np.float64]]
    missing: tuple[str, ...] = ()
    damaged_rows: int = 0

    def known(self, *names: str) -> tuple[npt.NDArray[np.float64], ...]:
        """The named columns, ``[rows]`` each, in the rows where every one of them has a finite value.

        Empty where one of them is missing.
        """
        if any(name not in self.columns for name in names):
            return tuple(np.empty(0) for _ in names)
        rows = np.stack([self.columns[name] for name in names])
        return tuple(rows[:, np.isfinite(rows).all(axis=0)])


def read_progress(record: RunRecord, names: Sequence[str]) -> Progress:
    """Read the named columns of the run's ``progress.csv``.

    A run that is being written, or was killed while it wrote, has a last row that is cut off: it is left out
    and counted, as every row with another number of fields than the header. Without a file, or with an empty
    one, every column is missing.

    Raises:
        RecordError: the file is no text, or its header names a column twice.
    """
    try:
        text = record.progress_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{record.progress_file}: not readable as CSV ({error})") from None
    whole, _, cut = text.rpartition("\n")
    header, *rows = list(csv.reader(whole.splitlines())) or [[]]
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise RecordError(f"{record.progress_file}: column {repeated[0]!r} is there twice")
    places = {name: header.index(name) for name in names if name in header}
    values: list[list[float]] = []
    damaged = int(bool(cut) and bool(header))
    for row in rows:
        try:
            if len(row) != len(header):
                raise ValueError
            values.append([float(row[place]) if row[place] else np.nan for place in places.values()])
        except ValueError:
            damaged += 1
    table = np.array(values, dtype=np.float64).reshape(len(values), len(places))
    return Progress(
        columns={name: table[:, number] for number, name in enumerate(places)},
        missing=tuple(name for name in names if name not in places),
        damaged_rows=damaged,
    )
