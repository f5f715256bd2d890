"""Table 2's statistics: what the best 3 of 8 seeds are expected to give.

With more than 8 seeds they are averaged over all choices of 8, as
:func:`analysis.statistics.seeds.expected_best_of` does. The interval is the jackknife's, from 12 seeds on:
with 8 there is one choice of 8 and nothing to tell how it varies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from analysis.load import Setting
from analysis.paper.effects import Effect
from analysis.reference import Reference
from analysis.run_statistics import crossing
from analysis.statistics.episodes import top_consecutive_mean
from analysis.statistics.intervals import MIN_RUNS, Interval
from analysis.statistics.quantiles import student_quantile
from analysis.statistics.seeds import chances_to_be_chosen

FloatArray = npt.NDArray[np.float64]
CHOSEN, DRAWN = 3, 8
TOO_FEW = f"the best {CHOSEN} of {DRAWN} seeds need {DRAWN} seeds, and {MIN_RUNS} for an interval"


def best_seeds_top_10(sides: Sequence[Setting], reference: Reference | None) -> Effect | str:
    """Best 10 consecutive episodes, mean of the best 3 of 8 seeds."""
    tops = _tops(sides[0])
    return tops if isinstance(tops, str) else _effect(tops, tops)


def best_seeds_episode_n(sides: Sequence[Setting], reference: Reference | None) -> Effect | str:
    """Episode N of the seeds with the best 10 consecutive episodes, 3 of 8."""
    tops = _tops(sides[0])
    if isinstance(tops, str):
        return tops
    if reference is None:
        return "the environment has no level to reach"
    episodes = []
    for run, top in zip(sides[0].runs, tops, strict=True):
        found = crossing(run, reference)
        if found is None or found[0] is None:
            place = int((tops > top).sum())
            if chances_to_be_chosen(len(tops), CHOSEN, DRAWN)[place] > 0:
                return f"seed {run.seed}, which may be among the best {CHOSEN}, did not reach the level"
        episodes.append(math.nan if found is None or found[0] is None else float(found[0]))
    return _effect(tops, np.array(episodes))


def _tops(side: Setting) -> FloatArray | str:
    tops = [top_consecutive_mean(run.episodes.returns, 10) for run in side.runs]
    if any(top is None for top in tops):
        return f"a run of {side.agent} has fewer than 10 episodes"
    return np.array(tops, dtype=np.float64) if len(tops) >= DRAWN else f"{TOO_FEW}: has {len(tops)}"


def _effect(ranked_by: FloatArray, values: FloatArray) -> Effect:
    estimate = _expected(ranked_by, values)
    n = len(values)
    if n < MIN_RUNS:
        return Effect(lambda confidence: Interval(estimate, None, None, confidence, f"{TOO_FEW}: has {n}"), n)
    keep = ~np.eye(n, dtype=bool)
    without = np.array([_expected(ranked_by[rows], values[rows]) for rows in keep])
    error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    return Effect(_student(estimate, error, n - 1), n)


def _student(estimate: float, error: float, df: int) -> Callable[[float], Interval]:
    def at(confidence: float) -> Interval:
        half = student_quantile(0.5 + 0.5 * confidence, df) * error
        return Interval(estimate, estimate - half, estimate + half, confidence)

    return at


def _expected(ranked_by: FloatArray, values: FloatArray) -> float:
    chances = chances_to_be_chosen(len(values), CHOSEN, DRAWN)
    ordered = values[np.argsort(-ranked_by, kind="stable")]
    chosen = chances > 0
    return float(ordered[chosen] @ chances[chosen]) / CHOSEN
