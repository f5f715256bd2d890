"""Which of pandas' parsers reads a CSV file's numbers exactly, and is quick about it."""

from __future__ import annotations

from typing import Literal


def exact_precision(content: bytes) -> Literal["high", "round_trip"]:
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
