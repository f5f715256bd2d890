"""Is one algorithm better than another: permutation tests, effect sizes, and what it would take to tell."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.statistics.quantiles import normal_quantile

FloatArray = npt.NDArray[np.float64]
MAX_EXACT = 20_000
MONTE_CARLO = 20_000
_TIE = 1e-12


@dataclass(frozen=True)
class TestResult:
    """Outcome of a two-sided permutation test of equal distributions, on the difference of means.

    Attributes:
        difference: mean of X less mean of Y.
        p: the p-value.
        smallest_p: the smallest p-value that this many runs can give at all.
        exact: whether every permutation was looked at.
        paired: whether X and Y were compared seed by seed.
    """

    __test__ = False  # no test of pytest's

    difference: float
    p: float
    smallest_p: float
    exact: bool
    paired: bool


def permutation_test(x: npt.ArrayLike, y: npt.ArrayLike, *, seed: int = 0) -> TestResult:
    """Two independent groups: all ways to deal the pooled runs to the two, or 20,000 random ones.

    Raises:
        ValueError: a group is empty or holds NaN or an infinite value.
    """
    a, b = _checked(x, "x"), _checked(y, "y")
    pooled = np.concatenate([a, b])
    difference = float(a.mean() - b.mean())
    deals = math.comb(len(pooled), len(a))
    if deals <= MAX_EXACT:
        chosen = np.array(list(itertools.combinations(range(len(pooled)), len(a))))
        sums = pooled[chosen].sum(axis=1)
    else:
        generator = np.random.default_rng(seed)
        ranks = np.argpartition(generator.random((MONTE_CARLO, len(pooled))), len(a) - 1, axis=1)[:, : len(a)]
        sums = pooled[ranks].sum(axis=1)
    found = sums / len(a) - (pooled.sum() - sums) / len(b)
    smallest = (2.0 if len(a) == len(b) else 1.0) / deals
    return _result(difference, found, min(smallest, 1.0), deals <= MAX_EXACT, paired=False)


def paired_permutation_test(x: npt.ArrayLike, y: npt.ArrayLike, *, seed: int = 0) -> TestResult:
    """Pairs that share their noise, ``x[i]`` with ``y[i]``: all sign changes of the differences, or 20,000.

    Worth it only where pairs are correlated: five pairs cannot give a p below 1/16, five against five
    independent runs can give 1/126.

    Raises:
        ValueError: lengths that differ, no pair, NaN or an infinite value.
    """
    a, b = _pairs(x, y)
    deltas = a - b
    exact = 2 ** len(deltas) <= MAX_EXACT
    if exact:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(deltas))))
    else:
        signs = np.random.default_rng(seed).choice((1.0, -1.0), size=(MONTE_CARLO, len(deltas)))
    smallest = 2.0 / 2 ** len(deltas)
    return _result(float(deltas.mean()), signs @ deltas / len(deltas), smallest, exact, paired=True)


def _result(
    difference: float, found: FloatArray, smallest: float, exact: bool, *, paired: bool
) -> TestResult:
    scale = max(float(np.abs(found).max()), abs(difference))
    as_far = int((np.abs(found) >= abs(difference) - _TIE * scale).sum())
    p = as_far / len(found) if exact else (as_far + 1) / (len(found) + 1)
    return TestResult(difference, p, smallest if exact else 1 / (len(found) + 1), exact, paired)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values: the chance of one false claim in the family stays below the level."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def hedges_g(x: npt.ArrayLike, y: npt.ArrayLike) -> float | None:
    """Difference of means in pooled standard deviations, corrected for few runs (Hedges, 1981).

    None where either has one run or neither varies.
    """
    a, b = _checked(x, "x"), _checked(y, "y")
    if min(len(a), len(b)) < 2:
        return None
    df = len(a) + len(b) - 2
    pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / df
    if pooled <= 0.0:
        return None
    correction = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) * math.sqrt(2 / df)
    return float((a.mean() - b.mean()) / math.sqrt(pooled) * correction)


def cliffs_delta(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """P(X above Y) - P(Y above X) over all pairs of runs: from -1 to 1, 0 without a difference."""
    a, b = _checked(x, "x"), _checked(y, "y")
    return float(np.sign(a[:, None] - b[None, :]).mean())


def paired_effect(x: npt.ArrayLike, y: npt.ArrayLike) -> float | None:
    """Mean of the differences in their own standard deviations; None for one pair or equal differences.

    Raises:
        ValueError: lengths that differ, no pair, NaN or an infinite value.
    """
    a, b = _pairs(x, y)
    deltas = a - b
    spread = float(deltas.std(ddof=1)) if len(deltas) > 1 else 0.0
    return float(deltas.mean()) / spread if spread > 0.0 else None


def seeds_to_decide(
    effect: float, power: float = 0.8, alpha: float = 0.05, *, paired: bool = False
) -> int | None:
    """Seeds per algorithm with which a two-sided test finds a true ``effect`` with this ``power``.

    Normal approximation with Guenther's (1981) correction for Student's t. None for an effect of zero,
    rounding aside: no number decides it. An effect estimated from a few seeds is itself uncertain, and so is
    this number.

    Args:
        effect: difference of means in standard deviations, those of the differences where ``paired``.
        power: chance to find it.
        alpha: chance of a false claim.
        paired: whether it is seeds in pairs that are tested.
    """
    if abs(effect) < 1e-9 or not math.isfinite(effect):
        return None
    z = normal_quantile(1 - alpha / 2)
    groups = 1 if paired else 2
    needed = groups * ((z + normal_quantile(power)) / effect) ** 2 + z * z / (2 * groups)
    return max(2, math.ceil(needed))


def fewest_seeds(alpha: float = 0.05, *, paired: bool = False) -> int:
    """Seeds per algorithm below which no outcome of the permutation test gives a p of ``alpha`` or less."""
    counts = itertools.count(2)
    return next(n for n in counts if 2.0 / (2**n if paired else math.comb(2 * n, n)) <= alpha)


def _pairs(x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    a, b = _checked(x, "x"), _checked(y, "y")
    if len(a) != len(b):
        raise ValueError(f"expected pairs, got {len(a)} and {len(b)} runs")
    return a, b


def _checked(values: npt.ArrayLike, name: str) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name}: expected one value per run, of at least one run")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name}: expected finite values")
    return array
