"""Aggregate scores over tasks, and how likely one agent's run beats another's."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.formats import EMPTY, interval_text, ratio_text
from analysis.load import Setting
from analysis.scores import (
    AgentScores,
    human_normalised_curves,
    human_normalised_scores,
    pairs_of,
    raw_scores,
)
from analysis.statistics.aggregates import (
    AGGREGATES,
    IQM,
    aggregate,
    area_under_curve,
)
from analysis.statistics.improvement import probability_of_improvement
from analysis.statistics.intervals import Interval
from analysis.statistics.resampling import RunScores, enough_replications
from analysis.tables import Column, Entry, Scalar, Table

INTERVAL_NOTE = (
    "[low, high]: 95 % interval, expanded percentile, from {replications:,} stratified resamples of whole "
    "runs (seed {seed})."
)
IMPROVEMENT_NOTE = "[low, high]: 95 % interval, a score interval on the pairs' own and expected variance."


def aggregates_table(
    settings: Sequence[Setting], *, replications: int | None = None, seed: int = 0
) -> Table | None:
    """IQM, median, mean and optimality gap of human-normalised scores, an agent a row.

    None where no environment has a human level.
    """
    found = human_normalised_scores(settings)
    if found is None:
        return None
    replications = replications or _enough(found)
    areas = _areas(settings)
    rows, reasons = [], []
    for name, scores in found.by_agent.items():
        intervals = [
            points[0] for points in aggregate(scores, AGGREGATES, replications=replications, seed=seed)
        ]
        area = _area(areas.get(name), replications, seed)
        reasons += [interval.missing for interval in intervals]
        rows.append(
            (
                Entry(name, {"agent": name}),
                Entry(str(len(scores.tasks)), {"tasks": len(scores.tasks)}),
                Entry(_sizes_text(scores.sizes), {"runs": sum(scores.sizes)}),
                *(
                    Entry(interval_text(interval, ratio_text), _values(statistic.name, interval))
                    for statistic, interval in zip(AGGREGATES, intervals, strict=True)
                ),
                area,
            )
        )
    titles = ("IQM", "Median", "Mean", "Optimality gap")
    return Table(
        title="Aggregate scores",
        columns=(
            Column("Agent", "left"),
            Column("Tasks"),
            Column("Runs per task"),
            *(Column(title) for title in titles),
            Column("IQM of area"),
        ),
        rows=tuple(rows),
        notes=(
            f"Mean return of the last 100 training episodes, {found.unit}.",
            "Area: mean height of a run's learning curve, over the timesteps that all runs have.",
            *_interval_notes(reasons, INTERVAL_NOTE.format(replications=replications, seed=seed)),
            *_left_out(found),
        ),
    )


def improvement_table(
    settings: Sequence[Setting],
    *,
    baseline: str | None = None,
) -> Table | None:
    """Probability that a run of one agent scores above a run of another, averaged over tasks.

    Needs no normalisation. None with fewer than two agents, without a task common to all, without a score of
    the baseline, or with too many agents for every pair (:func:`analysis.scores.pairs_of`).
    """
    found = raw_scores(settings)
    if found is None or (baseline is not None and baseline not in found.by_agent):
        return None
    pairs = pairs_of(list(found.by_agent), baseline)
    if not pairs:
        return None
    rows, reasons = [], []
    for x, y in pairs:
        interval = probability_of_improvement(found.by_agent[x], found.by_agent[y])
        reasons.append(interval.missing)
        values: dict[str, Scalar] = {"x": x, "y": y, "tasks": len(found.by_agent[x].tasks)}
        rows.append(
            (
                Entry(f"{x} > {y}", values),
                Entry(interval_text(interval, ratio_text), _values("probability", interval)),
            )
        )
    return Table(
        title="Probability of improvement",
        columns=(Column("X > Y", "left"), Column("P(X > Y)")),
        rows=tuple(rows),
        notes=(
            "P(X > Y): chance that a run of X has a higher mean return of its last 100 training episodes "
            "than a run of Y in the same task, ties counting half, averaged over "
            f"{len(next(iter(found.by_agent.values())).tasks)} tasks.",
            *_interval_notes(reasons, IMPROVEMENT_NOTE),
            *_left_out(found),
        ),
    )


def _areas(settings: Sequence[Setting]) -> dict[str, RunScores]:
    """Mean height of every run's human-normalised curve, by agent; empty without common timesteps."""
    found = human_normalised_curves(settings)
    if found is None:
        return {}
    grid, curves = found
    return {
        name: RunScores(scores.tasks, scores.sizes, area_under_curve(grid, scores.values)[:, None])
        for name, scores in curves.by_agent.items()
    }


def _area(areas: RunScores | None, replications: int, seed: int) -> Entry:
    if areas is None:
        return Entry(EMPTY, {"area_iqm": None, "area_iqm_low": None, "area_iqm_high": None})
    ((interval,),) = aggregate(areas, [IQM], replications=replications, seed=seed)
    return Entry(interval_text(interval, ratio_text), _values("area IQM", interval))


def _enough(found: AgentScores) -> int:
    return enough_replications(max(sum(scores.sizes) for scores in found.by_agent.values()))


def _values(name: str, interval: Interval) -> dict[str, Scalar]:
    key = name.replace(" ", "_").lower()
    return {key: interval.estimate, f"{key}_low": interval.low, f"{key}_high": interval.high}


def _sizes_text(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if len(set(sizes)) == 1 else f"{min(sizes)} to {max(sizes)}"


def _interval_notes(reasons: Sequence[str], note: str) -> list[str]:
    notes = [] if all(reasons) else [note]
    return notes + [f"{reason[0].upper()}{reason[1:]}." for reason in sorted({r for r in reasons if r})]


def _left_out(found: AgentScores) -> list[str]:
    return [f"Left out: {reason}." for reason in found.left_out]
