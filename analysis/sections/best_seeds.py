"""What choosing the best seeds does: Table 2 of the paper averages the best 3 of 8."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from analysis.formats import EMPTY, returns_text, short_env_id
from analysis.load import Setting
from analysis.statistics.episodes import top_consecutive_mean
from analysis.statistics.seeds import best_of, expected_best_of
from analysis.tables import Column, Entry, Table

CHOSEN = 3
TOP_WINDOW = 10


def best_seeds_table(settings: Sequence[Setting]) -> Table | None:
    """Best 3 of all finished seeds beside all of them; None where no setting has more than 3 seeds."""
    found = []
    fewest: dict[str, int] = defaultdict(lambda: 10**9)
    for setting in settings:
        values = [
            top
            for run in setting.done
            if (top := top_consecutive_mean(run.episodes.returns, TOP_WINDOW)) is not None
        ]
        best = best_of(values, CHOSEN)
        if best is not None and best.seeds > CHOSEN:
            found.append((setting, values, best))
            fewest[setting.env_id] = min(fewest[setting.env_id], best.seeds)
    if not found:
        return None
    rows = []
    for setting, values, best in found:
        drawn = fewest[setting.env_id]
        expected = expected_best_of(values, CHOSEN, drawn)
        rows.append(
            (
                Entry(short_env_id(setting.env_id), {"env_id": setting.env_id}),
                Entry(setting.name, {"agent": setting.name}),
                Entry(str(best.seeds), {"seeds": best.seeds}),
                Entry(returns_text(best.best), {"best_seeds_mean": best.best}),
                Entry(
                    EMPTY if expected is None else f"{returns_text(expected)} (of {drawn})",
                    {"expected_best_mean": expected, "drawn": drawn},
                ),
                Entry(returns_text(best.all), {"all_seeds_mean": best.all}),
            )
        )
    return Table(
        title="Best seeds",
        columns=(
            Column("Environment", "left"),
            Column("Agent", "left"),
            Column("Seeds"),
            Column(f"Best {CHOSEN}"),
            Column(f"Expected best {CHOSEN}"),
            Column("All"),
        ),
        rows=tuple(rows),
        notes=(
            f"Highest mean return of {TOP_WINDOW} consecutive training episodes: mean over the best {CHOSEN} "
            "seeds (Table 2 of the paper: of 8), over the best of as many seeds, drawn at random, as every "
            "agent of the environment has, and over all seeds. The best seeds alone say how much luck there "
            "is.",
        ),
    )
