"""A run's learning curve as the path of a tiny SVG: no figure per run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.statistics.curves import Curve

POINTS = 100
SIZE = (1000, 200)
"""Width and height of the view box; it is stretched to where it is shown."""


@dataclass(frozen=True)
class Frame:
    """What a curve is drawn into.

    Attributes:
        timesteps: at the right edge; the left one is 0.
        low, high: returns at the lower and upper edge.
    """

    timesteps: float
    low: float
    high: float

    def height(self, value: float) -> float:
        """``value`` on the vertical axis of the view box, 0 at the top."""
        span = self.high - self.low
        return SIZE[1] * (1 - (value - self.low) / span) if span > 0 else SIZE[1] / 2


def svg_path(curve: Curve, frame: Frame) -> str:
    """The ``d`` of a path of at most 100 points in the view box, "" for a curve without a point."""
    count = len(curve.timesteps)
    if count == 0:
        return ""
    kept = np.unique(np.linspace(0, count - 1, min(count, POINTS)).round().astype(int))
    points = [
        f"{SIZE[0] * curve.timesteps[i] / frame.timesteps:.0f} {frame.height(float(curve.returns[i])):.1f}"
        for i in kept
    ]
    if len(points) == 1:
        points *= 2  # a line of no length, which a round cap makes a dot
    return "M" + "L".join(points)
