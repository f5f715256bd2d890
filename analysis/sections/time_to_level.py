"""How long it takes to reach a level, seeds that never do included."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.formats import (
    EMPTY,
    count_text,
    interval_text,
    level_text,
    ratio_text,
    short_env_id,
    timesteps_text,
)
from analysis.load import Run, Setting
from analysis.reference import Reference
from analysis.run_statistics import crossing
from analysis.statistics.episodes import updates_before
from analysis.statistics.intervals import Interval
from analysis.statistics.seeds import reached_by, spread
from analysis.statistics.survival import Times, common_horizon, fraction_reached, restricted_mean
from analysis.tables import Column, Entry, Table

COLUMNS = (
    Column("Environment", "left"),
    Column("Agent", "left"),
    Column("Level"),
    Column("Reached"),
    Column("Fraction"),
    Column("Episodes"),
    Column("up to"),
    Column("Timesteps"),
    Column("up to"),
    Column("Updates"),
    Column("Episode N"),
)


@dataclass(frozen=True)
class TimesToLevel:
    """When the seeds of one setting reached a level.

    Attributes:
        crossings: per seed, (episode N, timestep at which its window was complete), None for never.
        episodes, timesteps: the same as censored times: a seed that never reached it is known to need more
            than the windows it had, and more than the timesteps it trained. No episodes where one seed is
            known by its curve alone.
        updates: of the seeds that reached it, where the batch size is known.
    """

    crossings: tuple[tuple[int | None, int] | None, ...]
    episodes: Times | None
    timesteps: Times
    updates: tuple[int, ...]


def times_to_level(setting: Setting, reference: Reference) -> TimesToLevel | None:
    """Of every usable run, finished or not: an unfinished one is censored where it stands.

    None where no run has trained a timestep.
    """
    rows: list[tuple[int, int, bool]] = []
    crossings: list[tuple[int | None, int] | None] = []
    counted = True
    updates = []
    for run in setting.runs:
        end = _looked_at(run)
        if not run.usable or not end:
            continue
        found = crossing(run, reference)
        crossings.append(found)
        counted = counted and run.curve is None
        if found is None:
            windows = max(0, len(run.episodes) - reference.window + 1)
            rows.append((windows, end, False))
        else:
            episode, timestep = found
            rows.append((episode or 0, timestep, True))
            if run.batch_size:
                updates.append(updates_before(timestep, run.batch_size))
    if not rows:
        return None
    episodes, timesteps, reached = (np.array(column) for column in zip(*rows, strict=True))
    return TimesToLevel(
        tuple(crossings),
        Times(episodes, reached) if counted else None,
        Times(timesteps, reached),
        tuple(updates),
    )


def _looked_at(run: Run) -> int:
    last = int(run.episodes.timesteps[-1]) if len(run.episodes) else 0
    return run.n_timesteps if run.done else max(last, run.timesteps)


def time_to_level_table(
    settings: Sequence[Setting], reference_of: Callable[[str], Reference | None]
) -> Table | None:
    """Fraction reached and restricted mean times, a setting a row; None where no setting has a level."""
    found = {
        index: times
        for index, setting in enumerate(settings)
        if (reference := reference_of(setting.env_id)) is not None
        and (times := times_to_level(setting, reference)) is not None
    }
    if not found:
        return None
    horizons: dict[str, list[TimesToLevel]] = defaultdict(list)
    for index, times in found.items():
        horizons[settings[index].env_id].append(times)
    rows = tuple(
        _row(settings[index], reference_of(settings[index].env_id), times, horizons[settings[index].env_id])
        for index, times in found.items()
    )
    missing = {_fraction(times).missing for times in found.values()}
    notes = (
        "Reached: seeds that reached the level, of those that trained at all. Fraction: with a 95 % "
        "interval, which covers at least 92 % whatever the true one is, and 95 to 99 % on average.",
        *(f"{reason[0].upper()}{reason[1:]}." for reason in sorted(missing - {""})),
        "Episodes, Timesteps: restricted mean (area under Kaplan and Meier's curve) of episode N and of the "
        "timestep at which its window was complete, up to the longest that every agent of the environment "
        "was looked at. A seed that never reached the level counts with that horizon rather than not at all: "
        "the true mean is at least this.",
        "An unfinished run is censored where it stands.",
        "Updates: mean number of updates by that timestep; Episode N: mean, both as in the paper only where "
        "every seed reached the level, else N/A.",
    )
    return Table("Time to the reference level", COLUMNS, rows, notes)


def _row(
    setting: Setting, reference: Reference | None, times: TimesToLevel, same_env: Sequence[TimesToLevel]
) -> tuple[Entry, ...]:
    assert reference is not None
    reached = reached_by(times.crossings)
    fraction = _fraction(times)
    updates = spread(times.updates).mean if reached.by_all and len(times.updates) == reached.seeds else None
    n = reached.episode if reached.by_all else None
    seeds = {"seeds_reached": reached.reached, "seeds": reached.seeds}
    return (
        Entry(short_env_id(setting.env_id), {"env_id": setting.env_id}),
        Entry(setting.name, {"agent": setting.name}),
        Entry(level_text(reference.value), {"level": reference.value, "window": reference.window}),
        Entry(f"{reached.reached}/{reached.seeds}", seeds),
        Entry(
            interval_text(fraction, ratio_text),
            {"fraction": fraction.estimate, "fraction_low": fraction.low, "fraction_high": fraction.high},
        ),
        *_restricted(times.episodes, [other.episodes for other in same_env], "episodes", count_text),
        *_restricted(times.timesteps, [other.timesteps for other in same_env], "timesteps", timesteps_text),
        Entry("N/A" if updates is None else count_text(updates), {"updates_n": updates}),
        Entry("N/A" if n is None else count_text(n), {"episode_n": n}),
    )


def _fraction(times: TimesToLevel) -> Interval:
    reached = reached_by(times.crossings)
    return fraction_reached(reached.reached, reached.seeds)


def _restricted(
    times: Times | None, same_env: Sequence[Times | None], name: str, text: Callable[[float], str]
) -> tuple[Entry, Entry]:
    if times is None:
        return (
            Entry(EMPTY, {f"{name}_restricted_mean": None}),
            Entry(EMPTY, {f"{name}_horizon": None}),
        )
    horizon = common_horizon([other for other in same_env if other is not None])
    mean = restricted_mean(times, horizon).mean if horizon > 0 else None
    return (
        Entry(EMPTY if mean is None else text(mean), {f"{name}_restricted_mean": mean}),
        Entry(text(horizon), {f"{name}_horizon": horizon}),
    )
