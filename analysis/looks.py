"""Taking the looks that are due in a sequential sweep: scores of finished runs, tests, decisions.

With the correction ``holm`` the comparisons of an agent (its environments, and settings where it has a grid)
share ``alpha``: each is tested at ``alpha`` over the number of those not decided yet, so that the chance of
one false decision among them stays below ``alpha`` over all looks (Holm, 1979; in group-sequential form Ye et
al., 2013). The level of a comparison rises as others are decided; environments are trained apart, so that
this tells nothing of its own outcome. No number of seeds is tested twice, with a risen level neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from analysis.load import Run, Setting
from analysis.run_statistics import last_score, mean_height
from analysis.statistics.episodes import top_consecutive_mean
from analysis.statistics.sequential import LookResult, look, may_be_spent, planned_looks
from harness.looks import Comparison, Decision, Look, Looks, Rule, Statistic

Scores = Mapping[tuple[str, str, str], Mapping[int, float]]
"""Label, environment and identity of a setting to the scores of its finished runs by seed."""

STATISTICS: dict[Statistic, tuple[str, Callable[[Run], float | None]]] = {
    "last100": ("mean return of the last 100 episodes", last_score),
    "best10": (
        "highest mean return of 10 consecutive episodes",
        lambda run: top_consecutive_mean(run.episodes.returns, 10),
    ),
    "auc": ("mean height of the learning curve over the budget", mean_height),
}


def scores_of(settings: Sequence[Setting], statistic: Statistic) -> Scores:
    """Of every finished run that has one."""
    _, measure = STATISTICS[statistic]
    return {
        (setting.agent, setting.env_id, setting.identity): {
            run.seed: value for run in setting.done if (value := measure(run)) is not None
        }
        for setting in settings
    }


def plan_of(rule: Rule, sharing: int) -> tuple[int, ...]:
    """Seeds per agent at each look of a comparison; empty where ``rule.max`` seeds can decide nothing.

    Args:
        rule: the sweep's.
        sharing: comparisons that share the error rate.
    """
    return planned_looks(rule.min, rule.max, rule.step, rule.alpha / sharing, rule.spending)


def take_looks(record: Looks, scores: Scores, now: float) -> Looks:
    """The record with every look whose runs have all finished; the same one where none is due.

    Looks are taken in the planned order, however many runs there are already, and runs beyond a look are not
    looked at.

    Args:
        record: so far.
        scores: from :func:`scores_of`.
        now: unix seconds.
    """
    while True:
        due = {one.key: sample for one in record.open if (sample := _sample(one, record.rule, scores))}
        if not due:
            return record
        record = _round(record, due, now)


def _sample(one: Comparison, rule: Rule, scores: Scores) -> tuple[list[float], list[float]] | None:
    """Scores of the seeds of its next look, agent's and baseline's; ``None`` where one is not finished."""
    seeds = range(rule.start, rule.start + one.needed)
    agent = scores.get((one.agent, one.env_id, one.identity), {})
    baseline = scores.get((rule.baseline, one.env_id, one.baseline_identity), {})
    if not all(seed in agent and seed in baseline for seed in seeds):
        return None
    return [agent[seed] for seed in seeds], [baseline[seed] for seed in seeds]


_Key = tuple[str, str, str, str]


def _round(record: Looks, due: Mapping[_Key, tuple[list[float], list[float]]], now: float) -> Looks:
    """One look at each comparison that is due, those of an agent stepping down together."""
    taken: dict[_Key, Comparison] = {}
    by_agent: dict[str, list[Comparison]] = {}
    for one in record.comparisons:
        by_agent.setdefault(one.agent, []).append(one)
    for family in by_agent.values():
        waiting = [one for one in family if one.key in due]
        decided = sum(one.decision in ("higher", "lower") for one in family)
        while waiting:
            level = record.rule.alpha
            if record.rule.correction == "holm":
                level /= len(family) - decided
            found = {one.key: _test(one, record.rule, level, *due[one.key]) for one in waiting}
            crossed = [one for one in waiting if found[one.key].crossed]
            for one in crossed or waiting:
                taken[one.key] = one.with_look(_look(one, found[one.key], level, *due[one.key], now))
            decided += len(crossed)
            waiting = [one for one in waiting if one.key not in taken]
    return replace(record, comparisons=tuple(taken.get(one.key, one) for one in record.comparisons))


def _test(one: Comparison, rule: Rule, level: float, agent: list[float], baseline: list[float]) -> LookResult:
    looks = one.planned[: len(one.looks) + 1]
    budget = may_be_spent(looks[-1] / rule.max, level, rule.spending)
    return look(agent, baseline, looks, [before.boundary for before in one.looks], budget)


def _look(
    one: Comparison,
    found: LookResult,
    level: float,
    agent: list[float],
    baseline: list[float],
    now: float,
) -> Look:
    last = len(one.looks) + 1 == len(one.planned)
    decision: Decision = "undecided" if last else "open"
    if found.crossed:
        decision = "higher" if found.difference > 0 else "lower"
    return Look(
        seeds=one.needed,
        scores=tuple(agent),
        baseline_scores=tuple(baseline),
        difference=found.difference,
        level=level,
        p=found.p,
        spent=found.spent,
        boundary=found.boundary,
        decision=decision,
        time=now,
    )
