"""The KL divergence that each update of a run made, the one that was predicted, and the radius."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.load import Run
from analysis.progress import DELTA_FACTOR, KL_EXACT, KL_PREDICTED, UPDATES, read_progress
from analysis.statistics.curves import Curve
from harness.records import RecordError, RunRecord


@dataclass(frozen=True, eq=False)
class KlOfUpdates:
    """What one run logged of its updates.

    Attributes:
        exact, predicted, radius: against the number of the update; the radius is empty where the run does
            not say what it was.
        problem: why there is less than was asked for, "" where nothing is missing.
    """

    exact: Curve
    predicted: Curve
    radius: Curve
    problem: str = ""


def kl_of_updates(run: Run, delta: Any, until: float = np.inf) -> KlOfUpdates:
    """Read a run's KL divergences from its ``progress.csv``.

    Args:
        run: any run.
        delta: the radius as in its hyper-parameters: a number, or ``{shape: [start, end]}``.
        until: timesteps at which the curves end.
    """
    nothing = Curve(np.empty(0), np.empty(0))
    try:
        progress = read_progress(RunRecord(run.directory), (UPDATES, KL_EXACT, KL_PREDICTED, DELTA_FACTOR))
    except RecordError:
        return KlOfUpdates(nothing, nothing, nothing, "progress.csv cannot be read")
    if not progress.columns:
        return KlOfUpdates(nothing, nothing, nothing, "nothing logged")
    lacking = [name for name in progress.missing if name != DELTA_FACTOR]
    if lacking:
        return KlOfUpdates(nothing, nothing, nothing, f"no column {', '.join(lacking)}")
    if DELTA_FACTOR in progress.missing:
        updates, exact, predicted = progress.known(UPDATES, KL_EXACT, KL_PREDICTED)
        factor = np.ones_like(updates)
    else:
        updates, exact, predicted, factor = progress.known(UPDATES, KL_EXACT, KL_PREDICTED, DELTA_FACTOR)
    # Of an update that was made again after a resume the later row counts.
    kept = updates < np.append(np.minimum.accumulate(updates[::-1])[::-1][1:], np.inf)
    timesteps = updates * (run.batch_size or 0)
    kept &= timesteps <= until
    radius = nothing
    if run.batch_size is not None and delta is not None:
        remaining = np.clip(1 - timesteps[kept] / run.n_timesteps, 0.0, 1.0)
        radius = Curve(updates[kept], _scheduled(delta, remaining) * factor[kept])
    problem = f"{progress.damaged_rows} damaged rows left out" if progress.damaged_rows else ""
    return KlOfUpdates(
        Curve(updates[kept], exact[kept]), Curve(updates[kept], predicted[kept]), radius, problem
    )


def _scheduled(delta: Any, remaining: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The radius with that share of training left, of a number or ``{linear or quadratic: [start, end]}``."""
    if not isinstance(delta, Mapping):
        return np.full_like(remaining, float(delta))
    [(shape, (start, end))] = delta.items()
    return np.asarray(end + (start - end) * remaining ** (2 if shape == "quadratic" else 1))
