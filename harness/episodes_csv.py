"""The text of ``episodes.csv``: its columns, and how it is read and checked."""

from __future__ import annotations

import math
from io import BytesIO
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

EPISODE_COLUMNS = ("episode", "timestep", "env_index", "return", "length", "wall_time")


def parse_episodes(content: bytes) -> pd.DataFrame:
    """Rows of an ``episodes.csv``.

    Raises:
        ValueError: another header, or a damaged row; the message names its line and what is there.
    """
    import numpy as np
    import pandas as pd

    header = content.partition(b"\n")[0].decode(errors="replace")
    expected = ",".join(EPISODE_COLUMNS)
    if header != expected:
        raise ValueError(f"header is {header!r}, expected {expected!r}")
    try:
        frame = pd.read_csv(BytesIO(content), dtype={"return": float}, float_precision=_precision(content))
        finite = bool(np.isfinite(frame.to_numpy(dtype=float)).all())
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(f"damaged row: {_first_damage(content) or error}") from None
    if not content.endswith(b"\n"):
        raise ValueError("damaged row: the last line is cut off")
    if not finite or not isinstance(frame.index, pd.RangeIndex):  # made of a row that is too long
        raise ValueError(f"damaged row: {_first_damage(content) or 'a number is missing or infinite'}")
    gaps = np.flatnonzero(frame["episode"].to_numpy() != np.arange(1, len(frame) + 1))
    if len(gaps):
        found = frame["episode"].iloc[gaps[0]]
        raise ValueError(
            f"damaged row: line {gaps[0] + 2}: episode is {found}; episodes must count 1, 2, 3 without a gap"
        )
    falls = np.flatnonzero(np.diff(frame["timestep"].to_numpy()) < 0)
    if len(falls):
        found = frame["timestep"].iloc[falls[0] + 1]
        raise ValueError(f"damaged row: line {falls[0] + 3}: timestep is {found}; timesteps must not fall")
    return frame


def _first_damage(content: bytes) -> str:
    """Which field of which line is no finite number; "" where all are."""
    for number, line in enumerate(content.decode(errors="replace").splitlines()[1:], start=2):
        fields = line.split(",")
        for name, field in zip(EPISODE_COLUMNS, fields, strict=False):
            if not _is_finite(field):
                return f"line {number}: {name} is {field!r}, expected a finite number"
        if len(fields) != len(EPISODE_COLUMNS) and line:
            return f"line {number}: {len(fields)} fields, expected {len(EPISODE_COLUMNS)}"
    return ""


def _is_finite(field: str) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False


def _precision(content: bytes) -> Literal["high", "round_trip"]:
    """The faster of pandas' parsers that reads each number of a CSV file as ``float`` does.

    Plain decimals of at most 15 digits are one division of exactly known numbers, which IEEE arithmetic
    rounds correctly: an integer below 2^53 by a power of ten up to 10^22.
    """
    import numpy as np

    rows = content.partition(b"\n")[2]
    characters = np.frombuffer(rows, np.uint8)
    ends = np.flatnonzero((characters == ord(",")) | (characters == ord("\n")))
    lengths = np.diff(ends, prepend=-1, append=len(characters)) - 1
    return "round_trip" if lengths.max() > 15 or b"e" in rows.lower() else "high"
