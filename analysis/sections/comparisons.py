"""Two agents on one environment: difference, test, effect size, ratio of times, and what it would take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from analysis.formats import EMPTY, interval_text, p_text, ratio_text, returns_text, short_env_id
from analysis.load import Setting
from analysis.reference import Reference
from analysis.run_statistics import LAST_WINDOW, last_score
from analysis.scores import pairs_of
from analysis.sections.time_to_level import TimesToLevel, times_to_level
from analysis.statistics.comparisons import (
    TestResult,
    fewest_seeds,
    hedges_g,
    holm,
    paired_effect,
    paired_permutation_test,
    permutation_test,
    seeds_to_decide,
)
from analysis.statistics.intervals import Interval
from analysis.statistics.survival import Times, common_horizon, ratio_of_restricted_means
from analysis.tables import Column, Entry, Scalar, Table

ALPHA = 0.05
COLUMNS = (
    Column("Environment", "left"),
    Column("X - Y", "left"),
    Column("Seeds"),
    Column("Difference"),
    Column("Hedges g"),
    Column("p"),
    Column("p (Holm)"),
    Column("Decided"),
    Column("Episodes X/Y"),
    Column("Timesteps X/Y"),
)


def comparisons_table(
    settings: Sequence[Setting],
    reference_of: Callable[[str], Reference | None],
    *,
    baseline: str | None = None,
    paired: bool = False,
    seed: int = 0,
) -> Table | None:
    """Every pair of agents on every environment.

    Args:
        settings: what to compare.
        reference_of: the level that the ratios of times refer to.
        baseline: compare every agent with this one alone.
        paired: compare seed by seed; only seeds that both have finished count.
        seed: of permutations drawn at random.

    Returns:
        None without a pair (:func:`analysis.scores.pairs_of`).
    """
    by_env: dict[str, dict[str, Setting]] = defaultdict(dict)
    for setting in settings:
        by_env[setting.env_id][setting.name] = setting
    pairs = pairs_of([setting.name for setting in settings], baseline)
    tests: dict[tuple[str, str], dict[str, TestResult]] = defaultdict(dict)
    for env_id, here in by_env.items():
        for x, y in pairs:
            if x in here and y in here and (test := _test(here[x], here[y], paired, seed)) is not None:
                tests[x, y][env_id] = test
    rows = []
    for (x, y), found in tests.items():
        adjusted = holm([test.p for test in found.values()])
        n_open = sum(p > ALPHA for p in adjusted)
        for (env_id, test), p in zip(found.items(), adjusted, strict=True):
            here = by_env[env_id]
            rows.append(_row(here[x], here[y], test, p, n_open, reference_of(env_id), paired))
    if not rows:
        return None
    rows.sort(key=lambda row: (str(row[0].values["env_id"]), row[1].text))
    return Table("Comparisons", COLUMNS, tuple(rows), _notes(rows, paired))


def _notes(rows: Sequence[tuple[Entry, ...]], paired: bool) -> tuple[str, ...]:
    how = "sign changes of the seeds' differences" if paired else "deals of the runs to the two agents"
    notes = [
        f"Difference of the mean returns of the last {LAST_WINDOW} training episodes of finished runs; "
        "Hedges g: the same in pooled standard deviations of the seeds, corrected for their small number; p: "
        f"two-sided permutation test over all {how} (20,000 random ones where there are more); Holm: "
        "corrected over the environments of the pair.",
        f"Decided: whether the corrected p is at most {ALPHA}; otherwise how many seeds per agent find a "
        f"difference of the size seen with 80 % power at {ALPHA} over the number of environments open, as "
        "far as a size seen in few seeds can tell, and no fewer than can give so small a p at all.",
        "Episodes X/Y, Timesteps X/Y: ratio of restricted mean times to the reference level, with Welch's "
        "95 % interval of the logarithm. A side that did not reach it counts with the time up to which both "
        "were looked at.",
    ]
    reasons = {str(row[position].values[key]) for row in rows for position, key in _REASONS} - {"None", ""}
    return (*notes, *(f"{reason[0].upper()}{reason[1:]}." for reason in sorted(reasons)))


_REASONS = ((8, "episode_ratio_missing"), (9, "timestep_ratio_missing"))


def _scores(setting: Setting) -> dict[int, float]:
    return {run.seed: score for run in setting.done if (score := last_score(run)) is not None}


def _samples(x: Setting, y: Setting, paired: bool) -> tuple[list[float], list[float]]:
    a, b = _scores(x), _scores(y)
    if paired:
        both = sorted(a.keys() & b.keys())
        return [a[seed] for seed in both], [b[seed] for seed in both]
    return list(a.values()), list(b.values())


def _test(x: Setting, y: Setting, paired: bool, seed: int) -> TestResult | None:
    a, b = _samples(x, y, paired)
    if not a or not b:
        return None
    return (paired_permutation_test if paired else permutation_test)(a, b, seed=seed)


def _row(
    x: Setting,
    y: Setting,
    test: TestResult,
    adjusted: float,
    n_open: int,
    reference: Reference | None,
    paired: bool,
) -> tuple[Entry, ...]:
    a, b = _samples(x, y, paired)
    effect = hedges_g(a, b)
    size = paired_effect(a, b) if paired else effect
    needed = None
    if adjusted > ALPHA and size is not None:
        # By Holm's steps what is open is tested at ALPHA over the number of those open.
        needed = seeds_to_decide(size, alpha=ALPHA / n_open, paired=paired)
    if needed is not None:
        needed = max(needed, min(len(a), len(b)) + 1, fewest_seeds(ALPHA / n_open, paired=paired))
    times = [None if reference is None else times_to_level(side, reference) for side in (x, y)]
    return (
        Entry(short_env_id(x.env_id), {"env_id": x.env_id}),
        Entry(f"{x.name} - {y.name}", {"x": x.name, "y": y.name}),
        Entry(f"{len(a)}, {len(b)}", {"seeds_x": len(a), "seeds_y": len(b)}),
        Entry(returns_text(test.difference), {"difference": test.difference}),
        Entry(EMPTY if effect is None else ratio_text(effect), {"hedges_g": effect}),
        Entry(p_text(test.p), {"p": test.p, "smallest_p": test.smallest_p, "exact": test.exact}),
        Entry(p_text(adjusted), {"p_holm": adjusted}),
        Entry(_decided(adjusted, needed, test, n_open), {"seeds_to_decide": needed}),
        _ratio("episode", times, lambda found: found.episodes),
        _ratio("timestep", times, lambda found: found.timesteps),
    )


def _decided(adjusted: float, needed: int | None, test: TestResult, n_open: int) -> str:
    if adjusted <= ALPHA:
        return "yes"
    open_as = "too few seeds" if test.smallest_p * n_open > ALPHA else "no"
    return open_as if needed is None else f"{open_as}, about {needed}"


def _ratio(
    name: str, times: Sequence[TimesToLevel | None], unit: Callable[[TimesToLevel], Times | None]
) -> Entry:
    interval: Interval | None = None
    known = [unit(found) for found in times if found is not None]
    sides = [observed for observed in known if observed is not None]
    reached = any(side.reached.any() for side in sides)
    if len(sides) == 2 and reached and common_horizon(sides) > 0:
        interval = ratio_of_restricted_means(sides[0], sides[1])
    values: dict[str, Scalar] = {
        f"{name}_ratio": interval.estimate if interval else None,
        f"{name}_ratio_low": interval.low if interval else None,
        f"{name}_ratio_high": interval.high if interval else None,
        f"{name}_ratio_missing": interval.missing if interval else None,
    }
    return Entry(EMPTY if interval is None else interval_text(interval, ratio_text), values)
