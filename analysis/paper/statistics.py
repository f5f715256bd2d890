"""The statistics that the paper's claims speak of, by the names that ``claims.yaml`` uses.

Each takes one side per agent of the claim, of one environment, and returns an :class:`Effect`, or a sentence
why it cannot be measured. Where an agent is compared with several others, the least advantage counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.load import Run, Setting
from analysis.paper.best_seeds import best_seeds_episode_n, best_seeds_top_10
from analysis.paper.cells import q_learning_floor
from analysis.paper.effects import Effect, least, quotient
from analysis.paper.radius import kl_over_predicted, kl_over_radius
from analysis.paper.times import episode_n, hours_to_level, saved, timestep_n
from analysis.reference import Reference
from analysis.run_statistics import LAST_WINDOW, last_score, learning_curve, mean_height
from analysis.statistics.episodes import last_mean, top_consecutive_mean
from analysis.statistics.intervals import Interval
from analysis.statistics.means import (
    MIN_RUNS_OF_A_MEAN,
    difference_of_means,
    mean_interval,
    ratio_of_means,
)
from analysis.statistics.spreads import MIN_RUNS_OF_SPREADS, difference_of_spreads

FloatArray = npt.NDArray[np.float64]
Measure = Callable[[Sequence[Setting], Reference | None], "Effect | str"]
Scores = Callable[[Sequence[Setting], Reference | None], "list[FloatArray] | str"]
Score = Callable[[Run, Setting, Reference | None], "float | None"]
Compare = Callable[[FloatArray, FloatArray, float], "Interval | None"]


@dataclass(frozen=True)
class Statistic:
    """One of the statistics.

    Attributes:
        measure: from settings (finished runs only) and the level of the environment.
        about: its definition, in a line.
        unit: how it is printed: ``return``, ``count``, ``timesteps``, ``hours`` or ``ratio``.
        agents: how many agents it takes, at least and at most.
        timed: whether it is a speed, which only runs that had the machine to themselves show.
    """

    measure: Measure
    about: str
    unit: str
    agents: tuple[int, int] = (1, 1)
    timed: bool = False


def _last(run: Run, setting: Setting, reference: Reference | None) -> float | None:
    return last_score(run)


def _top_10(run: Run, setting: Setting, reference: Reference | None) -> float | None:
    return top_consecutive_mean(run.episodes.returns, 10)


def _height(run: Run, setting: Setting, reference: Reference | None) -> float | None:
    return mean_height(run)


def _gain(run: Run, setting: Setting, reference: Reference | None) -> float | None:
    returns = run.episodes.returns
    if len(returns) < 2 * LAST_WINDOW:
        return None
    first, last = last_mean(returns[:LAST_WINDOW], LAST_WINDOW), last_mean(returns, LAST_WINDOW)
    return None if first is None or last is None else last - first


def _speed(run: Run, setting: Setting, reference: Reference | None) -> float | None:
    return run.steps_per_second


def _seconds_per_step(run: Run, setting: Setting, reference: Reference | None) -> float | None:
    return 1.0 / run.steps_per_second if run.steps_per_second else None


def _hours(run: Run, setting: Setting, reference: Reference | None) -> float | None:
    return run.n_timesteps / run.steps_per_second / 3600.0 if run.steps_per_second else None


def _of_human(run: Run, setting: Setting, reference: Reference | None) -> float | None:
    score = last_score(run)
    return None if score is None or reference is None else score / reference.value


def _over_q_learning(run: Run, setting: Setting, reference: Reference | None) -> float | None:
    score, floor = last_score(run), q_learning_floor(setting.env_id)
    return None if score is None or floor is None else score - floor


def _per_run(score: Score) -> Scores:
    def scores(sides: Sequence[Setting], reference: Reference | None) -> list[FloatArray] | str:
        found = []
        for side in sides:
            values = [score(run, side, reference) for run in side.runs]
            if any(value is None for value in values):
                return f"a run of {side.agent} has too few episodes, or no speed, for it"
            found.append(np.array(values, dtype=np.float64))
        return found

    return scores


def _mean(scores: Scores) -> Measure:
    def measure(sides: Sequence[Setting], reference: Reference | None) -> Effect | str:
        found = scores(sides, reference)
        if isinstance(found, str):
            return found
        seeds = len(found[0])
        return Effect(lambda confidence: mean_interval(found[0], confidence), seeds, needs=MIN_RUNS_OF_A_MEAN)

    return measure


def _against(scores: Scores, compare: Compare) -> Measure:
    """The first agent against each of the others."""

    def measure(sides: Sequence[Setting], reference: Reference | None) -> Effect | str:
        found = scores(sides, reference)
        if isinstance(found, str):
            return found
        effects = []
        for other in found[1:]:
            effect = _compared(found[0], other, compare)
            if effect is None:
                return "no ratio of means of different signs, or of zero"
            effects.append(effect)
        return least(effects)

    return measure


def _compared(x: FloatArray, y: FloatArray, compare: Compare) -> Effect | None:
    if compare(x, y, 0.95) is None:
        return None

    def at(confidence: float) -> Interval:
        interval = compare(x, y, confidence)
        assert interval is not None
        return interval

    needs = MIN_RUNS_OF_SPREADS if compare is difference_of_spreads else MIN_RUNS_OF_A_MEAN
    return Effect(at, min(len(x), len(y)), groups=2, needs=needs)


def _update_benefit(sides: Sequence[Setting], reference: Reference | None) -> Effect | str:
    """(X with large batch / X with small batch) / (the same of Y), after equally many updates."""
    batches = [run.batch_size for side in sides for run in side.runs]
    curves = [[(learning_curve(run), run.batch_size) for run in side.runs] for side in sides]
    if any(not batch for batch in batches) or any(not len(c.timesteps) for side in curves for c, _ in side):
        return "a run has no finished episode, or no batch size"
    updates = min(float(c.timesteps[-1]) / batch for side in curves for c, batch in side if batch)
    at_equal = [
        np.array([np.interp(updates * batch, c.timesteps, c.returns) for c, batch in side if batch])
        for side in curves
    ]
    x, y = (_compared(at_equal[i], at_equal[i + 1], ratio_of_means) for i in (0, 2))
    if x is None or y is None:
        return "no ratio of means of different signs, or of zero"
    return quotient(x, y)


_TWO = (2, 3)
STATISTICS: Mapping[str, Statistic] = {
    "last_100": Statistic(_mean(_per_run(_last)), "mean return of the last 100 episodes", "return"),
    "times_human": Statistic(_mean(_per_run(_of_human)), "last 100 episodes over the human score", "ratio"),
    "over_q_learning": Statistic(
        _mean(_per_run(_over_q_learning)),
        "last 100 episodes less the lowest of Table 4's five Q-learning scores",
        "return",
    ),
    "gain": Statistic(_mean(_per_run(_gain)), "last 100 episodes less the first 100", "return"),
    "episode_n": Statistic(episode_n, "first episode N whose window reaches the level", "count"),
    "timestep_n": Statistic(timestep_n, "timestep at which that window is complete", "timesteps"),
    "hours_to_level": Statistic(hours_to_level, "hours of training until then", "hours"),
    "training_hours": Statistic(_mean(_per_run(_hours)), "hours of training", "hours"),
    "steps_per_second": Statistic(_mean(_per_run(_speed)), "timesteps per second", "count", timed=True),
    "best_seeds_top_10": Statistic(
        best_seeds_top_10, "best 10 consecutive episodes, mean of the best 3 of 8 seeds", "return"
    ),
    "best_seeds_episode_n": Statistic(best_seeds_episode_n, "episode N of the same 3 seeds", "count"),
    "score_difference": Statistic(
        _against(_per_run(_last), difference_of_means), "difference of the last 100 episodes", "return", _TWO
    ),
    "score_ratio": Statistic(
        _against(_per_run(_last), ratio_of_means), "ratio of the last 100 episodes", "ratio", _TWO
    ),
    "top_10_ratio": Statistic(
        _against(_per_run(_top_10), ratio_of_means), "ratio of the best 10 episodes", "ratio", _TWO
    ),
    "area_difference": Statistic(
        _against(_per_run(_height), difference_of_means),
        "difference of mean heights of learning curves",
        "return",
        _TWO,
    ),
    "area_ratio": Statistic(
        _against(_per_run(_height), ratio_of_means), "ratio of mean heights of learning curves", "ratio", _TWO
    ),
    "deviation_difference": Statistic(
        _against(_per_run(_last), difference_of_spreads),
        "difference of the mean distances of seeds from their median",
        "return",
        _TWO,
    ),
    "episodes_saved": Statistic(
        saved("episodes"), "the others' restricted mean episodes to the level over the first's", "ratio", _TWO
    ),
    "timesteps_saved": Statistic(
        saved("timesteps"),
        "the others' restricted mean timesteps to the level over the first's",
        "ratio",
        _TWO,
    ),
    "speed_ratio": Statistic(
        _against(_per_run(_speed), ratio_of_means), "ratio of timesteps per second", "ratio", _TWO, timed=True
    ),
    "time_per_step": Statistic(
        _against(_per_run(_seconds_per_step), ratio_of_means),
        "ratio of times per timestep",
        "ratio",
        _TWO,
        timed=True,
    ),
    "update_benefit": Statistic(
        _update_benefit, "large over small batch at equal updates, first agent over second", "ratio", (4, 4)
    ),
    "kl_over_radius": Statistic(kl_over_radius, "mean exact KL over mean radius of the updates", "ratio"),
    "kl_over_predicted": Statistic(
        kl_over_predicted, "mean exact KL over mean predicted KL of the updates", "ratio"
    ),
}
