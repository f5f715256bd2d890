"""Group-sequential permutation tests: look while seeds are still being added, and keep the error rate.

Testing again after every few seeds until p is small finds a difference far too often where there is none.
Here the error rate ``alpha`` is spent bit by bit over planned looks (Lan and DeMets, 1983), and each look
asks how often chance alone would have decided by then (Slud and Wei, 1982; for permutations and deep RL,
Mathieu et al., 2023, "AdaStop").

The seeds that came between two looks are a *block*. Were the two agents alike, every way to deal each block's
runs to them would be equally likely, independently of the other blocks; hence the joint distribution of the
differences at all looks is known exactly, whatever the distribution of the scores, and so are boundaries that
are crossed by chance no more often than is to be spent. The price is coarseness: 3 against 3 seeds can be
dealt in 20 ways, so that no test that holds for every distribution can decide there at 0.05.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from analysis.statistics.quantiles import normal_cdf, normal_quantile
from harness.looks import Spending

FloatArray = npt.NDArray[np.float64]
MAX_EXACT = 20_000
MONTE_CARLO = 20_000
_TIE = 1e-12


def may_be_spent(fraction: float, alpha: float, spending: Spending) -> float:
    """How much of ``alpha`` may be spent when ``fraction`` of the largest number of seeds has been run.

    ``pocock``: alpha log(1 + (e - 1) fraction), looks about equally strict; ``obrien_fleming``: 2 - 2
    Phi(z / sqrt(fraction)), next to nothing early and nearly all at the end (both Lan and DeMets, 1983).

    Raises:
        ValueError: ``fraction`` is not in (0, 1], or ``alpha`` not in (0, 1).
    """
    if not 0.0 < fraction <= 1.0 or not 0.0 < alpha < 1.0:
        raise ValueError(f"expected 0 < fraction <= 1 and 0 < alpha < 1, got {fraction} and {alpha}")
    if spending == "pocock":
        return alpha * math.log1p((math.e - 1.0) * fraction)
    return 2.0 * normal_cdf(-normal_quantile(1.0 - alpha / 2.0) / math.sqrt(fraction))


def planned_looks(fewest: int, most: int, step: int, alpha: float, spending: Spending) -> tuple[int, ...]:
    """Seeds per agent at each look: every ``step`` seeds, and the last at ``most``.

    The first is at the least number from ``fewest`` on with which a decision is possible at all: looking
    before could not decide and would make the blocks smaller. Empty where ``most`` seeds cannot decide.
    """
    for first in range(fewest, most + 1):
        if 2.0 / math.comb(2 * first, first) <= may_be_spent(first / most, alpha, spending):
            return (*range(first, most, step), most)
    return ()


@dataclass(frozen=True)
class LookResult:
    """Outcome of a look.

    Attributes:
        difference: mean of X less mean of Y.
        p: chance, were there no difference, of having crossed a boundary before or of being this far out now.
        spent: chance of having crossed by now; at most the budget.
        boundary: the smallest difference, either way, that is crossing; None where no arrangement may be.
        crossed: whether the difference is.
    """

    difference: float
    p: float
    spent: float
    boundary: float | None
    crossed: bool


def look(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    looks: Sequence[int],
    boundaries: Sequence[float | None],
    budget: float,
    *,
    seed: int = 0,
) -> LookResult:
    """Test the difference of means at the newest of ``looks``, none before having crossed its boundary.

    All arrangements of the blocks are tried, or 20,000 random ones and the one found where there are more.

    Args:
        x, y: ``[looks[-1]]`` scores in the order in which the seeds were added.
        looks: seeds per agent at the looks so far, this one included.
        boundaries: of the looks before, as they were found then.
        budget: what may be spent up to this look, from :func:`may_be_spent`.
        seed: of random arrangements.

    Raises:
        ValueError: scores, looks and boundaries that do not fit together, or a score that is not finite.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not len(looks) or list(looks) != sorted(set(looks)) or looks[0] < 1:
        raise ValueError(f"looks: expected rising numbers of seeds, got {list(looks)}")
    if a.shape != (looks[-1],) or b.shape != a.shape or len(boundaries) != len(looks) - 1:
        raise ValueError(f"expected {looks[-1]} scores of each, and a boundary per look before")
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
        raise ValueError("expected finite scores")
    found = _differences(a, b, looks, np.random.default_rng(seed))
    scale = _TIE * max(float(np.abs(a).max()), float(np.abs(b).max()))
    alive = np.ones(len(found), dtype=bool)
    for column, before in enumerate(boundaries):
        if before is not None:
            alive &= found[:, column] < before - scale
    far = found[:, -1]
    difference = float(a.mean() - b.mean())
    reached = 1.0 - float(alive.mean())
    p = reached + float((alive & (far >= abs(difference) - scale)).mean())
    boundary = _boundary(far[alive], math.floor((budget - reached) * len(far) + 1e-9), scale)
    spent = reached
    if boundary is not None:
        spent += float((alive & (far >= boundary - scale)).mean())
    crossed = boundary is not None and abs(difference) >= boundary - scale
    return LookResult(difference, p, spent, boundary, crossed)


def _boundary(far: FloatArray, most: int, scale: float) -> float | None:
    """The smallest of the values that at most ``most`` of them reach; None where there is none."""
    if most <= 0:
        return None
    ordered = np.sort(far)[::-1]
    if most >= len(ordered):
        return float(ordered[-1])
    allowed = ordered[:most]
    allowed = allowed[allowed > ordered[most] + 2 * scale]
    return float(allowed[-1]) if len(allowed) else None


def _differences(
    a: FloatArray, b: FloatArray, looks: Sequence[int], generator: np.random.Generator
) -> FloatArray:
    """``[arrangements, looks]`` absolute differences of means, the arrangement found among them.

    Exchanging the two agents in every block changes no absolute difference, so that half of the arrangements
    of the first block do.
    """
    starts = [0, *looks[:-1]]
    blocks = [np.concatenate([a[s:e], b[s:e]]) for s, e in zip(starts, looks, strict=True)]
    ways = [math.comb(len(block), len(block) // 2) for block in blocks]
    if math.prod(ways) // 2 <= MAX_EXACT:
        sums = np.zeros((1, 0))
        for number, block in enumerate(blocks):
            deals = _deals(len(block) // 2)
            gains = (deals[: len(deals) // 2] if number == 0 else deals) @ block
            before = sums[:, -1:] if number else np.zeros((1, 1))
            now = (before + gains[None, :]).reshape(-1, 1)
            sums = np.hstack([np.repeat(sums, len(gains), axis=0), now])
    else:
        gains = np.stack([_random_gains(block, generator) for block in blocks], axis=1)
        sums = np.cumsum(gains, axis=1)
    return np.asarray(np.abs(sums) / np.asarray(looks), dtype=np.float64)


@cache
def _deals(size: int) -> FloatArray:
    """``[ways, 2 size]`` signs: all ways to deal 2 ``size`` runs to two; exchanged ones at mirrored rows."""
    chosen = np.array(list(itertools.combinations(range(2 * size), size)))
    signs = -np.ones((len(chosen), 2 * size))
    signs[np.arange(len(chosen))[:, None], chosen] = 1.0
    return signs


def _random_gains(block: FloatArray, generator: np.random.Generator) -> FloatArray:
    """``[1 + 20,000]`` sums of one half less the other: as found, and of random deals."""
    half = len(block) // 2
    found = 2.0 * block[:half].sum() - block.sum()
    if math.comb(len(block), half) <= MAX_EXACT:
        gains = _deals(half) @ block
        drawn = gains[generator.integers(0, len(gains), MONTE_CARLO)]
    else:
        order = np.argsort(generator.random((MONTE_CARLO, len(block))), axis=1)
        drawn = 2.0 * block[order[:, :half]].sum(axis=1) - block.sum()
    return np.concatenate([[found], drawn])
