"""Appendix A's searches for ``eta_max``: a map of the grid, and what this project's rule would choose.

The paper says over which values it searched and not which it chose, so no claim can be judged here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.figure import Figure

from analysis.figures_scores import sensitivity_figure
from analysis.load import Setting
from analysis.paper.figures.model import Panel
from analysis.paper.figures.titles import budget
from analysis.sections.grids import Grid, find_grids, grid_table
from analysis.tables import Table

LEAST_WIDTH = 6.0
"""Of a map, in inches, for its title."""


@dataclass(frozen=True)
class Search:
    """One search.

    Attributes:
        place: where the paper speaks of it.
        title: what was searched, and where.
        panels: environments and the budget, which the paper does not give: that of Figures 1 and 3.
        says: what the paper says of it.
    """

    place: str
    title: str
    panels: tuple[Panel, ...]
    says: str

    @property
    def about(self) -> str:
        """What the paper says of it, and what not."""
        return (
            f"{self.place} searches {self.says}. It says neither which was chosen nor the budget, for "
            "which that of Figures 1 and 3 stands here."
        )


SEARCHES: Mapping[str, Search] = {
    "grid-atari": Search(
        place="Appendix A.1",
        title="search for eta_max on Breakout",
        panels=(Panel("grid_atari", "BreakoutNoFrameskip-v4", 10_000_000, ("acktr",)),),
        says="over 0.7, 0.2, 0.07 and 0.02 at delta 0.001, falling linearly to 0",
    ),
    "grid-mujoco": Search(
        place="Appendix A.2",
        title="search for eta_max on Reacher and Hopper",
        panels=tuple(
            Panel("grid_mujoco", env_id, 1_000_000, ("acktr",)) for env_id in ("Hopper-v5", "Reacher-v5")
        ),
        says="over 0.3, 0.03 and 0.003 at delta 0.001; not said: whether for actor and critic apart",
    ),
}
"""By id, as ``artefacts.yaml`` has them."""


def search_grids(settings: Sequence[Setting]) -> dict[str, Grid]:
    """The grids of a search's sweep by what their files' names end in, "" for the first; of finished runs."""
    grids = find_grids(settings)
    return {f"-{grid.agent}" if number else "": grid for number, grid in enumerate(grids)}


def search_table(search_id: str, grid: Grid, settings: Sequence[Setting]) -> Table:
    """Every setting's returns on every environment, the chosen one marked."""
    search, table = SEARCHES[search_id], grid_table(grid)
    run = f"Run: {budget(search.panels, settings)}."
    return replace(table, title=_title(search, grid), notes=(search.about, run, *table.notes))


def search_figure(search_id: str, grid: Grid, settings: Sequence[Setting]) -> Figure:
    """The same as a map per environment."""
    search = SEARCHES[search_id]
    figure = sensitivity_figure(grid)
    width, height = figure.get_size_inches()
    figure.set_size_inches(max(width, LEAST_WIDTH), height + 0.5)
    figure.suptitle(f"{_title(search, grid)},\n{budget(search.panels, settings)}", fontsize=9)
    return figure


def _title(search: Search, grid: Grid) -> str:
    return f"{search.place}: {search.title}, {grid.agent}"
