"""How a sweep is given the seeds that a claim lacks: the option of ``harness sweep`` that adds them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def seeds_option(needed: int, seeds: Sequence[int]) -> str:
    """``--set seeds=5``: so many seeds, those there among them, so that only the others are run.

    Args:
        needed: seeds per agent.
        seeds: that any of the agents has.
    """
    wanted = sorted(set(seeds))
    while len(wanted) < needed:
        wanted.append(wanted[-1] + 1 if wanted else 0)
    counted = wanted == list(range(len(wanted)))
    return f"--set seeds={len(wanted) if counted else str(wanted).replace(' ', '')}"


def needs_text(needed: int, has: int, seeds: Sequence[int]) -> str:
    """``needs at least 5 seeds, has 2: --set seeds=5``."""
    option = f": {seeds_option(needed, seeds)}" if seeds else ""
    return f"needs at least {needed} seeds, has {has}{option}"


def seeds_all_later(paper_seeds: int, alpha: float) -> int:
    """The fewest seeds that chance would put behind all of the paper's with less than ``alpha``."""
    seeds = 1
    while 1.0 / math.comb(seeds + paper_seeds, paper_seeds) >= alpha:
        seeds += 1
    return seeds
