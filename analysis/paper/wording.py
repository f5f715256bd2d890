"""How a claim's numbers are printed, by the unit of its statistic."""

from __future__ import annotations

import math

from analysis.formats import count_text, ratio_text, returns_text, timesteps_text
from analysis.paper.schema import Region
from analysis.statistics.intervals import Interval

_TEXT = {
    "return": returns_text,
    "count": count_text,
    "timesteps": timesteps_text,
    "hours": lambda hours: f"{hours:.3g} h",
    "ratio": ratio_text,
}


def number_in(unit: str, value: float) -> str:
    """A number of this unit; "-" for one that is not known."""
    if math.isnan(value):
        return "-"
    return _TEXT[unit](value) if math.isfinite(value) else f"{value:g}"


def interval_in(unit: str, interval: Interval) -> str:
    """An estimate with its interval where there is one."""
    text = number_in(unit, interval.estimate)
    if interval.low is None or interval.high is None:
        return text
    return f"{text} [{number_in(unit, interval.low)}, {number_in(unit, interval.high)}]"


def region_text(unit: str, region: Region) -> str:
    """``above 0.0``, ``at most 1.25``, ``0.50 to 2.00``."""
    low, high = number_in(unit, region.low), number_in(unit, region.high)
    if math.isinf(region.high):
        return f"above {low}"
    return f"at most {high}" if math.isinf(region.low) else f"{low} to {high}"
