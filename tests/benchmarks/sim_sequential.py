"""Do sequential seeds keep the error rate, and what do they save?

    OMP_NUM_THREADS=1 python tests/benchmarks/sim_sequential.py --trials 2000

Simulated scores go through the code that a sweep uses (:func:`analysis.looks.take_looks`), seed by seed.
Beside it: all ``max`` seeds and one permutation test, and what is often done, to test again after every seed
at the same level.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from distributions import DISTRIBUTIONS

from analysis.looks import plan_of, take_looks
from analysis.statistics.comparisons import permutation_test
from harness.looks import Comparison, Looks, Rule, Spending

FloatArray = npt.NDArray[np.float64]
SPREAD = {"Gaussian": 0.35, "skewed": 0.658, "bimodal": 0.461}
"""Standard deviations of the distributions; effects are in these."""


@dataclass(frozen=True)
class Found:
    """Means over the trials.

    Attributes:
        decided: fraction of the comparisons decided.
        false: fraction of trials in which at least one without a difference was.
        seeds: per agent when it was decided, or the largest number.
    """

    decided: float
    false: float
    seeds: float


def rule(most: int = 10, spending: Spending = "pocock", fewest: int = 3, step: int = 2) -> Rule:
    return Rule("a2c", "last100", 0.05, "holm", spending, 0, fewest, most, step)


def draw(name: str, generator: np.random.Generator, seeds: int, effect: float, scale: float) -> FloatArray:
    """``[seeds]`` scores with mean 1 + ``effect`` standard deviations, ``scale`` times as spread out."""
    values = DISTRIBUTIONS[name](generator, (seeds,))
    centre = 0.75 if name == "bimodal" else 1.0
    return centre + scale * (values - centre) + effect * SPREAD[name]


def sequential(
    name: str,
    effects: Sequence[float],
    trials: int,
    *,
    design: Rule | None = None,
    scale: float = 1.0,
    seed: int = 0,
) -> Found:
    """Comparisons on ``len(effects)`` environments that share the error rate, to the end of each trial.

    Args:
        name: of the distribution.
        effects: agent less baseline, in standard deviations.
        trials: how many.
        design: of the sweep.
        scale: the agent's standard deviation in the baseline's.
        seed: of the scores.
    """
    design = design or rule()
    generator = np.random.default_rng(seed)
    planned = plan_of(design, len(effects))
    decided, false, seeds = 0, 0, 0
    for _ in range(trials):
        scores = {}
        for number, effect in enumerate(effects):
            agent = draw(name, generator, design.max, effect, scale)
            baseline = draw(name, generator, design.max, 0.0, 1.0)
            scores["acktr", str(number), "x"] = dict(enumerate(agent.tolist()))
            scores["a2c", str(number), "y"] = dict(enumerate(baseline.tolist()))
        comparisons = (Comparison("acktr", str(n), "x", "y", planned) for n in range(len(effects)))
        record = take_looks(Looks(design, tuple(comparisons)), scores, 0.0)
        yes = [one.decision in ("higher", "lower") for one in record.comparisons]
        decided += sum(yes)
        false += any(one for one, effect in zip(yes, effects, strict=True) if effect == 0.0)
        seeds += sum(one.looks[-1].seeds for one in record.comparisons)
    n = trials * len(effects)
    return Found(decided / n, false / trials, seeds / n)


def fixed(name: str, effect: float, trials: int, seeds: int = 10, scale: float = 1.0, seed: int = 0) -> float:
    """Fraction decided by one permutation test of all ``seeds``."""
    generator = np.random.default_rng(seed)
    decided = 0
    for _ in range(trials):
        x = draw(name, generator, seeds, effect, scale)
        decided += permutation_test(x, draw(name, generator, seeds, 0.0, 1.0)).p <= 0.05
    return decided / trials


def again_and_again(name: str, trials: int, most: int = 10, seed: int = 0) -> float:
    """Fraction decided without a difference by testing at 0.05 after every seed from the third on."""
    generator = np.random.default_rng(seed)
    decided = 0
    for _ in range(trials):
        x, y = (draw(name, generator, most, 0.0, 1.0) for _ in range(2))
        decided += any(permutation_test(x[:n], y[:n]).p <= 0.05 for n in range(3, most + 1))
    return decided / trials


def print_tables(trials: int) -> None:
    print(f"{trials} trials; a rate of 5 % is known to {100 * (0.05 * 0.95 / trials) ** 0.5:.1f} %")
    for spending in ("pocock", "obrien_fleming"):
        design = rule(spending=spending)
        looks = ", ".join(map(str, plan_of(design, 1)))
        print(f"one comparison, 3 to 10 seeds, {spending}, looks at {looks}: decided, mean seeds per agent")
        for name in DISTRIBUTIONS:
            cells = []
            for effect in (0.0, 1.0, 1.5, 2.0, 3.0):
                found = sequential(name, [effect], trials, design=design)
                cells.append(f"{effect:g}: {found.decided:6.1%} {found.seeds:5.2f}")
            wide = sequential(name, [0.0], trials, design=design, scale=3.0)
            print(f"  {name:<9} " + "   ".join(cells) + f"   0, spread 3x: {wide.decided:.1%}", flush=True)
    few = max(100, trials // 4)
    print(f"10 seeds and one test ({few} trials)")
    for name in DISTRIBUTIONS:
        cells = [f"{effect:g}: {fixed(name, effect, few):6.1%}" for effect in (0.0, 1.0, 1.5, 2.0, 3.0)]
        wide = fixed(name, 0.0, few, scale=3.0)
        print(f"  {name:<9} " + "   ".join(cells) + f"   0, spread 3x: {wide:.1%}", flush=True)
    print(f"tested at 0.05 after every seed from 3 to 10, no difference ({few} trials)")
    for name in DISTRIBUTIONS:
        print(f"  {name:<9} {again_and_again(name, few):6.1%}", flush=True)
    looks = ", ".join(map(str, plan_of(rule(), 6)))
    print(f"six environments, Holm, pocock, looks at {looks}")
    for name in DISTRIBUTIONS:
        none = sequential(name, [0.0] * 6, few)
        half = sequential(name, [3.0] * 3 + [0.0] * 3, few)
        large = sequential(name, [3.0] * 6, few)
        print(
            f"  {name:<9} none differs: any decided {none.false:.1%}; "
            f"three differ by 3: any of the others decided {half.false:.1%}; "
            f"all differ by 3: decided {large.decided:.1%}, {large.seeds:.2f} seeds",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000)
    print_tables(parser.parse_args().trials)


if __name__ == "__main__":
    main()
