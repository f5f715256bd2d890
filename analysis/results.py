"""The results table: one row per environment and setting, with the statistics of the paper's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from analysis.formats import EMPTY, count_text, level_text, returns_text, short_env_id, timesteps_text
from analysis.load import Run, Setting
from analysis.reference import Reference
from analysis.run_statistics import LAST_WINDOW, crossing, last_score
from analysis.statistics.episodes import top_consecutive_mean
from analysis.statistics.seeds import Reached, Spread, reached_by, spread
from analysis.statistics.throughput import steps_per_second
from analysis.tables import Column, Entry, Table

TOP_WINDOW = 10

COLUMNS = (
    Column("Environment", "left"),
    Column("Agent", "left"),
    Column("Timesteps"),
    Column("Seeds"),
    Column(f"Last {LAST_WINDOW}"),
    Column(f"Best {TOP_WINDOW}"),
    Column("Reference"),
    Column("Episode N", sort_by="episode_n"),
    Column("Timestep"),
    Column("Steps/s"),
)


def results_table(settings: Sequence[Setting], reference_of: Callable[[str], Reference | None]) -> Table:
    """Make the results table.

    All statistics are taken over the finished seeds alone; how many of how many these are is in the row.

    Args:
        settings: what to compare, one row each.
        reference_of: the level that N refers to, by environment id.
    """
    return Table(
        title="Results",
        columns=COLUMNS,
        rows=tuple(_row(setting, reference_of(setting.env_id)) for setting in settings),
        notes=_notes(settings, reference_of),
    )


def _notes(settings: Sequence[Setting], reference_of: Callable[[str], Reference | None]) -> tuple[str, ...]:
    notes = [
        "Seeds: finished/found.",
        f"Last {LAST_WINDOW}: mean return of the last {LAST_WINDOW} training episodes, over finished seeds, "
        "± sample standard deviation.",
        f"Best {TOP_WINDOW}: highest mean return of {TOP_WINDOW} consecutive training episodes, over all "
        "finished seeds (not the best ones alone).",
        "Episode N: first episode from which on the mean return over a window reaches the reference, "
        "averaged over seeds. Where a finished seed did not reach it: N/A (how many did: their average). "
        "Timestep: end of that window.",
    ]
    references = {setting.env_id: reference_of(setting.env_id) for setting in settings}
    sources = {(found.source, found.window) for found in references.values() if found is not None}
    notes += [f"Reference: {source} (window of {window} episodes)." for source, window in sorted(sources)]
    return tuple(notes)


def _row(setting: Setting, reference: Reference | None) -> tuple[Entry, ...]:
    done = setting.done
    last = spread(_known(last_score(run) for run in done))
    speed = steps_per_second(run.steps_per_second for run in done)
    best = spread(_known(top_consecutive_mean(run.episodes.returns, TOP_WINDOW) for run in done))
    return (
        Entry(short_env_id(setting.env_id), {"env_id": setting.env_id}),
        Entry(
            setting.name,
            {
                "agent": setting.agent,
                "algo": setting.algo,
                "differs": setting.differs,
                "sweep": setting.sweep,
                "identity": setting.identity,
            },
        ),
        Entry(timesteps_text(setting.n_timesteps), {"n_timesteps": setting.n_timesteps}),
        Entry(f"{len(done)}/{len(setting.runs)}", {"seeds_done": len(done), "seeds": len(setting.runs)}),
        Entry(_spread_text(last, done), {"last_mean": last.mean, "last_std": last.std}),
        Entry(_spread_text(best, done), {"best_mean": best.mean, "best_std": best.std}),
        *_reference_entries(done, reference),
        Entry(EMPTY if speed is None else count_text(speed), {"steps_per_second": speed}),
    )


def _reference_entries(done: Sequence[Run], reference: Reference | None) -> tuple[Entry, Entry, Entry]:
    if reference is None:
        nothing = reached_by([])
        return (
            Entry("no reference level", {"reference": None, "reference_source": None, "window": None}),
            Entry(EMPTY, _reached_values(nothing)),
            Entry(EMPTY, _timestep_values(nothing)),
        )
    reached = reached_by([crossing(run, reference) for run in done])
    level = Entry(
        level_text(reference.value),
        {"reference": reference.value, "reference_source": reference.source, "window": reference.window},
    )
    if reached.timestep is None:
        text = "not reached" if reached.seeds else EMPTY
        return level, Entry(text, _reached_values(reached)), Entry(EMPTY, _timestep_values(reached))
    timestep = timesteps_text(reached.timestep)
    episode = EMPTY if reached.episode is None else count_text(reached.episode)
    if not reached.by_all:
        episode = f"N/A ({reached.reached}/{reached.seeds}: {episode})"
        timestep = f"N/A ({timestep})"
    return level, Entry(episode, _reached_values(reached)), Entry(timestep, _timestep_values(reached))


def _reached_values(reached: Reached) -> dict[str, float | None]:
    return {
        "seeds_reached": reached.reached,
        "episode_n": reached.episode if reached.by_all else None,
        "episode_n_of_reached": reached.episode,
    }


def _timestep_values(reached: Reached) -> dict[str, float | None]:
    return {
        "timestep_n": reached.timestep if reached.by_all else None,
        "timestep_n_of_reached": reached.timestep,
    }


def _spread_text(value: Spread, done: Sequence[Run]) -> str:
    if value.mean is None:
        return "too few episodes" if done else "no finished seed"
    text = returns_text(value.mean)
    if value.std is not None:
        text += f" ± {returns_text(value.std)}"
    return text if value.seeds == len(done) > 1 else f"{text} ({_seeds(value.seeds)})"


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
