"""How often intervals hold the true value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analysis.statistics.intervals import Interval


@dataclass(frozen=True)
class Coverage:
    """Of the trials.

    Attributes:
        held: fraction of the intervals given that hold the true value, NaN where none was given.
        given: fraction of the trials with an interval.
    """

    held: float
    given: float

    @classmethod
    def of(cls, trials: Iterable[tuple[Interval | None, float]]) -> Coverage:
        """From intervals with the true values."""
        found = list(trials)
        held = [
            interval.low <= true <= interval.high
            for interval, true in found
            if interval is not None and interval.low is not None and interval.high is not None
        ]
        return cls(sum(held) / len(held) if held else float("nan"), len(held) / len(found))
