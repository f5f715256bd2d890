"""The report of one or more sweeps: tables, warnings and figures.

``report(Path("runs"), ["atari6"]).write(Path("report"))`` writes everything.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.agent_level import level_of_agent
from analysis.figures import learning_curves, save_figure
from analysis.figures_scores import efficiency_figure, profile_figure, sensitivity_figure
from analysis.figures_survival import reached_figure
from analysis.files import write_file
from analysis.formats import short_env_id, timesteps_text
from analysis.load import Run, Setting, SweepError, load_sweeps
from analysis.reference import Reference, paper_reference
from analysis.results import results_table
from analysis.run_statistics import LAST_WINDOW
from analysis.scores import MAX_PAIRED_AGENTS
from analysis.sections.aggregates import aggregates_table, improvement_table
from analysis.sections.best_seeds import best_seeds_table
from analysis.sections.comparisons import comparisons_table
from analysis.sections.grids import find_grids, grid_table, tuning_table
from analysis.sections.sequential import find_looks, sequential_table
from analysis.sections.time_to_level import time_to_level_table
from analysis.statistics.curves import Band
from analysis.tables import Table

BUDGET_TOLERANCE = 0.01
"""Relative difference of timesteps below which two budgets count as one."""


@dataclass(frozen=True)
class Report:
    """What the sweeps show so far.

    Attributes:
        settings: the runs, by environment, agent and hyper-parameters.
        table: the results table.
        sections: further tables by file name; only those that have something to say.
        warnings: one line each for runs that are unfinished, failed, damaged, left out, missing or short of
            episodes, and for rows of mixed code.
    """

    settings: tuple[Setting, ...]
    table: Table
    sections: Mapping[str, Table]
    warnings: tuple[str, ...]
    reference_of: Callable[[str], Reference | None] = field(repr=False)

    def figures(self, band: Band = "range") -> dict[str, Figure]:
        """Figures by file name: learning curves, one panel per environment, and those of times and scores."""
        found: dict[str, Figure | None] = {
            "curves": learning_curves(self.settings, self.reference_of, band=band),
            "time-to-level": reached_figure(self.settings, self.reference_of),
            "efficiency": efficiency_figure(self.settings),
            "profile": profile_figure(self.settings),
        }
        for grid in find_grids(self.settings):
            found[f"sensitivity-{grid.agent}"] = sensitivity_figure(grid)
        figures = {name: figure for name, figure in found.items() if figure is not None}
        for text in (text for figure in figures.values() for text in figure.findobj(Text)):
            text.set_parse_math(False)  # a "$" in a hyper-parameter is no formula
        return figures

    def to_json(self) -> dict[str, Any]:
        """Plain data: ``{"rows", "sections", "warnings"}``, the rows as in ``table.json``."""
        sections = {name: table.records() for name, table in self.sections.items()}
        return {"rows": self.table.records(), "sections": sections, "warnings": list(self.warnings)}

    def to_markdown(self, figures: Iterable[str] = ("curves",)) -> str:
        """Tables, warnings and the named figures as links to their PNG."""
        parts = [f"# {self.table.title}", self.table.to_markdown().rstrip("\n")]
        if self.warnings:
            parts += ["## Warnings", "\n".join(f"- {warning}" for warning in self.warnings)]
        for table in self.sections.values():
            parts += [f"## {table.title}", table.to_markdown().rstrip("\n")]
        parts += [f"![{figure_title(name)}]({name}.png)" for name in figures]
        return "\n\n".join(parts) + "\n"

    def write(self, directory: Path, band: Band = "range") -> list[Path]:
        """Write ``report.md``, ``table.csv``, ``table.json``, ``tables.tex``, ``tables.html`` and figures.

        Every section also has a CSV file of its own, and every figure is written as PNG and SVG.

        Args:
            directory: made if it does not exist; files of these names in it are replaced.
            band: what the shaded band of the curves shows.

        Returns:
            The paths written.
        """
        directory.mkdir(parents=True, exist_ok=True)
        tables = (self.table, *self.sections.values())
        figures = self.figures(band)
        texts = {
            "report.md": self.to_markdown(figures),
            "table.csv": self.table.to_csv(),
            "table.json": self.table.to_json(),
            "tables.tex": "\n".join(table.to_latex() for table in tables),
            "tables.html": "\n".join(table.to_html() for table in tables),
            **{f"{name}.csv": table.to_csv() for name, table in self.sections.items()},
        }
        for name, text in texts.items():
            write_file(directory / name, text)
        paths = [directory / name for name in texts]
        for name, figure in figures.items():
            paths += save_figure(figure, directory / name)
        return paths


def report(
    runs_dir: Path,
    sweeps: Sequence[str],
    reference_of: Callable[[str], Reference | None] = paper_reference,
    *,
    baseline: str | None = None,
    paired: bool = False,
    level_of: str | None = None,
) -> Report:
    """Read the sweeps and compute their report.

    Args:
        runs_dir: the directory that holds one directory per sweep.
        sweeps: names of sweeps, compared in one table.
        reference_of: the level that "Episode N" refers to, by environment id.
        baseline: compare every agent with this one; by default every pair of agents is compared.
        paired: compare agents seed by seed.
        level_of: take the final result of this agent as the level, in place of ``reference_of``
            (:func:`analysis.agent_level.level_of_agent`).

    Raises:
        analysis.load.SweepError: a sweep does not exist or holds no run, or no agent is called ``baseline``
            or ``level_of``.
    """
    loaded = load_sweeps(runs_dir, sweeps)
    settings = loaded.settings
    names = sorted({setting.name for setting in settings})
    if baseline is not None and baseline not in names:
        raise SweepError(f"baseline: no agent {baseline!r}, expected one of {', '.join(names)}")
    if level_of is not None:
        reference_of = level_of_agent(settings, level_of)
    warnings = [*loaded.unreadable, *_run_warnings(settings), *_code_warnings(settings)]
    looks, damaged = find_looks(settings)
    warnings += damaged + _missing_warnings(settings, set(looks)) + _unlike_warnings(settings)
    warnings += [
        f"sweep {sweep}: its seeds were added until decided; p-values of other tables than 'Sequential "
        "comparisons' take their number as fixed"
        for sweep in looks
    ]
    if baseline is None and len(names) > MAX_PAIRED_AGENTS:
        warnings.append(f"{len(names)} agents are too many to compare every pair: name a baseline")
    sections = {
        "sequential": sequential_table(looks, settings),
        "time-to-level": time_to_level_table(settings, reference_of),
        "comparisons": comparisons_table(settings, reference_of, baseline=baseline, paired=paired),
        "aggregates": aggregates_table(settings),
        "improvement": improvement_table(settings, baseline=baseline),
        "best-seeds": best_seeds_table(settings),
        **{f"sensitivity-{grid.agent}": grid_table(grid) for grid in find_grids(settings)},
        "tuning": tuning_table(settings),
    }
    return Report(
        settings=settings,
        table=results_table(settings, reference_of),
        sections={name: table for name, table in sections.items() if table is not None},
        warnings=tuple(warnings),
        reference_of=reference_of,
    )


def figure_title(name: str) -> str:
    """What the figure of this file name shows: ``sensitivity-a2c`` -> ``Sensitivity of a2c``."""
    titles = {
        "curves": "Learning curves",
        "time-to-level": "Time to the reference level",
        "efficiency": "Sample efficiency",
        "profile": "Performance profile",
    }
    kind, _, agent = name.partition("-")
    return titles.get(name, f"{kind.capitalize()} of {agent}")


def _run_warnings(settings: Sequence[Setting]) -> list[str]:
    return [
        f"{setting.name} on {short_env_id(setting.env_id)}, seed {run.seed}: {problem}"
        for setting in settings
        for run in setting.runs
        if (problem := _problem(run)) is not None
    ]


def _problem(run: Run) -> str | None:
    if run.left_out:
        return f"left out of every number: {run.left_out}"
    if run.state == "damaged":
        return f"left out of every number: {run.error}"
    if not run.done:
        progress = f"{timesteps_text(run.timesteps)} of {timesteps_text(run.n_timesteps)} timesteps"
        error = f": {run.error.strip().splitlines()[-1]}" if run.error and run.error.strip() else ""
        return f"{run.state}, {progress}{error}"
    if run.curve is not None:
        return None
    if len(run.episodes) == 0:
        return "done without a finished episode"
    if len(run.episodes) < LAST_WINDOW:
        return f"{len(run.episodes)} episodes, so its mean of the last {LAST_WINDOW} is over these"
    return None


def _code_warnings(settings: Sequence[Setting]) -> list[str]:
    """Rows whose finished runs were made by different versions of the agent's code."""
    warnings = []
    for setting in settings:
        seeds_by_code: dict[str | None, list[int]] = defaultdict(list)
        for run in setting.done:
            seeds_by_code[run.code].append(run.seed)
        if len(seeds_by_code) > 1:
            groups = " and ".join(f"seed {', '.join(map(str, seeds))}" for seeds in seeds_by_code.values())
            place = f"{setting.name} on {short_env_id(setting.env_id)}"
            warnings.append(f"{place}: mixes results of different code of the agent ({groups})")
    return warnings


def _unlike_warnings(settings: Sequence[Setting]) -> list[str]:
    """Environments on which rows differ in what should be alike: the protocol, the budget."""
    by_env: dict[str, list[Setting]] = defaultdict(list)
    for setting in settings:
        by_env[setting.env_id].append(setting)
    warnings = []
    for env_id, members in by_env.items():
        protocols: dict[str, list[str]] = defaultdict(list)
        for setting in members:
            protocols[json.dumps(setting.protocol, sort_keys=True)].append(setting.name)
        if len(protocols) > 1:
            groups = " and ".join(", ".join(names) for names in protocols.values())
            warnings.append(f"{short_env_id(env_id)}: rows of different protocols ({groups})")
        budgets = [setting.n_timesteps for setting in members]
        if max(budgets) > (1 + BUDGET_TOLERANCE) * min(budgets):
            listed = ", ".join(f"{s.name} {timesteps_text(s.n_timesteps)}" for s in members)
            warnings.append(f"{short_env_id(env_id)}: rows of different budgets ({listed})")
    return warnings


def _missing_warnings(settings: Sequence[Setting], sequential: Collection[str]) -> list[str]:
    """Seeds and environments that a sweep has in one place and not in another.

    Rows of ``sequential`` sweeps have as many seeds as it took.
    """
    warnings = []
    by_sweep: dict[str, list[Setting]] = defaultdict(list)
    for setting in settings:
        by_sweep[setting.sweep].append(setting)
    for sweep, members in by_sweep.items():
        seeds = {run.seed for setting in members for run in setting.runs}
        for setting in members:
            missing = sorted(seeds - {run.seed for run in setting.runs})
            if missing and sweep not in sequential:
                listed = ", ".join(map(str, missing))
                place = f"{setting.name} on {short_env_id(setting.env_id)}"
                warnings.append(f"{place}: no run with seed {listed}, unlike other rows of sweep {sweep}")
        env_ids = {setting.env_id for setting in members}
        for name in sorted({setting.name for setting in members}):
            lacking = sorted(env_ids - {setting.env_id for setting in members if setting.name == name})
            if lacking:
                listed = ", ".join(map(short_env_id, lacking))
                warnings.append(f"{name}: no run on {listed}, unlike others of sweep {sweep}")
    return warnings
